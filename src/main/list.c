/*
 * list.c: postern block, postern allow: who is refused, and who is taken.
 */
#include "directory/local_list.h"
#include "main/cli.h"
#include "main/main.h"
#include "main/tool.h"
#include "main/why_story.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_MAX_LENGTH = 1024,
	ENTRIES_MAX = 5 * 1000 * 1000, /* of one file */
	PROBLEMS_MAX = 20,             /* lines that are told of */
};

struct list_tool {
	struct tool tool;
	enum directory_list list;
	const char *whom, *expires, *comment, *file;
	bool force;
	str scope; /* of --for; "" */
};

static const char *verb_of(const struct list_tool *l)
{
	return l->list == DIRECTORY_BLOCK ? "block" : "allow";
}

/* ── For whom ─────────────────────────────────────────────────────────────────────────────── */

static int find_account(struct list_tool *l)
{
	struct tool *t = &l->tool;
	struct directory_account account;
	struct err err;
	str address;
	if (!tool_address(t, l->whom, &address))
		return EXIT_FAILED;
	int r = directory_account_find(t->store, address, &t->arena, &account, &err);
	if (r == -ENOENT)
		return cli_error(
			"there is no account %.*s; see: postern account list", STR_ARG(address));
	if (r < 0)
		return cli_err(&err);
	char scope[DIRECTORY_SCOPE_SIZE];
	l->scope = arena_str(&t->arena, directory_account_scope(account.id, scope));
	return EXIT_DONE;
}

static int find_scope(struct list_tool *l)
{
	struct directory_domain domain;
	struct err err;
	if (!l->whom)
		return EXIT_DONE;
	if (strchr(l->whom, '@'))
		return find_account(l);
	if (!tool_domain(&l->tool, l->whom, &l->scope))
		return EXIT_FAILED;
	int r = directory_domain_find(l->tool.store, l->scope, &l->tool.arena, &domain, &err);
	if (r == -ENOENT)
		return cli_error("%.*s is not a domain of this server; see: postern domain list",
			STR_ARG(l->scope));
	return r < 0 ? cli_err(&err) : EXIT_DONE;
}

/* What people call a scope: "all", a domain, an account's address. */
static str name_of(struct list_tool *l, str scope)
{
	struct directory_account account;
	uint64_t id;
	if (scope.n == 0)
		return STR("all");
	if (scope.p[0] != '#' || !str_to_u64(str_skip(scope, 1), INT64_MAX, &id) ||
		directory_account_get(l->tool.store, id, &l->tool.arena, &account, NULL))
		return scope;
	return account.address;
}

/* ── What ─────────────────────────────────────────────────────────────────────────────────── */

/* "postern.txt:7: ", or nothing. */
static int parse(struct list_tool *l, str text, const char *where, struct directory_entry *out)
{
	struct err err;
	*out = (struct directory_entry){ .list = l->list,
		.scope = l->scope,
		.comment = str_from_z(l->comment),
		.created = l->tool.now };
	int r = local_subject_parse(text, &l->tool.arena, out, &err);
	if (r == -E2BIG && l->force)
		r = 0;
	if (r == -E2BIG)
		return cli_error("%s%s; if that is meant, add --force", where, err.text);
	return r < 0 ? cli_error("%s%s", where, err.text) : EXIT_DONE;
}

static int set_expiry(const struct list_tool *l, struct directory_entry *entries, size_t n)
{
	int64_t after = 0;
	if (l->expires && (!cli_duration(l->expires, &after) || after == 0))
		return cli_error("--expires takes a time such as 12h, 7d or 4w");
	for (size_t i = 0; i < n && after; i++)
		entries[i].expires = l->tool.now + after;
	return EXIT_DONE;
}

/* ── Files ────────────────────────────────────────────────────────────────────────────────── */

struct entries {
	struct directory_entry *items; /* owned */
	size_t n;
	unsigned problems;
};

static void add_line(struct list_tool *l, struct entries *e, str line, unsigned long number)
{
	char where[64];
	str subject, comment;
	snprintf(where, sizeof where, "line %lu: ", number);
	bool commented = str_find_char(line, '#') >= 0;
	str_cut(line, '#', &subject, &comment);
	subject = str_trim(subject);
	if (subject.n == 0)
		return;
	if ((e->n & (e->n - 1)) == 0)
		e->items = xrealloc(e->items, MAX(2 * e->n, (size_t)1) * sizeof *e->items);
	if (parse(l, subject, where, &e->items[e->n]) != EXIT_DONE) {
		e->problems++;
		return;
	}
	comment = str_first(str_trim(commented ? comment : STR_EMPTY), DIRECTORY_COMMENT_MAX);
	if (comment.n)
		e->items[e->n].comment = arena_str(&l->tool.arena, comment);
	e->n++;
}

