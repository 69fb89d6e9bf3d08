/*
 * quarantine.c: postern quarantine: messages that were kept aside, to be looked at, delivered after
 * all, or forgotten. It works on the files, whether the server runs or not.
 *
 * A message is released in this order: delivered to each account, then removed. A crash in between
 * leaves it there, and the next attempt leaves out the accounts that have it: its Received field,
 * with its id, is in no other message. A server that runs is told which accounts have news.
 */
#include "store/quarantine.h"

#include "base/clock.h"
#include "base/json.h"
#include "directory/directory.h"
#include "mail/word.h"
#include "main/cli.h"
#include "main/main.h"
#include "main/server.h"
#include "main/tool.h"
#include "main/why_text.h"
#include "store/records.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OUT_MAX = 64 * 1024 * 1024,
	SHOWN_RECIPIENTS = 50,
	TARGETS_MAX = DIRECTORY_DESTINATIONS_MAX,
	COPY_STEP = 256 * 1024,
};

struct job {
	struct tool tool;
	struct quarantine *store;    /* owned */
	struct directory *directory; /* owned; NULL until needed */
	struct cli_values to;
	bool whole; /* show: the message itself */
	struct buf out;
	size_t listed;
};

/* Where there is none yet, j->store stays NULL. EXIT_FAILED with a message. */
static int open_store(struct job *j, unsigned flags)
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

static void put_json(struct job *j, const struct quarantine_item *item, bool whole)
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

static void put_row(struct job *j, const struct quarantine_item *item)
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
	struct job *j = arg;
	if (j->tool.json)
		put_json(j, item, false);
	else
		put_row(j, item);
	j->listed++;
	return !j->out.overflowed;
}

static int list(void *context, int argc, char **argv)
{
	struct job *j = context;
	struct err err;
	int status = open_store(j, QUARANTINE_READ_ONLY);
	if (status != EXIT_DONE || !j->store)
		return status;
	int rc = quarantine_list(j->store, list_item, j, &err);
	return rc < 0 ? cli_err(&err) : cli_print(&j->out);
}

static void put_story(struct job *j, const struct quarantine_item *item)
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
	for (size_t i = 0; i < MIN(item->recipient_count, (size_t)SHOWN_RECIPIENTS); i++) {
		buf_add(out, i ? STR(", ") : STR_EMPTY);
		why_text(out, item->recipients[i], 400);
	}
	if (item->recipient_count > SHOWN_RECIPIENTS)
		buf_printf(out, ", and %zu more", item->recipient_count - SHOWN_RECIPIENTS);
	buf_add(out, item->copy ? STR(" (they have it: this is a copy)") : STR_EMPTY);
	buf_add(out, STR("\n  subject     "));
	put_subject(item->summary.envelope, out);
	buf_printf(out, "\n  size        %llu bytes\n", (unsigned long long)item->size);
}

/* To standard output: trace and message. */
static int print_message(struct job *j, const struct quarantine_item *item, struct err *err)
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

/* Ids are written in upper case. */
static str id_of(struct job *j, const char *word)
{
	char *id = arena_str_z(&j->tool.arena, str_from_z(word));
	for (char *p = id; *p; p++)
		*p = ascii_upper(*p);
	return str_from_z(id);
}

/* EXIT_NO: it is not there, and that was said. */
static int no_such(const char *word)
{
	cli_error(
		"there is no message %s in the quarantine (any more); see: postern quarantine list",
		word);
	return EXIT_NO;
}

static int find(struct job *j, str id, struct quarantine_item *out, struct err *err)
{
	return j->store ? quarantine_find(j->store, id, &j->tool.arena, out, err) : -ENOENT;
}

static int show(void *context, int argc, char **argv)
{
	struct job *j = context;
	struct quarantine_item item;
	struct err err;
	if (open_store(j, QUARANTINE_READ_ONLY) != EXIT_DONE)
		return EXIT_FAILED;
	int rc = find(j, id_of(j, argv[0]), &item, &err);
	if (rc == -ENOENT)
		return no_such(argv[0]);
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

/* ── Letting go ───────────────────────────────────────────────────────────────────────────── */

/* Where a message goes. */
struct targets {
	uint64_t accounts[TARGETS_MAX];
	str details[TARGETS_MAX];
	size_t n;
};

static void add_target(struct targets *t, uint64_t account, str detail)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->accounts[i] == account && str_equal(t->details[i], detail))
			return;
	if (t->n == TARGETS_MAX)
		return;
	t->accounts[t->n] = account;
	t->details[t->n++] = detail;
}

