/*
 * dmarc_lookup.c: the DNS tree walk (RFC 9989 §4.10), and what takes its place with the
 * public-suffix list (RFC 7489 §3.2, RFC 9091).
 */
#include "mailauth/dmarc_internal.h"

#include "mailauth/domain.h"

#include <libpsl.h>

enum { ANSWER_ARENA_MAX = 1024 * 1024 };

#define SECOND INT64_C(1000000000)

static bool fail(struct dmarc_lookup *l, enum dns_type type, str name, str why)
{
	if (l->failure.n == 0)
		l->failure = arena_printf(l->arena, "%s %.*s: %.*s",
			type == DNS_TYPE_TXT ? "TXT" : "address or MX of", STR_ARG(name),
			STR_ARG(str_first(why, 120)));
	return false;
}

static bool may_ask(struct dmarc_lookup *l)
{
	if (l->questions >= DMARC_QUESTIONS_MAX)
		return false;
	if (!l->dns->now)
		return true;
	int64_t now = l->dns->now(l->dns->context);
	if (l->questions == 0)
		l->begun = now;
	return now - l->begun < DMARC_SECONDS_MAX * SECOND;
}

static bool ask(struct dmarc_lookup *l, enum dns_type type, str name, struct arena *a,
	struct dns_answer *out)
{
	if (!may_ask(l))
		return fail(l, type, name, STR("not asked: over the limit of one check"));
	l->questions++;
	dns_lookup(l->dns, type, name, a, out);
	if (!dns_failed(out->status))
		return true;
	return fail(
		l, type, name, out->why.n ? out->why : str_from_z(dns_status_name(out->status)));
}

/* ---- records ---- */

static void take_records(
	struct dmarc_lookup *l, const struct dns_answer *answer, struct dmarc_node *node)
{
	for (size_t i = 0; answer->status == DNS_FOUND && i < answer->n; i++) {
		struct dmarc_record record;
		if (!dmarc_record_parse(answer->records[i].text, l->arena, &record))
			continue;
		if (node->state != DMARC_NODE_NONE) {
			node->state = DMARC_NODE_SEVERAL;
			return;
		}
		node->state = DMARC_NODE_RECORD;
		node->text = arena_str(l->arena, answer->records[i].text);
	}
	/* Again, so that the slices are those of the copy. */
	if (node->state == DMARC_NODE_RECORD &&
		!dmarc_record_parse(node->text, l->arena, &node->record))
		node->state = DMARC_NODE_NONE;
}

static struct dmarc_node *node_at(struct dmarc_lookup *l, str name)
{
	for (struct dmarc_node *node = l->nodes; node; node = node->next)
		if (str_equal(node->name, name))
			return node;
	struct dmarc_node *node = arena_new(l->arena, struct dmarc_node);
	*node = (struct dmarc_node){ .next = l->nodes, .name = name, .text = STR_EMPTY };
	l->nodes = node;
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(ANSWER_ARENA_MAX);
	struct dns_answer answer;
	str asked = arena_join(l->arena, STR("_dmarc."), name);
	if (asked.n > DOMAIN_NAME_MAX) /* cannot be there */
		return node;
	if (ask(l, DNS_TYPE_TXT, asked, &scratch, &answer))
		take_records(l, &answer, node);
	else
		node->state = DMARC_NODE_FAILED;
	return node;
}

/* ---- the tree walk ---- */

struct walk {
	const struct dmarc_node
		*nodes[DMARC_LABELS_MAX]; /* from the longest name to the shortest */
	size_t n;
	bool failed; /* at the last of them */
};

static bool ends_walk(const struct dmarc_node *node)
{
	return node->state == DMARC_NODE_RECORD && node->record.psd != DMARC_PSD_UNKNOWN;
}

static struct walk walk(struct dmarc_lookup *l, str domain)
{
	struct walk w = { .n = 0 };
	str target = domain;
	while (target.n && w.n < DMARC_LABELS_MAX) {
		const struct dmarc_node *node = node_at(l, target);
		w.nodes[w.n++] = node;
		w.failed = node->state == DMARC_NODE_FAILED;
		if (w.failed || ends_walk(node))
			break;
		/* Eight labels or more go on with seven. */
		target = domain_last_labels(domain_parent(target), DMARC_LABELS_MAX - 1);
	}
	return w;
}

