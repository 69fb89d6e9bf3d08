/*
 * resolver.c: libunbound is called from the loop only, never from a task: see ub_events.h. A
 * look-up puts its question on a list and waits; a hook of the loop asks.
 */
#include "resolver/resolver.h"

#include "base/map.h"
#include "resolver/answer.h"
#include "resolver/setup.h"

#include <errno.h>
#include <stdlib.h>

enum {
	ANSWER_MEMORY_MAX = 2 * 1024 * 1024,
	CLASS_IN = 1,
	SECURITY_BOGUS = 1,
	SECURITY_SECURE = 2,
	WHY_MAX = 256,
};

/* One caller; stands on the stack of its task. */
struct waiter {
	struct waiter *next;
	struct event answered;
};

struct question {
	struct question *next, **prev; /* in to_ask or in its context, until it is done */
	struct resolver *resolver;
	char name[DNS_NAME_MAX + 1];   /* with a NUL, as libunbound wants it */
	uint8_t key[2 + DNS_NAME_MAX]; /* type and name */
	size_t key_size;
	enum dns_type type;
	bool mapped; /* others with the same question find it */
	bool done;
	struct waiter *waiters;
	unsigned uses; /* waiters, those that have not looked yet included */
	/* Once it is done. */
	struct arena arena;
	struct answer answer;
	bool secure;
	str why;
};

/* libunbound with one configuration. */
struct context {
	struct context *next; /* in retired */
	struct ub_ctx *ub;
	struct question *questions;
};

struct resolver {
	struct loop *loop;
	const struct log *log;
	FILE *log_out;
	int64_t timeout;
	uint64_t max_concurrent;
	struct ub_events *events;
	struct buf settings; /* that `current` was made from */
	struct context *current, *retired;
	struct map questions; /* by key */
	struct question *to_ask, **to_ask_last;
	struct loop_hook hook;
	struct resolver_statistics_reply counts;
};

/* ── Questions ────────────────────────────────────────────────────────────────────────────── */

static void unlink_question(struct question *q)
{
	*q->prev = q->next;
	if (q->next)
		q->next->prev = q->prev;
}

static void link_question(struct question **list, struct question *q)
{
	q->next = *list;
	q->prev = list;
	if (q->next)
		q->next->prev = &q->next;
	*list = q;
}

static str key_of(const struct question *q)
{
	return str_from(q->key, q->key_size);
}

static void free_question(struct question *q)
{
	arena_done(&q->arena);
	free(q);
}

/* Nothing but its waiters holds it from now on. */
static void finish(struct resolver *r, struct question *q)
{
	unlink_question(q);
	if (q->mapped)
		map_remove(&r->questions, key_of(q));
	r->counts.open--;
	q->mapped = false;
	q->done = true;
	for (struct waiter *w = q->waiters; w; w = w->next)
		event_set(&w->answered);
	if (q->uses == 0)
		free_question(q);
	else if (r->retired)
		loop_before_wait(r->loop, &r->hook);
}

static str short_text(struct question *q, const char *text)
{
	return arena_str(&q->arena, str_first(str_from_z(text), WHY_MAX));
}

static void take_answer(struct question *q, int rcode, str packet, int security, const char *why)
{
	q->answer = (struct answer){ .status = DNS_TEMPORARY };
	if (security == SECURITY_BOGUS) {
		q->answer.status = DNS_BOGUS;
		q->why = short_text(q, why && *why ? why : "DNSSEC validation failure");
	} else if (rcode || !packet.n) {
		q->why = short_text(q, answer_rcode_text((unsigned)rcode));
	} else {
		answer_parse(packet, q->type, &q->arena, &q->answer);
		q->secure = security == SECURITY_SECURE && !dns_failed(q->answer.status);
		q->why = str_from_z(q->answer.why);
	}
}

static void on_answer(
	void *arg, int rcode, void *packet, int size, int security, char *why, int was_limited)
{
	struct question *q = arg;
	str bytes = packet && size > 0 ? str_from(packet, (size_t)size) : STR_EMPTY;
	take_answer(q, rcode, bytes, security, why);
	finish(q->resolver, q);
}

static void ask(struct resolver *r, struct question *q)
{
	link_question(&r->current->questions, q);
	int rc = ub_resolve_event(r->current->ub, q->name, q->type, CLASS_IN, q, on_answer, NULL);
	if (rc == 0)
		return; /* it may have been answered already */
	q->answer = (struct answer){ .status = DNS_TEMPORARY };
	q->why = short_text(q, ub_strerror(rc));
	finish(r, q);
}

