/*
 * Arguments of SEARCH. Nested keys are kept on an explicit stack of open operators instead of
 * recursion, so that a flood of "(" or NOT ends at IMAP_SEARCH_MAX_DEPTH.
 */
#include "proto/imap_search.h"

#include "base/utf8.h"
#include "proto/imap_lex.h"

struct open_key {
	size_t index;    /* of the operator in keys[] */
	unsigned wanted; /* operands still to come; 0: a list, up to its ")" */
};

struct program {
	struct imap_search_key *keys;
	size_t count;
	struct open_key open[IMAP_SEARCH_MAX_DEPTH];
	size_t depth;
};

/* ---- Leaves ---- */

enum form {
	FORM_NONE,
	FORM_KEYWORD,
	FORM_HEADER, /* the field is in .field, or comes first */
	FORM_TEXT,
	FORM_DATE,
	FORM_NUMBER,
	FORM_MODSEQ,
	FORM_UID,
};

static const struct leaf {
	const char *name;
	enum form form;
	enum imap_search_kind kind;
	unsigned mask, value; /* FLAGS */
	const char *field;    /* HEADER */
	int order;            /* DATE */
	bool flag;            /* DATE: sent; KEYWORD: set */
} leaves[] = {
	{ "ALL", FORM_NONE, IMAP_SEARCH_ALL },
	{ "ANSWERED", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_ANSWERED, IMAP_FLAG_ANSWERED },
	{ "DELETED", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_DELETED, IMAP_FLAG_DELETED },
	{ "DRAFT", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_DRAFT, IMAP_FLAG_DRAFT },
	{ "FLAGGED", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_FLAGGED, IMAP_FLAG_FLAGGED },
	{ "RECENT", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_RECENT, IMAP_FLAG_RECENT },
	{ "SEEN", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_SEEN, IMAP_FLAG_SEEN },
	{ "NEW", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_RECENT | IMAP_FLAG_SEEN,
		IMAP_FLAG_RECENT },
	{ "OLD", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_RECENT, 0 },
	{ "UNANSWERED", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_ANSWERED, 0 },
	{ "UNDELETED", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_DELETED, 0 },
	{ "UNDRAFT", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_DRAFT, 0 },
	{ "UNFLAGGED", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_FLAGGED, 0 },
	{ "UNSEEN", FORM_NONE, IMAP_SEARCH_FLAGS, IMAP_FLAG_SEEN, 0 },
	{ "KEYWORD", FORM_KEYWORD, IMAP_SEARCH_KEYWORD, .flag = true },
	{ "UNKEYWORD", FORM_KEYWORD, IMAP_SEARCH_KEYWORD },
	{ "BCC", FORM_HEADER, IMAP_SEARCH_HEADER, .field = "Bcc" },
	{ "CC", FORM_HEADER, IMAP_SEARCH_HEADER, .field = "Cc" },
	{ "FROM", FORM_HEADER, IMAP_SEARCH_HEADER, .field = "From" },
	{ "HEADER", FORM_HEADER, IMAP_SEARCH_HEADER },
	{ "SUBJECT", FORM_HEADER, IMAP_SEARCH_HEADER, .field = "Subject" },
	{ "TO", FORM_HEADER, IMAP_SEARCH_HEADER, .field = "To" },
	{ "BODY", FORM_TEXT, IMAP_SEARCH_BODY },
	{ "TEXT", FORM_TEXT, IMAP_SEARCH_TEXT },
	{ "BEFORE", FORM_DATE, IMAP_SEARCH_DATE, .order = -1 },
	{ "ON", FORM_DATE, IMAP_SEARCH_DATE },
	{ "SINCE", FORM_DATE, IMAP_SEARCH_DATE, .order = 1 },
	{ "SENTBEFORE", FORM_DATE, IMAP_SEARCH_DATE, .order = -1, .flag = true },
	{ "SENTON", FORM_DATE, IMAP_SEARCH_DATE, .flag = true },
	{ "SENTSINCE", FORM_DATE, IMAP_SEARCH_DATE, .order = 1, .flag = true },
	{ "LARGER", FORM_NUMBER, IMAP_SEARCH_LARGER },
	{ "SMALLER", FORM_NUMBER, IMAP_SEARCH_SMALLER },
	{ "MODSEQ", FORM_MODSEQ, IMAP_SEARCH_MODSEQ },
	{ "UID", FORM_UID, IMAP_SEARCH_UID },
};

static const struct leaf *find_leaf(str name)
{
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
		if (str_equal_nocase(str_from_z(leaves[i].name), name))
			return &leaves[i];
	return NULL;
}

