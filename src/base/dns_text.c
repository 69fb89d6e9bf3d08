#include "base/dns_text.h"

#include <errno.h>

enum { NAME_MAX_TEXT = 253, STRING_MAX = 255 };

/* ── Names and servers ────────────────────────────────────────────────────────────────────── */

static bool is_label(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= 63;
}

/* `wild`: may begin with "*.". */
static bool is_name(str s, bool wild)
{
	if (str_equal(s, STR(".")))
		return true;
	if (wild && str_starts(s, STR("*.")))
		s = str_skip(s, 2);
	if (str_ends(s, STR(".")))
		s.n--;
	str label;
	bool good = s.n > 0 && s.n <= NAME_MAX_TEXT && s.p[s.n - 1] != '.';
	while (good && s.n) {
		str_cut(s, '.', &label, &s);
		good = is_label(label);
	}
	return good;
}

int dns_zone_check(str text, struct err *err)
{
	if (!is_name(text, false))
		return err_set(err, EINVAL, "\"%.*s\" is not a zone, as example.org",
			STR_ARG(str_first(text, 100)));
	return 0;
}

static bool is_port(str s, uint16_t *out)
{
	uint64_t n;
	if (!str_to_u64(s, UINT16_MAX, &n) || n == 0)
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool address_and_port(str s, struct dns_server *out)
{
	str head, rest;
	out->port = 53;
	if (ip_parse(s, &out->ip))
		return true;
	if (str_starts(s, STR("["))) {
		if (!str_cut(str_skip(s, 1), ']', &head, &rest) || !ip_parse(head, &out->ip))
			return false;
		return rest.n == 0 || (rest.p[0] == ':' && is_port(str_skip(rest, 1), &out->port));
	}
	return str_cut(s, ':', &head, &rest) && ip_parse(head, &out->ip) &&
	       is_port(rest, &out->port);
}

int dns_server_parse(str text, bool with_zone, struct dns_server *out, struct err *err)
{
	struct dns_server server = { .zone = STR_EMPTY };
	str address = text;
	if (with_zone && !str_cut(text, ' ', &server.zone, &address))
		return err_set(err, EINVAL,
			"\"%.*s\" is not a zone and its server, as \"corp.example 10.0.0.53\"",
			STR_ARG(str_first(text, 100)));
	int rc = with_zone ? dns_zone_check(server.zone, err) : 0;
	if (rc < 0)
		return rc;
	address = str_trim(address);
	if (!address_and_port(address, &server))
		return err_set(err, EINVAL,
			"\"%.*s\" is not the address of a name server, as 192.0.2.53 or "
			"[2001:db8::53]:5353",
			STR_ARG(str_first(address, 100)));
	*out = server;
	return 0;
}

/* ── Records ──────────────────────────────────────────────────────────────────────────────── */

/* The next word, up to a space or tab. False at the end. */
static bool next_word(str *rest, str *out)
{
	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		*rest = str_skip(*rest, 1);
	ptrdiff_t end = str_find_any(*rest, STR(" \t"));
	*out = str_first(*rest, end < 0 ? rest->n : (size_t)end);
	*rest = str_skip(*rest, out->n);
	return out->n > 0;
}

static bool is_v4(str s)
{
	struct ip ip;
	return ip_parse(s, &ip) && ip_is_v4(&ip);
}

static bool is_v6(str s)
{
	struct ip ip;
	return ip_parse(s, &ip) && !ip_is_v4(&ip);
}

static bool is_absolute(str s)
{
	return is_name(s, false);
}

static bool is_u8(str s)
{
	uint64_t n;
	return str_to_u64(s, UINT8_MAX, &n);
}

static bool is_u16(str s)
{
	uint64_t n;
	return str_to_u64(s, UINT16_MAX, &n);
}

static bool is_u32(str s)
{
	uint64_t n;
	return str_to_u64(s, UINT32_MAX, &n);
}

static bool is_hex(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (ascii_hex(s.p[i]) < 0)
			return false;
	return s.n > 0 && s.n % 2 == 0;
}

/* What stands after the type: so many words of these kinds, and nothing else. TXT has its own. */
static const struct {
	const char *type;
	bool (*words[7])(str);
} kinds[] = {
	{ "A", { is_v4 } },
	{ "AAAA", { is_v6 } },
	{ "NS", { is_absolute } },
	{ "PTR", { is_absolute } },
	{ "MX", { is_u16, is_absolute } },
	{ "SRV", { is_u16, is_u16, is_u16, is_absolute } },
	{ "TLSA", { is_u8, is_u8, is_u8, is_hex } },
	{ "SOA", { is_absolute, is_absolute, is_u32, is_u32, is_u32, is_u32, is_u32 } },
	{ "TXT", { NULL } },
};

/* One string of a TXT record, with quotes or without. \" and \DDD are one character. */
static bool next_string(str *rest)
{
	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		*rest = str_skip(*rest, 1);
	bool quoted = rest->n && rest->p[0] == '"', closed = !quoted;
	size_t n = 0, i = quoted;
	for (; i < rest->n; i++, n++) {
		char c = rest->p[i];
		if (c == '"' || (!quoted && (c == ' ' || c == '\t'))) {
			closed |= quoted;
			i += quoted;
			break;
		}
		if (c == ';' && !quoted)
			return false; /* a comment */
		if (c != '\\')
			continue;
		str code = str_first(str_skip(*rest, i + 1), 3);
		bool digits = code.n && ascii_is_digit(code.p[0]);
		if (code.n == 0 || (digits && !is_u8(code)) || (digits && code.n < 3))
			return false;
		i += digits ? 3 : 1;
	}
	*rest = str_skip(*rest, i);
	bool apart = !rest->n || rest->p[0] == ' ' || rest->p[0] == '\t';
	return closed && apart && n <= STRING_MAX && (quoted || n > 0);
}

static bool data_is_right(size_t kind, str rest)
{
	str word;
	if (!kinds[kind].words[0]) {
		do {
			if (!next_string(&rest))
				return false;
		} while (str_trim(rest).n);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds[kind].words) && kinds[kind].words[i]; i++)
		if (!next_word(&rest, &word) || !kinds[kind].words[i](word))
			return false;
	return str_trim(rest).n == 0;
}

static int refuse(str text, const char *what, struct err *err)
{
	return err_set(err, EINVAL,
		"\"%.*s\" is not a record, as \"mx.example.org A 192.0.2.1\": %s",
		STR_ARG(str_first(text, 120)), what);
}

int dns_record_check(str text, struct err *err)
{
	str rest = text, word;
	if (!next_word(&rest, &word) || !is_name(word, true))
		return refuse(text, "it must begin with a name", err);
	if (!next_word(&rest, &word))
		return refuse(text, "the type is missing", err);
	uint64_t ttl;
	if (str_to_u64(word, INT32_MAX, &ttl) && !next_word(&rest, &word))
		return refuse(text, "the type is missing", err);
	if (str_equal_nocase(word, STR("IN")) && !next_word(&rest, &word))
		return refuse(text, "the type is missing", err);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_equal_nocase(word, str_from_z(kinds[i].type)))
			return data_is_right(i, rest)
				       ? 0
				       : refuse(text, "what follows the type is wrong", err);
	return refuse(text, "its type is none of A, AAAA, MX, TXT, PTR, NS, SOA, SRV, TLSA", err);
}
