#include "main/stats_findings.h"

#include "filter/finding.h"
#include "main/tool.h"
#include "store/records.h"

#include <stdlib.h>

/* ── Reading ──────────────────────────────────────────────────────────────────────────────── */

struct reading {
	struct arena *arena;
	struct stats_findings *all;
	size_t max;
};

static void take(void *arg, const struct finding_count *c)
{
	struct reading *r = arg;
	struct stats_findings *all = r->all;
	struct stats_finding f = { .spam = c->spam, .ham = c->ham, .last = c->last };
	if (c->name.n == 0) {
		all->total = f;
		return;
	}
	if (all->n == r->max) {
		struct stats_finding *more =
			arena_array(r->arena, struct stats_finding, 2 * r->max);
		memcpy(more, all->items, all->n * sizeof *more);
		all->items = more;
		r->max *= 2;
	}
	f.name = arena_str(r->arena, c->name);
	all->items[all->n++] = f;
}

static int compare(const void *a, const void *b)
{
	const struct stats_finding *x = a, *y = b;
	uint64_t of_x = x->spam + x->ham, of_y = y->spam + y->ham;
	if (of_x != of_y)
		return of_x > of_y ? -1 : 1;
	return str_compare(x->name, y->name);
}

int stats_findings_read(const struct config *config, int64_t since, struct arena *a,
	struct stats_findings *out, struct err *err)
{
	enum { FIRST = 128 };
	struct records *records;
	*out = (struct stats_findings){ .since = since,
		.items = arena_array(a, struct stats_finding, FIRST) };
	struct reading reading = { a, out, FIRST };
	int rc = records_open(config->data_dir.p, RECORDS_READ_ONLY, &records, err);
	if (rc < 0)
		return rc;
	rc = records_counts(records, since, take, &reading, err);
	records_close(records);
	qsort(out->items, out->n, sizeof *out->items, compare);
	return rc;
}

/* ── What follows from it ─────────────────────────────────────────────────────────────────── */

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

double stats_findings_ratio(const struct stats_findings *all, const struct stats_finding *f)
{
	double spam = share(f->spam, all->total.spam), ham = share(f->ham, all->total.ham);
	if (all->total.spam == 0 || all->total.ham == 0 || spam + ham == 0)
		return -1;
	return spam / (spam + ham);
}

/* The reply of a list whose findings have this name. */
static bool list_score(const struct config *config, str name, double *out)
{
	bool received = str_ends(name, STR("_RECEIVED"));
	str base = received ? str_first(name, name.n - 9) : name;
	for (size_t i = 0; i < config->filter.lists.n; i++) {
		const struct config_list *l = &config->filter.lists.items[i];
		str rest = str_skip(base, l->name.n);
		if (!str_starts(base, l->name) || (rest.n && rest.p[0] != '_'))
			continue;
		rest = str_skip(rest, rest.n > 0);
		for (size_t k = 0; k < l->reply_count; k++) {
			if (!str_equal(l->replies[k].name, rest))
				continue;
			*out = received ? l->replies[k].received_score : l->replies[k].score;
			return true;
		}
	}
	return false;
}

bool stats_findings_score(const struct config *config, str name, double *out)
{
	size_t i = 0;
	while (i < FINDING_COUNT && !str_equal(str_from_z(finding_infos[i].name), name))
		i++;
	if (i == FINDING_COUNT)
		return list_score(config, name, out);
	enum config_mode mode = finding_infos[i].mode;
	*out = finding_infos[i].scores[EVIDENCE_NETWORK];
	for (size_t k = 0; k < config->filter.findings.n; k++) {
		const struct config_finding *own = &config->filter.findings.items[k];
		if (own->index != i)
			continue;
		*out = own->has_score ? own->score : *out;
		mode = own->has_mode ? own->mode : mode;
	}
	if (mode == CONFIG_MODE_OFF || mode == CONFIG_MODE_OBSERVE)
		*out = 0;
	return true;
}

void stats_day(int64_t day, char out[static STATS_DAY_SIZE])
{
	_Static_assert((int)STATS_DAY_SIZE == (int)TOOL_DATE_SIZE, "");
	tool_date(day * 86400, out);
}

/* ── Showing it ───────────────────────────────────────────────────────────────────────────── */

static void print_row(const struct config *config, const struct stats_findings *all,
	const struct stats_finding *f, struct buf *out)
{
	double ratio = stats_findings_ratio(all, f), score;
	buf_printf(out, "%-28.*s %9llu %8.1f %% %8.1f %% ", STR_ARG(f->name),
		(unsigned long long)(f->spam + f->ham), 100 * share(f->spam, all->total.spam),
		100 * share(f->ham, all->total.ham));
	if (ratio < 0)
		buf_printf(out, "%7s ", "-");
	else
		buf_printf(out, "%7.3f ", ratio);
	if (stats_findings_score(config, f->name, &score))
		buf_printf(out, "%8.2f\n", score);
	else
		buf_printf(out, "%8s\n", "-");
}

void stats_findings_print(
	const struct config *config, const struct stats_findings *all, size_t max, struct buf *out)
{
	if (all->n == 0)
		return;
	buf_printf(out, "%-28s %9s %10s %10s %7s %8s\n", "FINDING", "MESSAGES", "OF SPAM",
		"OF REST", "S/O", "SCORE");
	for (size_t i = 0; i < MIN(all->n, max); i++)
		print_row(config, all, &all->items[i], out);
	if (all->n > max)
		buf_printf(out, "and %zu more: postern stats findings\n", all->n - max);
}

static void put_finding(const struct config *config, const struct stats_findings *all,
	const struct stats_finding *f, struct json *j)
{
	char day[STATS_DAY_SIZE];
	double ratio = stats_findings_ratio(all, f), score;
	stats_day(f->last, day);
	json_object(j, NULL);
	json_str(j, "name", f->name);
	json_i64(j, "spam", (int64_t)f->spam);
	json_i64(j, "ham", (int64_t)f->ham);
	json_decimal(j, "spam_percent", 100 * share(f->spam, all->total.spam));
	json_decimal(j, "ham_percent", 100 * share(f->ham, all->total.ham));
	if (ratio >= 0)
		json_decimal(j, "ratio", ratio);
	if (stats_findings_score(config, f->name, &score))
		json_decimal(j, "score", score);
	json_str(j, "last", str_from_z(day));
	json_end(j);
}

void stats_findings_json(
	const struct config *config, const struct stats_findings *all, struct json *j)
{
	char day[STATS_DAY_SIZE];
	stats_day(all->since, day);
	json_str(j, "since", str_from_z(day));
	json_i64(j, "spam", (int64_t)all->total.spam);
	json_i64(j, "ham", (int64_t)all->total.ham);
	json_array(j, "findings");
	for (size_t i = 0; i < all->n; i++)
		put_finding(config, all, &all->items[i], j);
	json_end(j);
}
