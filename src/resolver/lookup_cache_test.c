#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/task_sync.h"
#include "mailauth/dns.h"
#include "resolver/lookup_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Answers everything in one way, and counts. */
struct oracle {
	unsigned asked;
	int result;
	enum dns_status status;
	uint64_t ttl;
	size_t records, size;         /* of each */
	struct lookup_cache *cleared; /* while it answers; NULL: none */
};

static int lookup(struct task *t, void *self, const struct resolver_lookup_request *in,
	struct arena *a, struct resolver_lookup_reply *out)
{
	struct oracle *o = self;
	o->asked++;
	str *rdata = arena_array(a, str, o->records + 1);
	char *bytes = arena_array(a, char, o->size + 1);
	memset(bytes, 'x', o->size);
	for (size_t i = 0; i < o->records; i++)
		rdata[i] = str_from(bytes, o->size);
	*out = (struct resolver_lookup_reply){ .status = o->status,
		.secure = true,
		.ttl = o->ttl,
		.rdata = { rdata, o->records },
		.why = STR_EMPTY };
	if (o->cleared)
		lookup_cache_clear(o->cleared);
	return o->result;
}

static int statistics(struct task *t, void *self, const struct resolver_statistics_request *in,
	struct arena *a, struct resolver_statistics_reply *out)
{
	*out = (struct resolver_statistics_reply){ .lookups = 17 };
	return 0;
}

static const struct resolver_ops ops = { lookup, statistics };

struct stage {
	struct task *t;
	struct oracle oracle;
	struct lookup_cache *cache;
};

static void begin(struct stage *s, struct oracle oracle)
{
	*s = (struct stage){ .oracle = oracle };
	s->t = task_sync_new(&(struct task_sync_options){ 0 });
	s->cache = lookup_cache_new((struct resolver_calls){ &ops, &s->oracle });
}

static void end(struct stage *s)
{
	lookup_cache_free(s->cache);
	task_sync_free(s->t);
}

static const struct oracle found = { .status = DNS_FOUND, .ttl = 300, .records = 2, .size = 40 };

/* The answer comes as the oracle gives it, which has been asked so many times by then. */
static uint64_t ask(struct stage *s, enum dns_type type, str name, unsigned asked)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(64 * 1024);
	struct resolver_calls calls = lookup_cache_calls(s->cache);
	struct resolver_lookup_request in = { .type = type, .name = name };
	struct resolver_lookup_reply out;
	assert_int_equal(resolver_lookup(s->t, &calls, &in, &a, &out), s->oracle.result);
	assert_int_equal(s->oracle.asked, asked);
	if (s->oracle.result < 0)
		return 0;
	assert_int_equal(out.status, s->oracle.status);
	assert_true(out.secure);
	assert_int_equal(out.rdata.n, s->oracle.records);
	for (size_t i = 0; i < out.rdata.n; i++)
		assert_int_equal(out.rdata.v[i].n, s->oracle.size);
	return out.ttl;
}

static void answers_are_kept_by_type_and_name(void **state)
{
	struct stage s;
	begin(&s, found);
	ask(&s, DNS_TYPE_TXT, STR("example.org"), 1);
	ask(&s, DNS_TYPE_TXT, STR("example.org"), 1);
	ask(&s, DNS_TYPE_TXT, STR("EXAMPLE.org"), 1);
	ask(&s, DNS_TYPE_MX, STR("example.org"), 2);
	ask(&s, DNS_TYPE_TXT, STR("example.or"), 3);
	ask(&s, DNS_TYPE_TXT, STR("example.org"), 3);
	uint64_t lookups, hits;
	lookup_cache_counts(s.cache, &lookups, &hits);
	assert_int_equal(lookups, 6);
	assert_int_equal(hits, 3);
	end(&s);
}

static void no_longer_than_they_may(void **state)
{
	struct stage s;
	begin(&s, found);
	assert_int_equal(ask(&s, DNS_TYPE_A, STR("a"), 1), 300);
	assert_int_equal(task_sleep(s.t, SECONDS(9)), 0);
	assert_int_equal(ask(&s, DNS_TYPE_A, STR("a"), 1), 291);
	assert_int_equal(task_sleep(s.t, SECONDS(1)), 0);
	assert_int_equal(ask(&s, DNS_TYPE_A, STR("a"), 2), 300);
	end(&s);
	begin(&s, (struct oracle){ .status = DNS_NXDOMAIN, .ttl = 3 });
	assert_int_equal(ask(&s, DNS_TYPE_A, STR("a"), 1), 3);
	assert_int_equal(task_sleep(s.t, SECONDS(2)), 0);
	assert_int_equal(ask(&s, DNS_TYPE_A, STR("a"), 1), 1);
	assert_int_equal(task_sleep(s.t, SECONDS(1)), 0);
	assert_int_equal(ask(&s, DNS_TYPE_A, STR("a"), 2), 3);
	end(&s);
}