/* Some clients send UTF-8 without saying so, and nobody means US-ASCII by 8-bit bytes: valid UTF-8
 * is taken as such whatever CHARSET says. */
static bool search_text(struct imap_lex *l, str *out)
{
	size_t from = l->at;
	str text;
	if (!imap_lex_astring(l, &text, "expected a string to search for"))
		return false;
	if (!utf8_valid(text))
		return imap_lex_fail_at(l, from, "expected the string in UTF-8");
	*out = text;
	return true;
}

static bool header_leaf(struct imap_lex *l, const struct leaf *leaf, struct imap_search_key *key)
{
	key->header.field = str_from_z(leaf->field);
	if (!leaf->field &&
		(!imap_lex_astring(l, &key->header.field, "expected the name of a header field") ||
			!imap_lex_space(l)))
		return false;
	return search_text(l, &key->header.text);
}

static bool keyword_leaf(struct imap_lex *l, const struct leaf *leaf, struct imap_search_key *key)
{
	size_t from = l->at;
	key->keyword.set = leaf->flag;
	if (!imap_lex_atom(l, &key->keyword.name, "expected a keyword"))
		return false;
	return imap_keyword_valid(key->keyword.name) ||
	       imap_lex_fail_at(l, from, "expected a shorter keyword");
}

static bool date_leaf(struct imap_lex *l, const struct leaf *leaf, struct imap_search_key *key)
{
	size_t from = l->at;
	str text;
	key->date.order = leaf->order;
	key->date.sent = leaf->flag;
	return imap_lex_astring(l, &text, "expected a date such as 1-Feb-1994") &&
	       (imap_date_parse(text, &key->date.day) ||
		       imap_lex_fail_at(l, from, "expected a date such as 1-Feb-1994"));
}

/* RFC 7162 §3.1.5: [entry-name SP entry-type SP] modseq. We keep one modseq a message, not one a
 * flag; then the server takes the entry and ignores it. */
static bool modseq_leaf(struct imap_lex *l, struct imap_search_key *key)
{
	str entry;
	if (imap_lex_peek(l) == '"') {
		if (!imap_lex_string(l, &entry, "expected an entry") || !imap_lex_space(l))
			return false;
		if (!imap_lex_word(l, STR("priv")) && !imap_lex_word(l, STR("shared")) &&
			!imap_lex_word(l, STR("all")))
			return imap_lex_fail(l, "expected priv, shared or all");
		if (!imap_lex_space(l))
			return false;
	}
	return imap_lex_number(l, INT64_MAX, &key->number, "expected a modseq");
}

static bool leaf_argument(struct imap_lex *l, const struct leaf *leaf, struct imap_search_key *key)
{
	if (leaf->form != FORM_NONE && !imap_lex_space(l))
		return false;
	switch (leaf->form) {
	case FORM_NONE:
		if (leaf->kind == IMAP_SEARCH_FLAGS) {
			key->flags.mask = leaf->mask;
			key->flags.value = leaf->value;
		}
		return true;
	case FORM_KEYWORD:
		return keyword_leaf(l, leaf, key);
	case FORM_HEADER:
		return header_leaf(l, leaf, key);
	case FORM_TEXT:
		return search_text(l, &key->text);
	case FORM_DATE:
		return date_leaf(l, leaf, key);
	case FORM_NUMBER:
		return imap_lex_number(l, INT64_MAX, &key->number, "expected a number of bytes");
	case FORM_MODSEQ:
		return modseq_leaf(l, key);
	case FORM_UID:
		return imap_lex_set(l, &key->set);
	}
	return false;
}

/* ---- The tree ---- */

static struct imap_search_key *add_key(
	struct imap_lex *l, struct program *p, enum imap_search_kind kind)
{
	struct imap_search_key *wider = imap_lex_grow(l, p->keys, p->count, sizeof *wider,
		IMAP_SEARCH_MAX_KEYS, "expected fewer search keys");
	if (!wider)
		return NULL;
	p->keys = wider;
	wider[p->count] = (struct imap_search_key){ .kind = kind, .size = 1 };
	return &wider[p->count++];
}

/* Adds an operator whose operands come next. wanted is as in struct open_key. */
static bool open_key(
	struct imap_lex *l, struct program *p, enum imap_search_kind kind, unsigned wanted)
{
	if (p->depth == IMAP_SEARCH_MAX_DEPTH)
		return imap_lex_fail(l, "expected search keys nested less deeply");
	p->open[p->depth++] = (struct open_key){ p->count, wanted };
	return add_key(l, p, kind) != NULL;
}

