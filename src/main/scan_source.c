#include "main/scan.h"

#include "main/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 32 };

/* ── What a file holds ────────────────────────────────────────────────────────────────────── */

static int add_item(struct scan_items *s, struct scan_item item)
{
	if (s->n == SCAN_ITEMS_MAX)
		return cli_error("there are more than %d messages", SCAN_ITEMS_MAX);
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->list = xrealloc(s->list, s->room * sizeof *s->list);
	}
	s->list[s->n++] = item;
	return EXIT_DONE;
}

/* A "From " line begins a message where an empty line, or nothing, stands before it. */
static size_t next_message(str text, size_t at)
{
	while (at < text.n) {
		ptrdiff_t found = str_find(str_skip(text, at), STR("\nFrom "));
		if (found < 0)
			return text.n;
		at += (size_t)found + 1;
		str before = str_first(text, at);
		if (str_ends(before, STR("\n\n")) || str_ends(before, STR("\n\r\n")))
			return at;
	}
	return text.n;
}

static int add_text(struct scan_items *s, const char *path, str text)
{
	if (!str_starts(text, STR("From ")))
		return add_item(
			s, (struct scan_item){ .path = str_dup_z(str_from_z(path)), .n = text.n });
	int status = EXIT_DONE;
	unsigned nr = 0;
	for (size_t at = 0, end; at < text.n && status == EXIT_DONE; at = end) {
		end = next_message(text, at);
		status = add_item(s, (struct scan_item){ .path = str_dup_z(str_from_z(path)),
					     .offset = at,
					     .n = end - at,
					     .mbox = true,
					     .nr = ++nr });
	}
	return status;
}

/* ── What is found ────────────────────────────────────────────────────────────────────────── */

static int add_path(struct scan_items *s, const char *path, unsigned depth);

/* In the order of their names, so that two runs say the same. */
static int add_directory(struct scan_items *s, const char *path, unsigned depth)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), status = EXIT_DONE;
	if (n < 0)
		return cli_error("cannot read %s: %s", path, strerrordesc_np(errno));
	for (int i = 0; i < n; i++) {
		struct buf below CLEANUP(buf_done) = BUF_INIT(8192);
		buf_printf(&below, "%s/%s", path, names[i]->d_name);
		buf_add_char(&below, '\0');
		if (status == EXIT_DONE && below.overflowed)
			status = cli_error("%s: a name in it is too long", path);
		if (status == EXIT_DONE && names[i]->d_name[0] != '.')
			status = add_path(s, below.p, depth + 1);
		free(names[i]);
	}
	free(names);
	return status;
}

static int add_path(struct scan_items *s, const char *path, unsigned depth)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return cli_error("cannot read %s: %s", path, strerrordesc_np(errno));
	if (S_ISDIR(st.st_mode))
		return depth > DEPTH_MAX ? cli_error("%s: too deep", path)
					 : add_directory(s, path, depth);
	struct input file;
	int status = input_open(path, &file);
	if (status == EXIT_DONE) {
		status = add_text(s, path, file.text);
		input_close(&file);
	}
	return status;
}

int scan_items_add(struct scan_items *s, const char *path)
{
	if (strcmp(path, "-") != 0)
		return add_path(s, path, 0);
	if (s->has_input)
		return cli_error("standard input can be read only once");
	s->has_input = true;
	int status = input_open(path, &s->input);
	return status == EXIT_DONE ? add_text(s, path, s->input.text) : status;
}

void scan_items_done(struct scan_items *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].path);
	free(s->list);
	input_close(&s->input);
}

/* ── One message ──────────────────────────────────────────────────────────────────────────── */

/* ">From ", ">>From " … */
static bool is_quoted_from(str line)
{
	size_t n = 0;
	while (n < line.n && line.p[n] == '>')
		n++;
	return n && str_starts(str_skip(line, n), STR("From "));
}

static void add_lines(str text, bool mbox, struct buf *out)
{
	str line;
	while (text.n) {
		bool ended = str_cut(text, '\n', &line, &text);
		if (ended && str_ends(line, STR("\r")))
			line.n--;
		buf_add(out, str_skip(line, mbox && is_quoted_from(line)));
		if (ended)
			buf_add(out, STR("\r\n"));
	}
}

/* Without the "From " line, and the empty line before the next. */
static str of_mbox(str text)
{
	str line;
	str_cut(text, '\n', &line, &text);
	if (str_ends(text, STR("\n\r\n")))
		text.n -= 2;
	else if (str_ends(text, STR("\n\n")))
		text.n -= 1;
	return text;
}

int scan_item_read(const struct scan_items *s, const struct scan_item *item, struct buf *out)
{
	struct input file = { .text = STR_EMPTY };
	bool standard = strcmp(item->path, "-") == 0;
	int status = standard ? EXIT_DONE : input_open(item->path, &file);
	if (status != EXIT_DONE)
		return status;
	str text = str_first(str_skip(standard ? s->input.text : file.text, item->offset), item->n);
	add_lines(item->mbox ? of_mbox(text) : text, item->mbox, out);
	input_close(&file);
	return EXIT_DONE;
}
