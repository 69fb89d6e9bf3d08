#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "directory/directory.h"
#include "io/task_sync.h"
#include "smtpd/recipient_cache.h"

#include <errno.h>
#include <stdio.h>

struct oracle {
	unsigned asked;
	enum directory_answer answer;
	int result;
	bool listed;
};

static int find(struct task *t, void *self, const struct directory_find_request *in,
	struct arena *a, struct directory_find_reply *out)
{
	struct oracle *o = self;
	o->asked++;
	uint64_t *account = arena_new(a, uint64_t);
	str *detail = arena_new(a, str);
	*account = 7;
	*detail = arena_str(a, STR("books"));
	*out = (struct directory_find_reply){ .answer = o->answer,
		.accounts = { account, 1 },
		.details = { detail, 1 },
		.junk_at = { account, 1 },
		.reject_at = { account, 1 },
		.listed = o->listed };
	return o->result;
}

static const struct directory_ops ops = { .find = find };

struct stage {
	struct task *t;
	struct oracle oracle;
	struct recipient_cache *cache;
};

static void begin(struct stage *s, enum directory_answer answer, int result)
{
	*s = (struct stage){ .oracle = { .answer = answer, .result = result } };
	s->t = task_sync_new(&(struct task_sync_options){ 0 });
	s->cache = recipient_cache_new((struct directory_calls){ &ops, &s->oracle });
}

static void end(struct stage *s)
{
	recipient_cache_free(s->cache);
	task_sync_free(s->t);
}

static void ask(struct stage *s, const char *address, unsigned asked_before)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
	struct directory_calls calls = recipient_cache_calls(s->cache);
	struct directory_find_request in = { .address = str_from_z(address) };
	struct directory_find_reply out;
	assert_int_equal(directory_find(s->t, &calls, &in, &a, &out), s->oracle.result);
	assert_int_equal(s->oracle.asked, asked_before);
	if (s->oracle.result == 0) {
		assert_int_equal(out.answer, s->oracle.answer);
		assert_int_equal(out.accounts.v[0], 7);
		assert_true(str_equal(out.details.v[0], STR("books")));
		assert_true(out.junk_at.n == 1 && out.junk_at.v[0] == 7);
		assert_true(out.reject_at.n == 1 && out.reject_at.v[0] == 7);
	}
}

static void an_address_is_remembered_for_a_second(void **state)
{
	struct stage s;
	begin(&s, DIRECTORY_DELIVER, 0);
	ask(&s, "a@x", 1);
	ask(&s, "a@x", 1);
	ask(&s, "b@x", 2);
	assert_int_equal(task_sleep(s.t, SECONDS(1)), 0);
	ask(&s, "a@x", 3);
	end(&s);
}

static void only_what_exists_is_remembered(void **state)
{
	struct stage s;
	begin(&s, DIRECTORY_UNKNOWN, 0);
	ask(&s, "a@x", 1);
	ask(&s, "a@x", 2);
	end(&s);
	begin(&s, DIRECTORY_DELIVER, -ECONNRESET);
	ask(&s, "a@x", 1);
	ask(&s, "a@x", 2);
	end(&s);
}

/* What depends on who sends. */
static void lists_are_asked_each_time(void **state)
{
	struct stage s;
	begin(&s, DIRECTORY_DELIVER, 0);
	s.oracle.listed = true;
	ask(&s, "a@x", 1);
	ask(&s, "a@x", 2);
	end(&s);
}

static void it_does_not_grow_without_bound(void **state)
{
	struct stage s;
	begin(&s, DIRECTORY_DELIVER, 0);
	char address[32];
	for (unsigned i = 1; i <= 10000; i++) {
		snprintf(address, sizeof address, "%u@x", i);
		ask(&s, address, i);
	}
	ask(&s, address, 10000);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_remembered_for_a_second),
		cmocka_unit_test(only_what_exists_is_remembered),
		cmocka_unit_test(lists_are_asked_each_time),
		cmocka_unit_test(it_does_not_grow_without_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
