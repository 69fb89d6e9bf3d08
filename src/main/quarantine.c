/*
 * quarantine.c: postern quarantine: messages that were kept aside, to be looked at, delivered after
 * all, or forgotten. It works on the files, whether the server runs or not.
 */
#include "main/quarantine_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "mail/word.h"
#include "main/main.h"
#include "main/why_text.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUT_MAX = 64 * 1024 * 1024, COPY_STEP = 256 * 1024 };

int quarantine_tool_open(struct quarantine_tool *j, unsigned flags)
{
	struct err err;
	umask(0007); /* a file that is made is for the group that owns the mail, too */
	int rc = quarantine_open(j->tool.config->data_dir.p, flags, &j->store, &err);
	if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
		return cli_error("%s/quarantine is for root and for members of the group that owns "
				 "it; you are neither",
			j->tool.config->data_dir.p);
	return rc < 0 && rc != -ENOENT ? cli_err(&err) : EXIT_DONE;
}

str quarantine_tool_id(struct quarantine_tool *j, const char *word)
{
	char *id = arena_str_z(&j->tool.arena, str_from_z(word));
	for (char *p = id; *p; p++)
		*p = ascii_upper(*p);
	return str_from_z(id);
}

int quarantine_tool_none(const char *word)
{
	cli_error(
		"there is no message %s in the quarantine (any more); see: postern quarantine list",
		word);
	return EXIT_NO;
}

int quarantine_tool_find(
	struct quarantine_tool *j, str id, struct quarantine_item *out, struct err *err)
{
	return j->store ? quarantine_find(j->store, id, &j->tool.arena, out, err) : -ENOENT;
}

/* ── What is shown ────────────────────────────────────────────────────────────────────────── */

/* The second string of an ENVELOPE (RFC 9051 §7.5.2), as a person reads it. */
static void put_subject(str envelope, struct buf *out)
{
	struct buf raw CLEANUP(buf_done) = BUF_INIT(1024 * 1024);
	struct buf text CLEANUP(buf_done) = BUF_INIT(1024 * 1024);
	str date, rest;
	/* A date has no quotes and no spaces that could be confused. */
	if (str_starts(envelope, STR("(NIL ")))
		rest = str_skip(envelope, 5);
	else if (str_starts(envelope, STR("(\"")))
		str_cut(str_skip(envelope, 2), '"', &date, &rest), rest = str_skip(rest, 1);
	else
		return;
	if (!str_starts(rest, STR("\"")))
		return;
	for (size_t i = 1; i < rest.n && rest.p[i] != '"'; i++) {
		i += rest.p[i] == '\\' && i + 1 < rest.n;
		buf_add_char(&raw, rest.p[i]);
	}
	word_decode(&text, buf_str(&raw));
	why_text(out, buf_str(&text), 200);
}

static void put_json(struct quarantine_tool *j, const struct quarantine_item *item, bool whole)
{
	struct buf subject CLEANUP(buf_done) = BUF_INIT(4096);
	struct json out = JSON_INIT(&j->out);
	put_subject(item->summary.envelope, &subject);
	json_object(&out, NULL);
	json_str(&out, "id", item->id);
	json_i64(&out, "time", item->time);
	json_i64(&out, "until", item->time + j->tool.config->quarantine.keep / NSEC_PER_SEC);
	json_str(&out, "reason", item->reason);
	json_bool(&out, "copy", item->copy);
	json_str(&out, "sender", item->sender);
	json_str(&out, "client", item->client);
	json_array(&out, "recipients");
	for (size_t i = 0; i < item->recipient_count; i++)
		json_str(&out, NULL, item->recipients[i]);
	json_end(&out);
	json_str(&out, "subject", buf_str(&subject));
	json_i64(&out, "size", (int64_t)item->size);
	if (whole) {
		json_array(&out, "accounts");
		for (size_t i = 0; i < item->account_count; i++)
			json_i64(&out, NULL, (int64_t)item->accounts[i]);
		json_end(&out);
	}
	json_end(&out);
	buf_add_char(&j->out, '\n');
}

static void put_row(struct quarantine_tool *j, const struct quarantine_item *item)
{
	char date[TOOL_DATE_SIZE];
	tool_date(item->time, date);
	buf_printf(&j->out, "%.*s  %s  ", STR_ARG(item->id), date);
	why_text(&j->out, item->sender.n ? item->sender : STR("<>"), 60);
	buf_add(&j->out, STR(" -> "));
	why_text(&j->out, item->recipient_count ? item->recipients[0] : STR("?"), 60);
	if (item->recipient_count > 1)
		buf_printf(&j->out, " (+%zu)", item->recipient_count - 1);
	buf_add(&j->out, STR("  \""));
	put_subject(item->summary.envelope, &j->out);
	buf_add(&j->out, item->copy ? STR("\"  (a copy)  ") : STR("\"  "));
	why_text(&j->out, item->reason, 200);
	buf_add_char(&j->out, '\n');
}

static bool list_item(void *arg, const struct quarantine_item *item)
{
	struct quarantine_tool *j = arg;
	if (j->tool.json)
		put_json(j, item, false);
	else
		put_row(j, item);
	j->listed++;
	return !j->out.overflowed;
}

