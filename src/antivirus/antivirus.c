#include "antivirus/antivirus.h"

#include "antivirus/clamd_client.h"
#include "antivirus/counts.h"
#include "antivirus/scan_cache.h"
#include "antivirus/scanner.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	SERVERS_MAX = 16,
	/* Calls that wait for their turn, for each that is served. */
	QUEUE_FACTOR = 10,
};

#define PING_TIMEOUT SECONDS(5)
/* Between two PINGs to a server that is down: doubled each time. */
#define PAUSE_FIRST SECONDS(1)
#define PAUSE_MAX SECONDS(30)

enum health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };

struct server {
	struct endpoint endpoint;
	enum health health;
	bool no_descriptors; /* it has refused one */
	int64_t pause, ping_at;
};

/* One call that waits for its turn; stands on the stack of its task. */
struct waiter {
	struct waiter *next;
	struct event called;
	bool granted;
};

struct antivirus {
	struct loop *loop;
	const struct log *log;
	const struct config *config;
	struct server servers[SERVERS_MAX];
	size_t server_count, turn;
	struct scan_cache *cache;
	struct task *watcher;
	struct event attention; /* of the watcher: a ping_at has changed */
	struct antivirus_counts counts;
	int64_t busy, waiting;
	struct waiter *first, **last;
};

/* One message. */
struct scan {
	struct antivirus *av;
	const struct antivirus_scan_request *in;
	int fd;
	int64_t deadline;
	struct clamd_answer answer; /* of the server that was asked last */
	const struct server *server;
};

/* ── Health ───────────────────────────────────────────────────────────────────────────────── */

static void set_ping(struct antivirus *av, struct server *s, int64_t at)
{
	s->ping_at = at;
	event_set(&av->attention);
}

static void is_up(struct antivirus *av, struct server *s)
{
	if (s->health == HEALTH_DOWN)
		log_warning(av->log, "a virus scanner is back", F_STR("server", s->endpoint.text));
	else if (s->health == HEALTH_UNKNOWN)
		log_info(av->log, "a virus scanner answers", F_STR("server", s->endpoint.text));
	if (s->health == HEALTH_UP)
		return;
	s->health = HEALTH_UP;
	s->pause = PAUSE_FIRST;
	s->no_descriptors = false;
	s->ping_at = NEVER;
}

static void is_down(
	struct task *t, struct antivirus *av, struct server *s, const struct clamd_answer *answer)
{
	if (s->health != HEALTH_DOWN && answer->kind == CLAMD_WRONG)
		log_error(av->log, "no clamd answers there, but another service",
			F_STR("server", s->endpoint.text), F_Z("says", answer->text));
	else if (s->health != HEALTH_DOWN)
		log_error(av->log, "a virus scanner is down", F_STR("server", s->endpoint.text),
			F_Z("error", answer->text));
	s->pause = s->health == HEALTH_DOWN ? MIN(2 * s->pause, PAUSE_MAX) : PAUSE_FIRST;
	s->health = HEALTH_DOWN;
	set_ping(av, s, task_now(t) + s->pause);
}

/* It may be the message: PING tells. */
static void is_suspect(struct task *t, struct antivirus *av, struct server *s)
{
	if (s->health != HEALTH_DOWN)
		set_ping(av, s, task_now(t));
}

static int ping(struct task *t, struct antivirus *av, struct server *s)
{
	struct clamd_question q = { .server = &s->endpoint,
		.command = CLAMD_PING,
		.fd = -1,
		.deadline = task_deadline(t, PING_TIMEOUT) };
	struct clamd_answer answer;
	s->ping_at = NEVER;
	int rc = clamd_ask(t, &q, &answer);
	if (rc == 0 && answer.kind == CLAMD_PONG)
		is_up(av, s);
	else if (rc == 0)
		is_down(t, av, s, &answer);
	return rc;
}

