#include "main/scan_local.h"

#include "base/clock.h"
#include "directory/directory.h"
#include "directory/local_list.h"
#include "main/cli.h"

#include <errno.h>
#include <stdlib.h>

enum { ROUTE_MAX = 1024 * 1024 };

struct scan_local {
	struct directory *directory;
	struct local_lists *lists;
	struct local_source source;
	struct arena arena;
	str domain; /* of the recipient; empty: none is given */
	struct judge_destination *destinations;
	size_t count;
};

static int find(
	void *context, const struct local_query *query, struct arena *a, struct local_answer *out)
{
	struct scan_local *l = context;
	struct local_query now = *query;
	struct err err;
	now.now = clock_wall() / NSEC_PER_SEC;
	int rc = local_lists_find(l->lists, &now, a, out, &err);
	if (rc < 0)
		cli_warning("the lists of our own cannot be looked into: %s", err.text);
	return rc;
}

/* In hundredths there. */
static double threshold(int64_t own)
{
	return (double)own / 100;
}

static int take_recipient(struct scan_local *l, str recipient, struct err *err)
{
	struct directory_route route;
	int rc = directory_resolve(l->directory, recipient, &l->arena, &route, err);
	if (rc == 0 && route.answer != DIRECTORY_DELIVER)
		rc = err_set(err, ENOENT, "--rcpt: nobody here has the address %.*s",
			STR_ARG(recipient));
	if (rc < 0)
		return rc;
	l->domain = str_skip(recipient, (size_t)(str_find_last_char(recipient, '@') + 1));
	l->destinations = arena_array(&l->arena, struct judge_destination, route.n);
	l->count = route.n;
	for (size_t i = 0; i < route.n; i++)
		l->destinations[i] = (struct judge_destination){ .account = route.to[i].account,
			.recipient = recipient,
			.junk_at = threshold(route.to[i].junk_at),
			.reject_at = threshold(route.to[i].reject_at) };
	return 0;
}

int scan_local_open(const struct config *config, str recipient, struct scan_local **out)
{
	struct scan_local *l = xcalloc(1, sizeof *l);
	struct err err = { "" };
	l->arena.max = ROUTE_MAX;
	l->source = (struct local_source){ find, l };
	int rc = directory_open(
		config->data_dir.p, config->directory.detail_separator, &l->directory, &err);
	bool opened = rc == 0;
	if (opened)
		l->lists = local_lists_new(directory_store_of(l->directory));
	if (opened && recipient.n)
		rc = take_recipient(l, recipient, &err);
	*out = rc == 0 ? l : NULL;
	if (rc == 0)
		return EXIT_DONE;
	scan_local_close(l);
	if (recipient.n)
		return cli_err(&err);
	if (rc != -ENOENT)
		cli_warning("the lists of our own are not looked at: %s", err.text);
	return EXIT_DONE;
}

void scan_local_close(struct scan_local *l)
{
	if (!l)
		return;
	local_lists_free(l->lists);
	directory_close(l->directory);
	arena_done(&l->arena);
	free(l);
}

void scan_local_use(struct scan_local *l, struct judge_facts *facts)
{
	if (!l)
		return;
	facts->local = &l->source;
	facts->destinations = l->destinations;
	facts->destination_count = l->count;
	if (facts->domain.n == 0)
		facts->domain = l->domain;
}
