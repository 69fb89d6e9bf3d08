/*
 * scan.c: postern scan: judges messages as the server would, on all CPUs.
 *
 * Workers are processes: each has a resolver and a cache of its own. They take the next message
 * from a counter that they share, and send what they found to this process, which prints it.
 */
#include "main/scan.h"

#include "antivirus/scanner.h"
#include "base/json.h"
#include "filter/judge.h"
#include "filter/list_health.h"
#include "filter/list_tasks.h"
#include "io/task.h"
#include "main/cli.h"
#include "main/given.h"
#include "main/main.h"
#include "main/own_roles.h"
#include "main/scan_local.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/inspect.h"
#include "mailauth/dkim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MAX = 256, KEYS = 512, MESSAGE_MAX = INPUT_MAX };

struct options {
	struct given_options given;
	const char *rcpt, *domain, *jobs, *config;
	bool json, no_dns, no_antivirus;
};

struct scan {
	const struct options *options;
	const struct config *config;
	struct scan_items items;
	_Atomic size_t *next; /* shared with the workers */
	struct given given;   /* the envelope, as far as the options say */
	str domain, recipient;
	int out; /* of a worker */
};

/* What a worker sends before each record. */
struct result {
	size_t index;
	double score;
	enum judge_action action;
	size_t findings_n, record_n;
};

/* ── A worker ─────────────────────────────────────────────────────────────────────────────── */

static bool write_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	while (n) {
		ssize_t written = write(fd, p, n);
		if (written < 0 && errno != EINTR)
			return false;
		p += written > 0 ? written : 0;
		n -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

static void not_asked(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	*out = (struct dns_answer){ .status = DNS_TEMPORARY, .why = STR("the DNS is not asked") };
}

/* When the server that it came to had it; else now. */
static int64_t arrival(const struct scan *s, str header)
{
	struct header_field field;
	struct mail_date date;
	if (!s->given.has_client && header_find(header, STR("Received"), &field)) {
		ptrdiff_t at = str_find_last_char(field.value, ';');
		if (at >= 0 && date_parse(str_skip(field.value, (size_t)at + 1), &date))
			return date.seconds;
	}
	return time(NULL);
}

static bool send_verdict(const struct scan *s, size_t index, const struct verdict *v)
{
	struct result r = { index, v->score, v->action, v->findings.n, v->record.n };
	return write_all(s->out, &r, sizeof r) && write_all(s->out, v->findings.p, v->findings.n) &&
	       write_all(s->out, v->record.p, v->record.n);
}

/* What a worker keeps. */
struct worker {
	struct scan *scan;
	struct own_roles *roles;
	struct dkim_keys *keys;
	struct inspector *inspector;
	const struct list_access *lists; /* NULL: none is asked */
	struct scan_local *local;        /* NULL: there is no directory */
};

static struct judge_facts facts_of(const struct scan *s, const struct given *came)
{
	return (struct judge_facts){ .id = STR_EMPTY,
		.door = STR("scan"),
		.no_client = !came->has_client,
		.client = came->client,
		.client_name = STR_EMPTY,
		.helo = came->helo,
		.sender = came->sender,
		.tls = STR_EMPTY,
		.domain = s->domain };
}

static bool judge_item(const struct worker *w, size_t index)
{
	const struct scan *s = w->scan;
	struct own_roles *roles = w->roles;
	struct buf text CLEANUP(buf_done) = BUF_INIT(2ULL * MESSAGE_MAX);
	struct arena a CLEANUP(arena_done) = ARENA_INIT(JUDGE_ARENA_MAX + ENVELOPE_ARENA_MAX);
	struct envelope_result envelope;
	struct verdict verdict;
	if (scan_item_read(&s->items, &s->items.list[index], &text) != EXIT_DONE)
		return true;
	str content = buf_str(&text), header = str_first(content, header_length(content));
	struct given came = s->given;
	given_trace(&came, header);
	struct scan_asker scan_asker = { .t = roles->t,
		.calls = &roles->antivirus,
		.id = STR_EMPTY,
		.content = content,
		.message = -1,
		.size = content.n };
	struct scanner scanner = scanner_over(&scan_asker);
	struct judge_message message = { .facts = facts_of(s, &came),
		.content = content,
		.received = arrival(s, header),
		.keys = w->keys,
		.inspector = w->inspector,
		.lists = w->lists,
		.scanner = roles->has_antivirus ? &scanner : NULL };
	message.recipients = &s->recipient;
	message.recipient_count = s->recipient.n > 0;
	scan_local_use(w->local, &message.facts);
	struct dns dns = s->options->no_dns ? (struct dns){ .lookup = not_asked }
					    : resolver_dns(&roles->asker);
	roles->asker.deadline = task_deadline(roles->t, 2 * s->config->filter.timeout);
	judge_envelope(s->config, &dns, w->lists, &message.facts, &a, &envelope);
	judge_message(roles->t, s->config, &dns, &message, &envelope, &a, &verdict);
	return send_verdict(s, index, &verdict);
}

static int work(struct own_roles *roles, void *arg)
{
	struct scan *s = arg;
	struct log_sink sink = { .fd = STDERR_FILENO, .level = LOG_LEVEL_WARNING };
	struct log log = { .sink = &sink };
	struct err err = { "" };
	struct list_tasks tasks = { roles->t, roles->asker.calls };
	struct list_access access = { lists_new(&log, NULL), list_asker_over(&tasks) };
	struct worker w = { s, roles, dkim_keys_new(KEYS), inspector_new(&err),
		s->options->no_dns ? NULL : &access };
	bool open = true;
	if (!w.inspector)
		cli_warning("attachments are judged by their names alone: %s", err.text);
	lists_configure(access.lists, s->config);
	if (w.lists)
		lists_check(access.lists, &access.asker);
	open = scan_local_open(s->config, s->recipient, &w.local) == EXIT_DONE;
	for (size_t i; open && (i = atomic_fetch_add(s->next, 1)) < s->items.n;)
		open = judge_item(&w, i);
	scan_local_close(w.local);
	lists_free(access.lists);
	inspector_free(w.inspector);
	dkim_keys_free(w.keys);
	return open ? EXIT_DONE : EXIT_FAILED;
}

/* Returns the process's id, or -1. */
static pid_t start_worker(struct scan *s, int *out_fd)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		s->out = ends[1];
		_exit(own_roles_run(s->config, !s->options->no_antivirus, work, s));
	}
	close(ends[1]);
	*out_fd = ends[0];
	if (pid < 0)
		close(ends[0]);
	return pid;
}

