/*
 * What postern stats makes of what a server says: sums, lists over several processes, what does not
 * work; and nonsense.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "main/stats_show.h"

#include <stdio.h>

enum { PROCESSES = 4 };

struct fixture {
	struct arena arena;
	struct stats_server server;
	struct buf out;
};

static void read_all(
	struct fixture *f, const str said[static PROCESSES], const char *const states[])
{
	static const char *const names[PROCESSES] = { "filter.0", "filter.1", "smtpd.0",
		"antivirus" };
	static const uint64_t pids[PROCESSES] = { 0 }, starts[PROCESSES] = { 100, 100, 100, 100 };
	static const uint64_t restarts[PROCESSES] = { 0, 2, 0, 0 };
	str name[PROCESSES], state[PROCESSES];
	for (size_t i = 0; i < PROCESSES; i++) {
		name[i] = str_from_z(names[i]);
		state[i] = str_from_z(states[i]);
	}
	*f = (struct fixture){ .arena = ARENA_INIT(1024 * 1024), .out = BUF_INIT(1024 * 1024) };
	const struct control_stats_reply reply = { .version = STR("1"),
		.hostname = STR("h"),
		.since = 100,
		.names = { name, PROCESSES },
		.states = { state, PROCESSES },
		.pids = { pids, PROCESSES },
		.starts = { starts, PROCESSES },
		.restarts = { restarts, PROCESSES },
		.stats = { said, PROCESSES } };
	stats_server_read(&reply, &f->arena, &f->server);
}

static void end(struct fixture *f)
{
	stats_server_free(&f->server);
	arena_done(&f->arena);
	buf_done(&f->out);
}

static struct stats_shown shown(struct fixture *f)
{
	return (struct stats_shown){ .server = &f->server, .now = 4000, .arena = &f->arena };
}

static void expect(struct fixture *f, const char *part)
{
	if (str_find(buf_str(&f->out), str_from_z(part)) < 0)
		fail_msg("%s is not in %.*s", part, STR_ARG(buf_str(&f->out)));
}

static const char *const running[PROCESSES] = { "running", "running", "running", "running" };

static void processes_are_added_up(void **state)
{
	struct fixture f;
	const str said[PROCESSES] = {
		STR("{\"accepted\":3,\"times\":[[1000,0],[1024,3]],\"lookups\":10,"
		    "\"lookups_remembered\":5,\"lists\":["
		    "{\"name\":\"A\",\"zone\":\"a.test\",\"state\":\"working\",\"since\":200,"
		    "\"questions\":4,\"hits\":1,\"unanswered\":0,\"took_us\":4000},"
		    "{\"name\":\"B\",\"zone\":\"b.test\",\"state\":\"unchecked\",\"questions\":0}]"
		    "}"),
		STR("{\"accepted\":2,\"times\":[[2048,2]],\"lookups\":10,\"lists\":["
		    "{\"name\":\"A\",\"zone\":\"a.test\",\"state\":\"broken\",\"since\":300,"
		    "\"why\":\"it is gone\",\"questions\":6,\"hits\":0,\"unanswered\":6,"
		    "\"took_us\":6000}]}"),
		STR("{\"accepted\":5,\"bytes\":2048,\"sessions\":1}"),
		STR("{\"scans\":1,\"servers\":[{\"name\":\"x:1\",\"state\":\"up\"},"
		    "{\"name\":\"x:2\",\"state\":\"down\"}]}"),
	};
	read_all(&f, said, running);
	assert_int_equal(stats_server_sum(&f.server, "filter", "accepted"), 5);
	assert_int_equal(stats_server_sum(&f.server, "smtpd", "accepted"), 5);
	assert_int_equal(stats_server_sum(&f.server, "smtpd", "none"), 0);
	struct histogram times;
	stats_server_times(&f.server, &times);
	assert_int_equal(times.count, 5);
	assert_int_equal(histogram_quantile(&times, 990), 2048);

	assert_int_equal(f.server.list_count, 2);
	const struct stats_list *a = &f.server.lists[0], *b = &f.server.lists[1];
	assert_true(a->broken && a->since == 300 && str_equal(a->why, STR("it is gone")));
	assert_int_equal(a->questions, 10);
	assert_int_equal(a->hits, 1);
	assert_int_equal(a->unanswered, 6);
	assert_true(!b->broken && !b->working);

	const struct stats_shown s = shown(&f);
	assert_int_equal(stats_show_problems(&s, &f.out), 2);
	expect(&f,
		"the list A (a.test) counts for nothing since 1970-01-01 00:05 UTC: it is gone\n");
	expect(&f, "the virus scanner x:2 is down\n");
	stats_show_summary(&s, &f.out);
	expect(&f, "h: Postern 1 is running for 1 h 5 min, since 1970-01-01 00:01 UTC\n");
	expect(&f, "mail in     5 accepted (2.0 KiB), 0 refused");
	expect(&f, "5 for INBOX, 0 for Junk, 0 refused, 0 put off; half within 1.0 ms, 99 % within "
		   "2.0 ms");
	expect(&f, "20 questions, 25 % of them remembered");
	expect(&f, "Since the start:\nfilter.1 has died 2 times\n");
	stats_show_lists(&s, &f.out);
	expect(&f, "10        1          6    1.0 ms\n");
	end(&f);
}

static void what_does_not_run_is_told(void **state)
{
	struct fixture f;
	static const char *const states[PROCESSES] = { "running", "waiting", "starting",
		"running" };
	const str said[PROCESSES] = { STR("{}"), STR(""), STR(""), STR("") };
	read_all(&f, said, states);
	const struct stats_shown s = shown(&f);
	assert_int_equal(stats_show_problems(&s, &f.out), 3);
	assert_true(str_equal(
		buf_str(&f.out), STR("filter.1 does not run: it is waiting for its restart\n"
				     "smtpd.0 does not run: it is starting\n"
				     "antivirus does not answer\n")));
	end(&f);
	struct buf out CLEANUP(buf_done) = BUF_INIT(1000);
	const struct stats_shown none = { .why = "no server is running on /x" };
	assert_int_equal(stats_show_problems(&none, &out), 1);
}

/* Nothing of it is believed, and nothing of it reaches a terminal. */
static void nonsense_is_nothing(void **state)
{
	static const char *const all[] = { "[]", "{", "{}x", "null", "{\"accepted\":\"5\"}",
		"{\"accepted\":-5,\"times\":[[1,-1],[0,1],[9,1],\"x\",[],{}]}", "{\"times\":{}}",
		"{\"lists\":[1,{},\"x\"],\"servers\":{}}", "{\"accepted\":1e99}" };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct fixture f;
		const str said[PROCESSES] = { str_from_z(all[i]), STR("{}"), STR("{}"), STR("{}") };
		read_all(&f, said, running);
		assert_int_equal(stats_server_sum(&f.server, "filter", "accepted"), 0);
		struct histogram times;
		stats_server_times(&f.server, &times);
		assert_int_equal(times.count, 0);
		end(&f);
	}
	struct fixture f;
	const str said[PROCESSES] = {
		STR("{\"lists\":[{\"name\":\"A\\u001b[2J\",\"state\":\"broken\","
		    "\"why\":\"x\\ny\"}]}"),
		STR("{}"), STR("{}"), STR("{}")
	};
	read_all(&f, said, running);
	const struct stats_shown s = shown(&f);
	assert_int_equal(stats_show_problems(&s, &f.out), 1);
	expect(&f, "the list A?[2J () counts for nothing since 1970-01-01 00:00 UTC: x?y\n");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_are_added_up),
		cmocka_unit_test(what_does_not_run_is_told),
		cmocka_unit_test(nonsense_is_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
