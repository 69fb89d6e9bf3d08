#include "main/stats_server.h"

#include "main/server.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PROCESSES_MAX = 1024, LISTS_MAX = 64, TEXT_MAX = 300 };

/* ── JSON ─────────────────────────────────────────────────────────────────────────────────── */

/* The beginning of a text; what is not printable ASCII, which nothing of this should have, becomes
 * a question mark. */
static str printable(str s, struct arena *a)
{
	s = str_first(s, TEXT_MAX);
	char *copy = arena_str_z(a, s);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)copy[i] < ' ' || (unsigned char)copy[i] > '~')
			copy[i] = '?';
	return str_from(copy, s.n);
}

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));
	return value > 0 ? (uint64_t)value : 0;
}

static str text(const json_t *object, const char *key, struct arena *a)
{
	const json_t *v = json_object_get(object, key);
	return json_is_string(v)
		       ? printable(str_from(json_string_value(v), json_string_length(v)), a)
		       : STR_EMPTY;
}

/* Wraps around rather than being undefined, where somebody has made numbers up. */
uint64_t stats_server_sum(const struct stats_server *s, const char *role, const char *key)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < s->process_count; i++)
		if (str_equal(s->processes[i].role, str_from_z(role)))
			sum += number(s->processes[i].json, key);
	return sum;
}

void stats_server_times(const struct stats_server *s, struct histogram *out)
{
	*out = (struct histogram){ 0 };
	for (size_t i = 0; i < s->process_count; i++) {
		const json_t *times = json_object_get(s->processes[i].json, "times");
		for (size_t k = 0; k < json_array_size(times); k++) {
			const json_t *pair = json_array_get(times, k);
			json_int_t limit = json_integer_value(json_array_get(pair, 0));
			json_int_t count = json_integer_value(json_array_get(pair, 1));
			if (limit > 0 && count > 0)
				(void)!histogram_merge(out, (uint64_t)limit, (uint64_t)count);
		}
	}
}

bool stats_server_scanner(
	const struct stats_server *s, size_t i, struct arena *a, str *out_name, str *out_state)
{
	for (size_t k = 0; k < s->process_count; k++) {
		const json_t *servers = json_object_get(s->processes[k].json, "servers");
		if (i >= json_array_size(servers)) {
			i -= json_array_size(servers);
			continue;
		}
		*out_name = text(json_array_get(servers, i), "name", a);
		*out_state = text(json_array_get(servers, i), "state", a);
		return true;
	}
	return false;
}

/* ── Lists ────────────────────────────────────────────────────────────────────────────────── */

static struct stats_list *list_named(struct stats_server *s, str name)
{
	for (size_t i = 0; i < s->list_count; i++)
		if (str_equal(s->lists[i].name, name))
			return &s->lists[i];
	if (s->list_count == LISTS_MAX)
		return NULL;
	struct stats_list *l = &s->lists[s->list_count++];
	*l = (struct stats_list){ .name = name };
	return l;
}

/* Broken for one process is broken. */
static void take_state(struct stats_list *l, const json_t *from, struct arena *a)
{
	str state = text(from, "state", a);
	int64_t since = (int64_t)MIN(number(from, "since"), (uint64_t)INT32_MAX);
	bool broken = str_equal(state, STR("broken")), working = str_equal(state, STR("working"));
	if (broken == l->broken && (broken || working))
		l->since = l->since ? MIN(l->since, since) : since;
	if (broken && !l->broken) {
		l->since = since;
		l->why = text(from, "why", a);
	}
	l->broken |= broken;
	l->working |= working;
}

static void take_lists(struct stats_server *s, const json_t *lists, struct arena *a)
{
	for (size_t i = 0; i < MIN(json_array_size(lists), (size_t)LISTS_MAX); i++) {
		const json_t *from = json_array_get(lists, i);
		struct stats_list *l = list_named(s, text(from, "name", a));
		if (!l)
			return;
		l->zone = text(from, "zone", a);
		take_state(l, from, a);
		l->questions += number(from, "questions");
		l->hits += number(from, "hits");
		l->unanswered += number(from, "unanswered");
		l->took_us += number(from, "took_us");
	}
}

/* ── The answer ───────────────────────────────────────────────────────────────────────────── */