/* ── What is printed ──────────────────────────────────────────────────────────────────────── */

struct totals {
	size_t by_action[JUDGE_ACTION_COUNT], n;
	struct timespec begun, told;
	bool show; /* progress */
};

static double since(const struct timespec *then)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static void show_progress(struct totals *t, size_t all)
{
	if (!t->show || since(&t->told) < 0.5)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t->told);
	fprintf(stderr, "\r%zu of %zu, %.0f a second ", t->n, all, (double)t->n / since(&t->begun));
	fflush(stderr);
}

static void add_name(const struct scan_item *item, struct buf *out)
{
	buf_add(out, str_from_z(item->path));
	if (item->nr)
		buf_printf(out, ":%u", item->nr);
}

static void print_result(const struct scan *s, const struct result *r, str findings, str record)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(2 * JUDGE_RECORD_MAX);
	struct buf name CLEANUP(buf_done) = BUF_INIT(16384);
	add_name(&s->items.list[r->index], &name);
	if (s->options->json) {
		struct json j = JSON_INIT(&out);
		json_object(&j, NULL);
		json_str(&j, "file", buf_str(&name));
		/* The record's own members follow, and its closing brace. */
		buf_add_char(&out, ',');
		buf_add(&out, str_skip(record, 1));
		buf_add_char(&out, '\n');
	} else {
		buf_printf(&out, "%8.2f  %-6s  %.*s  %.*s\n", r->score,
			judge_action_name(r->action), STR_ARG(buf_str(&name)), STR_ARG(findings));
	}
	fwrite(out.p, 1, out.n, stdout);
}

