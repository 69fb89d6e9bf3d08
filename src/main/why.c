/*
 * why.c: postern why: what was decided about a message, and why. It reads records.db, also while
 * the server runs.
 */
#include "base/clock.h"
#include "main/cli.h"
#include "main/main.h"
#include "main/why_story.h"
#include "store/directory_store.h"
#include "store/records.h"

#include <errno.h>
#include <stdlib.h>

enum {
	STORIES_MAX = 20, /* of one Message-ID */
	ROWS_DEFAULT = 20,
	ROWS_MAX = 10000,
	OUT_MAX = 64 * 1024 * 1024,
	ADDRESS_ARENA = 1024 * 1024,
};

struct question {
	const struct config *config;       /* owned */
	struct directory_store *directory; /* NULL: it cannot be read */
	struct arena arena;
	bool json, table;
	str from, to;
	size_t most, found;
	struct buf out;
	struct buf first_id;
	bool several; /* ids that begin as asked */
};

/* The directory is closed to most; the number of an account says it as well. */
static str account_name(void *context, uint64_t id)
{
	struct question *q = context;
	struct directory_account account;
	if (!q->directory || directory_account_get(q->directory, id, &q->arena, &account, NULL) < 0)
		return STR_EMPTY;
	return account.address;
}

/* The record itself, with its deliveries as one more member. */
static void put_json(const struct record *record, struct buf *out)
{
	str json = str_trim(record->json);
	if (!str_ends(json, STR("}")) || record->deliveries.n == 0) {
		buf_add(out, json);
	} else {
		buf_add(out, str_first(json, json.n - 1));
		buf_printf(out, ",\"deliveries\":%.*s}", STR_ARG(record->deliveries));
	}
	buf_add_char(out, '\n');
}

static bool show(void *arg, const struct record *record)
{
	struct question *q = arg;
	struct why w;
	const struct why_names names = { account_name, q };
	why_read(record, &w);
	if (why_matches(&w, q->from, q->to)) {
		if (q->json)
			put_json(record, &q->out);
		else if (q->table)
			why_row(&w, &q->out);
		else
			why_story(&w, &names, &q->out);
		q->found++;
	}
	why_free(&w);
	return q->found < q->most && !q->out.overflowed;
}

/* Ids that begin as was asked: more than one is no answer. */
static bool compare_id(void *arg, const struct record *record)
{
	struct question *q = arg;
	struct why w;
	why_read(record, &w);
	const json_t *v = json_object_get(w.record, "id");
	str id = json_is_string(v) ? str_from(json_string_value(v), json_string_length(v))
				   : STR_EMPTY;
	if (q->first_id.n == 0)
		buf_add(&q->first_id, id);
	q->several |= !str_equal(buf_str(&q->first_id), id);
	why_free(&w);
	return !q->several;
}

/* Ids are written in upper case. */
static str id_of(const char *word, char out[static 11])
{
	size_t n = strlen(word);
	if (n == 0 || n > 10)
		return STR_EMPTY;
	for (size_t i = 0; i < n; i++) {
		out[i] = ascii_upper(word[i]);
		if (!ascii_is_alnum(out[i]))
			return STR_EMPTY;
	}
	return str_from(out, n);
}

static int ask_for(struct question *q, struct records *r, const char *word, struct err *err)
{
	char id[11];
	struct records_query query = { .id = id_of(word, id) };
	q->most = STORIES_MAX;
	if (query.id.n) {
		int rc = records_find(r, &query, compare_id, q, err);
		if (rc < 0)
			return rc;
		q->table = q->several;
		rc = records_find(r, &query, show, q, err);
		if (rc < 0 || q->found)
			return rc;
	}
	query = (struct records_query){ .message_id = str_trim(str_from_z(word)) };
	return records_find(r, &query, show, q, err);
}

static int explain_failure(const struct question *q, int rc, const struct err *err)
{
	const char *dir = q->config->data_dir.p;
	if (rc == -ENOENT)
		return cli_error("no records were kept yet in %s/records", dir);
	if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
		return cli_error("%s/records can be read by root and by members of the group that "
				 "owns it; you are neither",
			dir);
	return cli_err(err);
}

