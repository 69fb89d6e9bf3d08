/*
 * The tokens that mean something beyond their bytes: mailbox names, flags, STATUS items.
 */
#include "proto/imap_lex.h"

#include "base/utf8.h"
#include "proto/mutf7.h"

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

/* RFC 9051 §5.1: names are Net-Unicode; a line break inside one is an attack on somebody. */
static bool has_control(str utf8)
{
	uint32_t c;
	for (size_t n; utf8.n; utf8 = str_skip(utf8, n)) {
		n = utf8_decode(utf8, &c);
		if (n == 0 || is_control(c))
			return true;
	}
	return false;
}

/* Most names are plain ASCII and are not copied. */
static bool decode_name(struct imap_lex *l, str wire, str *out)
{
	struct buf name CLEANUP(buf_done) = BUF_INIT(IMAP_MAX_MAILBOX);
	bool plain = ascii_only(wire) && str_find_char(wire, '&') < 0;
	if (wire.n > 3 * (size_t)IMAP_MAX_MAILBOX || (plain && wire.n > IMAP_MAX_MAILBOX))
		return imap_lex_fail_as(l, IMAP_ERROR_NAME, "mailbox name is too long");
	if (!plain && !mutf7_decode(&name, wire))
		return imap_lex_fail_as(l, IMAP_ERROR_NAME,
			name.overflowed ? "mailbox name is too long"
					: "mailbox name is not valid modified UTF-7");
	if (has_control(plain ? wire : buf_str(&name)))
		return imap_lex_fail_as(l, IMAP_ERROR_NAME, "mailbox name has control characters");
	if (plain) {
		*out = wire;
		return true;
	}
	char *p = imap_lex_alloc(l, name.n);
	if (!p)
		return false;
	memcpy(p, name.p, name.n);
	*out = str_from(p, name.n);
	return true;
}

bool imap_lex_mailbox(struct imap_lex *l, str *out)
{
	size_t from = l->at;
	str wire, name;
	if (!imap_lex_astring(l, &wire, "expected a mailbox name"))
		return false;
	if (wire.n == 0) {
		l->at = from;
		return imap_lex_fail_as(l, IMAP_ERROR_NAME, "mailbox name is empty");
	}
	if (!decode_name(l, wire, &name))
		return false;
	*out = str_equal_nocase(name, STR("INBOX")) ? STR("INBOX") : name;
	return true;
}

bool imap_lex_list_mailbox(struct imap_lex *l, str *out)
{
	str wire;
	return imap_lex_pattern(l, &wire) && decode_name(l, wire, out);
}

static bool has_keyword(const str *keywords, size_t n, str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal_nocase(keywords[i], name))
			return true;
	return false;
}

static bool system_flag(struct imap_lex *l, unsigned *system)
{
	size_t from = l->at++;
	imap_lex_name(l);
	unsigned bit = imap_flag_find(str_from(l->in.p + from, l->at - from));
	if (!(bit & IMAP_FLAGS_SETTABLE))
		return imap_lex_fail_at(l, from,
			"expected \\Seen, \\Answered, \\Flagged, \\Deleted, \\Draft or a keyword");
	*system |= bit;
	return true;
}

/* Room for the keywords is in `keywords`, which is out->keywords before it becomes const. */
static bool keyword(struct imap_lex *l, str **keywords, size_t *count)
{
	size_t from = l->at;
	str name;
	if (!imap_lex_atom(l, &name, "expected a flag"))
		return false;
	if (!imap_keyword_valid(name))
		return imap_lex_fail_at(l, from, "expected a shorter keyword");
	if (has_keyword(*keywords, *count, name))
		return true;
	str *wider = imap_lex_grow(
		l, *keywords, *count, sizeof name, IMAP_MAX_KEYWORDS, "expected fewer keywords");
	if (!wider)
		return false;
	*keywords = wider;
	wider[(*count)++] = name;
	return true;
}

bool imap_lex_flags(struct imap_lex *l, bool bare, struct imap_flags *out)
{
	unsigned system = 0;
	str *keywords = NULL;
	size_t count = 0;
	bool list = imap_lex_skip(l, '(');
	if (!list && !bare)
		return imap_lex_fail(l, "expected a list of flags");
	bool empty = list && imap_lex_skip(l, ')');
	for (bool more = !empty; more; more = imap_lex_skip(l, ' ')) {
		bool is_system = imap_lex_peek(l) == '\\';
		if (!(is_system ? system_flag(l, &system) : keyword(l, &keywords, &count)))
			return false;
	}
	if (list && !empty && !imap_lex_char(l, ')', "expected ) after the flags"))
		return false;
	*out = (struct imap_flags){ system, keywords, count };
	return true;
}

bool imap_lex_status_items(struct imap_lex *l, unsigned *out)
{
	unsigned items = 0;
	if (!imap_lex_char(l, '(', "expected a list of STATUS items"))
		return false;
	do {
		if (!imap_lex_bit(l, imap_status_item_names, &items, "expected a STATUS item"))
			return false;
	} while (imap_lex_skip(l, ' '));
	*out = items;
	return imap_lex_char(l, ')', "expected ) after the STATUS items");
}
