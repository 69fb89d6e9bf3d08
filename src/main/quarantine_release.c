/*
 * quarantine_release.c: postern quarantine release and remove.
 *
 * A message is released in this order: delivered to each account, then removed. A crash in between
 * leaves it there, and the next attempt leaves out the accounts that have it: its Received field,
 * with its id, is in no other message. A server that runs is told which accounts have news.
 */
#include "main/quarantine_internal.h"

#include "base/json.h"
#include "main/server.h"
#include "store/records.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TARGETS_MAX = DIRECTORY_DESTINATIONS_MAX };

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
static int resolve(struct quarantine_tool *j, const char *word, struct targets *out)
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
	struct quarantine_tool *job;
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
static int open_target(
	struct quarantine_tool *j, uint64_t id, struct account **out, struct err *err)
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
static void keep_record(struct quarantine_tool *j, const struct quarantine_item *item,
	const char *action, const char *why, str deliveries)
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
	for (size_t i = 0; i < MIN(item->recipient_count, (size_t)QUARANTINE_TOOL_RECIPIENTS); i++)
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

int quarantine_tool_release(void *context, int argc, char **argv)
{
	struct quarantine_tool *j = context;
	struct targets *targets CLEANUP(free_pointer) = xcalloc(1, sizeof *targets);
	struct releasing r = { .job = j, .targets = targets, .deliveries = BUF_INIT(RECORD_MAX) };
	struct quarantine_item item;
	struct err err;
	if (quarantine_tool_open(j, 0) != EXIT_DONE)
		return EXIT_FAILED;
	for (size_t i = 0; i < j->to.n; i++)
		if (resolve(j, j->to.v[i], targets) != EXIT_DONE)
			return EXIT_FAILED;
	str id = quarantine_tool_id(j, argv[0]);
	int rc = quarantine_tool_find(j, id, &item, &err);
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
		return quarantine_tool_none(argv[0]);
	return rc < 0 ? cli_err(&err) : EXIT_DONE;
}

int quarantine_tool_remove(void *context, int argc, char **argv)
{
	struct quarantine_tool *j = context;
	int status = quarantine_tool_open(j, 0);
	for (int i = 0; status != EXIT_FAILED && i < argc; i++) {
		struct quarantine_item item;
		struct err err;
		str id = quarantine_tool_id(j, argv[i]);
		int rc = quarantine_tool_find(j, id, &item, &err);
		if (rc == 0)
			rc = quarantine_remove(j->store, id, &err);
		if (rc < 0 && rc != -ENOENT)
			return cli_err(&err);
		if (rc < 0) {
			status = quarantine_tool_none(argv[i]);
			continue;
		}
		keep_record(j, &item, "remove", "removed from the quarantine", STR_EMPTY);
		printf("%.*s removed\n", STR_ARG(id));
	}
	return status;
}
