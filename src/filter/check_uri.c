/*
 * check_uri.c: where links lead, beside where they seem to.
 */
#include "filter/check.h"
#include "mail/confusable.h"
#include "mail/uri_host.h"
#include "mailauth/domain.h"

static const char *const shorteners[] = {
#define SHORTENER(host) host,
#include "rules/shorteners.def"
#undef SHORTENER
};

static bool is_followed(const struct uri_found *f)
{
	return f->where & (1U << URI_IN_LINK | 1U << URI_IN_FORM | 1U << URI_IN_TEXT);
}

static bool is_web(const struct uri_found *f)
{
	return str_starts(f->uri.scheme, STR("http"));
}

static void find_once(struct judgement *j, enum finding_name name, const struct uri_found *f)
{
	if (!finding_has(&j->findings, name))
		judgement_find(j, name, "%.*s", STR_ARG(str_first(f->uri.raw, 200)));
}

/* ── What is shown beside what is behind ──────────────────────────────────────────────────── */

/* The host that a link's text names; empty where the text is no address. */
static str host_shown(struct judgement *j, str text)
{
	struct uri uri;
	str host;
	text = str_trim(text);
	bool whole = text.n && str_find_any(text, STR(" \t\r\n@")) < 0;
	bool address = whole && (str_starts_nocase(text, STR("http")) ||
					str_starts_nocase(text, STR("www.")) ||
					str_find_char(text, '/') > 3);
	if (!address && !(whole && str_find_char(text, '.') > 0))
		return STR_EMPTY;
	if (!str_starts_nocase(text, STR("http")))
		text = arena_printf(j->arena, "http://%.*s", STR_ARG(str_first(text, 1000)));
	if (!uri_parse(j->arena, text, STR_EMPTY, &uri) ||
		!domain_ascii(uri.host, j->arena, &host) || domain_label_count(host) < 2 ||
		(!address && !uri_known_tld(host, true)))
		return STR_EMPTY;
	return host;
}

/* Known senders count clicks by way of another host; who that is stands in the signature. */
static void by_text(struct judgement *j, const struct uri_found *f)
{
	str shown = host_shown(j, f->text), leads;
	if (shown.n == 0)
		return;
	bool named = domain_ascii(f->uri.host, j->arena, &leads);
	if (named && same_organization(shown, leads))
		return;
	enum finding_name name = judgement_is_aligned(j) && named ? FINDING_LINK_ELSEWHERE_SIGNED
								  : FINDING_LINK_ELSEWHERE;
	if (!finding_has(&j->findings, name))
		judgement_find(j, name, "shows %.*s, leads to %.*s", STR_ARG(shown),
			STR_ARG(str_first(f->uri.host, 200)));
}

/* ── Its form ─────────────────────────────────────────────────────────────────────────────── */

static bool is_shortener(str host)
{
	for (size_t i = 0; i < ARRAY_LEN(shorteners); i++)
		if (str_equal(host, str_from_z(shorteners[i])))
			return true;
	return false;
}

static void by_form(struct judgement *j, const struct uri_found *f)
{
	static const struct {
		uint32_t flags;
		enum finding_name name;
	} table[] = {
		{ URI_IPV4 | URI_IPV6, FINDING_URI_ADDRESS },
		{ URI_IPV4_ODD, FINDING_URI_ADDRESS_ODD },
		{ URI_PUNYCODE, FINDING_URI_IDN },
		{ URI_USERINFO, FINDING_URI_CREDENTIALS },
		{ URI_PORT, FINDING_URI_PORT },
		{ URI_INVISIBLE | URI_FULLWIDTH | URI_BACKSLASH | URI_PERCENT_HOST,
			FINDING_URI_DISGUISED },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (f->uri.flags & table[i].flags)
			find_once(j, table[i].name, f);
	if ((f->uri.flags & URI_PUNYCODE) && host_is_confusable(f->uri.host))
		find_once(j, FINDING_URI_HOMOGRAPH, f);
	if (is_shortener(f->uri.host))
		find_once(j, FINDING_URI_SHORTENER, f);
}

static void report(struct judgement *j)
{
	for (size_t i = 0; i < j->mail.uris.n; i++) {
		const struct uri_found *f = &j->mail.uris.list[i];
		if (!is_web(f) || !is_followed(f))
			continue;
		by_form(j, f);
		if (f->where & 1U << URI_IN_LINK)
			by_text(j, f);
	}
	if (j->mail.uris.truncated)
		judgement_find(j, FINDING_URI_TRUNCATED, "%zu", j->mail.uris.n);
}

const struct check check_uri = {
	.name = "uri", .stage = CHECK_MESSAGE, .cost = CHECK_COSTLY, .report = report
};
