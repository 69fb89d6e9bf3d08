/*
 * check_author.c: who the message says it is from, and whether that fits together.
 *
 * Where DMARC has passed the domain is what it says: then a name with another address in it is a
 * habit of lists and ticket systems, and no lie.
 */
#include "filter/check.h"
#include "mail/confusable.h"
#include "mail/uri_host.h"
#include "mailauth/domain.h"

static const struct {
	const char *name, *domains;
} brands[] = {
#define BRAND(name, domains) { name, domains },
#include "rules/brands.def"
#undef BRAND
};

static const char *const free_mail[] = {
#define FREE_MAIL(domain) domain,
#include "rules/free_mail.def"
#undef FREE_MAIL
};

static bool is_free(str domain)
{
	for (size_t i = 0; i < ARRAY_LEN(free_mail); i++)
		if (str_equal(domain, str_from_z(free_mail[i])))
			return true;
	return false;
}

static const struct address *first_mailbox(const struct address_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->list[i].kind == ADDRESS_MAILBOX)
			return &list->list[i];
	return NULL;
}

static size_t count_mailboxes(const struct address_list *list)
{
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++)
		n += list->list[i].kind == ADDRESS_MAILBOX;
	return n;
}

/* ── The display name ─────────────────────────────────────────────────────────────────────── */

/* "Alice <bob@else.test>" as a name: what stands around the '@'. */
static void name_holds_address(struct judgement *j, str name, str domain)
{
	ptrdiff_t at = str_find_char(name, '@');
	if (at < 1 || judgement_is_aligned(j))
		return;
	str host = str_skip(name, (size_t)at + 1), other;
	ptrdiff_t end = str_find_any(host, STR(" \t<>()[]\"',;:"));
	host = end < 0 ? host : str_first(host, (size_t)end);
	while (str_ends(host, STR(".")))
		host.n--;
	if (domain_ascii(host, j->arena, &other) && domain_label_count(other) > 1 &&
		!same_organization(other, domain))
		judgement_find(j, FINDING_FROM_NAME_ADDRESS, "\"%.*s\" writes as @%.*s",
			STR_ARG(str_first(name, 100)), STR_ARG(domain));
}

static bool is_word_at(str text, size_t at, size_t n)
{
	bool before = at == 0 || !ascii_is_alnum(text.p[at - 1]);
	bool after = at + n >= text.n || !ascii_is_alnum(text.p[at + n]);
	return before && after;
}

static bool has_word(str text, str word)
{
	for (size_t at = 0; at + word.n <= text.n; at++)
		if (str_equal_nocase(str_first(str_skip(text, at), word.n), word) &&
			is_word_at(text, at, word.n))
			return true;
	return false;
}

static bool is_within_one_of(str domain, str domains)
{
	str one, rest = domains;
	while (rest.n) {
		str_cut(rest, ' ', &one, &rest);
		if (domain_is_within(domain, one))
			return true;
	}
	return false;
}

static void name_is_a_brand(struct judgement *j, str name, str domain)
{
	for (size_t i = 0; i < ARRAY_LEN(brands); i++)
		if (has_word(name, str_from_z(brands[i].name)) &&
			!is_within_one_of(domain, str_from_z(brands[i].domains))) {
			judgement_find(j, FINDING_FROM_BRAND, "%s, from %.*s", brands[i].name,
				STR_ARG(domain));
			return;
		}
}

static void by_name(struct judgement *j, const struct address *from, str domain)
{
	struct buf plain CLEANUP(buf_done) = BUF_INIT(MAIL_FIELD_MAX);
	uint32_t flags = 0;
	str name = mail_decode_value(&j->mail, from->name);
	if (name.n == 0)
		return;
	uri_unmask(&plain, name, &flags);
	str shown = buf_str(&plain);
	if ((flags & (URI_INVISIBLE | URI_FULLWIDTH)) || text_mixes_scripts(shown))
		judgement_find(
			j, FINDING_FROM_NAME_DISGUISED, "%.*s", STR_ARG(str_first(shown, 100)));
	name_holds_address(j, shown, domain);
	name_is_a_brand(j, shown, domain);
}

/* ── Addresses ────────────────────────────────────────────────────────────────────────────── */

/* Lists set it to themselves. */
static void by_reply_to(struct judgement *j, str domain)
{
	const struct address *reply = first_mailbox(&j->mail.reply_to);
	struct header_field field;
	str other;
	if (!reply || mail_header(&j->mail, STR("List-Id"), &field) ||
		!domain_ascii(reply->host, j->arena, &other) || same_organization(other, domain))
		return;
	judgement_find(j,
		is_free(other) && !is_free(domain) ? FINDING_REPLY_TO_FREE
						   : FINDING_REPLY_TO_ELSEWHERE,
		"%.*s, from %.*s", STR_ARG(other), STR_ARG(domain));
}

static void report(struct judgement *j)
{
	const struct address *from = first_mailbox(&j->mail.from);
	if (!from) {
		judgement_find(j, FINDING_FROM_MISSING, "%s", "");
		return;
	}
	if (count_mailboxes(&j->mail.from) > 1)
		judgement_find(j, FINDING_FROM_SEVERAL, "%zu", count_mailboxes(&j->mail.from));
	str domain = judgement_author_domain(j);
	if (domain.n == 0 || domain_label_count(domain) < 2)
		judgement_find(
			j, FINDING_FROM_INVALID, "%.*s", STR_ARG(str_first(from->host, 100)));
	if (domain.n == 0)
		return;
	by_name(j, from, domain);
	by_reply_to(j, domain);
}

const struct check check_author = {
	.name = "author", .stage = CHECK_MESSAGE, .cost = CHECK_COSTLY, .report = report
};