static bool read_all(int fd, void *to, size_t n)
{
	char *p = to;
	while (n) {
		ssize_t got = read(fd, p, n);
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		p += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
	return true;
}

/* False at the end of what this worker has to say. */
static bool take_result(const struct scan *s, int fd, struct totals *t)
{
	struct result r;
	if (!read_all(fd, &r, sizeof r))
		return false;
	size_t n = r.findings_n + r.record_n;
	char *text = xmalloc(n + 1);
	bool whole = read_all(fd, text, n);
	if (whole) {
		t->by_action[r.action]++;
		t->n++;
		print_result(s, &r, str_from(text, r.findings_n),
			str_from(text + r.findings_n, r.record_n));
		show_progress(t, s->items.n);
	}
	free(text);
	return whole;
}

static void collect(const struct scan *s, struct pollfd *fds, size_t n, struct totals *t)
{
	size_t open = n;
	while (open) {
		if (poll(fds, n, -1) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < n; i++) {
			if (fds[i].fd < 0 || !fds[i].revents || take_result(s, fds[i].fd, t))
				continue;
			close(fds[i].fd);
			fds[i].fd = -1;
			open--;
		}
	}
}

static void print_totals(const struct scan *s, const struct totals *t)
{
	double seconds = since(&t->begun);
	fprintf(stderr,
		"%s%zu message%s: %zu accepted, %zu to Junk, %zu quarantined, %zu refused, %zu "
		"deferred; "
		"%.1f s, "
		"%.0f a "
		"second\n",
		t->show ? "\r" : "", t->n, t->n == 1 ? "" : "s", t->by_action[JUDGE_ACCEPT],
		t->by_action[JUDGE_JUNK], t->by_action[JUDGE_QUARANTINE],
		t->by_action[JUDGE_REJECT], t->by_action[JUDGE_TEMPFAIL], seconds,
		seconds > 0 ? (double)t->n / seconds : 0.0);
}

/* ── The verb ─────────────────────────────────────────────────────────────────────────────── */

static int scan_all(struct scan *s, size_t workers)
{
	struct pollfd fds[WORKERS_MAX];
	pid_t pids[WORKERS_MAX];
	struct totals t = { .show = !s->options->json && isatty(STDERR_FILENO) };
	int status = EXIT_DONE, ended;
	size_t n = 0;
	clock_gettime(CLOCK_MONOTONIC, &t.begun);
	t.told = t.begun;
	fflush(NULL);
	for (; n < workers; n++) {
		fds[n] = (struct pollfd){ .events = POLLIN };
		pids[n] = start_worker(s, &fds[n].fd);
		if (pids[n] < 0) {
			status = cli_error("cannot start a worker: %s", strerrordesc_np(errno));
			break;
		}
	}
	collect(s, fds, n, &t);
	for (size_t i = 0; i < n; i++)
		if (waitpid(pids[i], &ended, 0) < 0 || ended != 0)
			status = cli_error("a worker has ended early; what it was at is missing");
	fflush(stdout);
	print_totals(s, &t);
	if (status == EXIT_DONE && t.n < s->items.n)
		status = EXIT_FAILED;
	return status == EXIT_DONE && t.by_action[JUDGE_ACCEPT] < t.n ? EXIT_NO : status;
}

static int count_workers(const struct options *o, const struct scan *s, size_t *out)
{
	uint64_t n = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	if (o->jobs && (!str_to_u64(str_from_z(o->jobs), WORKERS_MAX, &n) || n == 0))
		return cli_error("--jobs: \"%s\" is no number from 1 to %d", o->jobs, WORKERS_MAX);
	*out = MIN(MIN(n, (uint64_t)WORKERS_MAX), MAX(s->items.n, (size_t)1));
	return EXIT_DONE;
}

static int run(const struct options *o, int n, char **paths)
{
	const struct config *config CLEANUP(cli_config_unref) = cli_config_or_defaults(o->config);
	size_t workers = 1;
	if (!config)
		return EXIT_FAILED;
	struct scan s = { .options = o,
		.config = config,
		.domain = str_from_z(o->domain ? o->domain : ""),
		.recipient = str_from_z(o->rcpt ? o->rcpt : "") };
	struct scan_local *local = NULL;
	int status = given_take(&o->given, &s.given);
	if (status == EXIT_DONE)
		status = scan_local_open(config, s.recipient, &local);
	scan_local_close(local); /* each worker has its own */
	for (int i = 0; i < n && status == EXIT_DONE; i++)
		status = scan_items_add(&s.items, paths[i]);
	if (status == EXIT_DONE)
		status = count_workers(o, &s, &workers);
	void *shared = mmap(
		NULL, sizeof *s.next, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s.next = shared;
	if (status == EXIT_DONE && shared == MAP_FAILED)
		status = cli_error("out of memory");
	if (status == EXIT_DONE)
		status = scan_all(&s, workers);
	if (shared != MAP_FAILED)
		munmap(shared, sizeof *s.next);
	scan_items_done(&s.items);
	return status;
}

int main_scan(int argc, char **argv)
{
	struct options o = { 0 };
	const struct cli_option options[] = {
		GIVEN_OPTIONS(o.given),
		{ .name = "rcpt",
			.placeholder = "ADDRESS",
			.help = "whom of ours it is for: whose lists, thresholds and domain's "
				"rules hold",
			.value = &o.rcpt },
		{ .name = "domain",
			.placeholder = "DOMAIN",
			.help = "judge by the rules of this one of our domains",
			.value = &o.domain },
		{ .name = "no-dns",
			.help = "ask nobody: what depends on the DNS stays open",
			.flag = &o.no_dns },
		{ .name = "no-antivirus",
			.help = "do not have them scanned for viruses, though servers are "
				"configured",
			.flag = &o.no_antivirus },
		{ .name = "jobs",
			.placeholder = "N",
			.help = "so many at once; as many as there are CPUs where it is not given",
			.value = &o.jobs },
		CLI_CONFIG_OPTION(o.config),
		CLI_JSON_OPTION(o.json),
	};
	const struct cli_command command = {
		.usage = "scan FILE|DIRECTORY|MBOX… [--ip ADDRESS] [--helo NAME] [--from SENDER] "
			 "[--rcpt ADDRESS] [--no-dns] [--json]",
		.help = "Judges messages as the server would, by its configuration, and says what "
			"was found:\n"
			"score, action, the findings that weigh most. With --json each line is the "
			"decision\n"
			"record, as postern why has it. \"-\" is standard input.\n"
			"Without --ip, --helo and --from these come from the topmost Received and\n"
			"Return-Path fields of each message. The exit status is 1 where any is "
			"not\n"
			"accepted.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.least = 1,
		.most = -1,
	};
	int status;
	int n = cli_parse(&command, argc, argv, &status);
	return n < 0 ? status : run(&o, n, argv);
}