/* EXIT_FAILED with a message. */
static int resolve(struct job *j, const char *word, struct targets *out)
{
	struct tool *t = &j->tool;
	struct directory_route route;
	struct err err;
	str address;
	if (!tool_address(t, word, &address))
		return EXIT_FAILED;
	int rc = j->directory ? 0
			      : directory_open(t->config->data_dir.p,
					t->config->directory.detail_separator, &j->directory, &err);
	if (rc == 0)
		rc = directory_resolve(j->directory, address, &t->arena, &route, &err);
	if (rc < 0)
		return cli_err(&err);
	if (route.answer != DIRECTORY_DELIVER)
		return cli_error("%s is nobody's address here", word);
	for (size_t i = 0; i < route.n; i++)
		add_target(out, route.to[i].account, route.to[i].detail);
	return EXIT_DONE;
}

struct releasing {
	struct job *job;
	struct targets *targets; /* where --to was given; else none */
	struct buf deliveries;   /* JSON, for the record */
	uint64_t *changed;       /* the accounts that it was delivered to */
	size_t delivered, had;
};

static int deliver_to(
	struct account *a, struct account_delivery *d, struct releasing *r, struct err *err)
{
	bool there = false;
	uint64_t modseq;
	int rc = account_has_message(
		a, d->prefix.n + d->body_size, d->summary.envelope, d->prefix, &there, err);
	if (rc < 0 || there) {
		r->had += there;
		return rc;
	}
	rc = account_deliver(a, d, 1, r->job->tool.now, &modseq, err);
	if (rc < 0)
		return rc;
	buf_printf(&r->deliveries, "%s{\"account\":%llu,\"mailbox\":%llu,\"uid\":%u,\"result\":0}",
		r->delivered ? "," : "", (unsigned long long)account_id(a),
		(unsigned long long)d->out_mailbox, d->out_uid);
	r->changed[r->delivered++] = account_id(a);
	return 0;
}

/* An account that is not in the directory any more has no owner to read it. */
static int open_target(struct job *j, uint64_t id, struct account **out, struct err *err)
{
	struct directory_account unused;
	int rc = directory_account_get(j->tool.store, id, &j->tool.arena, &unused, err);
	if (rc == -ENOENT)
		return err_set(err, ENXIO,
			"account %llu is not there any more; deliver to somebody else with --to",
			(unsigned long long)id);
	return rc < 0 ? rc
		      : account_open(j->tool.config->data_dir.p, id, ACCOUNT_CREATE, j->tool.now,
				out, err);
}

static int deliver_all(
	struct releasing *r, const struct quarantine_item *item, int fd, struct err *err)
{
	const struct targets *t = r->targets;
	size_t n = t->n ? t->n : item->account_count;
	int rc = 0;
	r->changed = arena_array(&r->job->tool.arena, uint64_t, n);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct account *a;
		struct account_delivery d = { .name = t->n ? t->details[i] : item->details[i],
			.or_inbox = true,
			.internaldate = item->received,
			.prefix = item->trace,
			.fd = fd,
			.body_size = item->size,
			.summary = item->summary };
		rc = open_target(r->job, t->n ? t->accounts[i] : item->accounts[i], &a, err);
		if (rc < 0)
			break;
		rc = deliver_to(a, &d, r, err);
		account_close(a);
	}
	return rc;
}

static int release_item(
	struct quarantine *q, const struct quarantine_item *item, void *arg, struct err *err)
{
	struct releasing *r = arg;
	if (item->copy && r->targets->n == 0)
		return err_set(err, EINVAL,
			"the recipients of %.*s have it already: this is a copy. Deliver it to "
			"somebody with --to, or forget it: postern quarantine remove %.*s",
			STR_ARG(item->id), STR_ARG(item->id));
	int fd CLEANUP(close_fd) = memfd_create("message", MFD_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "the message cannot be copied");
	int rc = quarantine_write_body(q, item->id, fd, err);
	return rc < 0 ? rc : deliver_all(r, item, fd, err);
}

