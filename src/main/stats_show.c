#include "main/stats_show.h"

#include <stdio.h>
#include <time.h>

enum { TIME_SIZE = 32 };

/* ── Units ────────────────────────────────────────────────────────────────────────────────── */

static const char *date_of(int64_t seconds, char out[static TIME_SIZE])
{
	time_t when = (time_t)seconds;
	struct tm tm;
	if (!gmtime_r(&when, &tm) || strftime(out, TIME_SIZE, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(out, TIME_SIZE, "?");
	return out;
}

/* "3 d 4 h", "12 min". */
static const char *duration_of(int64_t seconds, char out[static TIME_SIZE])
{
	long long s = MAX(seconds, INT64_C(0));
	if (s >= 86400)
		snprintf(out, TIME_SIZE, "%lld d %lld h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		snprintf(out, TIME_SIZE, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		snprintf(out, TIME_SIZE, "%lld min", s / 60);
	else
		snprintf(out, TIME_SIZE, "%lld s", s);
	return out;
}

static const char *size_of(uint64_t bytes, char out[static TIME_SIZE])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes;
	size_t unit = 0;
	for (; n >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
		n /= 1024;
	snprintf(out, TIME_SIZE, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return out;
}

static const char *milliseconds(uint64_t us, char out[static TIME_SIZE])
{
	snprintf(out, TIME_SIZE, us < 10000 ? "%.1f ms" : "%.0f ms", (double)us / 1000);
	return out;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 0;
}

/* ── What does not work ───────────────────────────────────────────────────────────────────── */

static size_t process_problems(const struct stats_server *server, struct buf *out)
{
	size_t n = 0;
	for (size_t i = 0; i < server->process_count; i++) {
		const struct stats_process *p = &server->processes[i];
		bool running = str_equal(p->state, STR("running"));
		if (running && p->json)
			continue;
		if (running)
			buf_printf(out, "%.*s does not answer\n", STR_ARG(p->name));
		else
			buf_printf(out, "%.*s does not run: it is %s\n", STR_ARG(p->name),
				str_equal(p->state, STR("waiting")) ? "waiting for its restart"
								    : "starting");
		n++;
	}
	return n;
}

static size_t list_problems(const struct stats_server *server, struct buf *out)
{
	char since[TIME_SIZE];
	size_t n = 0;
	for (size_t i = 0; i < server->list_count; i++) {
		const struct stats_list *l = &server->lists[i];
		if (!l->broken)
			continue;
		buf_printf(out, "the list %.*s (%.*s) counts for nothing since %s: %.*s\n",
			STR_ARG(l->name), STR_ARG(l->zone), date_of(l->since, since),
			STR_ARG(l->why));
		n++;
	}
	return n;
}

static size_t scanner_problems(const struct stats_shown *s, struct buf *out)
{
	str name, state;
	size_t n = 0;
	for (size_t i = 0; stats_server_scanner(s->server, i, s->arena, &name, &state); i++) {
		if (!str_equal(state, STR("down")))
			continue;
		buf_printf(out, "the virus scanner %.*s is down\n", STR_ARG(name));
		n++;
	}
	return n;
}

size_t stats_show_problems(const struct stats_shown *s, struct buf *out)
{
	if (!s->server) {
		buf_printf(out, "%s\n", s->why);
		return 1;
	}
	return process_problems(s->server, out) + list_problems(s->server, out) +
	       scanner_problems(s, out);
}

/* What has gone wrong since it started, and may be over. */
static void put_past(const struct stats_server *server, struct buf *out)
{
	uint64_t lost = stats_server_sum(server, "delivery", "records_lost");
	uint64_t failed = stats_server_sum(server, "delivery", "failed");
	for (size_t i = 0; i < server->process_count; i++)
		if (server->processes[i].restarts)
			buf_printf(out, "%.*s has died %llu times\n",
				STR_ARG(server->processes[i].name),
				(unsigned long long)server->processes[i].restarts);
	if (failed)
		buf_printf(out, "%llu messages could not be written to an account\n",
			(unsigned long long)failed);
	if (lost)
		buf_printf(out, "%llu decision records were lost\n", (unsigned long long)lost);
}

/* ── The summary ──────────────────────────────────────────────────────────────────────────── */

/* Numbers are wide enough for `unsigned long long` by printf. */
#define SUM(role, key) ((unsigned long long)stats_server_sum(s, role, key))

static void put_mail(const struct stats_server *s, struct buf *out)
{
	char size[TIME_SIZE];
	buf_printf(out,
		"  mail in     %llu accepted (%s), %llu refused, %llu put off; %llu recipients "
		"refused\n",
		SUM("smtpd", "accepted"), size_of(SUM("smtpd", "bytes"), size),
		SUM("smtpd", "refused"), SUM("smtpd", "deferred"),
		SUM("smtpd", "recipients_refused"));
	buf_printf(out,
		"              %llu connections, %llu now, %llu turned away; %llu with TLS\n",
		SUM("smtpd", "connections"), SUM("smtpd", "sessions"), SUM("smtpd", "turned_away"),
		SUM("smtpd", "tls"));
}

static void put_judged(const struct stats_server *s, struct buf *out)
{
	char half[TIME_SIZE], most[TIME_SIZE];
	struct histogram times;
	stats_server_times(s, &times);
	buf_printf(out, "  judged      %llu for INBOX, %llu for Junk, %llu refused, %llu put off",
		SUM("filter", "accepted"), SUM("filter", "junk"), SUM("filter", "refused"),
		SUM("filter", "deferred"));
	if (SUM("filter", "quarantined"))
		buf_printf(out, ", %llu kept aside", SUM("filter", "quarantined"));
	if (times.count)
		buf_printf(out, "; half within %s, 99 %% within %s",
			milliseconds(histogram_quantile(&times, 500), half),
			milliseconds(histogram_quantile(&times, 990), most));
	buf_add_char(out, '\n');
}

static void put_rest(const struct stats_server *s, struct buf *out)
{
	uint64_t asked = stats_server_sum(s, "filter", "lookups");
	uint64_t messages = stats_server_sum(s, "delivery", "messages");
	uint64_t batches = stats_server_sum(s, "delivery", "batches");
	buf_printf(out, "  DNS         %llu questions, %.0f %% of them remembered; %llu failed\n",
		(unsigned long long)asked, percent(SUM("filter", "lookups_remembered"), asked),
		SUM("resolver", "failed"));
	if (SUM("antivirus", "scans"))
		buf_printf(out,
			"  viruses     %llu scans, %llu of them remembered; %llu infected, %llu "
			"failed\n",
			SUM("antivirus", "scans"), SUM("antivirus", "cached"),
			SUM("antivirus", "infected"), SUM("antivirus", "failed"));
	buf_printf(out,
		"  delivered   %llu in %llu batches (%.1f each, %llu at most), %llu failed\n",
		(unsigned long long)messages, (unsigned long long)batches,
		batches ? (double)messages / (double)batches : 0, SUM("delivery", "largest_batch"),
		SUM("delivery", "failed"));
	buf_printf(out,
		"  IMAP        %llu connections, %llu now, %llu turned away; %llu logins, %llu "
		"failed\n",
		SUM("mailbox", "connections"), SUM("mailbox", "sessions"),
		SUM("mailbox", "turned_away"), SUM("mailbox", "logins"),
		SUM("mailbox", "logins_failed"));
}

static void put_costs(const struct stats_server *s, struct buf *out)
{
	double cpu = 0;
	int64_t pss = 0;
	for (size_t i = 0; i < s->process_count; i++) {
		cpu += MAX(s->processes[i].cpu_seconds, 0.0);
		pss += MAX(s->processes[i].pss_kib, INT64_C(0));
	}
	buf_printf(out, "  processes   %zu, %.1f s of CPU", s->process_count, cpu);
	if (pss)
		buf_printf(out, ", %.1f MiB of memory", (double)pss / 1024);
	buf_add_char(out, '\n');
}

static void put_today(const struct stats_shown *s, struct buf *out)
{
	if (!s->findings)
		return;
	uint64_t spam = s->findings->total.spam, all = spam + s->findings->total.ham;
	buf_printf(out,
		"Today (UTC): %llu messages judged, %llu of them for Junk or refused (%.0f %%)\n",
		(unsigned long long)all, (unsigned long long)spam, percent(spam, all));
}

void stats_show_summary(const struct stats_shown *s, struct buf *out)
{
	char since[TIME_SIZE], up[TIME_SIZE];
	struct buf problems CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	struct buf past CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	const struct stats_server *server = s->server;
	size_t n = stats_show_problems(s, &problems);
	if (!server)
		buf_printf(out, "%s\n", s->why);
	if (server) {
		buf_printf(out, "%.*s: Postern %.*s is running for %s, since %s\n",
			STR_ARG(server->hostname), STR_ARG(server->version),
			duration_of(s->now - server->since, up), date_of(server->since, since));
		put_mail(server, out);
		put_judged(server, out);
		put_rest(server, out);
		put_costs(server, out);
		put_past(server, &past);
	}
	put_today(s, out);
	if (n && server)
		buf_printf(out, "\nNot as it should be:\n%.*s", STR_ARG(buf_str(&problems)));
	if (past.n)
		buf_printf(out, "\nSince the start:\n%.*s", STR_ARG(buf_str(&past)));
	if (s->findings && s->findings->n) {
		enum { ROWS = 10 };
		buf_printf(out, "\nFound most often today:\n");
		stats_findings_print(s->config, s->findings, ROWS, out);
	}
}

/* ── Tables ───────────────────────────────────────────────────────────────────────────────── */

void stats_show_processes(const struct stats_shown *s, struct buf *out)
{
	char up[TIME_SIZE];
	buf_printf(out, "%-14s %-9s %8s %14s %8s %9s %11s\n", "PROCESS", "STATE", "PID", "SINCE",
		"RESTARTS", "CPU", "MEMORY");
	for (size_t i = 0; i < s->server->process_count; i++) {
		const struct stats_process *p = &s->server->processes[i];
		buf_printf(out, "%-14.*s %-9.*s %8llu %14s %8llu ", STR_ARG(p->name),
			STR_ARG(p->state), (unsigned long long)p->pid,
			duration_of(s->now - p->started, up), (unsigned long long)p->restarts);
		if (p->cpu_seconds >= 0)
			buf_printf(out, "%7.1f s ", p->cpu_seconds);
		else
			buf_printf(out, "%9s ", "-");
		if (p->pss_kib >= 0)
			buf_printf(out, "%7.1f MiB\n", (double)p->pss_kib / 1024);
		else
			buf_printf(out, "%11s\n", "-");
	}
}

static const char *state_name(const struct stats_list *l)
{
	return l->broken ? "broken" : l->working ? "working" : "unchecked";
}

void stats_show_lists(const struct stats_shown *s, struct buf *out)
{
	char since[TIME_SIZE], mean[TIME_SIZE];
	buf_printf(out, "%-20s %-9s %20s %10s %8s %10s %9s\n", "LIST", "STATE", "SINCE",
		"QUESTIONS", "LISTED", "NO ANSWER", "MEAN");
	for (size_t i = 0; i < s->server->list_count; i++) {
		const struct stats_list *l = &s->server->lists[i];
		buf_printf(out, "%-20.*s %-9s %20s %10llu %8llu %10llu %9s\n", STR_ARG(l->name),
			state_name(l), l->since ? date_of(l->since, since) : "-",
			(unsigned long long)l->questions, (unsigned long long)l->hits,
			(unsigned long long)l->unanswered,
			milliseconds(l->questions ? l->took_us / l->questions : 0, mean));
		if (l->broken)
			buf_printf(out, "%20s %.*s\n", "", STR_ARG(l->why));
	}
}

/* ── JSON ─────────────────────────────────────────────────────────────────────────────────── */

static void put_process(const struct stats_process *p, struct json *j)
{
	json_object(j, NULL);
	json_str(j, "name", p->name);
	json_str(j, "role", p->role);
	json_str(j, "state", p->state);
	json_i64(j, "pid", (int64_t)p->pid);
	json_i64(j, "restarts", (int64_t)p->restarts);
	json_i64(j, "started", p->started);
	if (p->cpu_seconds >= 0)
		json_decimal(j, "cpu_seconds", p->cpu_seconds);
	if (p->pss_kib >= 0)
		json_i64(j, "pss_kib", p->pss_kib);
	if (p->json)
		json_raw(j, "stats", p->text);
	json_end(j);
}

static void put_list(const struct stats_list *l, struct json *j)
{
	json_object(j, NULL);
	json_str(j, "name", l->name);
	json_str(j, "zone", l->zone);
	json_str(j, "state", str_from_z(state_name(l)));
	if (l->since)
		json_i64(j, "since", l->since);
	if (l->broken)
		json_str(j, "why", l->why);
	json_i64(j, "questions", (int64_t)l->questions);
	json_i64(j, "hits", (int64_t)l->hits);
	json_i64(j, "unanswered", (int64_t)l->unanswered);
	json_decimal(
		j, "mean_ms", l->questions ? (double)l->took_us / (double)l->questions / 1000 : 0);
	json_end(j);
}

static void put_server(const struct stats_server *s, struct json *j)
{
	struct histogram times;
	json_str(j, "version", s->version);
	json_str(j, "hostname", s->hostname);
	json_i64(j, "pid", (int64_t)s->pid);
	json_i64(j, "since", s->since);
	json_i64(j, "reloaded", s->reloaded);
	stats_server_times(s, &times);
	json_decimal(j, "judged_ms_p50", (double)histogram_quantile(&times, 500) / 1000);
	json_decimal(j, "judged_ms_p99", (double)histogram_quantile(&times, 990) / 1000);
	json_array(j, "processes");
	for (size_t i = 0; i < s->process_count; i++)
		put_process(&s->processes[i], j);
	json_end(j);
	json_array(j, "lists");
	for (size_t i = 0; i < s->list_count; i++)
		put_list(&s->lists[i], j);
	json_end(j);
}

void stats_show_json(const struct stats_shown *s, struct json *j)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	str rest, line;
	json_bool(j, "running", s->server != NULL);
	if (s->server)
		put_server(s->server, j);
	(void)stats_show_problems(s, &text);
	json_array(j, "problems");
	for (rest = buf_str(&text); rest.n;) {
		str_cut(rest, '\n', &line, &rest);
		json_str(j, NULL, line);
	}
	json_end(j);
	if (!s->findings)
		return;
	json_object(j, "today");
	stats_findings_json(s->config, s->findings, j);
	json_end(j);
}