static void watch_servers(struct task *t, void *arg)
{
	struct antivirus *av = arg;
	int rc = 0;
	while (rc != -ECANCELED) {
		int64_t next = NEVER;
		for (size_t i = 0; i < av->server_count && rc != -ECANCELED; i++)
			if (av->servers[i].ping_at <= task_now(t))
				rc = ping(t, av, &av->servers[i]);
		for (size_t i = 0; i < av->server_count; i++)
			next = MIN(next, av->servers[i].ping_at);
		if (rc != -ECANCELED)
			rc = event_wait(t, &av->attention, next);
	}
}

/* ── Turns ────────────────────────────────────────────────────────────────────────────────── */

static int wait_for_turn(struct task *t, struct antivirus *av, int64_t deadline)
{
	struct waiter self = { .granted = false };
	*av->last = &self;
	av->last = &self.next;
	av->waiting++;
	int rc = 0;
	while (!self.granted && rc == 0)
		rc = event_wait(t, &self.called, deadline);
	if (self.granted)
		return 0;
	struct waiter **at = &av->first;
	while (*at != &self)
		at = &(*at)->next;
	*at = self.next;
	if (!self.next)
		av->last = at;
	av->waiting--;
	return rc;
}

/* -EAGAIN: too many wait already. */
static int take_turn(struct task *t, struct antivirus *av, int64_t deadline)
{
	int64_t max = av->config->antivirus.max_concurrent;
	if (av->busy < max) {
		av->busy++;
		return 0;
	}
	return av->waiting < QUEUE_FACTOR * max ? wait_for_turn(t, av, deadline) : -EAGAIN;
}

/* The next one has it, unless fewer are allowed by now. */
static void end_turn(struct antivirus *av)
{
	av->busy--;
	while (av->first && av->busy < av->config->antivirus.max_concurrent) {
		struct waiter *w = av->first;
		av->first = w->next;
		if (!av->first)
			av->last = &av->first;
		av->waiting--;
		av->busy++;
		w->granted = true;
		event_set(&w->called);
	}
}

/* ── Servers ──────────────────────────────────────────────────────────────────────────────── */

static int ask(struct task *t, struct scan *s, struct server *server, enum clamd_command command)
{
	struct clamd_question q = { .server = &server->endpoint,
		.command = command,
		.fd = s->fd,
		.size = s->in->size,
		.deadline = MIN(s->deadline, task_deadline(t, s->av->config->antivirus.timeout)) };
	return clamd_ask(t, &q, &s->answer);
}

static bool is_about_descriptors(enum clamd_kind kind)
{
	return kind == CLAMD_REFUSED || kind == CLAMD_ERROR;
}

/* With the descriptor where that can be; where clamd cannot use it, with the bytes. */
static int ask_server(struct task *t, struct scan *s, struct server *server)
{
	bool local = server->endpoint.address.any.sa_family == AF_UNIX;
	s->server = server;
	if (local && !server->no_descriptors) {
		int rc = ask(t, s, server, CLAMD_DESCRIPTOR);
		if (rc < 0 || !is_about_descriptors(s->answer.kind))
			return rc;
		server->no_descriptors = s->answer.kind == CLAMD_REFUSED;
		if (server->no_descriptors)
			log_warning(s->av->log, "a virus scanner takes no descriptors",
				F_STR("server", server->endpoint.text),
				F_Z("error", s->answer.text));
	}
	return ask(t, s, server, CLAMD_STREAM);
}

/* Whether that settles it. */
static bool take_answer(struct task *t, struct scan *s, struct server *server)
{
	switch (s->answer.kind) {
	case CLAMD_CLEAN:
	case CLAMD_INFECTED:
	case CLAMD_UNSCANNABLE:
		is_up(s->av, server);
		return true;
	case CLAMD_UNREACHABLE:
	case CLAMD_WRONG:
		is_down(t, s->av, server, &s->answer);
		return false;
	case CLAMD_PONG:
	case CLAMD_ERROR:
	case CLAMD_REFUSED:
	case CLAMD_CLOSED:
	case CLAMD_SILENT:
		is_suspect(t, s->av, server);
		return false;
	}
	return false;
}

