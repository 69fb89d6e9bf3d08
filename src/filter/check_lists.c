/*
 * check_lists.c: what lists in the DNS say about the client, the way that the message came, its
 * senders and its links. The client's address was asked about with the envelope.
 */
#include "filter/check.h"
#include "filter/list_health.h"
#include "mail/header.h"
#include "mail/received.h"

enum {
	ADDRESSES_MAX = 10, /* of a field that are asked about */
	ADDRESS_MAX = 500,
	EVIDENCE_THINGS = 5,
};

/* ── What is asked ────────────────────────────────────────────────────────────────────────── */

static void add_received(struct judgement *j)
{
	struct list_batch *b = &j->list_batch;
	struct header_field field;
	struct ip ip;
	str helo;
	for (size_t at = 0;
		b->hop < CONFIG_LIST_RECEIVED_MAX && header_next(j->header, &at, &field);) {
		if (!str_equal_nocase(field.name, STR("Received")) ||
			!received_client(field.value, &ip, &helo))
			continue;
		if (!ip_equal(&ip, &j->facts->client))
			list_add_ip(b, CONFIG_OF_RECEIVED, &ip);
		b->hop++;
	}
}

static void add_addresses(
	struct judgement *j, const struct address_list *list, enum config_list_of of)
{
	for (size_t i = 0; i < MIN(list->n, (size_t)ADDRESSES_MAX); i++) {
		const struct address *a = &list->list[i];
		if (a->kind == ADDRESS_MAILBOX && a->host.n)
			list_add_address(&j->list_batch, of,
				arena_printf(j->arena, "%.*s@%.*s",
					STR_ARG(str_first(a->mailbox, ADDRESS_MAX)),
					STR_ARG(str_first(a->host, ADDRESS_MAX))));
	}
}

/* What a reader can follow comes first, so that no crowd of images hides it. */
static void add_uris(struct judgement *j)
{
	static const uint32_t links = 1 << URI_IN_LINK | 1 << URI_IN_FORM, text = 1 << URI_IN_TEXT;
	const struct uri_set *uris = &j->mail.uris;
	for (int pass = 0; pass < 3; pass++)
		for (size_t i = 0; i < uris->n; i++) {
			uint32_t where = uris->list[i].where;
			int rank = where & links ? 0 : where & text ? 1 : 2;
			if (rank == pass)
				list_add_name(
					&j->list_batch, CONFIG_OF_URI, uris->list[i].uri.host);
		}
}

static void begin(struct judgement *j)
{
	const struct envelope_result *e = j->envelope;
	list_batch_init(&j->list_batch, j->message->lists, j->config, j->arena);
	if (!j->list_batch.access)
		return;
	j->list_batch.ours = j->facts->domain;
	if (e->rdns.result == RDNS_PASS)
		list_add_name(&j->list_batch, CONFIG_OF_RDNS, e->rdns.name);
	list_add_name(&j->list_batch, CONFIG_OF_HELO, j->facts->helo);
	list_add_address(&j->list_batch, CONFIG_OF_SENDER, j->facts->sender);
	add_addresses(j, &j->mail.from, CONFIG_OF_FROM);
	add_addresses(j, &j->mail.reply_to, CONFIG_OF_REPLY_TO);
	add_received(j);
	add_uris(j);
	list_batch_begin(&j->list_batch);
}

static void end(struct judgement *j)
{
	for (size_t i = 0; i < j->dkim.n; i++)
		if (j->dkim.signatures[i].result == DKIM_PASS)
			list_add_name(&j->list_batch, CONFIG_OF_DKIM, j->dkim.signatures[i].domain);
	list_batch_finish(&j->list_batch, j->arena, &j->lists);
}

/* ── What it means ────────────────────────────────────────────────────────────────────────── */

static enum finding_name name_of(const struct list_result *r)
{
	if (r->score < 0)
		return FINDING_ALLOW_LISTED;
	if (r->of == CONFIG_OF_RECEIVED)
		return FINDING_LISTED_RECEIVED;
	return r->of == CONFIG_OF_URI ? FINDING_LISTED_URI : FINDING_LISTED;
}

/* "client 192.0.2.1", "uri a.test, b.test": what has this label, from the i-th result on. */
static void put_things(const struct list_results *all, size_t i, struct buf *out)
{
	size_t n = 0;
	for (size_t k = i; k < all->n; k++) {
		const struct list_result *r = &all->items[k];
		if (!str_equal(r->label, all->items[i].label))
			continue;
		if (n++ == EVIDENCE_THINGS)
			buf_add(out, STR(" …"));
		if (n > EVIDENCE_THINGS)
			continue;
		buf_printf(out, "%s%.*s", n > 1 ? ", " : "", STR_ARG(r->thing));
		for (size_t bit = 0; bit < CONFIG_OF_COUNT; bit++)
			if (r->of & 1U << bit)
				buf_printf(out, " (%s)",
					config_list_of_name((enum config_list_of)(1U << bit)));
	}
}

static bool told_before(const struct list_results *all, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (str_equal(all->items[k].label, all->items[i].label))
			return true;
	return false;
}

/* One finding a label, whatever number of things has it. */
static void report_results(struct judgement *j, const struct list_results *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct list_result *r = &all->items[i];
		if (r->label.n == 0 || told_before(all, i))
			continue;
		struct buf evidence CLEANUP(buf_done) = BUF_INIT(4096);
		put_things(all, i, &evidence);
		if (r->text.n)
			buf_printf(&evidence, ": %.*s", STR_ARG(r->text));
		finding_add_labelled(
			&j->findings, name_of(r), r->label, r->score, buf_str(&evidence));
	}
}

static void report(struct judgement *j)
{
	report_results(j, &j->envelope->lists);
	report_results(j, &j->lists);
	const struct config_lists *lists = &j->config->filter.lists;
	for (size_t i = 0; j->list_batch.access && i < lists->n; i++) {
		const struct list_health *h =
			lists_health(j->list_batch.access->lists, &lists->items[i]);
		if (h && h->state == LIST_BROKEN)
			judgement_find(j, FINDING_LIST_BROKEN, "%.*s: %s",
				STR_ARG(lists->items[i].name), h->why);
	}
}

const struct check check_lists = { .name = "lists",
	.stage = CHECK_MESSAGE,
	.cost = CHECK_COSTLY,
	.begin = begin,
	.end = end,
	.report = report };