static json_t *parse(str s)
{
	json_t *json = s.n ? json_loadb(s.p, s.n, 0, NULL) : NULL;
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

/* In what a terminal shows as it stands. What jansson calls ASCII has DEL, in strings. */
static str normal(const json_t *json, struct arena *a)
{
	char *s = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	for (char *p = s; p && *p; p++)
		*p = *p == 127 ? '?' : *p;
	str copy = s ? arena_str(a, str_from_z(s)) : STR("{}");
	free(s);
	return copy;
}

void stats_server_read(
	const struct control_stats_reply *reply, struct arena *a, struct stats_server *out)
{
	size_t n = MIN(reply->names.n, (size_t)PROCESSES_MAX);
	n = MIN(MIN(n, reply->states.n), MIN(reply->pids.n, reply->restarts.n));
	n = MIN(n, MIN(reply->starts.n, reply->stats.n));
	*out = (struct stats_server){ .version = printable(reply->version, a),
		.hostname = printable(reply->hostname, a),
		.pid = reply->pid,
		.since = reply->since,
		.reloaded = reply->reloaded,
		.processes = arena_array(a, struct stats_process, n + 1),
		.process_count = n,
		.lists = arena_array(a, struct stats_list, LISTS_MAX) };
	for (size_t i = 0; i < n; i++) {
		str rest;
		struct stats_process *p = &out->processes[i];
		*p = (struct stats_process){ .name = printable(reply->names.v[i], a),
			.state = printable(reply->states.v[i], a),
			.pid = reply->pids.v[i],
			.restarts = reply->restarts.v[i],
			.started = (int64_t)MIN(reply->starts.v[i], (uint64_t)INT64_MAX),
			.json = parse(reply->stats.v[i]),
			.cpu_seconds = -1,
			.pss_kib = -1 };
		p->text = normal(p->json, a);
		str_cut(p->name, '.', &p->role, &rest);
		take_lists(out, json_object_get(p->json, "lists"), a);
	}
}

void stats_server_free(struct stats_server *s)
{
	for (size_t i = 0; i < s->process_count; i++)
		json_decref(s->processes[i].json);
	*s = (struct stats_server){ 0 };
}

/* ── What the kernel knows of them ────────────────────────────────────────────────────────── */

/* The file of a process in /proc, as a string; empty: it cannot be read. */
static str read_proc(uint64_t pid, const char *file, char *out, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%llu/%s", (unsigned long long)pid, file);
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
	out[MAX(n, (ssize_t)0)] = '\0';
	return str_from(out, (size_t)MAX(n, (ssize_t)0));
}

/* The n-th field behind the name, which is in parentheses and may hold anything. */
static uint64_t field_of_stat(str stat, unsigned n)
{
	str field = STR_EMPTY, rest = str_skip(stat, (size_t)(str_find_last_char(stat, ')') + 2));
	uint64_t value = 0;
	for (unsigned i = 0; i <= n; i++)
		str_cut(rest, ' ', &field, &rest);
	return str_to_u64(field, UINT64_MAX, &value) ? value : 0;
}

static void look_at(struct stats_process *p)
{
	enum { USER_TIME = 11, SYSTEM_TIME = 12 };
	char buffer[4096];
	str stat = p->pid ? read_proc(p->pid, "stat", buffer, sizeof buffer) : STR_EMPTY;
	if (stat.n)
		p->cpu_seconds = (double)(field_of_stat(stat, USER_TIME) +
					  field_of_stat(stat, SYSTEM_TIME)) /
				 (double)sysconf(_SC_CLK_TCK);
	str maps = stat.n ? read_proc(p->pid, "smaps_rollup", buffer, sizeof buffer) : STR_EMPTY;
	ptrdiff_t at = str_find(maps, STR("\nPss:"));
	if (at < 0)
		return;
	str number = str_trim(str_skip(maps, (size_t)at + 5)), rest;
	uint64_t kib;
	str_cut(number, ' ', &number, &rest);
	if (str_to_u64(number, INT64_MAX, &kib))
		p->pss_kib = (int64_t)kib;
}

/* ── Asking ───────────────────────────────────────────────────────────────────────────────── */

struct asking {
	struct arena *arena;
	struct control_stats_reply reply;
};

static int ask(struct task *t, const struct control_calls *calls, void *arg)
{
	struct asking *q = arg;
	return control_stats(t, calls, &(struct control_stats_request){ 0 }, q->arena, &q->reply);
}

int stats_server_ask(
	const struct config *config, struct arena *a, struct stats_server *out, struct err *err)
{
	struct asking q = { .arena = a };
	int rc = server_call(config, ask, &q, err);
	if (rc < 0)
		return rc;
	stats_server_read(&q.reply, a, out);
	for (size_t i = 0; i < out->process_count; i++)
		look_at(&out->processes[i]);
	return 0;
}
