#include "proto/smtp_path.h"
#include "base/utf8.h"

/* Reads s from left to right; what it finds goes into path, what stops it into *syntax. */
struct reader {
	str s;
	size_t at;
	struct arena *arena;
	struct smtp_path path;
	struct smtp_syntax *syntax;
	bool long_local;
};

static int peek(const struct reader *r)
{
	return r->at < r->s.n ? (unsigned char)r->s.p[r->at] : -1;
}

static bool fail_at(struct reader *r, size_t at, const char *why)
{
	return smtp_syntax_fail(r->syntax, SMTP_SYNTAX_ADDRESS, at, why);
}

static bool fail(struct reader *r, const char *why)
{
	return fail_at(r, r->at, why);
}

static bool too_long(struct reader *r, size_t at, const char *why)
{
	return smtp_syntax_fail(r->syntax, SMTP_SYNTAX_ADDRESS_LONG, at, why);
}

/* Quoted, each character may have a backslash before it. */
static bool local_fits(struct reader *r, size_t from, unsigned factor)
{
	if (r->path.local.n <= factor * (r->long_local ? SMTP_PATH_MAX : SMTP_LOCAL_MAX))
		return true;
	return too_long(r, from, "the local part is longer than 64 characters");
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t';
}

/* atext of RFC 5322 §3.2.3 with the non-ASCII of RFC 6531; validity of UTF-8 is checked later. */
static bool is_atext(int c)
{
	return c >= 0 &&
	       (ascii_is_alnum((char)c) || c > 127 || (c && strchr("!#$%&'*+-/=?^_`{|}~", c)));
}

static bool is_odd_dots(str local)
{
	return local.p[0] == '.' || local.p[local.n - 1] == '.' || str_find(local, STR("..")) >= 0;
}

static bool read_dot_string(struct reader *r)
{
	size_t from = r->at;
	while (is_atext(peek(r)) || peek(r) == '.')
		r->at++;
	r->path.local = str_from(r->s.p + from, r->at - from);
	if (r->at == from)
		return fail(r, peek(r) == '@' ? "nothing stands before the @"
					      : "a character that needs a quoted local part");
	r->path.odd_dots = is_odd_dots(r->path.local);
	return true;
}

/* Leaves r->at behind the closing quote and says whether a backslash was met. */
static bool skip_quoted(struct reader *r, bool *out_escaped)
{
	*out_escaped = false;
	for (r->at++; peek(r) != '"'; r->at++) {
		if (peek(r) == '\\') {
			*out_escaped = true;
			r->at++;
			if (peek(r) > 127)
				return fail(r, "a backslash before a character that is not ASCII");
		}
		if (peek(r) < 0)
			return fail(r, "the quoted local part has no closing quote");
		if (peek(r) < 32 || peek(r) == 127)
			return fail(r, "a control character in the local part");
	}
	r->at++;
	return true;
}

static bool unescape(struct reader *r, str quoted)
{
	char *p = arena_try(r->arena, quoted.n);
	if (!p)
		return smtp_syntax_fail(
			r->syntax, SMTP_SYNTAX_NO_MEMORY, r->at, "too much for one command");
	size_t n = 0;
	for (size_t i = 0; i < quoted.n; i++) {
		if (quoted.p[i] == '\\')
			i++;
		p[n++] = quoted.p[i];
	}
	r->path.local = str_from(p, n);
	return true;
}

static bool read_quoted_string(struct reader *r)
{
	size_t from = r->at;
	bool escaped;
	if (!skip_quoted(r, &escaped))
		return false;
	r->path.quoted = true;
	r->path.local = str_from(r->s.p + from + 1, r->at - from - 2);
	if (!local_fits(r, from, 2))
		return false;
	return escaped ? unescape(r, r->path.local) : true;
}

static bool read_local(struct reader *r)
{
	size_t from = r->at;
	if (!(peek(r) == '"' ? read_quoted_string(r) : read_dot_string(r)))
		return false;
	if (!local_fits(r, from, 1))
		return false;
	for (size_t i = 0; i < r->path.local.n; i++)
		if (strchr("%!@", r->path.local.p[i]))
			r->path.routed = true;
	return true;
}

/* The domain reaches to a blank, to one of the stops, or to the end. */
static bool read_domain(struct reader *r, const char *stops, struct smtp_host *out)
{
	size_t from = r->at;
	while (peek(r) > 0 && !is_blank(peek(r)) && !strchr(stops, peek(r)))
		r->at++;
	str domain = str_from(r->s.p + from, r->at - from);
	if (domain.n > SMTP_DOMAIN_MAX + 1)
		return too_long(r, from, "the domain is longer than 255 characters");
	if (smtp_host_parse(domain, true, out) == SMTP_HOST_NONE)
		return fail(r, "nothing stands behind the @");
	if (out->kind == SMTP_HOST_INVALID)
		return fail_at(r, from, out->why);
	return true;
}

/* "@a,@b:": obsolete since RFC 1123, but still to be accepted and ignored (RFC 5321 §4.1.1.3). */
static bool read_route(struct reader *r)
{
	size_t from = r->at;
	struct smtp_host hop;
	while (peek(r) == '@') {
		r->at++;
		if (!read_domain(r, ",:>", &hop))
			return false;
		if (hop.kind != SMTP_HOST_DOMAIN)
			return fail(r, "a source route has only domains");
		if (peek(r) != ',')
			break;
		r->at++;
	}
	r->path.route = str_from(r->s.p + from, r->at - from);
	if (peek(r) != ':')
		return fail(r, "a source route ends in a colon and a mailbox");
	r->at++;
	return true;
}

