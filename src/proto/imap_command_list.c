/*
 * Arguments of LIST (RFC 5258: with options) and LSUB, and the matching of patterns.
 */
#include "proto/imap_lex.h"

static const struct imap_bit_name select_options[] = {
	{ "SUBSCRIBED", IMAP_LIST_SELECT_SUBSCRIBED },
	{ "REMOTE", IMAP_LIST_SELECT_REMOTE },
	{ "RECURSIVEMATCH", IMAP_LIST_SELECT_RECURSIVEMATCH },
	{ "SPECIAL-USE", IMAP_LIST_SELECT_SPECIAL_USE },
	{ NULL, 0 },
};

static const struct imap_bit_name return_options[] = {
	{ "SUBSCRIBED", IMAP_LIST_RETURN_SUBSCRIBED },
	{ "CHILDREN", IMAP_LIST_RETURN_CHILDREN },
	{ "SPECIAL-USE", IMAP_LIST_RETURN_SPECIAL_USE },
	{ "STATUS", IMAP_LIST_RETURN_STATUS },
	{ NULL, 0 },
};

/* "(" options ")" SP. RECURSIVEMATCH says how another option is meant and needs one. */
static bool selection(struct imap_lex *l, struct imap_list *list)
{
	size_t from = l->at;
	list->extended = true;
	if (!imap_lex_skip(l, '('))
		return false;
	bool empty = imap_lex_peek(l) == ')';
	for (bool more = !empty; more; more = imap_lex_skip(l, ' '))
		if (!imap_lex_bit(l, select_options, &list->select, "expected a selection option"))
			return false;
	if (!imap_lex_char(l, ')', "expected ) after the selection options"))
		return false;
	unsigned base = IMAP_LIST_SELECT_SUBSCRIBED | IMAP_LIST_SELECT_SPECIAL_USE;
	if ((list->select & IMAP_LIST_SELECT_RECURSIVEMATCH) && !(list->select & base))
		return imap_lex_fail_at(
			l, from, "expected SUBSCRIBED or SPECIAL-USE beside RECURSIVEMATCH");
	return imap_lex_space(l);
}

static bool patterns(struct imap_lex *l, struct imap_list *list)
{
	bool several = imap_lex_skip(l, '(');
	str *items = NULL;
	size_t n = 0;
	do {
		items = imap_lex_grow(
			l, items, n, sizeof *items, IMAP_MAX_PATTERNS, "expected fewer patterns");
		if (!items || !imap_lex_list_mailbox(l, &items[n++]))
			return false;
	} while (several && imap_lex_skip(l, ' '));
	list->patterns = items;
	list->pattern_count = n;
	list->extended |= several;
	return !several || imap_lex_char(l, ')', "expected ) after the patterns");
}

static bool returns(struct imap_lex *l, struct imap_list *list)
{
	list->extended = true;
	if (!(imap_lex_word(l, STR("RETURN")) || imap_lex_fail(l, "expected RETURN")) ||
		!imap_lex_space(l) || !imap_lex_char(l, '(', "expected ( after RETURN"))
		return false;
	bool empty = imap_lex_peek(l) == ')';
	for (bool more = !empty; more; more = imap_lex_skip(l, ' ')) {
		unsigned bit = 0;
		if (!imap_lex_bit(l, return_options, &bit, "expected a return option"))
			return false;
		list->returns |= bit;
		if (bit == IMAP_LIST_RETURN_STATUS &&
			(!imap_lex_space(l) || !imap_lex_status_items(l, &list->status_items)))
			return false;
	}
	return imap_lex_char(l, ')', "expected ) after the return options");
}

bool imap_args_list(struct imap_lex *l, struct imap_command *c)
{
	struct imap_list *list = &c->list;
	if (!imap_lex_space(l) || (imap_lex_peek(l) == '(' && !selection(l, list)))
		return false;
	if (!imap_lex_list_mailbox(l, &list->reference) || !imap_lex_space(l) || !patterns(l, list))
		return false;
	return !imap_lex_skip(l, ' ') || returns(l, list);
}

bool imap_args_lsub(struct imap_lex *l, struct imap_command *c)
{
	str *pattern = imap_lex_alloc(l, sizeof *pattern);
	c->list.patterns = pattern;
	c->list.pattern_count = 1;
	return pattern && imap_lex_space(l) && imap_lex_list_mailbox(l, &c->list.reference) &&
	       imap_lex_space(l) && imap_lex_list_mailbox(l, pattern);
}

/* Which prefixes of the pattern match what was seen of the name: [i] is its first i bytes. */
struct match {
	bool prefix[2 * IMAP_MAX_MAILBOX + 1];
};

static bool is_wildcard(char c)
{
	return c == '*' || c == '%';
}

/* A wildcard may also take nothing. */
static void match_nothing(struct match *m, str pattern)
{
	for (size_t i = 0; i < pattern.n; i++)
		m->prefix[i + 1] |= m->prefix[i] && is_wildcard(pattern.p[i]);
}

/* Returns whether any prefix matches still. */
static bool match_char(struct match *m, str pattern, char c, bool delimiter, bool any_case)
{
	bool alive = false;
	for (size_t i = pattern.n + 1; i-- > 0;) {
		char here = i < pattern.n ? pattern.p[i] : '\0',
		     before = i ? pattern.p[i - 1] : '\0';
		bool same = before == c || (any_case && ascii_lower(before) == ascii_lower(c));
		bool stays = m->prefix[i] && (here == '*' || (here == '%' && !delimiter));
		bool comes = i && m->prefix[i - 1] && same;
		m->prefix[i] = stays || comes;
		alive |= m->prefix[i];
	}
	return alive;
}

/* Bytes of the first level if that is INBOX, whose case does not count. */
static size_t inbox_size(str name, char delimiter)
{
	str inbox = STR("INBOX");
	bool first_level = name.n == inbox.n || (name.n > inbox.n && name.p[inbox.n] == delimiter);
	return first_level && str_starts_nocase(name, inbox) ? inbox.n : 0;
}

bool imap_list_match(str pattern, str name, char delimiter)
{
	struct match m = { 0 };
	if (pattern.n >= ARRAY_LEN(m.prefix))
		return false;
	size_t inbox = inbox_size(name, delimiter);
	m.prefix[0] = true;
	match_nothing(&m, pattern);
	for (size_t i = 0; i < name.n; i++) {
		if (!match_char(&m, pattern, name.p[i], name.p[i] == delimiter, i < inbox))
			return false;
		match_nothing(&m, pattern);
	}
	return m.prefix[pattern.n];
}
