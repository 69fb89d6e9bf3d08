#include "antivirus/antivirus.h"

#include "antivirus/clamd_client.h"
#include "antivirus/counts.h"
#include "antivirus/scan_cache.h"
#include "antivirus/scanner.h"
#include "resolver/resolver_dns.h"

#include <errno.h>
#include <stdio.h>
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

/* One that waits for what comes of the same message; stands on the stack of its task. */
struct follower {
	struct follower *next;
	struct event ended;
	bool told; /* the reply is there; or the scan has ended without one */
	bool over;
	struct arena *arena;
	struct antivirus_scan_reply *reply;
};

struct antivirus {
	struct loop *loop;
	const struct log *log;
	const struct config *config;
	const struct resolver_calls *resolver;
	struct server servers[SERVERS_MAX];
	size_t server_count, turn;
	struct scan_cache *cache;
	struct task *watcher;
	struct event attention; /* of the watcher: a ping_at has changed */
	struct antivirus_counts counts;
	int64_t busy, waiting;
	struct waiter *first, **last;
	struct scan *scans; /* of messages with a digest, from the wait for their turn on */
};

/* One message. */
struct scan {
	struct scan *next;
	struct follower *followers;
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

/* ── Addresses ────────────────────────────────────────────────────────────────────────────── */

/* 1: *out has an address, of a name the next one of those it has; 0: there is none, and why. */
static int find_address(struct task *t, struct antivirus *av, const struct server *s,
	int64_t deadline, struct endpoint *out, struct clamd_answer *answer)
{
	static const enum dns_type types[] = { DNS_TYPE_A, DNS_TYPE_AAAA };
	str name = endpoint_name(&s->endpoint);
	*out = s->endpoint;
	if (name.n == 0)
		return 1;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(256 * 1024);
	struct resolver_asker asker = { .t = t,
		.calls = av->resolver,
		.deadline = MIN(deadline, task_deadline(t, CLAMD_CONNECT_TIMEOUT)) };
	struct dns dns = resolver_dns(&asker);
	struct dns_answer found = { .status = DNS_TEMPORARY };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		dns_lookup(&dns, types[i], name, &arena, &found);
		if (found.status == DNS_FOUND) {
			*out = endpoint_at(&s->endpoint, &found.records[av->turn % found.n].ip);
			return 1;
		}
	}
	if (task_cancelled(t))
		return -ECANCELED;
	answer->kind = CLAMD_UNREACHABLE;
	snprintf(answer->text, sizeof answer->text, "no address for its name: %s%s%.*s",
		dns_status_name(found.status), found.why.n ? ", " : "",
		STR_ARG(str_first(found.why, 80)));
	return 0;
}

/* As clamd_ask(), of this server. */
static int ask_at(struct task *t, struct antivirus *av, const struct server *s,
	struct clamd_question *q, struct clamd_answer *out)
{
	struct endpoint endpoint;
	int rc = find_address(t, av, s, q->deadline, &endpoint, out);
	q->server = &endpoint;
	return rc > 0 ? clamd_ask(t, q, out) : rc;
}

/* ── PING ─────────────────────────────────────────────────────────────────────────────────── */

