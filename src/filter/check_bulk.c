/*
 * check_bulk.c: what mail to many has to offer its readers: a way to leave (RFC 2369, RFC 8058,
 * RFC 8601; CAN-SPAM §5), and an address.
 */
#include "filter/check.h"
#include "mailauth/domain.h"

enum {
	LINK_SEEN = 500,      /* of a link's text and path */
	TEXT_END = 64 * 1024, /* where addresses stand */
	WAYS_MAX = 20,        /* to leave */
};

static bool find(const struct judgement *j, const char *name, struct header_field *out)
{
	return mail_header(&j->mail, str_from_z(name), out);
}

/* By what senders of mail to many put into it; empty where nothing says so. */
static const char *sign_of_bulk(const struct judgement *j)
{
	static const char *const fields[] = { "List-Unsubscribe", "Feedback-ID", "X-CampaignID",
		"X-Campaign-ID", "X-Mailgun-Sid", "X-SG-EID", "X-MC-User", "X-CSA-Complaints",
		"X-EMarSys-Identify", "X-Report-Abuse" };
	struct header_field field;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (find(j, fields[i], &field))
			return fields[i];
	if (find(j, "Precedence", &field) && str_find_nocase(field.value, STR("bulk")) >= 0)
		return "Precedence";
	return "";
}

/* A link that says that it is for leaving: every newsletter has one, and nothing else. */
static bool has_leaving_link(const struct mail *m)
{
	static const char *const words[] = { "unsubscribe", "opt-out", "optout", "opt out",
		"abmelden", "abbestellen", "désinscri", "désabonner", "darse de baja", "cancellati",
		"afmelden", "wypisz" };
	for (size_t i = 0; i < m->uris.n; i++) {
		str text = str_first(m->uris.list[i].text, LINK_SEEN);
		str path = str_first(m->uris.list[i].uri.path, LINK_SEEN);
		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			if (str_find_nocase(text, str_from_z(words[k])) >= 0 ||
				str_find_nocase(path, str_from_z(words[k])) >= 0)
				return true;
	}
	return false;
}

/* ── An address on the ground ─────────────────────────────────────────────────────────────── */

static bool is_digit_at(str s, size_t at)
{
	return at < s.n && ascii_is_digit(s.p[at]);
}

/* Four to six digits by themselves, which most countries' postal codes are, beside a word with a
 * capital; or one of the words. */
static bool has_postal_code(str text)
{
	for (size_t at = 0, n; at < text.n; at += n + 1) {
		for (n = 0; is_digit_at(text, at + n);)
			n++;
		bool alone = (at == 0 || ascii_is_space(text.p[at - 1])) &&
			     (at + n >= text.n || !ascii_is_alnum(text.p[at + n]));
		str next = str_skip(text, at + n + 1);
		if (n >= 4 && n <= 6 && alone &&
			((next.n && next.p[0] >= 'A' && next.p[0] <= 'Z') ||
				(at > 2 && ascii_is_alpha(text.p[at - 2]))))
			return true;
	}
	return false;
}

static bool has_address(const struct mail *m)
{
	static const char *const words[] = { "p.o. box", "po box", "postfach", "street", "straße",
		"strasse", " str. ", "avenue", " ave ", "suite ", "boulevard", " road", " rue ",
		"piazza", "calle " };
	for (size_t i = 0; i < m->texts_n; i++) {
		str text = m->texts[i].visible;
		text = str_skip(text, text.n > TEXT_END ? text.n - TEXT_END : 0);
		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			if (str_find_nocase(text, str_from_z(words[k])) >= 0)
				return true;
		if (has_postal_code(text))
			return true;
	}
	return false;
}

/* ── List-Unsubscribe ─────────────────────────────────────────────────────────────────────── */

static bool has_signed(const struct judgement *j, str domain)
{
	for (size_t i = 0; i < j->dkim.n && j->has_dkim; i++)
		if (j->dkim.signatures[i].result == DKIM_PASS &&
			same_organization(j->dkim.signatures[i].domain, domain))
			return true;
	return same_organization(judgement_author_domain(j), domain) ||
	       (j->envelope->spf.result == SPF_PASS &&
		       same_organization(j->envelope->spf.domain, domain));
}

/* "<https://a.test/u?1>, <mailto:leave@a.test>" */
static void by_field(struct judgement *j, str value)
{
	str rest = value, raw, host;
	bool usable = false, known = false;
	for (size_t n = 0; rest.n && n < WAYS_MAX; n++) {
		ptrdiff_t from = str_find_char(rest, '<');
		str_cut(str_skip(rest, from < 0 ? rest.n : (size_t)from + 1), '>', &raw, &rest);
		struct uri uri;
		if (raw.n == 0 || !uri_parse(j->arena, raw, STR_EMPTY, &uri) ||
			!domain_ascii(uri.host, j->arena, &host))
			continue;
		usable = true;
		known = known || has_signed(j, host);
	}
	if (!usable)
		judgement_find(j, FINDING_UNSUBSCRIBE_ODD, "%.*s", STR_ARG(str_first(value, 100)));
	else if (!known)
		judgement_find(j, FINDING_UNSUBSCRIBE_FOREIGN, "%.*s", STR_ARG(host));
}

static void report(struct judgement *j)
{
	struct header_field field;
	const char *sign = sign_of_bulk(j);
	bool leaving = has_leaving_link(&j->mail);
	if (find(j, "List-Id", &field) || (!*sign && !leaving))
		return;
	judgement_find(j, FINDING_BULK, "%s", *sign ? sign : "a link to unsubscribe");
	if (!find(j, "List-Unsubscribe", &field)) {
		judgement_find(j, FINDING_BULK_NO_UNSUBSCRIBE, "%s", *sign ? sign : "");
	} else {
		by_field(j, field.value);
		if (!find(j, "List-Unsubscribe-Post", &field))
			judgement_find(j, FINDING_BULK_NO_ONE_CLICK, "%s", "");
	}
	if (!has_address(&j->mail))
		judgement_find(j, FINDING_BULK_NO_ADDRESS, "%s", "");
}

const struct check check_bulk = {
	.name = "bulk", .stage = CHECK_MESSAGE, .cost = CHECK_COSTLY, .report = report
};