static int read_lines(struct list_tool *l, FILE *f, struct entries *e)
{
	char line[LINE_MAX_LENGTH];
	for (unsigned long number = 1; fgets(line, sizeof line, f); number++) {
		str s = str_from_z(line);
		if (!str_ends(s, STR("\n")) && !feof(f))
			return cli_error("line %lu: it is too long, or not text", number);
		if (e->n == ENTRIES_MAX)
			return cli_error("a file can have %d entries", ENTRIES_MAX);
		add_line(l, e, s, number);
		if (e->problems == PROBLEMS_MAX)
			return cli_error("too many lines that cannot be used");
	}
	if (ferror(f))
		return cli_error("cannot read: %s", strerrordesc_np(errno));
	return e->problems ? EXIT_FAILED : EXIT_DONE;
}

static int read_file(struct list_tool *l, struct entries *e)
{
	bool standard = strcmp(l->file, "-") == 0;
	int fd = standard ? dup(STDIN_FILENO) : open(l->file, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f)
		return cli_error("%s: %s", l->file, strerrordesc_np(errno));
	int status = read_lines(l, f, e);
	fclose(f);
	return status;
}

/* ── The actions ──────────────────────────────────────────────────────────────────────────── */

static int store(struct list_tool *l, struct directory_entry *entries, size_t n)
{
	struct err err;
	size_t added;
	if (set_expiry(l, entries, n) != EXIT_DONE)
		return EXIT_FAILED;
	if (directory_entries_add(l->tool.store, entries, n, &added, &err))
		return cli_err(&err);
	str whom = name_of(l, l->scope);
	if (l->file)
		printf("%zu added, %zu were there already, for %.*s\n", added, n - added,
			STR_ARG(whom));
	else
		printf("%.*s %s for %.*s\n", STR_ARG(entries[0].subject),
			!added                       ? "was there already, and is changed"
			: l->list == DIRECTORY_BLOCK ? "blocked"
						     : "allowed",
			STR_ARG(whom));
	return EXIT_DONE;
}

/* Whether the words and --file go together. */
static int check_words(const struct list_tool *l, const char *action, int argc)
{
	if (l->file && argc)
		return cli_error("give a subject or --file, not both");
	if (!l->file && !argc)
		return cli_error("%s %s: an address, a network or a domain is missing; see: "
				 "postern %s --help",
			verb_of(l), action, verb_of(l));
	return EXIT_DONE;
}

static int collect(
	struct list_tool *l, const char *action, int argc, char **argv, struct entries *e)
{
	if (check_words(l, action, argc) != EXIT_DONE || find_scope(l) != EXIT_DONE)
		return EXIT_FAILED;
	if (l->file)
		return read_file(l, e);
	e->items = xcalloc(1, sizeof *e->items);
	e->n = 1;
	return parse(l, str_from_z(argv[0]), "", &e->items[0]);
}

static int add(void *context, int argc, char **argv)
{
	struct list_tool *l = context;
	struct entries e = { 0 };
	if (l->comment && strlen(l->comment) > DIRECTORY_COMMENT_MAX)
		return cli_error("a comment has at most %d bytes", DIRECTORY_COMMENT_MAX);
	int status = collect(l, "add", argc, argv, &e);
	if (status == EXIT_DONE)
		status = store(l, e.items, e.n);
	free(e.items);
	return status;
}

static int remove_entries(void *context, int argc, char **argv)
{
	struct list_tool *l = context;
	struct entries e = { 0 };
	struct err err;
	l->force = true;
	int status = collect(l, "remove", argc, argv, &e);
	int r = status == EXIT_DONE ? directory_entries_remove(l->tool.store, e.items, e.n, &err)
				    : 0;
	str whom = name_of(l, l->scope);
	if (r == -ENOENT)
		status = cli_error(
			"%s, for %.*s; see: postern %s list", err.text, STR_ARG(whom), verb_of(l));
	else if (r < 0)
		status = cli_err(&err);
	else if (status == EXIT_DONE && l->file)
		printf("%zu removed for %.*s\n", e.n, STR_ARG(whom));
	else if (status == EXIT_DONE)
		printf("%.*s removed for %.*s\n", STR_ARG(e.items[0].subject), STR_ARG(whom));
	free(e.items);
	return status;
}

static void print_json(struct buf *out, const struct directory_entry *e, str whom)
{
	static const char *const kinds[] = { [DIRECTORY_IP] = "ip",
		[DIRECTORY_ADDRESS] = "address",
		[DIRECTORY_DOMAIN] = "domain" };
	buf_printf(out, "%s{\"subject\":", out->n > 1 ? ",\n " : "");
	cli_json_string(out, e->subject);
	buf_printf(out, ",\"kind\":\"%s\",\"for\":", kinds[e->kind]);
	cli_json_string(out, whom);
	buf_printf(out, ",\"comment\":");
	cli_json_string(out, e->comment);
	buf_printf(out, ",\"created\":%lld,\"expires\":", (long long)e->created);
	if (e->expires)
		buf_printf(out, "%lld}", (long long)e->expires);
	else
		buf_printf(out, "null}");
}