static int list(void *context, int argc, char **argv)
{
	struct quarantine_tool *j = context;
	struct err err;
	int status = quarantine_tool_open(j, QUARANTINE_READ_ONLY);
	if (status != EXIT_DONE || !j->store)
		return status;
	int rc = quarantine_list(j->store, list_item, j, &err);
	return rc < 0 ? cli_err(&err) : cli_print(&j->out);
}

static void put_story(struct quarantine_tool *j, const struct quarantine_item *item)
{
	struct buf *out = &j->out;
	char since[TOOL_DATE_SIZE], until[TOOL_DATE_SIZE];
	tool_date(item->time, since);
	tool_date(item->time + j->tool.config->quarantine.keep / NSEC_PER_SEC, until);
	buf_printf(out, "%.*s, kept since %s until %s\n  because     ", STR_ARG(item->id), since,
		until);
	why_text(out, item->reason, 1000);
	buf_add(out, STR("\n  from        "));
	why_text(out, item->sender.n ? item->sender : STR("<> (a bounce or a notice)"), 400);
	buf_add(out, STR(", by "));
	why_text(out, item->client, 100);
	buf_add(out, STR("\n  to          "));
	for (size_t i = 0; i < MIN(item->recipient_count, (size_t)QUARANTINE_TOOL_RECIPIENTS);
		i++) {
		buf_add(out, i ? STR(", ") : STR_EMPTY);
		why_text(out, item->recipients[i], 400);
	}
	if (item->recipient_count > QUARANTINE_TOOL_RECIPIENTS)
		buf_printf(
			out, ", and %zu more", item->recipient_count - QUARANTINE_TOOL_RECIPIENTS);
	buf_add(out, item->copy ? STR(" (they have it: this is a copy)") : STR_EMPTY);
	buf_add(out, STR("\n  subject     "));
	put_subject(item->summary.envelope, out);
	buf_printf(out, "\n  size        %llu bytes\n", (unsigned long long)item->size);
}

/* To standard output: trace and message. */
static int print_message(
	struct quarantine_tool *j, const struct quarantine_item *item, struct err *err)
{
	int fd CLEANUP(close_fd) = memfd_create("message", MFD_CLOEXEC);
	char *piece CLEANUP(free_pointer) = xmalloc(COPY_STEP);
	if (fd < 0)
		return err_errno(err, errno, "the message cannot be copied");
	int rc = quarantine_write_body(j->store, item->id, fd, err);
	if (rc < 0)
		return rc;
	fwrite(item->trace.p, 1, item->trace.n, stdout);
	ssize_t n = 0;
	for (off_t at = 0; (n = pread(fd, piece, COPY_STEP, at)) > 0; at += n)
		fwrite(piece, 1, (size_t)n, stdout);
	if (n < 0 || fflush(stdout) != 0)
		return err_errno(err, errno, "the message cannot be written");
	return 0;
}

static int show(void *context, int argc, char **argv)
{
	struct quarantine_tool *j = context;
	struct quarantine_item item;
	struct err err;
	if (quarantine_tool_open(j, QUARANTINE_READ_ONLY) != EXIT_DONE)
		return EXIT_FAILED;
	int rc = quarantine_tool_find(j, quarantine_tool_id(j, argv[0]), &item, &err);
	if (rc == -ENOENT)
		return quarantine_tool_none(argv[0]);
	if (rc == 0 && j->whole) {
		rc = print_message(j, &item, &err);
		return rc < 0 ? cli_err(&err) : EXIT_DONE;
	}
	if (rc < 0)
		return cli_err(&err);
	if (j->tool.json)
		put_json(j, &item, true);
	else
		put_story(j, &item);
	return cli_print(&j->out);
}

/* ── The verb ─────────────────────────────────────────────────────────────────────────────── */

static const struct cli_action actions[] = {
	{ "list", 0, 0, list },
	{ "show", 1, 1, show },
	{ "release", 1, 1, quarantine_tool_release },
	{ "remove", 1, -1, quarantine_tool_remove },
};

int main_quarantine(int argc, char **argv)
{
	struct quarantine_tool j = { .out = BUF_INIT(OUT_MAX) };
	const struct cli_option options[] = {
		CLI_CONFIG_OPTION(j.tool.config_path),
		CLI_JSON_OPTION(j.tool.json),
		{ .name = "to",
			.placeholder = "ADDRESS",
			.help = "with release: deliver to this address instead; may be repeated",
			.values = &j.to },
		{ .name = "message",
			.help = "with show: print the message itself",
			.flag = &j.whole },
	};
	const struct cli_command command = {
		.usage = "quarantine list [--json]\n"
			 "quarantine show ID [--message] [--json]\n"
			 "quarantine release ID [--to ADDRESS]…\n"
			 "quarantine remove ID…",
		.help = "Messages that were kept aside: because the configuration asks for it, or "
			"because\n"
			"the filter failed over them. Release delivers one after all, to its "
			"recipients or\n"
			"to others; it may be repeated, nobody gets a message twice. Works while "
			"the\n"
			"server runs, as root or as a member of the group that owns the mail.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.least = 1,
		.most = -1,
		.actions = actions,
		.action_count = ARRAY_LEN(actions),
	};
	int status = tool_act(&j.tool, &command, &j, argc, argv);
	quarantine_close(j.store);
	directory_close(j.directory);
	buf_done(&j.out);
	return status;
}