/* 1: one has answered; 0: none has. */
static int ask_servers(struct task *t, struct scan *s)
{
	struct antivirus *av = s->av;
	size_t first = av->turn++;
	for (size_t i = 0; i < av->server_count && task_now(t) < s->deadline; i++) {
		struct server *server = &av->servers[(first + i) % av->server_count];
		if (server->health == HEALTH_DOWN)
			continue;
		int rc = ask_server(t, s, server);
		if (rc < 0)
			return rc;
		if (take_answer(t, s, server))
			return 1;
	}
	return 0;
}

/* ── The call ─────────────────────────────────────────────────────────────────────────────── */

static void fail(const struct scan *s, str why, struct antivirus_scan_reply *out)
{
	log_warning(s->av->log, "a message was not scanned for viruses", F_STR("id", s->in->id),
		F_STR("server", s->server ? s->server->endpoint.text : STR_EMPTY),
		F_STR("error", why));
	*out = (struct antivirus_scan_reply){ .result = SCAN_FAILED,
		.signature = STR_EMPTY,
		.server = s->server ? s->server->endpoint.text : STR_EMPTY,
		.why = why };
}

static void fill(const struct scan *s, struct arena *a, struct antivirus_scan_reply *out)
{
	str text = str_from_z(s->answer.text);
	text = text.n ? arena_str(a, text) : STR_EMPTY;
	enum clamd_kind kind = s->answer.kind;
	*out = (struct antivirus_scan_reply){
		.result = kind == CLAMD_CLEAN      ? SCAN_CLEAN
			  : kind == CLAMD_INFECTED ? SCAN_INFECTED
						   : SCAN_UNSCANNED,
		.signature = kind == CLAMD_INFECTED ? text : STR_EMPTY,
		.why = kind == CLAMD_UNSCANNABLE ? text : STR_EMPTY,
		.server = s->server->endpoint.text,
	};
}

static str reason_of(const struct scan *s, struct arena *a)
{
	if (!s->server)
		return STR("no virus scanner is there");
	return arena_printf(a, "%s%s",
		s->answer.kind == CLAMD_WRONG ? "no clamd answers there, but: " : "",
		s->answer.text);
}

static int scan_in_turn(
	struct task *t, struct scan *s, struct arena *a, struct antivirus_scan_reply *out)
{
	s->deadline = task_deadline(t, 2 * s->av->config->antivirus.timeout);
	int rc = ask_servers(t, s);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0)
		fail(s, STR("the message cannot be read"), out);
	else if (rc == 0)
		fail(s, reason_of(s, a), out);
	else
		fill(s, a, out);
	if (rc > 0 && out->result != SCAN_UNSCANNED)
		scan_cache_put(s->av->cache, s->in->digest, task_now(t), out->signature);
	return 0;
}