static void close_key(struct program *p)
{
	const struct open_key *o = &p->open[--p->depth];
	p->keys[o->index].size = (uint16_t)(p->count - o->index);
}

/* After a whole key: closes what it completes. Returns true if another key has to follow, with the
 * space before it taken; false at the end of the program, or where something else is wrong. */
static bool next_key(struct imap_lex *l, struct program *p)
{
	while (p->depth > 1) {
		struct open_key *o = &p->open[p->depth - 1];
		bool complete = o->wanted ? --o->wanted == 0 : imap_lex_skip(l, ')');
		if (!complete)
			return imap_lex_char(l, ' ',
				o->wanted ? "expected a space and another search key"
					  : "expected ) or another search key");
		close_key(p);
	}
	return imap_lex_skip(l, ' ');
}

/* An operator, whose first operand is then the next key. False if it is not one. */
static bool take_operator(struct imap_lex *l, struct program *p)
{
	if (imap_lex_skip(l, '('))
		return open_key(l, p, IMAP_SEARCH_AND, 0);
	bool not = imap_lex_word(l, STR("NOT"));
	if (!not &&!imap_lex_word(l, STR("OR")))
		return false;
	return open_key(l, p, not ? IMAP_SEARCH_NOT : IMAP_SEARCH_OR, not ? 1 : 2) &&
	       imap_lex_space(l);
}

static bool take_leaf(struct imap_lex *l, struct program *p)
{
	int c = imap_lex_peek(l);
	if (c == '*' || ascii_is_digit((char)c)) {
		struct imap_search_key *key = add_key(l, p, IMAP_SEARCH_SEQUENCE);
		return key && imap_lex_set(l, &key->set);
	}
	size_t from = l->at;
	const struct leaf *leaf = find_leaf(imap_lex_name(l));
	if (!leaf)
		return imap_lex_fail_at(l, from, "expected a search key");
	struct imap_search_key *key = add_key(l, p, leaf->kind);
	return key && leaf_argument(l, leaf, key);
}

static bool take_program(struct imap_lex *l, struct program *p)
{
	if (!open_key(l, p, IMAP_SEARCH_AND, 0))
		return false;
	do {
		while (take_operator(l, p))
			;
		if (l->error.text || !take_leaf(l, p))
			return false;
	} while (next_key(l, p));
	close_key(p);
	return !l->error.text;
}

/* ---- What stands before the program ---- */

static const struct imap_bit_name return_table[] = {
	{ "MIN", IMAP_RETURN_MIN },
	{ "MAX", IMAP_RETURN_MAX },
	{ "ALL", IMAP_RETURN_ALL },
	{ "COUNT", IMAP_RETURN_COUNT },
	{ NULL, 0 },
};

/* SP "(" options ")" SP after RETURN. */
static bool take_returns(struct imap_lex *l, struct imap_search *s)
{
	s->extended = true;
	if (!imap_lex_space(l) || !imap_lex_char(l, '(', "expected ( after RETURN"))
		return false;
	bool empty = imap_lex_peek(l) == ')';
	for (bool more = !empty; more; more = imap_lex_skip(l, ' '))
		if (!imap_lex_bit(l, return_table, &s->returns, "expected MIN, MAX, ALL or COUNT"))
			return false;
	if (empty)
		s->returns = IMAP_RETURN_ALL;
	return imap_lex_char(l, ')', "expected ) after the options of RETURN") && imap_lex_space(l);
}

/* SP charset SP after CHARSET. */
static bool take_charset(struct imap_lex *l)
{
	size_t from;
	str charset;
	if (!imap_lex_space(l))
		return false;
	from = l->at;
	if (!imap_lex_astring(l, &charset, "expected a character set"))
		return false;
	if (!str_equal_nocase(charset, STR("UTF-8")) &&
		!str_equal_nocase(charset, STR("US-ASCII"))) {
		l->at = from;
		return imap_lex_fail_as(
			l, IMAP_ERROR_CHARSET, "expected the character set UTF-8 or US-ASCII");
	}
	return imap_lex_space(l);
}

bool imap_args_search(struct imap_lex *l, struct imap_command *c)
{
	struct imap_search *s = &c->search;
	struct program p = { 0 };
	if (!imap_lex_space(l) || (imap_lex_word(l, STR("RETURN")) && !take_returns(l, s)) ||
		(imap_lex_word(l, STR("CHARSET")) && !take_charset(l)) || !take_program(l, &p))
		return false;
	s->keys = p.keys;
	s->key_count = p.count;
	for (size_t i = 0; i < p.count; i++)
		s->has_modseq |= p.keys[i].kind == IMAP_SEARCH_MODSEQ;
	return true;
}