static bool read_mailbox(struct reader *r, const char *stops)
{
	if (!read_local(r))
		return false;
	if (peek(r) != '@') {
		r->path.is_postmaster = str_equal_nocase(r->path.local, STR("postmaster"));
		if (r->path.is_postmaster)
			return true;
		int c = peek(r);
		bool at_end = c < 0 || is_blank(c) || strchr(stops, c);
		return fail(r, at_end ? "the address has no domain; write user@domain"
				      : "a character that needs a quoted local part");
	}
	r->at++;
	struct smtp_host host;
	if (!read_domain(r, stops, &host))
		return false;
	r->path.domain = host.text;
	r->path.domain_kind = host.kind;
	return true;
}

static bool read_bracketed(struct reader *r)
{
	size_t from = ++r->at;
	if (peek(r) == '>') {
		r->path.is_null = true;
		r->at++;
		return true;
	}
	if (peek(r) == '@' && !read_route(r))
		return false;
	size_t mailbox = r->at;
	if (!read_mailbox(r, ">"))
		return false;
	if (r->at + 2 - mailbox > SMTP_PATH_MAX)
		return too_long(r, mailbox, "the address is longer than 254 characters");
	r->path.raw = str_from(r->s.p + from, r->at - from);
	if (peek(r) != '>')
		return fail(r, "the address has no closing >");
	r->at++;
	return true;
}

static bool read_unbracketed(struct reader *r)
{
	r->path.unbracketed = true;
	if (!read_mailbox(r, ""))
		return false;
	r->path.raw = str_from(r->s.p, r->at);
	if (r->at + 2 > SMTP_PATH_MAX)
		return too_long(r, 0, "the address is longer than 254 characters");
	return true;
}

static bool check_utf8(struct reader *r, bool allow_utf8)
{
	if (ascii_only(r->path.raw))
		return true;
	r->path.utf8 = true;
	if (!utf8_valid(r->path.raw))
		return fail_at(r, 0, "the address is not valid UTF-8");
	if (!allow_utf8)
		return smtp_syntax_fail(r->syntax, SMTP_SYNTAX_NEEDS_UTF8, 0,
			"a non-ASCII address needs the SMTPUTF8 parameter");
	return true;
}

static bool check_kind(struct reader *r, const struct smtp_path_options *options)
{
	if (r->path.is_null && !options->allow_null)
		return fail_at(r, 0, "the null address <> cannot receive mail");
	if (r->path.is_postmaster && !options->allow_postmaster)
		return fail_at(r, 0, "the address has no domain; write user@domain");
	return true;
}

static struct reader reader_init(str s, struct arena *arena, struct smtp_syntax *syntax)
{
	return (struct reader){ .s = s,
		.arena = arena,
		.syntax = syntax,
		.path = { .raw = STR_EMPTY,
			.route = STR_EMPTY,
			.local = STR_EMPTY,
			.domain = STR_EMPTY } };
}

bool smtp_path_parse(str s, const struct smtp_path_options *options, struct arena *arena,
	struct smtp_path *out, str *out_rest, struct smtp_syntax *out_syntax)
{
	struct reader r = reader_init(s, arena, out_syntax);
	r.long_local = options->allow_long_local;
	if (peek(&r) < 0)
		return fail(&r, "an address is missing; the null sender is written <>");
	if (!(peek(&r) == '<' ? read_bracketed(&r) : read_unbracketed(&r)))
		return false;
	if (!check_kind(&r, options) || !check_utf8(&r, options->allow_utf8))
		return false;
	*out = r.path;
	*out_rest = str_skip(s, r.at);
	return true;
}

bool smtp_mailbox_parse(str s, bool allow_utf8, struct arena *arena, struct smtp_path *out,
	struct smtp_syntax *out_syntax)
{
	struct smtp_syntax ignored;
	struct reader r = reader_init(s, arena, out_syntax ? out_syntax : &ignored);
	if (peek(&r) < 0)
		return fail(&r, "an address is missing");
	if (!read_unbracketed(&r))
		return false;
	if (r.at < s.n)
		return fail(&r, "something stands behind the address");
	if (!check_kind(&r, &(struct smtp_path_options){ 0 }) || !check_utf8(&r, allow_utf8))
		return false;
	r.path.unbracketed = false;
	*out = r.path;
	return true;
}

static bool is_dot_string(str local)
{
	for (size_t i = 0; i < local.n; i++)
		if (!is_atext((unsigned char)local.p[i]) && local.p[i] != '.')
			return false;
	return local.n && !is_odd_dots(local);
}

static void format_quoted(str local, struct buf *out)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < local.n; i++) {
		char c = local.p[i];
		if (c == '"' || c == '\\')
			buf_add_char(out, '\\');
		bool control = (unsigned char)c < 32 || c == 127;
		buf_add_char(out, control ? '?' : c);
	}
	buf_add_char(out, '"');
}

void smtp_mailbox_format(str local, str domain, struct buf *out)
{
	if (local.n == 0 && domain.n == 0)
		return;
	if (is_dot_string(local))
		buf_add(out, local);
	else
		format_quoted(local, out);
	if (domain.n) {
		buf_add_char(out, '@');
		buf_add(out, domain);
	}
}
