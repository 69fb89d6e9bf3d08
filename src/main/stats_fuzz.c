/*
 * What processes say about themselves, as one gone bad would: the input is what three of them say,
 * with NULs between; all that postern stats prints is made of it. What is meant as JSON is JSON.
 */
#include "main/stats_show.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config no_config; /* it has no findings to be scored */

enum { PROCESSES = 3, OUT_MAX = 16 * 1024 * 1024 };

static void assert_harmless(const struct buf *out)
{
	for (size_t i = 0; i < out->n; i++)
		ASSERT((out->p[i] >= ' ' && out->p[i] <= '~') || out->p[i] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT(OUT_MAX);
	const str names[PROCESSES] = { STR("filter.0"), STR("filter.1"), STR("smtpd.0") };
	const str states[PROCESSES] = { STR("running"), STR("waiting"), STR("starting") };
	const uint64_t numbers[PROCESSES] = { 0, 1, UINT64_MAX };
	str rest = str_from(data, size), said[PROCESSES];
	for (size_t i = 0; i < PROCESSES; i++)
		str_cut(rest, '\0', &said[i], &rest);
	const struct control_stats_reply reply = { .version = rest,
		.hostname = said[0],
		.names = { names, PROCESSES },
		.states = { states, PROCESSES },
		.stats = { said, PROCESSES },
		.pids = { numbers, PROCESSES },
		.starts = { numbers, PROCESSES },
		.restarts = { numbers, PROCESSES } };
	struct stats_server server;
	struct stats_findings none = { .since = 20000 };
	stats_server_read(&reply, &arena, &server);
	const struct stats_shown shown = { .config = &no_config,
		.server = &server,
		.findings = &none,
		.now = 1700000000,
		.arena = &arena };
	struct buf out = BUF_INIT(OUT_MAX), json = BUF_INIT(OUT_MAX);
	struct json j = JSON_INIT(&json);
	stats_show_summary(&shown, &out);
	stats_show_processes(&shown, &out);
	stats_show_lists(&shown, &out);
	assert_harmless(&out);
	json_object(&j, NULL);
	stats_show_json(&shown, &j);
	json_end(&j);
	ASSERT(json_done(&j));
	assert_harmless(&json);
	stats_server_free(&server);
	buf_done(&out);
	buf_done(&json);
	arena_done(&arena);
	return 0;
}