static int answer(struct question *q, const char *word, int rc, const struct err *err)
{
	if (rc < 0)
		return explain_failure(q, rc, err);
	int status = cli_print(&q->out);
	if (status != EXIT_DONE)
		return status;
	if (q->found == 0 && word) {
		cli_error("nothing is known about %s: it is not an id or a Message-ID of the "
			  "last %lld days",
			word, (long long)(q->config->records.keep / SECONDS(86400)));
		return EXIT_NO;
	}
	if (q->several) {
		cli_error("%s is the beginning of several ids", word);
		return EXIT_NO;
	}
	return q->found ? EXIT_DONE : EXIT_NO;
}

static int ask(struct question *q, const char *word, int64_t since)
{
	struct err err = { "" };
	struct records *records;
	const struct records_query query = { .since = since };
	int rc = records_open(q->config->data_dir.p, RECORDS_READ_ONLY, &records, &err);
	if (rc < 0)
		return explain_failure(q, rc, &err);
	(void)!directory_store_open(q->config->data_dir.p, false, &q->directory, NULL);
	rc = word ? ask_for(q, records, word, &err) : records_find(records, &query, show, q, &err);
	int status = answer(q, word, rc, &err);
	directory_store_close(q->directory);
	records_close(records);
	return status;
}

struct options {
	const char *config, *last, *from, *to, *since;
	bool json;
};

/* What the options ask for; EXIT_FAILED with a message. */
static int understand(const struct options *o, bool word, struct question *q, int64_t *out_since)
{
	int64_t ago = 0;
	uint64_t last = ROWS_DEFAULT;
	bool listing = o->last || o->from || o->to || o->since;
	if (word == listing)
		return cli_error("give an id or a Message-ID, or --last, --from, --to, --since; "
				 "see: postern why --help");
	if (o->last && (!str_to_u64(str_from_z(o->last), ROWS_MAX, &last) || last == 0))
		return cli_error("--last takes a number from 1 to %d", ROWS_MAX);
	if (o->since && !cli_duration(o->since, &ago))
		return cli_error("--since takes a time such as 30m, 2h or 7d");
	*out_since = o->since ? clock_wall() / NSEC_PER_SEC - ago : 0;
	q->table = listing;
	q->most = o->since && !o->last ? ROWS_MAX : (size_t)last;
	q->from = str_from_z(o->from);
	q->to = str_from_z(o->to);
	q->json = o->json;
	return EXIT_DONE;
}

int main_why(int argc, char **argv)
{
	struct options o = { 0 };
	const struct cli_option options[] = {
		CLI_CONFIG_OPTION(o.config),
		CLI_JSON_OPTION(o.json),
		{ .name = "last",
			.placeholder = "N",
			.help = "the last N messages",
			.value = &o.last },
		{ .name = "from",
			.placeholder = "ADDRESS",
			.help = "messages from there",
			.value = &o.from },
		{ .name = "to",
			.placeholder = "ADDRESS",
			.help = "messages to there",
			.value = &o.to },
		{ .name = "since",
			.placeholder = "TIME",
			.help = "messages of the last 30m, 2h, 7d",
			.value = &o.since },
	};
	const struct cli_command command = {
		.usage = "why ID|MESSAGE-ID [--json]\n"
			 "why [--last N] [--from ADDRESS] [--to ADDRESS] [--since TIME] [--json]",
		.help = "Tells what was decided about a message, and why: who sent it, what was\n"
			"found, what became of it. The id stands in the reply that the sender got, "
			"in\n"
			"the Received field and in the log; its beginning is enough. With "
			"options,\n"
			"lists messages, newest first. Works while the server runs, as root or as "
			"a\n"
			"member of the group that owns the mail.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.most = 1,
	};
	int status;
	int words = cli_parse(&command, argc, argv, &status);
	if (words < 0)
		return status;
	struct question q = { .out = BUF_INIT(OUT_MAX),
		.first_id = BUF_INIT(1024),
		.arena = ARENA_INIT(ADDRESS_ARENA) };
	int64_t since = 0;
	status = understand(&o, words == 1, &q, &since);
	if (status != EXIT_DONE)
		return status;
	q.config = cli_config(o.config);
	if (!q.config)
		return EXIT_FAILED;
	status = ask(&q, words ? argv[0] : NULL, since);
	config_unref(q.config);
	buf_done(&q.out);
	buf_done(&q.first_id);
	arena_done(&q.arena);
	return status;
}
