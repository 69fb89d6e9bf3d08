#include "mailbox/names.h"

#include <errno.h>
#include <stdlib.h>

struct names_job {
	const struct names_wanted *wanted;
	struct arena *arena;
	struct account_mailbox *mailboxes;
	size_t mailbox_count;
	uint64_t *recent; /* of each mailbox; NULL: not wanted */
	str *subscriptions;
	size_t subscription_count;
};

static int read_recent(struct account *a, struct names_job *j, struct err *err)
{
	j->recent = arena_try(j->arena, (j->mailbox_count + 1) * sizeof *j->recent);
	if (!j->recent)
		return err_set(err, E2BIG, "there are too many mailboxes");
	int rc = 0;
	for (size_t i = 0; i < j->mailbox_count && rc == 0; i++)
		rc = account_recent_count(a, j->mailboxes[i].id, &j->recent[i], err);
	return rc;
}

static int read_names(struct account *a, void *arg, struct err *err)
{
	struct names_job *j = arg;
	int rc = account_mailbox_list(a, j->arena, &j->mailboxes, &j->mailbox_count, err);
	if (rc == 0 && j->wanted->recent)
		rc = read_recent(a, j, err);
	if (rc == 0 && j->wanted->subscriptions)
		rc = account_subscriptions(
			a, j->arena, &j->subscriptions, &j->subscription_count, err);
	return rc;
}

static size_t count_levels(str name)
{
	size_t n = 1;
	for (size_t i = 0; i < name.n; i++)
		n += name.p[i] == '/';
	return n;
}

/* Mailboxes have theirs already. */
static void add_parents(struct names *names, str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/')
			names->v[names->n++] = (struct name){ .name = str_first(name, i) };
}

static bool collect(const struct names_job *j, struct names *out)
{
	size_t max = j->mailbox_count + 1;
	for (size_t i = 0; i < j->subscription_count; i++)
		max += j->wanted->parents ? count_levels(j->subscriptions[i]) : 1;
	out->v = arena_try(j->arena, max * sizeof *out->v);
	if (!out->v)
		return false;
	for (size_t i = 0; i < j->mailbox_count; i++)
		out->v[out->n++] = (struct name){ .name = j->mailboxes[i].name,
			.mailbox = &j->mailboxes[i],
			.subscribed = j->mailboxes[i].subscribed,
			.recent = j->recent ? j->recent[i] : 0 };
	for (size_t i = 0; i < j->subscription_count; i++) {
		out->v[out->n++] = (struct name){ .name = j->subscriptions[i], .subscribed = true };
		if (j->wanted->parents)
			add_parents(out, j->subscriptions[i]);
	}
	return true;
}

/* INBOX first, then by bytes. */
static int compare_names(str a, str b)
{
	bool a_inbox = str_equal(a, STR("INBOX")), b_inbox = str_equal(b, STR("INBOX"));
	return a_inbox || b_inbox ? b_inbox - a_inbox : str_compare(a, b);
}

static int compare(const void *a, const void *b)
{
	return compare_names(((const struct name *)a)->name, ((const struct name *)b)->name);
}

/* Sorts, and makes one of those that are the same. */
static void merge(struct names *names)
{
	size_t n = 0;
	if (names->n)
		qsort(names->v, names->n, sizeof *names->v, compare);
	for (size_t i = 0; i < names->n; i++) {
		struct name *from = &names->v[i];
		if (n == 0 || !str_equal(names->v[n - 1].name, from->name)) {
			names->v[n++] = *from;
			continue;
		}
		struct name *into = &names->v[n - 1];
		into->subscribed |= from->subscribed;
		if (from->mailbox) {
			into->mailbox = from->mailbox;
			into->recent = from->recent;
		}
	}
	names->n = n;
}

int names_read(
	struct session *s, const struct names_wanted *wanted, struct names *out, struct err *err)
{
	struct names_job job = { .wanted = wanted, .arena = &s->arena };
	int rc = mailbox_run(s, read_names, &job, err);
	if (rc < 0)
		return rc;
	*out = (struct names){ .with_parents = wanted->parents };
	if (!collect(&job, out))
		return err_set(err, E2BIG, "there are too many names to list");
	merge(out);
	return 0;
}

struct name *names_find(const struct names *names, str name)
{
	size_t low = 0, high = names->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_names(name, names->v[middle].name);
		if (order == 0)
			return &names->v[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