static void some_are_not_kept(void **state)
{
	static const struct oracle cases[] = {
		{ .status = DNS_TEMPORARY, .ttl = 300 },
		{ .status = DNS_BOGUS, .ttl = 300 },
		{ .status = DNS_FOUND, .ttl = 0, .records = 1, .size = 4 },
		{ .status = DNS_FOUND, .ttl = 300, .records = 1, .size = LOOKUP_CACHE_ANSWER_MAX },
		{ .status = DNS_FOUND, .ttl = 300, .result = -ECONNRESET },
	};
	char name[2 * DNS_NAME_MAX];
	memset(name, 'n', sizeof name);
	struct stage s;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(&s, cases[i]);
		ask(&s, DNS_TYPE_A, STR("a"), 1);
		ask(&s, DNS_TYPE_A, STR("a"), 2);
		end(&s);
	}
	begin(&s, found);
	ask(&s, DNS_TYPE_A, str_from(name, sizeof name), 1);
	ask(&s, DNS_TYPE_A, str_from(name, sizeof name), 2);
	end(&s);
}

static void many_small_records_fit(void **state)
{
	struct stage s;
	for (size_t size = 0; size < 100; size++) {
		struct oracle o = found;
		o.size = size;
		o.records = LOOKUP_CACHE_ANSWER_MAX / (sizeof(str) + size);
		begin(&s, o);
		ask(&s, DNS_TYPE_TXT, STR("a"), 1);
		ask(&s, DNS_TYPE_TXT, STR("a"), 1);
		end(&s);
	}
}

static void the_oldest_make_room(void **state)
{
	struct stage s;
	begin(&s, found);
	char name[32];
	for (unsigned i = 1; i <= LOOKUP_CACHE_MAX + 10; i++) {
		int n = snprintf(name, sizeof name, "%u.example", i);
		ask(&s, DNS_TYPE_A, str_from(name, (size_t)n), i);
	}
	ask(&s, DNS_TYPE_A, STR("11.example"), LOOKUP_CACHE_MAX + 10);
	ask(&s, DNS_TYPE_A, STR("10.example"), LOOKUP_CACHE_MAX + 11);
	end(&s);
	/* Those that a younger answer has replaced count too. */
	begin(&s, (struct oracle){ .status = DNS_NODATA, .ttl = 1 });
	for (unsigned i = 1; i <= 30; i++) {
		ask(&s, DNS_TYPE_A, STR("a"), i);
		assert_int_equal(task_sleep(s.t, SECONDS(1)), 0);
	}
	end(&s);
}

static void clearing_forgets_what_is_on_its_way(void **state)
{
	struct stage s;
	begin(&s, found);
	ask(&s, DNS_TYPE_A, STR("a"), 1);
	lookup_cache_clear(s.cache);
	ask(&s, DNS_TYPE_A, STR("a"), 2);
	s.oracle.cleared = s.cache;
	ask(&s, DNS_TYPE_A, STR("b"), 3);
	ask(&s, DNS_TYPE_A, STR("b"), 4);
	end(&s);
}

static void other_calls_go_through(void **state)
{
	struct stage s;
	begin(&s, found);
	struct arena a CLEANUP(arena_done) = ARENA_INIT(1024);
	struct resolver_calls calls = lookup_cache_calls(s.cache);
	struct resolver_statistics_reply out;
	assert_int_equal(resolver_statistics(
				 s.t, &calls, &(struct resolver_statistics_request){ 0 }, &a, &out),
		0);
	assert_int_equal(out.lookups, 17);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_kept_by_type_and_name),
		cmocka_unit_test(no_longer_than_they_may),
		cmocka_unit_test(some_are_not_kept),
		cmocka_unit_test(many_small_records_fit),
		cmocka_unit_test(the_oldest_make_room),
		cmocka_unit_test(clearing_forgets_what_is_on_its_way),
		cmocka_unit_test(other_calls_go_through),
	};
	return cmocka_run_group_tests_name("lookup_cache", tests, NULL, NULL);
}
