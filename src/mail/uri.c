#include "mail/uri.h"

#include "mail/uri_host.h"

#include <stdlib.h>

static bool keep(struct arena *a, str s, str *out)
{
	char *p = s.n ? arena_try(a, s.n) : NULL;
	if (s.n && !p)
		return false;
	if (s.n)
		memcpy(p, s.p, s.n);
	*out = s.n ? str_from(p, s.n) : STR_EMPTY;
	return true;
}

/* What of a URI is looked at to find its host: more than URI_LENGTH_MAX, or filling would hide it.
 */
enum { SEEN_MAX = 1024 * 1024, USERINFO_KEPT = 1024 };

/* The scheme that s begins with, without its colon; its length, or 0. */
static size_t scheme_length(str s)
{
	size_t n = 0;
	while (n < s.n && n < 24 &&
		(ascii_is_alnum(s.p[n]) || str_find_char(STR("+-.*"), s.p[n]) >= 0))
		n++;
	return n && n < s.n && s.p[n] == ':' && ascii_is_alpha(s.p[0]) ? n : 0;
}

/* Slashes behind the scheme, and what stands before the "@" of a host, can be as long as one likes:
 * browsers read past them, and so must whoever wants to know the host. Of each only so much is
 * kept.
 */
static void squeeze(struct buf *out, str s)
{
	size_t scheme = scheme_length(s), begin = scheme ? scheme + 1 : 0, end = begin;
	while (begin < s.n && str_find_char(STR("/\\"), s.p[begin]) >= 0)
		begin++;
	str slashes = str_first(str_skip(s, end), begin - end);
	ptrdiff_t stop = str_find_any(str_skip(s, begin), STR("/\\?#"));
	str authority = stop < 0 ? str_skip(s, begin) : str_first(str_skip(s, begin), (size_t)stop);
	ptrdiff_t at = str_find_last_char(authority, '@');
	size_t userinfo = at < 0 ? 0 : (size_t)at;
	buf_add(out, str_first(s, end));
	buf_add(out, str_first(slashes, 4));
	buf_add(out, str_first(authority, MIN(userinfo, (size_t)USERINFO_KEPT)));
	s = str_skip(s, begin + userinfo);
	buf_add(out, str_first(s, URI_LENGTH_MAX - out->n));
}

/* Without white space at the ends; tabs and line ends inside are dropped, as browsers do; in front
 * of the path, what is not seen and full-width characters too. */
static void clean(struct buf *out, str raw, uint32_t *flags)
{
	raw = str_first(str_trim(raw), SEEN_MAX);
	struct buf tight CLEANUP(buf_done) = BUF_INIT(SEEN_MAX);
	struct buf plain CLEANUP(buf_done) = BUF_INIT(SEEN_MAX);
	for (size_t i = 0; i < raw.n; i++) {
		if (str_find_char(STR("\t\r\n"), raw.p[i]) >= 0)
			*flags |= URI_SPACE;
		else if (raw.p[i] != '\0')
			buf_add_char(&tight, raw.p[i]);
	}
	uri_unmask(&plain, buf_str(&tight), flags);
	if (raw.n > URI_LENGTH_MAX)
		*flags |= URI_LONG;
	if (plain.n > URI_LENGTH_MAX)
		squeeze(out, buf_str(&plain));
	else
		buf_add(out, buf_str(&plain));
}

static const struct {
	const char *written, *meant;
	uint16_t port;
	uint32_t flags;
} schemes[] = {
	{ "http", "http", 80, 0 },
	{ "https", "https", 443, 0 },
	{ "ftp", "ftp", 21, 0 },
	{ "hxxp", "http", 80, URI_HXXP },
	{ "hxxps", "https", 443, URI_HXXP },
	{ "h**p", "http", 80, URI_HXXP },
	{ "h**ps", "https", 443, URI_HXXP },
	{ "htxp", "http", 80, URI_HXXP },
	{ "htxps", "https", 443, URI_HXXP },
	{ "fxp", "ftp", 21, URI_HXXP },
	{ "ws", "ws", 80, 0 },
	{ "wss", "wss", 443, 0 },
};

/* Its place in schemes[], or -1. */
static int web_scheme(str s)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (str_equal_nocase(s, str_from_z(schemes[i].written)))
			return (int)i;
	return -1;
}

static str cut_at(str *s, str set)
{
	ptrdiff_t at = str_find_any(*s, set);
	str head = at < 0 ? *s : str_first(*s, (size_t)at);
	*s = str_skip(*s, head.n);
	return head;
}

static bool keep_decoded(struct arena *a, str s, str *out)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	uri_percent_decode(&b, s);
	return keep(a, buf_str(&b), out);
}

/* Path, query and fragment. */
static bool read_tail(struct arena *a, str s, struct uri *out)
{
	str path = cut_at(&s, STR("?#"));
	str query = STR_EMPTY;
	if (str_starts(s, STR("?"))) {
		query = cut_at(&s, STR("#"));
		query = str_skip(query, 1);
	}
	return keep_decoded(a, path, &out->path) && keep_decoded(a, query, &out->query) &&
	       keep_decoded(a, str_skip(s, 1), &out->fragment);
}

void uri_defang(struct buf *out, str s, uint32_t *flags)
{
	static const char *const dots[] = { "[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}" };
	while (s.n) {
		size_t n = 0;
		bool open = s.p[0] == '[' || s.p[0] == '(' || s.p[0] == '{';
		for (size_t i = 0; open && !n && i < ARRAY_LEN(dots); i++)
			if (str_starts_nocase(s, str_from_z(dots[i])))
				n = strlen(dots[i]);
		buf_add_char(out, n ? '.' : s.p[0]);
		*flags |= n ? URI_DEFANGED : 0;
		s = str_skip(s, n ? n : 1);
	}
}