static const struct dmarc_node *walk_find(const struct walk *w, str name)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->nodes[i]->state == DMARC_NODE_RECORD && str_equal(w->nodes[i]->name, name))
			return w->nodes[i];
	return NULL;
}

static const struct dmarc_node *walk_suffix(const struct walk *w)
{
	for (size_t i = 1; i < w->n; i++)
		if (ends_walk(w->nodes[i]) && w->nodes[i]->record.psd == DMARC_PSD_YES)
			return w->nodes[i];
	return NULL;
}

/* RFC 9989 §4.10.2. */
static str walk_organization(const struct walk *w, str domain)
{
	str shortest = domain;
	for (size_t i = 0; i < w->n; i++) {
		const struct dmarc_node *node = w->nodes[i];
		if (node->state != DMARC_NODE_RECORD)
			continue;
		if (node->record.psd == DMARC_PSD_NO)
			return node->name;
		/* Where the walk began, that is the name itself. */
		if (node->record.psd == DMARC_PSD_YES)
			return domain_last_labels(domain, domain_label_count(node->name) + 1);
		shortest = node->name;
	}
	return shortest;
}

/* ---- the public-suffix list ---- */

str dmarc_organization_psl(str domain)
{
	char name[DOMAIN_NAME_MAX + 1];
	if (!str_copy_z(domain, name, sizeof name))
		return domain;
	const char *found = psl_registrable_domain(psl_builtin(), name);
	return found ? str_skip(domain, (size_t)(found - name)) : domain;
}

static bool find_with_list(struct dmarc_lookup *l, str domain, const struct dmarc_node **out)
{
	str organization = dmarc_organization_psl(domain);
	const str names[] = { domain, organization, domain_parent(organization) };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].n == 0 || (i == 1 && str_equal(names[1], names[0])))
			continue;
		const struct dmarc_node *node = node_at(l, names[i]);
		if (node->state == DMARC_NODE_FAILED)
			return false;
		/* Above the organization only what says itself that it stands there for all. */
		if (node->state == DMARC_NODE_RECORD &&
			(i < 2 || node->record.psd == DMARC_PSD_YES)) {
			*out = node;
			return true;
		}
	}
	*out = NULL;
	return true;
}

/* ---- both ---- */

bool dmarc_organization(struct dmarc_lookup *l, str domain, str *out)
{
	if (l->method == DMARC_PUBLIC_SUFFIX) {
		*out = dmarc_organization_psl(domain);
		return true;
	}
	struct walk w = walk(l, domain);
	if (w.failed)
		return false;
	*out = walk_organization(&w, domain);
	return true;
}

/* RFC 9989 §4.10.1: the author's domain, its organizational domain, its public suffix. */
bool dmarc_policy_find(struct dmarc_lookup *l, str domain, const struct dmarc_node **out)
{
	if (l->method == DMARC_PUBLIC_SUFFIX)
		return find_with_list(l, domain, out);
	*out = node_at(l, domain);
	if ((*out)->state == DMARC_NODE_RECORD)
		return true;
	struct walk w = walk(l, domain);
	if (w.failed)
		return false;
	*out = walk_find(&w, walk_organization(&w, domain));
	if (!*out)
		*out = walk_suffix(&w);
	return true;
}

bool dmarc_domain_exists(struct dmarc_lookup *l, str domain, bool *out)
{
	static const enum dns_type types[] = { DNS_TYPE_MX, DNS_TYPE_A, DNS_TYPE_AAAA };
	*out = false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct arena scratch CLEANUP(arena_done) = ARENA_INIT(ANSWER_ARENA_MAX);
		struct dns_answer answer;
		if (!ask(l, types[i], domain, &scratch, &answer))
			return false;
		*out = answer.status == DNS_FOUND;
		if (*out || answer.status == DNS_NXDOMAIN)
			return true;
	}
	return true;
}