static void print_row(struct buf *out, const struct directory_entry *e, str whom)
{
	char since[TOOL_DATE_SIZE], until[TOOL_DATE_SIZE] = "";
	tool_date(e->created, since);
	if (e->expires)
		tool_date(e->expires, until);
	buf_printf(out, "%-32.*s  for %-24.*s  since %s%s%s%s", STR_ARG(e->subject), STR_ARG(whom),
		since, e->expires ? "  until " : "", until, e->comment.n ? "  # " : "");
	why_text(out, e->comment, DIRECTORY_COMMENT_MAX); /* it may come from somebody's list */
	buf_add_char(out, '\n');
}

static int list(void *context, int argc, char **argv)
{
	struct list_tool *l = context;
	struct tool *t = &l->tool;
	struct directory_entry *entries;
	struct err err;
	size_t n;
	if (find_scope(l) != EXIT_DONE)
		return EXIT_FAILED;
	if (directory_entry_list(t->store, l->list, l->whom ? &l->scope : NULL, t->now, &t->arena,
		    &entries, &n, &err))
		return cli_err(&err);
	struct buf out = BUF_INIT(SIZE_MAX / 2);
	str scope = STR_EMPTY, whom = name_of(l, scope);
	buf_printf(&out, t->json ? "[" : "");
	for (size_t i = 0; i < n; i++) {
		if (!str_equal(entries[i].scope, scope)) {
			scope = entries[i].scope;
			whom = name_of(l, scope);
		}
		if (t->json)
			print_json(&out, &entries[i], whom);
		else
			print_row(&out, &entries[i], whom);
	}
	buf_printf(&out, t->json ? "]\n" : "");
	int status = cli_print(&out);
	buf_done(&out);
	return status;
}

static int run(
	enum directory_list which, const char *usage, const char *help, int argc, char **argv)
{
	static const struct cli_action actions[] = {
		{ "add", 0, 1, add },
		{ "list", 0, 0, list },
		{ "remove", 0, 1, remove_entries },
	};
	struct list_tool l = { .list = which, .scope = STR_EMPTY };
	const struct cli_option options[] = {
		CLI_CONFIG_OPTION(l.tool.config_path),
		CLI_JSON_OPTION(l.tool.json),
		{ .name = "for",
			.placeholder = "DOMAIN|ACCOUNT",
			.help = "only for mail to that domain or account of this server",
			.value = &l.whom },
		{ .name = "expires",
			.placeholder = "TIME",
			.help = "with add: after 12h, 7d, 4w it counts no more",
			.value = &l.expires },
		{ .name = "comment",
			.placeholder = "TEXT",
			.help = "with add: why; nobody outside sees it",
			.value = &l.comment },
		{ .name = "file",
			.placeholder = "FILE",
			.help = "take subjects from there (- for standard input), one a line",
			.value = &l.file },
		{ .name = "force",
			.help = "with add: also what covers a large part of the Internet",
			.flag = &l.force },
	};
	const struct cli_command command = {
		.usage = usage,
		.help = help,
		.options = options,
		.option_count = ARRAY_LEN(options),
		.least = 1,
		.most = -1,
		.actions = actions,
		.action_count = ARRAY_LEN(actions),
	};
	return tool_act(&l.tool, &command, &l, argc, argv);
}

#define USAGE(verb)                                                                                \
	verb " add SUBJECT [--for DOMAIN|ACCOUNT] [--expires TIME] [--comment TEXT]\n" verb        \
	     " add --file FILE [--for …] [--expires …] [--comment …]\n" verb                       \
	     " list [--for DOMAIN|ACCOUNT] [--json]\n" verb                                        \
	     " remove SUBJECT|--file FILE [--for DOMAIN|ACCOUNT]"

int main_block(int argc, char **argv)
{
	return run(DIRECTORY_BLOCK, USAGE("block"),
		"Mail that is refused. A SUBJECT is an IP address or network, which the client is\n"
		"compared with; an address, or a domain with all below it, which the sender is\n"
		"compared with. What is allowed is not blocked: see postern allow. Changes are\n"
		"effective at once.",
		argc, argv);
}

int main_allow(int argc, char **argv)
{
	return run(DIRECTORY_ALLOW, USAGE("allow"),
		"Mail that is taken, whatever else speaks against it, unless it has a virus. A\n"
		"SUBJECT is an IP address or network, an address, or a domain with all below it.\n"
		"Anybody can claim to be a sender: an address or a domain counts where SPF, DKIM\n"
		"or DMARC show that the message is theirs. Changes are effective at once.",
		argc, argv);
}