/* What was done with it, for postern why. Without records it is done all the same. */
static void keep_record(struct job *j, const struct quarantine_item *item, const char *action,
	const char *why, str deliveries)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(RECORD_MAX);
	struct json out = JSON_INIT(&text);
	struct records *records;
	struct err err;
	if (records_open(j->tool.config->data_dir.p, 0, &records, &err) < 0)
		return;
	json_object(&out, NULL);
	json_str(&out, "id", item->id);
	json_i64(&out, "time", j->tool.now);
	json_str(&out, "door", STR("quarantine"));
	json_str(&out, "sender", item->sender);
	json_array(&out, "recipients");
	for (size_t i = 0; i < MIN(item->recipient_count, (size_t)SHOWN_RECIPIENTS); i++)
		json_str(&out, NULL, item->recipients[i]);
	json_end(&out);
	json_i64(&out, "size", (int64_t)item->size);
	json_str(&out, "action", str_from_z(action));
	json_str(&out, "why", str_from_z(why));
	json_end(&out);
	struct record record = {
		.time = j->tool.now, .json = buf_str(&text), .deliveries = deliveries
	};
	if (json_done(&out))
		(void)!records_write(records, &record, 1, j->tool.now * 1000000, &err);
	records_close(records);
}

static int tell(struct task *t, const struct control_calls *calls, void *arg)
{
	const struct releasing *r = arg;
	struct arena *a = &r->job->tool.arena;
	struct control_changed_reply reply;
	int rc = 0;
	for (size_t i = 0; i < r->delivered && rc == 0; i += CONTROL_CHANGED_MAX) {
		size_t n = MIN(r->delivered - i, (size_t)CONTROL_CHANGED_MAX);
		struct control_changed_request in = { .accounts = { r->changed + i, n } };
		rc = control_changed(t, calls, &in, a, &reply);
	}
	return rc;
}

/* For clients who wait for mail. Where no server runs there are none; with one that does not answer
 * they hear of it with the next change. */
static void tell_server(struct releasing *r)
{
	struct err err;
	if (r->delivered)
		(void)!server_call(r->job->tool.config, tell, r, &err);
}

static int release(void *context, int argc, char **argv)
{
	struct job *j = context;
	struct targets *targets CLEANUP(free_pointer) = xcalloc(1, sizeof *targets);
	struct releasing r = { .job = j, .targets = targets, .deliveries = BUF_INIT(RECORD_MAX) };
	struct quarantine_item item;
	struct err err;
	if (open_store(j, 0) != EXIT_DONE)
		return EXIT_FAILED;
	for (size_t i = 0; i < j->to.n; i++)
		if (resolve(j, j->to.v[i], targets) != EXIT_DONE)
			return EXIT_FAILED;
	str id = id_of(j, argv[0]);
	int rc = find(j, id, &item, &err);
	buf_add_char(&r.deliveries, '[');
	if (rc == 0)
		rc = quarantine_release(j->store, id, &j->tool.arena, release_item, &r, &err);
	buf_add_char(&r.deliveries, ']');
	tell_server(&r);
	if (rc == 0) {
		keep_record(j, &item, "release", "released from the quarantine",
			buf_str(&r.deliveries));
		printf("%.*s released to %zu account%s%s\n", STR_ARG(id), r.delivered + r.had,
			r.delivered + r.had == 1 ? "" : "s", r.had ? " (some had it already)" : "");
	}
	buf_done(&r.deliveries);
	if (rc == -ENOENT)
		return no_such(argv[0]);
	return rc < 0 ? cli_err(&err) : EXIT_DONE;
}

static int remove_items(void *context, int argc, char **argv)
{
	struct job *j = context;
	int status = open_store(j, 0);
	for (int i = 0; status != EXIT_FAILED && i < argc; i++) {
		struct quarantine_item item;
		struct err err;
		str id = id_of(j, argv[i]);
		int rc = find(j, id, &item, &err);
		if (rc == 0)
			rc = quarantine_remove(j->store, id, &err);
		if (rc < 0 && rc != -ENOENT)
			return cli_err(&err);
		if (rc < 0) {
			status = no_such(argv[i]);
			continue;
		}
		keep_record(j, &item, "remove", "removed from the quarantine", STR_EMPTY);
		printf("%.*s removed\n", STR_ARG(id));
	}
	return status;
}

/* ── The verb ─────────────────────────────────────────────────────────────────────────────── */

static const struct cli_action actions[] = {
	{ "list", 0, 0, list },
	{ "show", 1, 1, show },
	{ "release", 1, 1, release },
	{ "remove", 1, -1, remove_items },
};

int main_quarantine(int argc, char **argv)
{
	struct job j = { .out = BUF_INIT(OUT_MAX) };
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