bool uri_is_web_scheme(str s)
{
	return web_scheme(s) >= 0;
}

static void read_port(str text, uint16_t usual, struct uri *out)
{
	uint64_t port;
	if (!str_to_u64(text, 65535, &port))
		return;
	out->port = (uint16_t)port;
	out->flags |= port != usual ? URI_PORT : 0;
}

/* user:password@host:port. The last "@" counts, as many as there may be. */
static bool read_authority(struct arena *a, str s, uint16_t usual_port, struct uri *out)
{
	struct buf host CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	ptrdiff_t at = str_find_last_char(s, '@');
	if (at >= 0) {
		out->flags |= at ? URI_USERINFO : 0;
		if (!keep_decoded(a, str_first(s, (size_t)at), &out->userinfo))
			return false;
		s = str_skip(s, (size_t)at + 1);
	}
	ptrdiff_t colon = str_find_last_char(s, ':'), bracket = str_find_last_char(s, ']');
	if (colon > bracket) {
		read_port(str_skip(s, (size_t)colon + 1), usual_port, out);
		s = str_first(s, (size_t)colon);
	}
	uri_defang(&scratch, s, &out->flags);
	return uri_host(&host, buf_str(&scratch), &out->flags) &&
	       keep(a, buf_str(&host), &out->host);
}

/* Behind the scheme of a web address: any number of slashes of either kind, then the authority. */
static bool read_web(struct arena *a, str s, uint16_t usual_port, struct uri *out)
{
	size_t skip = 0;
	for (; skip < s.n && (s.p[skip] == '/' || s.p[skip] == '\\'); skip++)
		out->flags |= s.p[skip] == '\\' ? URI_BACKSLASH : 0;
	s = str_skip(s, skip);
	str authority = cut_at(&s, STR("/\\?#"));
	out->flags |= str_starts(s, STR("\\")) ? URI_BACKSLASH : 0;
	return read_authority(a, authority, usual_port, out) && read_tail(a, s, out);
}

static bool read_mailto(struct arena *a, str s, struct uri *out)
{
	str address = cut_at(&s, STR("?"));
	struct buf text CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	struct buf host CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	uri_percent_decode(&text, address);
	str decoded = buf_str(&text), rest;
	str_cut(decoded, ',', &decoded, &rest);
	ptrdiff_t at = str_find_last_char(decoded, '@');
	bool good = keep_decoded(a, str_skip(s, 1), &out->query) &&
		    keep(a, str_trim(str_first(decoded, at < 0 ? decoded.n : (size_t)at)),
			    &out->userinfo);
	if (at >= 0 && uri_host(&host, str_skip(decoded, (size_t)at + 1), &out->flags))
		good = good && keep(a, buf_str(&host), &out->host);
	return good;
}

/* "//host", "www.host", "host.tld/path"; or relative to `base`. */
static bool read_without_scheme(struct arena *a, str s, str base, struct uri *out)
{
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(2 * URI_LENGTH_MAX);
	str rest = s, head = cut_at(&rest, STR("/\\?#:"));
	bool slashes = s.n > 1 && str_find_char(STR("/\\"), s.p[0]) >= 0 &&
		       str_find_char(STR("/\\"), s.p[1]) >= 0;
	out->scheme = STR("http");
	if (slashes || str_starts_nocase(head, STR("www.")) ||
		(!base.n && uri_known_tld(head, !str_starts(rest, STR("/"))))) {
		out->flags |= URI_NO_SCHEME;
		return read_web(a, s, 80, out);
	}
	int scheme = web_scheme(str_first(base, scheme_length(base)));
	if (scheme < 0 || s.n == 0)
		return false;
	out->scheme = str_from_z(schemes[scheme].meant);
	base = str_skip(base, scheme_length(base) + 1);
	while (str_starts(base, STR("/")))
		base = str_skip(base, 1);
	str authority = cut_at(&base, STR("/?#"));
	str path = cut_at(&base, STR("?#"));
	str folder = str_first(path, (size_t)(str_find_last_char(path, '/') + 1));
	buf_add(&scratch, authority);
	buf_add(&scratch, s.p[0] == '/' ? STR_EMPTY : folder.n ? folder : STR("/"));
	buf_add(&scratch, s);
	return read_web(a, buf_str(&scratch), schemes[scheme].port, out);
}

bool uri_parse(struct arena *a, str raw, str base, struct uri *out)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	struct uri u = { .scheme = STR_EMPTY,
		.userinfo = STR_EMPTY,
		.host = STR_EMPTY,
		.path = STR_EMPTY,
		.query = STR_EMPTY,
		.fragment = STR_EMPTY,
		.raw = raw };
	clean(&text, raw, &u.flags);
	str s = buf_str(&text);
	size_t n = scheme_length(s);
	int web = web_scheme(str_first(s, n));
	bool good;
	if (web >= 0) {
		u.scheme = str_from_z(schemes[web].meant);
		u.flags |= schemes[web].flags;
		good = read_web(a, str_skip(s, n + 1), schemes[web].port, &u);
	} else if (str_equal_nocase(str_first(s, n), STR("mailto"))) {
		u.scheme = STR("mailto");
		good = read_mailto(a, str_skip(s, n + 1), &u);
	} else if (n && str_find_char(str_first(s, n), '.') < 0) {
		good = keep(a, str_first(s, n), &u.scheme) &&
		       keep_decoded(a, str_skip(s, n + 1), &u.path);
		for (size_t i = 0; good && i < u.scheme.n; i++)
			((char *)(uintptr_t)u.scheme.p)[i] = ascii_lower(u.scheme.p[i]);
	} else {
		good = read_without_scheme(a, s, base, &u);
	}
	if (good)
		*out = u;
	return good;
}
