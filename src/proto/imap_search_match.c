/*
 * Evaluation of a SEARCH program: goes forward through the prefix order, with the operators that
 * enclose the present key on a stack, and jumps over operands that no longer matter.
 */
#include "proto/imap_search.h"

struct frame {
	const struct imap_search_key *operator;
	size_t end; /* index after its last operand */
};

/* Whether an operand's value decides its operator before the other operands are looked at. */
static bool decides(const struct imap_search_key *operator, bool value)
{
	return value == (operator->kind == IMAP_SEARCH_OR);
}

/* The value of an operator whose last operand had `value`, or which that value decided. */
static bool result(const struct imap_search_key *operator, bool value)
{
	return operator->kind == IMAP_SEARCH_NOT ? !value : value;
}

int imap_search_match(const struct imap_search *search, imap_search_leaf *leaf, void *context)
{
	struct frame stack[IMAP_SEARCH_MAX_DEPTH + 1];
	size_t depth = 0;
	for (size_t at = 0;;) {
		const struct imap_search_key *key = &search->keys[at];
		bool value = true;
		if (key->kind <= IMAP_SEARCH_NOT && key->size > 1) {
			ASSERT(depth < ARRAY_LEN(stack));
			stack[depth++] = (struct frame){ key, at + key->size };
			at++;
			continue;
		}
		if (key->kind > IMAP_SEARCH_NOT) {
			int met = leaf(context, key);
			if (met < 0)
				return met;
			value = met > 0;
		}
		at += key->size;
		while (depth &&
			(at == stack[depth - 1].end || decides(stack[depth - 1].operator, value))) {
			depth--;
			value = result(stack[depth].operator, value);
			at = stack[depth].end;
		}
		if (depth == 0)
			return value;
	}
}
