/* URIs in plain text. Words are looked at one by one, each in the form that it has when what
 * disguises it is undone. */
#include "mail/uri_host.h"
#include "mail/uri_set.h"

#include "base/utf8.h"

struct finder {
	struct uri_set *set;
	enum uri_where where;
	struct buf plain, word; /* scratch: the word without disguise */
	struct buf chain;       /* "example dot com" so far */
	str chain_raw;
	bool after_dot; /* the chain goes on with the next word */
};

static bool is_host_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_';
}

/* Punctuation at its end belongs to the sentence; a closing parenthesis does where none opens. */
static str without_punctuation(str s)
{
	ptrdiff_t closing = 0; /* without an opening one */
	for (size_t i = 0; i < s.n; i++)
		closing += s.p[i] == ')' ? 1 : s.p[i] == '(' ? -1 : 0;
	while (s.n) {
		char last = s.p[s.n - 1];
		if (str_find_char(STR(".,;:!?'*~])}\\"), last) < 0)
			break;
		if (last == ')' && closing-- <= 0)
			break;
		if (last == ']' && str_find(s, STR("//[")) >= 0)
			break;
		s.n--;
	}
	return s;
}

static size_t ascii_length(str s)
{
	size_t n = 0;
	while (n < s.n && (unsigned char)s.p[n] < 0x80)
		n++;
	return n;
}

/* Where other writing follows without a space: what is behind a host that is complete, and behind
 * the path's last ASCII character. */
static str without_other_writing(str s)
{
	size_t n = ascii_length(s);
	ptrdiff_t colon = str_find_char(s, ':');
	str behind = colon < 0 ? s : str_skip(s, (size_t)colon + 1);
	while (behind.n && (behind.p[0] == '/' || behind.p[0] == '\\'))
		behind = str_skip(behind, 1);
	size_t start = (size_t)(behind.p - s.p);
	if (n == s.n || n <= start)
		return s;
	str head = str_first(behind, n - start);
	ptrdiff_t slash = str_find_any(behind, STR("/?#"));
	bool in_host = slash < 0 || (size_t)slash >= head.n;
	if (!in_host || uri_known_tld(head, true))
		return str_first(s, n);
	if (slash < 0)
		return s;
	str path = str_skip(behind, (size_t)slash);
	return str_first(s, (size_t)(path.p - s.p) + ascii_length(path));
}

static void add(struct finder *f, str raw, str text, uint32_t flags)
{
	text = without_punctuation(without_other_writing(text));
	/* The word itself stays; what was made of it is in scratch. */
	bool same = text.p >= raw.p && text.p + text.n <= raw.p + raw.n;
	char *p = same ? NULL : arena_try(f->set->arena, text.n + 1);
	if (!same && !p)
		return;
	if (!same)
		text = str_from(memcpy(p, text.p, text.n), text.n);
	uri_set_add_found(f->set, same ? text : raw, text, flags, f->where);
}

/* "scheme://…" anywhere in the word. */
static bool find_scheme(struct finder *f, str raw, str s, uint32_t flags)
{
	size_t at = 0;
	for (ptrdiff_t next; (next = str_find_char(str_skip(s, at), ':')) >= 0; at++) {
		at += (size_t)next;
		str behind = str_skip(s, at + 1);
		bool slash = behind.n > 1 && str_find_char(STR("/\\"), behind.p[0]) >= 0;
		size_t start = slash ? uri_scheme_start(s, at) : at;
		if (start < at) {
			add(f, raw, str_skip(s, start), flags);
			return true;
		}
	}
	return false;
}

/* local@host, with a host that can be one. */
static bool find_address(struct finder *f, str raw, str s, uint32_t flags)
{
	ptrdiff_t at = str_find_char(s, '@');
	if (at <= 0)
		return at == 0;
	size_t start = (size_t)at, end = (size_t)at + 1;
	while (start &&
		(is_host_char(s.p[start - 1]) || str_find_char(STR("+=%&"), s.p[start - 1]) >= 0))
		start--;
	while (end < s.n && is_host_char(s.p[end]))
		end++;
	str address = without_punctuation(str_first(str_skip(s, start), end - start));
	str host = str_skip(address, (size_t)at - start + 1);
	bool stated = str_ends_nocase(str_first(s, start), STR("mailto:"));
	if (start == (size_t)at || (!stated && !uri_known_tld(host, false)))
		return true;
	char *p = arena_try(f->set->arena, address.n + 7);
	if (p) {
		memcpy(p, "mailto:", 7);
		memcpy(p + 7, address.p, address.n);
		uri_set_add_found(f->set, raw, str_from(p, address.n + 7),
			flags | (stated ? 0 : URI_NO_SCHEME), f->where);
	}
	return true;
}

