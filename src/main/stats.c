/*
 * stats.c: postern stats: how the server does, and how often each finding is made.
 */
#include "base/clock.h"
#include "main/cli.h"
#include "main/main.h"
#include "main/stats_findings.h"
#include "main/stats_show.h"

#include <errno.h>

enum { OUT_MAX = 64 * 1024 * 1024, ARENA_MAX = 64 * 1024 * 1024 };

struct stats {
	const struct config *config; /* owned */
	bool json;
	int64_t now;   /* seconds since 1970 */
	int64_t since; /* the first day, since 1970 */
	struct arena arena;
	struct buf out;
};

static int no_counts(const struct stats *s, int rc, const struct err *err)
{
	const char *dir = s->config->data_dir.p;
	if (rc == -ENOENT)
		return cli_error("nothing was counted yet in %s/records", dir);
	if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
		return cli_error("%s/records can be read by root and by members of the group that "
				 "owns it; you are neither",
			dir);
	return cli_err(err);
}

/* ── Findings ─────────────────────────────────────────────────────────────────────────────── */

static int show_findings(void *context, int argc, char **argv)
{
	struct stats *s = context;
	struct stats_findings all;
	struct err err = { "" };
	int rc = stats_findings_read(s->config, s->since, &s->arena, &all, &err);
	if (rc < 0)
		return no_counts(s, rc, &err);
	if (s->json) {
		struct json j = JSON_INIT(&s->out);
		json_object(&j, NULL);
		stats_findings_json(s->config, &all, &j);
		json_end(&j);
		buf_add_char(&s->out, '\n');
		return EXIT_DONE;
	}
	char day[STATS_DAY_SIZE];
	stats_day(s->since, day);
	uint64_t judged = all.total.spam + all.total.ham;
	buf_printf(&s->out, "%llu messages judged since %s (UTC): %llu for Junk or refused\n",
		(unsigned long long)judged, day, (unsigned long long)all.total.spam);
	stats_findings_print(s->config, &all, SIZE_MAX, &s->out);
	return EXIT_DONE;
}

/* ── The server ───────────────────────────────────────────────────────────────────────────── */

/* Asks the server, and shows what it says; EXIT_NO where something does not work. */
static int with_server(struct stats *s, void (*show)(const struct stats_shown *, struct buf *),
	const struct stats_findings *today)
{
	struct stats_server server = { 0 };
	struct buf problems CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	struct err err = { "" };
	int rc = stats_server_ask(s->config, &s->arena, &server, &err);
	const struct stats_shown shown = { .config = s->config,
		.server = rc < 0 ? NULL : &server,
		.why = err.text,
		.findings = today,
		.now = s->now,
		.arena = &s->arena };
	int status = stats_show_problems(&shown, &problems) ? EXIT_NO : EXIT_DONE;
	if (s->json) {
		struct json j = JSON_INIT(&s->out);
		json_object(&j, NULL);
		stats_show_json(&shown, &j);
		json_end(&j);
		buf_add_char(&s->out, '\n');
	} else if (rc < 0 && !today) {
		cli_err(&err);
	} else {
		show(&shown, &s->out);
	}
	stats_server_free(&server);
	return rc < 0 && rc != -ENOENT ? EXIT_FAILED : status;
}

static int show_summary(void *context, int argc, char **argv)
{
	struct stats *s = context;
	struct stats_findings today;
	struct err err = { "" };
	int rc = stats_findings_read(s->config, s->now / 86400, &s->arena, &today, &err);
	return with_server(s, stats_show_summary, rc < 0 ? NULL : &today);
}

static int show_processes(void *context, int argc, char **argv)
{
	return with_server(context, stats_show_processes, NULL);
}

static int show_lists(void *context, int argc, char **argv)
{
	return with_server(context, stats_show_lists, NULL);
}

/* ── The verb ─────────────────────────────────────────────────────────────────────────────── */

/* "7d" is today and the six days before. */
static bool first_day(const char *since, int64_t now, int64_t *out)
{
	int64_t ago;
	if (!cli_duration(since, &ago))
		return false;
	*out = MIN((now - ago) / 86400 + 1, now / 86400);
	return true;
}

static const struct cli_action actions[] = {
	{ "summary", 0, 0, show_summary },
	{ "lists", 0, 0, show_lists },
	{ "processes", 0, 0, show_processes },
	{ "findings", 0, 0, show_findings },
};

int main_stats(int argc, char **argv)
{
	const char *config = NULL, *since = "7d";
	struct stats s = { .out = BUF_INIT(OUT_MAX), .arena = ARENA_INIT(ARENA_MAX) };
	const struct cli_option options[] = {
		CLI_CONFIG_OPTION(config),
		CLI_JSON_OPTION(s.json),
		{ .name = "since",
			.placeholder = "TIME",
			.help = "findings of the last days: 1d, 7d (else that), 30d",
			.value = &since },
	};
	const struct cli_command command = {
		.usage = "stats [summary|lists|processes] [--json]\nstats findings [--since TIME] "
			 "[--json]",
		.help = "Shows whether the server runs, what it has done since its start and "
			"today, and\n"
			"what does not work; the lists in the DNS; the processes. The exit status "
			"is 1\n"
			"where something does not work.\n"
			"findings: how often each was made, in messages for Junk or refused and in "
			"the\n"
			"rest, and how well that tells them apart (S/O: 1 is only in spam, 0 only "
			"in the\n"
			"rest).",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.most = -1,
		.actions = actions,
		.action_count = ARRAY_LEN(actions),
	};
	char summary[] = "summary";
	int status, words = cli_parse(&command, argc, argv, &status);
	if (words < 0)
		return status;
	if (words == 0)
		argv[words++] = summary;
	s.now = clock_wall() / NSEC_PER_SEC;
	if (!first_day(since, s.now, &s.since))
		return cli_error("--since takes a time such as 1d or 7d");
	s.config = cli_config(config);
	if (!s.config)
		return EXIT_FAILED;
	status = cli_act(&command, &s, words, argv);
	int printed = cli_print(&s.out);
	config_unref(s.config);
	buf_done(&s.out);
	arena_done(&s.arena);
	return MAX(status, printed);
}
