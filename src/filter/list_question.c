/*
 * list_question.c: which questions follow from what stands in a message, and in which order they
 * are cut off where there are too many: as they came, so that those about a sender come before
 * those about the thirtieth link.
 */
#include "filter/list_health.h"
#include "filter/lists.h"
#include "mailauth/dmarc.h"
#include "mailauth/domain.h"

#include <openssl/evp.h>

void list_batch_init(struct list_batch *b, const struct list_access *access,
	const struct config *config, struct arena *arena)
{
	*b = (struct list_batch){
		.access = access, .config = config, .arena = arena, .ours = STR_EMPTY
	};
	if (config->filter.lists.n == 0)
		b->access = NULL;
	if (b->access)
		b->items = arena_array(arena, struct list_question, LIST_QUESTIONS_MAX);
}

static bool is_working(const struct list_batch *b, const struct config_list *list)
{
	const struct list_health *h = lists_health(b->access->lists, list);
	return h && h->state == LIST_WORKING;
}

/* Adds what is not asked yet; where it is, the same answer serves. */
static void add(
	struct list_batch *b, const struct config_list *list, unsigned of, str thing, str name)
{
	if (!dns_name_is_askable(name))
		return;
	for (size_t i = 0; i < b->n; i++) {
		struct list_question *q = &b->items[i];
		if (q->list != list || !str_equal(q->name, name))
			continue;
		q->of |= of;
		return;
	}
	if (b->n == LIST_QUESTIONS_MAX) {
		b->truncated = true;
		return;
	}
	b->items[b->n++] = (struct list_question){
		.list = list, .of = of, .thing = thing, .name = name, .status = DNS_TEMPORARY
	};
}

/* The lists that are asked about such things, one after the other. */
static const struct config_list *next_list(
	const struct list_batch *b, size_t *at, unsigned kinds, unsigned of)
{
	const struct config_lists *lists = &b->config->filter.lists;
	while (b->access && *at < lists->n) {
		const struct config_list *list = &lists->items[(*at)++];
		if (of == CONFIG_OF_RECEIVED && b->hop >= list->max_received)
			continue;
		if (list->kinds & kinds && list->of & of && is_working(b, list))
			return list;
	}
	return NULL;
}

/* Whether there is room for one more name of a URI. */
static bool admit(struct list_batch *b, unsigned of)
{
	if (of != CONFIG_OF_URI)
		return true;
	if (b->uri_names == LIST_URI_NAMES_MAX) {
		b->truncated = true;
		return false;
	}
	b->uri_names++;
	return true;
}

static bool asked_about(const struct list_batch *b, unsigned of, str thing)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].of & of && str_equal(b->items[i].thing, thing))
			return true;
	return false;
}

void list_add_ip(struct list_batch *b, enum config_list_of of, const struct ip *ip)
{
	unsigned kind = ip_is_v4(ip) ? CONFIG_LIST_IPV4 : CONFIG_LIST_IPV6;
	char text[IP_TEXT_SIZE];
	size_t n = ip_format(ip, text), at = 0;
	if (!b->access || ip_is_private(ip) ||
		ip_networks_contain(&b->config->filter.lists_skip, ip) ||
		asked_about(b, of, str_from(text, n)) || !admit(b, of))
		return;
	str thing = arena_str(b->arena, str_from(text, n));
	for (const struct config_list *list; (list = next_list(b, &at, kind, of));)
		add(b, list, of, thing, dns_reverse_name(ip, list->suffix, b->arena));
}

/* Names of our own are no news to anybody. */
static bool is_ours(const struct list_batch *b, str name)
{
	str ours;
	if (b->ours.n && domain_ascii(b->ours, b->arena, &ours) && domain_is_within(name, ours))
		return true;
	return domain_ascii(b->config->hostname, b->arena, &ours) &&
	       domain_is_within(name, dmarc_organization_psl(ours));
}

static void add_domain(struct list_batch *b, enum config_list_of of, str name)
{
	str registered = dmarc_organization_psl(name);
	size_t at = 0;
	if (is_ours(b, name) || (asked_about(b, of, name) && asked_about(b, of, registered)) ||
		!admit(b, of))
		return;
	for (const struct config_list *list;
		(list = next_list(b, &at, CONFIG_LIST_DOMAIN | CONFIG_LIST_HOST, of));) {
		str thing = list->kinds & CONFIG_LIST_HOST ? name : registered;
		add(b, list, of, thing,
			arena_printf(b->arena, "%.*s.%.*s", STR_ARG(thing), STR_ARG(list->suffix)));
	}
}

/* An address as a URI or a domain literal has it: in brackets, with a tag. */
static bool is_ip(str name, struct ip *out)
{
	if (str_starts(name, STR("[")) && str_ends(name, STR("]")))
		name = str_first(str_skip(name, 1), name.n - 2);
	if (str_starts_nocase(name, STR("IPv6:")))
		name = str_skip(name, 5);
	return ip_parse(name, out);
}

void list_add_name(struct list_batch *b, enum config_list_of of, str name)
{
	struct ip ip;
	str domain;
	if (!b->access || name.n == 0 || name.n > 4 * DOMAIN_NAME_MAX)
		return;
	if (str_ends(name, STR(".")))
		name = str_first(name, name.n - 1);
	if (is_ip(name, &ip))
		list_add_ip(b, of, &ip);
	else if (domain_ascii(name, b->arena, &domain) && domain_label_count(domain) > 1)
		add_domain(b, of, domain);
}

/* ── Hashes ───────────────────────────────────────────────────────────────────────────────── */

static void put_hex(const unsigned char *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%02x", p[i]);
}

/* RFC 4648 §6, in lower case and without padding. */
static void put_base32(const unsigned char *p, size_t n, struct buf *out)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned bits = 0, value = 0;
	for (size_t i = 0; i < n; i++) {
		value = value << 8 | p[i];
		for (bits += 8; bits >= 5; bits -= 5)
			buf_add_char(out, digits[value >> (bits - 5) & 31]);
	}
	if (bits)
		buf_add_char(out, digits[value << (5 - bits) & 31]);
}

static bool hash_text(enum config_list_hash hash, str text, struct buf *out)
{
	static const EVP_MD *(*const kinds[])(void) = { [CONFIG_HASH_MD5] = EVP_md5,
		[CONFIG_HASH_SHA1] = EVP_sha1,
		[CONFIG_HASH_SHA256] = EVP_sha256,
		[CONFIG_HASH_SHA256_BASE32] = EVP_sha256 };
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;
	/* A machine in FIPS mode has no MD5. */
	if (!EVP_Digest(text.p, text.n, digest, &n, kinds[hash](), NULL))
		return false;
	(hash == CONFIG_HASH_SHA256_BASE32 ? put_base32 : put_hex)(digest, n, out);
	return true;
}

void list_add_address(struct list_batch *b, enum config_list_of of, str address)
{
	ptrdiff_t at_sign = str_find_last_char(address, '@');
	if (!b->access || at_sign <= 0 || address.n > 4 * DOMAIN_NAME_MAX)
		return;
	list_add_name(b, of, str_skip(address, (size_t)at_sign + 1));
	str lower = arena_lower(b->arena, address);
	size_t at = 0;
	for (const struct config_list *list; (list = next_list(b, &at, CONFIG_LIST_HASH, of));) {
		struct buf name CLEANUP(buf_done) = BUF_INIT(512);
		if (!hash_text(list->hash, lower, &name))
			continue;
		buf_printf(&name, ".%.*s", STR_ARG(list->suffix));
		add(b, list, of, lower, arena_str(b->arena, buf_str(&name)));
	}
}