/* "www.host…", "host.tld", "host.tld/…" */
static void find_bare(struct finder *f, str raw, str s, uint32_t flags)
{
	while (s.n && !ascii_is_alnum(s.p[0]) && (unsigned char)s.p[0] < 0x80)
		s = str_skip(s, 1);
	size_t n = 0;
	while (n < s.n && is_host_char(s.p[n]))
		n++;
	str host = without_punctuation(str_first(s, n));
	bool path = n == host.n && n < s.n && s.p[n] == '/';
	bool port = n == host.n && n + 1 < s.n && s.p[n] == ':' && ascii_is_digit(s.p[n + 1]);
	bool www = str_starts_nocase(host, STR("www.")) && host.n > 4;
	bool ends = n == s.n || path || port || str_find_char(STR("?#,;:!)]}'\\"), s.p[n]) >= 0 ||
		    host.n < n || (unsigned char)s.p[n] > 127;
	if (!www && (!ends || str_find(host, STR("..")) >= 0 || !uri_known_tld(host, !path)))
		return;
	bool query = n < s.n && (s.p[n] == '?' || s.p[n] == '#');
	add(f, raw, path || port || query ? s : host, flags);
}

static void end_chain(struct finder *f)
{
	str s = buf_str(&f->chain);
	if (str_find_char(s, '.') > 2 && uri_known_tld(s, true))
		add(f, f->chain_raw, s, URI_DEFANGED);
	buf_clear(&f->chain);
	f->after_dot = false;
}

/* "example dot com", over words. True where the word is such a "dot". */
static bool take_chain(struct finder *f, str raw, str s)
{
	if (f->chain.n && (str_equal_nocase(s, STR("dot")) || str_equal_nocase(s, STR("[dot]")) ||
				  str_equal_nocase(s, STR("(dot)")))) {
		f->after_dot = true;
		return true;
	}
	str label = without_punctuation(s);
	bool good = label.n <= 63;
	for (size_t i = 0; i < label.n; i++)
		good = good && (ascii_is_alnum(label.p[i]) || label.p[i] == '-');
	if (!f->after_dot || !good || f->chain.n > URI_HOST_MAX) {
		end_chain(f);
		f->chain_raw = raw;
	} else {
		buf_add_char(&f->chain, '.');
		f->chain_raw.n = (size_t)(raw.p + raw.n - f->chain_raw.p);
	}
	f->after_dot = false;
	buf_add(&f->chain, good ? label : STR_EMPTY);
	return false;
}

static void take_word(struct finder *f, str raw)
{
	uint32_t flags = 0;
	buf_clear(&f->plain);
	buf_clear(&f->word);
	str s = raw;
	if (!ascii_only(s)) {
		uri_unmask(&f->plain, s, &flags);
		s = flags ? buf_str(&f->plain) : raw;
	}
	if (take_chain(f, raw, s))
		return;
	if (str_find_any(s, STR("[({")) >= 0) {
		uint32_t dots = 0;
		uri_defang(&f->word, s, &dots);
		s = dots ? buf_str(&f->word) : s;
		flags |= dots;
	}
	if (str_find_any(s, STR(".:@")) < 0 || find_scheme(f, raw, s, flags))
		return;
	if (!find_address(f, raw, s, flags))
		find_bare(f, raw, s, flags);
}

static bool is_ascii_separator(char c)
{
	switch (c) {
	case '<':
	case '>':
	case '"':
	case '`':
	case '|':
	case '\f':
	case '\v':
		return true;
	default:
		return ascii_is_space(c);
	}
}

/* The length of the character at the beginning of s where it stands between words, or 0. */
static size_t separator(str s)
{
	static const char *const wide[] = { "\xc2\xa0", "\xe3\x80\x80", "\xe2\x80\x9c",
		"\xe2\x80\x9d", "\xe2\x80\x98", "\xe2\x80\x99", "\xc2\xab", "\xc2\xbb",
		"\xe3\x80\x8c", "\xe3\x80\x8d", "\xef\xbc\x8c", "\xe3\x80\x81", "\xef\xbc\x88",
		"\xef\xbc\x89" };
	if ((unsigned char)s.p[0] < 0x80)
		return is_ascii_separator(s.p[0]);
	for (size_t i = 0; i < ARRAY_LEN(wide); i++)
		if (str_starts(s, str_from_z(wide[i])))
			return strlen(wide[i]);
	return 0;
}

void uri_set_add_text(struct uri_set *s, str text, enum uri_where where)
{
	struct finder f = { .set = s,
		.where = where,
		.plain = BUF_INIT(URI_LENGTH_MAX),
		.word = BUF_INIT(URI_LENGTH_MAX),
		.chain = BUF_INIT(URI_LENGTH_MAX) };
	while (text.n && s->n < URI_MAX) {
		size_t n = separator(text);
		if (n) {
			text = str_skip(text, n);
			continue;
		}
		while (n < text.n && n < URI_LENGTH_MAX && !separator(str_skip(text, n)))
			n++;
		take_word(&f, str_first(text, n));
		text = str_skip(text, n);
	}
	end_chain(&f);
	s->truncated = s->truncated || s->n == URI_MAX;
	buf_done(&f.plain);
	buf_done(&f.word);
	buf_done(&f.chain);
}