static int ping(struct task *t, struct antivirus *av, struct server *s)
{
	struct clamd_question q = {
		.command = CLAMD_PING, .fd = -1, .deadline = task_deadline(t, PING_TIMEOUT)
	};
	struct clamd_answer answer;
	s->ping_at = NEVER;
	int rc = ask_at(t, av, s, &q, &answer);
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
	struct clamd_question q = { .command = command,
		.fd = s->fd,
		.size = s->in->size,
		.deadline = MIN(s->deadline, task_deadline(t, s->av->config->antivirus.timeout)) };
	return ask_at(t, s->av, server, &q, &s->answer);
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

/* ── The same message, again ──────────────────────────────────────────────────────────────── */

static struct scan *find_scan(const struct antivirus *av, str digest)
{
	struct scan *s = digest.n ? av->scans : NULL;
	while (s && !str_equal(s->in->digest, digest))
		s = s->next;
	return s;
}

/* 1: the reply is that of a scan of the same message; 0: this one is to be scanned, as there is no
 * such scan, or none that has ended in time with a result. -ECANCELED. */
static int follow(struct task *t, struct scan *s, int64_t deadline, struct arena *a,
	struct antivirus_scan_reply *out)
{
	struct scan *leader;
	int rc = 0;
	while (rc == 0 && (leader = find_scan(s->av, s->in->digest))) {
		struct follower self = { .next = leader->followers, .arena = a, .reply = out };
		leader->followers = &self;
		while (!self.over && rc == 0)
			rc = event_wait(t, &self.ended, deadline);
		if (self.told && rc == 0)
			return 1;
		if (self.over)
			continue;
		struct follower **at = &leader->followers;
		while (*at != &self)
			at = &(*at)->next;
		*at = self.next;
	}
	return rc == -ECANCELED ? rc : 0;
}

static void lead(struct scan *s)
{
	if (s->in->digest.n == 0)
		return;
	s->next = s->av->scans;
	s->av->scans = s;
}

/* rc: of the scan; what has failed for one may succeed for the next. */
static void tell_followers(struct scan *s, int rc, const struct antivirus_scan_reply *reply)
{
	struct scan **at = &s->av->scans;
	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
	for (struct follower *f = s->followers, *next; f; f = next) {
		next = f->next; /* it may be gone as soon as it runs */
		f->over = true;
		f->told = rc == 0 && reply->result != SCAN_FAILED;
		if (f->told) {
			*f->reply = *reply;
			f->reply->signature = arena_str(f->arena, reply->signature);
			f->reply->why = arena_str(f->arena, reply->why);
			f->reply->cached = true;
		}
		event_set(&f->ended);
	}
}

/* ── The whole call ───────────────────────────────────────────────────────────────────────── */

static int scan_now(
	struct task *t, struct scan *s, struct arena *a, struct antivirus_scan_reply *out)
{
	const struct antivirus_scan_request *in = s->in;
	int own CLEANUP(close_fd) = in->message < 0 ? file_of(in->content) : -1;
	s->fd = in->message < 0 ? own : in->message;
	if (s->fd < 0)
		return own;
	/* Perhaps it was scanned while we waited. */
	return answer_from_cache(t, s, a, out) ? 0 : scan_in_turn(t, s, a, out);
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
	int64_t deadline = task_deadline(t, av->config->antivirus.timeout);
	int rc = follow(t, s, deadline, a, out);
	if (rc)
		return rc < 0 ? rc : 0;
	lead(s);
	rc = take_turn(t, av, deadline);
	if (rc == 0) {
		rc = scan_now(t, s, a, out);
		end_turn(av);
	} else if (rc != -ECANCELED) {
		fail(s, STR("too many messages are being scanned"), out);
		rc = 0;
	}
	tell_followers(s, rc, out);
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

void antivirus_resolver_is_there(struct antivirus *av)
{
	for (size_t i = 0; i < av->server_count; i++)
		if (endpoint_name(&av->servers[i].endpoint).n &&
			av->servers[i].health == HEALTH_UNKNOWN)
			set_ping(av, &av->servers[i], 0);
}

int antivirus_new(struct loop *l, const struct log *log, const struct config *config,
	const struct resolver_calls *resolver, struct antivirus **out)
{
	struct antivirus *av = xcalloc(1, sizeof *av);
	const struct endpoints *servers = &config->antivirus.servers;
	ASSERT(servers->n <= SERVERS_MAX);
	av->loop = l;
	av->log = log;
	av->resolver = resolver;
	av->last = &av->first;
	av->cache = scan_cache_new();
	antivirus_reconfigure(av, config);
	av->server_count = servers->n;
	for (size_t i = 0; i < servers->n; i++) {
		bool named = endpoint_name(&servers->items[i]).n > 0;
		av->servers[i] = (struct server){ .endpoint = servers->items[i],
			.pause = PAUSE_FIRST,
			.ping_at = named ? NEVER : 0 };
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
	ASSERT(av->busy == 0 && av->waiting == 0 && !av->scans);
	for (size_t i = 0; i < av->server_count; i++)
		free((char *)(uintptr_t)av->servers[i].endpoint.text.p);
	scan_cache_free(av->cache);
	config_unref(av->config);
	free(av);
}