static void free_context(struct context *c)
{
	/* It may still tell on_answer() that it gave up. */
	ub_ctx_delete(c->ub);
	while (c->questions) {
		struct question *q = c->questions;
		unlink_question(q);
		free_question(q);
	}
	free(c);
}

static void free_retired(struct resolver *r)
{
	for (struct context **at = &r->retired; *at;) {
		struct context *c = *at;
		if (c->questions) {
			at = &c->next;
		} else {
			*at = c->next;
			free_context(c);
		}
	}
}

static void work(struct loop_hook *hook)
{
	struct resolver *r = CONTAINER_OF(hook, struct resolver, hook);
	while (r->to_ask) {
		struct question *q = r->to_ask;
		unlink_question(q);
		if (!r->to_ask)
			r->to_ask_last = &r->to_ask;
		ask(r, q);
	}
	free_retired(r);
}

/* ── The calls ────────────────────────────────────────────────────────────────────────────── */

static struct question *question_new(struct resolver *r, enum dns_type type, str name)
{
	struct question *q = xcalloc(1, sizeof *q);
	q->resolver = r;
	q->type = type;
	q->arena = ARENA_INIT(ANSWER_MEMORY_MAX);
	q->key[0] = (uint8_t)(type >> 8);
	q->key[1] = (uint8_t)type;
	q->key_size = 2 + name.n;
	for (size_t i = 0; i < name.n; i++)
		q->name[i] = ascii_lower(name.p[i]);
	memcpy(q->key + 2, q->name, name.n);
	if (name.n == 0)
		q->name[0] = '.';
	return q;
}

/* The same question on its way, or a new one. NULL: there are too many. */
static struct question *find_question(struct resolver *r, enum dns_type type, str name)
{
	struct question *q = question_new(r, type, name);
	struct question *same = map_get(&r->questions, key_of(q));
	if (same || r->counts.open >= r->max_concurrent) {
		free_question(q);
		r->counts.joined += same != NULL;
		return same;
	}
	map_put(&r->questions, key_of(q), q);
	q->mapped = true;
	r->counts.open++;
	*r->to_ask_last = q;
	q->prev = r->to_ask_last;
	r->to_ask_last = &q->next;
	loop_before_wait(r->loop, &r->hook);
	return q;
}

/* 0: it is done. */
static int wait_for(struct task *t, struct question *q, int64_t deadline)
{
	struct waiter self = { .next = q->waiters };
	int rc = 0;
	q->waiters = &self;
	q->uses++;
	while (!q->done && rc == 0)
		rc = event_wait(t, &self.answered, deadline);
	struct waiter **at = &q->waiters;
	while (*at != &self)
		at = &(*at)->next;
	*at = self.next;
	return q->done ? 0 : rc;
}

static void copy_answer(
	const struct question *q, struct arena *a, struct resolver_lookup_reply *out)
{
	str *rdata = arena_array(a, str, q->answer.n + 1);
	for (size_t i = 0; i < q->answer.n; i++)
		rdata[i] = arena_str(a, q->answer.rdata[i]);
	out->status = q->answer.status;
	out->secure = q->secure;
	out->ttl = q->answer.ttl;
	out->rdata = (struct ipc_strs){ rdata, q->answer.n };
	out->why = arena_str(a, q->why);
}

static void refuse(struct resolver_lookup_reply *out, enum dns_status status, str why)
{
	*out = (struct resolver_lookup_reply){ .status = status, .why = why };
}

static int ask_and_wait(struct task *t, struct resolver *r, struct question *q, int64_t timeout,
	struct arena *a, struct resolver_lookup_reply *out)
{
	r->counts.waiting++;
	int rc = wait_for(t, q, task_deadline(t, timeout));
	r->counts.waiting--;
	if (rc == 0)
		copy_answer(q, a, out);
	else if (rc == -ETIMEDOUT)
		refuse(out, DNS_TEMPORARY,
			arena_printf(a, "no answer within %lld ms",
				(long long)(timeout / NSEC_PER_MSEC)));
	if (--q->uses == 0 && q->done)
		free_question(q);
	return rc == -ETIMEDOUT ? 0 : rc;
}