/* clamd and we read files: a message that came as bytes becomes one, in memory. */
static int file_of(str content)
{
	int fd = memfd_create("message", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : 0;
	while (rc == 0 && content.n) {
		ssize_t n = write(fd, content.p, content.n);
		if (n < 0 && errno != EINTR)
			rc = -errno;
		content = str_skip(content, n > 0 ? (size_t)n : 0);
	}
	if (rc < 0)
		close_fd(&fd);
	return rc < 0 ? rc : fd;
}

static bool answer_from_cache(
	struct task *t, struct scan *s, struct arena *a, struct antivirus_scan_reply *out)
{
	str signature;
	if (!scan_cache_get(s->av->cache, s->in->digest, task_now(t), &signature))
		return false;
	*out = (struct antivirus_scan_reply){
		.result = signature.n ? SCAN_INFECTED : SCAN_CLEAN,
		.signature = signature.n ? arena_str(a, signature) : STR_EMPTY,
		.server = STR_EMPTY,
		.why = STR_EMPTY,
		.cached = true,
	};
	return true;
}

static void count(struct antivirus_counts *c, const struct antivirus_scan_reply *out)
{
	c->cached += out->cached;
	c->infected += out->result == SCAN_INFECTED;
	c->unscanned += out->result == SCAN_UNSCANNED;
	c->failed += out->result == SCAN_FAILED;
}

static int scan_message(struct task *t, void *self, const struct antivirus_scan_request *in,
	struct arena *a, struct antivirus_scan_reply *out)
{
	struct scan *s CLEANUP(free_pointer) = xcalloc(1, sizeof *s);
	struct antivirus *av = s->av = self;
	s->in = in;
	if ((in->message < 0) != (in->content.n == in->size))
		return -EINVAL;
	if (answer_from_cache(t, s, a, out))
		return 0;
	int rc = take_turn(t, av, task_deadline(t, av->config->antivirus.timeout));
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0) {
		fail(s, STR("too many messages are being scanned"), out);
		return 0;
	}
	int own CLEANUP(close_fd) = in->message < 0 ? file_of(in->content) : -1;
	s->fd = in->message < 0 ? own : in->message;
	/* Perhaps it was scanned while we waited. */
	if (s->fd < 0)
		rc = own;
	else if (!answer_from_cache(t, s, a, out))
		rc = scan_in_turn(t, s, a, out);
	end_turn(av);
	return rc;
}

static int scan(struct task *t, void *self, const struct antivirus_scan_request *in,
	struct arena *a, struct antivirus_scan_reply *out)
{
	struct antivirus *av = self;
	int rc = scan_message(t, av, in, a, out);
	av->counts.scans++;
	if (rc == 0)
		count(&av->counts, out);
	return rc;
}

void antivirus_stats(const struct antivirus *av, struct json *j)
{
	static const char *const states[] = { "unknown", "up", "down" };
	antivirus_counts_json(&av->counts, j);
	json_i64(j, "busy", av->busy);
	json_i64(j, "waiting", av->waiting);
	json_array(j, "servers");
	for (size_t i = 0; i < av->server_count; i++) {
		json_object(j, NULL);
		json_str(j, "name", av->servers[i].endpoint.text);
		json_str(j, "state", str_from_z(states[av->servers[i].health]));
		json_end(j);
	}
	json_end(j);
}

const struct antivirus_ops antivirus_functions = { .scan = scan };

/* ── The whole ────────────────────────────────────────────────────────────────────────────── */

void antivirus_reconfigure(struct antivirus *av, const struct config *config)
{
	config_unref(av->config);
	av->config = config_ref(config);
	scan_cache_limit(
		av->cache, (size_t)config->antivirus.cache_size, config->antivirus.cache_time);
}

int antivirus_new(
	struct loop *l, const struct log *log, const struct config *config, struct antivirus **out)
{
	struct antivirus *av = xcalloc(1, sizeof *av);
	const struct endpoints *servers = &config->antivirus.servers;
	ASSERT(servers->n <= SERVERS_MAX);
	av->loop = l;
	av->log = log;
	av->last = &av->first;
	av->cache = scan_cache_new();
	antivirus_reconfigure(av, config);
	av->server_count = servers->n;
	for (size_t i = 0; i < servers->n; i++) {
		av->servers[i] =
			(struct server){ .endpoint = servers->items[i], .pause = PAUSE_FIRST };
		av->servers[i].endpoint.text = str_from_z(str_dup_z(servers->items[i].text));
	}
	int rc = task_start(l, watch_servers, av, &av->watcher);
	if (rc < 0)
		antivirus_free(av);
	else
		*out = av;
	return rc;
}

void antivirus_free(struct antivirus *av)
{
	if (!av)
		return;
	ASSERT(av->busy == 0 && av->waiting == 0);
	for (size_t i = 0; i < av->server_count; i++)
		free((char *)(uintptr_t)av->servers[i].endpoint.text.p);
	scan_cache_free(av->cache);
	config_unref(av->config);
	free(av);
}
