/*
 * Arguments of the other commands on messages: STORE, COPY, MOVE, EXPUNGE.
 */
#include "proto/imap_lex.h"

/* RFC 7162 §3.1.3: "(" UNCHANGEDSINCE n ")" SP. */
static bool unchanged_since(struct imap_lex *l, struct imap_store *s)
{
	s->has_unchanged_since = true;
	return imap_lex_char(l, '(', "expected ( before the modifiers") &&
	       (imap_lex_word(l, STR("UNCHANGEDSINCE")) ||
		       imap_lex_fail(l, "expected UNCHANGEDSINCE")) &&
	       imap_lex_space(l) &&
	       imap_lex_number(l, INT64_MAX, &s->unchanged_since, "expected a modseq") &&
	       imap_lex_char(l, ')', "expected ) after the modifiers") && imap_lex_space(l);
}

bool imap_args_store(struct imap_lex *l, struct imap_command *c)
{
	struct imap_store *s = &c->store;
	if (!imap_lex_space(l) || !imap_lex_set(l, &s->set) || !imap_lex_space(l))
		return false;
	if (imap_lex_peek(l) == '(' && !unchanged_since(l, s))
		return false;
	size_t from = l->at;
	s->mode = imap_lex_skip(l, '+')   ? IMAP_STORE_ADD
		  : imap_lex_skip(l, '-') ? IMAP_STORE_REMOVE
					  : IMAP_STORE_REPLACE;
	s->silent = imap_lex_word(l, STR("FLAGS.SILENT"));
	if (!s->silent && !imap_lex_word(l, STR("FLAGS")))
		return imap_lex_fail_at(l, from, "expected FLAGS, +FLAGS or -FLAGS");
	return imap_lex_space(l) && imap_lex_flags(l, true, &s->flags);
}

bool imap_args_copy(struct imap_lex *l, struct imap_command *c)
{
	return imap_lex_space(l) && imap_lex_set(l, &c->copy.set) && imap_lex_space(l) &&
	       imap_lex_mailbox(l, &c->copy.mailbox);
}

bool imap_args_expunge(struct imap_lex *l, struct imap_command *c)
{
	return !c->uid || (imap_lex_space(l) && imap_lex_set(l, &c->expunge.set));
}