static int lookup(struct task *t, void *self, const struct resolver_lookup_request *in,
	struct arena *a, struct resolver_lookup_reply *out)
{
	struct resolver *r = self;
	enum dns_type type = in->type <= UINT16_MAX ? (enum dns_type)in->type : (enum dns_type)0;
	int64_t timeout = in->timeout && in->timeout < (uint64_t)r->timeout ? (int64_t)in->timeout
									    : r->timeout;
	int rc = 0;
	r->counts.lookups++;
	if (!dns_type_name(type)) {
		refuse(out, DNS_TEMPORARY, STR("records of this type are not looked up"));
	} else if (in->name.n && !dns_name_is_askable(in->name)) {
		refuse(out, DNS_NXDOMAIN, STR("there can be no such name"));
	} else {
		struct question *q = r->counts.waiting < r->max_concurrent
					     ? find_question(r, type, in->name)
					     : NULL;
		r->counts.refused += !q;
		if (q)
			rc = ask_and_wait(t, r, q, timeout, a, out);
		else
			refuse(out, DNS_TEMPORARY, STR("too many questions at a time"));
	}
	if (rc == 0)
		r->counts.failed += dns_failed((enum dns_status)out->status);
	return rc;
}

static int statistics(struct task *t, void *self, const struct resolver_statistics_request *in,
	struct arena *a, struct resolver_statistics_reply *out)
{
	struct resolver *r = self;
	*out = r->counts;
	return 0;
}

const struct resolver_ops resolver_functions = { .lookup = lookup, .statistics = statistics };

/* ── The whole ────────────────────────────────────────────────────────────────────────────── */

/* What libunbound says is for whoever hunts an error: a stranger's name server can make it talk. */
static ssize_t log_line(void *cookie, const char *p, size_t n)
{
	const struct resolver *r = cookie;
	log_debug(r->log, "libunbound", F_STR("text", str_trim(str_from(p, n))));
	return (ssize_t)n;
}

static struct context *context_new(struct resolver *r, str settings, struct err *err)
{
	struct ub_ctx *ub = setup_context(settings, ub_events_base(r->events), r->log_out, err);
	if (!ub)
		return NULL;
	struct context *c = xcalloc(1, sizeof *c);
	c->ub = ub;
	return c;
}

/* Questions that are on their way stay with it; new ones do not find them. */
static void retire(struct resolver *r, struct context *c)
{
	for (struct question *q = c->questions; q; q = q->next) {
		if (q->mapped)
			map_remove(&r->questions, key_of(q));
		q->mapped = false;
	}
	c->next = r->retired;
	r->retired = c;
	loop_before_wait(r->loop, &r->hook);
}

int resolver_reconfigure(struct resolver *r, const struct config *config, struct err *err)
{
	struct buf settings = BUF_INIT(SETUP_MAX);
	int rc = setup_write(config, r->log, &settings, err);
	bool same = rc == 0 && r->current && str_equal(buf_str(&settings), buf_str(&r->settings));
	if (rc == 0 && !same) {
		struct context *c = context_new(r, buf_str(&settings), err);
		if (c && r->current)
			retire(r, r->current);
		r->current = c ? c : r->current;
		rc = c ? 0 : -EINVAL;
	}
	if (rc < 0) {
		buf_done(&settings);
		return rc;
	}
	buf_done(&r->settings);
	r->settings = settings;
	r->timeout = config->resolver.timeout;
	r->max_concurrent = (uint64_t)config->resolver.max_concurrent;
	return 0;
}

struct resolver *resolver_new(
	struct loop *l, const struct log *log, const struct config *config, struct err *err)
{
	struct resolver *r = xcalloc(1, sizeof *r);
	r->loop = l;
	r->log = log;
	r->log_out = fopencookie(r, "w", (cookie_io_functions_t){ .write = log_line });
	ASSERT(r->log_out);
	setvbuf(r->log_out, NULL, _IOLBF, 1024);
	r->hook.fn = work;
	r->to_ask_last = &r->to_ask;
	map_init(&r->questions);
	r->events = ub_events_new(l);
	if (resolver_reconfigure(r, config, err) < 0) {
		resolver_free(r);
		return NULL;
	}
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	ASSERT(r->counts.waiting == 0);
	while (r->to_ask) {
		struct question *q = r->to_ask;
		unlink_question(q);
		free_question(q);
	}
	if (r->current) {
		ub_ctx_debugout(r->current->ub, NULL);
		retire(r, r->current);
	}
	while (r->retired) {
		struct context *c = r->retired;
		r->retired = c->next;
		free_context(c);
	}
	loop_forget_hook(r->loop, &r->hook);
	ub_events_free(r->events);
	map_done(&r->questions);
	buf_done(&r->settings);
	fclose(r->log_out);
	free(r);
}
