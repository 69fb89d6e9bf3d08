#include "main/message.h"

#include "main/cli.h"
#include "main/input.h"
#include "main/message_show.h"

#include "mail/mime.h"
#include "mail/structure.h"
#include "mail/summary.h"
#include "mail/transfer.h"

#include <stdio.h>

static const char usage[] = "usage: postern message show [--json] FILE\n"
			    "       postern message structure [--json] FILE\n";

/* As a JSON string; bytes above 127 as if they were ISO-8859-1, so that nothing is lost. */
static void add_json(struct buf *b, str s)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < ' ' || c > 126)
			buf_printf(b, "\\u%04x", c);
		else
			buf_add_char(b, (char)c);
	}
	buf_add_char(b, '"');
}

static size_t decoded_size(const struct mime_part *p)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	transfer_decode(transfer_encoding_from(p->encoding), p->body, &b);
	return b.n;
}

static void add_part_json(struct buf *b, const struct mime_tree *tree, const struct mime_part *p)
{
	buf_add(b, STR("{\"type\":"));
	add_json(b, p->type);
	buf_add(b, STR(",\"subtype\":"));
	add_json(b, p->subtype);
	buf_add(b, STR(",\"encoding\":"));
	add_json(b, p->encoding);
	buf_printf(b, ",\"depth\":%u,\"header\":[%zu,%zu],\"body\":[%zu,%zu]", p->depth,
		(size_t)(p->header.p - tree->message.p), p->header.n,
		(size_t)(p->body.p - tree->message.p), p->body.n);
	buf_printf(b, ",\"lines\":%zu", p->lines);
	if (p->kind == MIME_LEAF)
		buf_printf(b, ",\"decoded\":%zu", decoded_size(p));
	buf_add_char(b, '}');
}

static void print_json(str message, const struct mail_summary *summary)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(message, MIME_LIMITS, &tree);
	buf_add(&b, STR("{\"envelope\":"));
	add_json(&b, summary->envelope);
	buf_add(&b, STR(",\"body\":"));
	add_json(&b, summary->body);
	buf_add(&b, STR(",\"bodystructure\":"));
	add_json(&b, summary->bodystructure);
	buf_add(&b, STR(",\"parts\":["));
	for (uint32_t i = 0; i < tree.n; i++) {
		if (i)
			buf_add_char(&b, ',');
		add_part_json(&b, &tree, &tree.parts[i]);
	}
	buf_add(&b, STR("]}\n"));
	fwrite(b.p, 1, b.n, stdout);
}

static void print_text(const struct mail_summary *summary)
{
	const str lines[] = { summary->envelope, summary->body, summary->bodystructure };
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		fwrite(lines[i].p, 1, lines[i].n, stdout);
		putchar('\n');
	}
}

static void structure(str message, bool json)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(SUMMARY_ARENA_MAX);
	struct mail_summary summary;
	mail_summary(&arena, message, &summary);
	if (json)
		print_json(message, &summary);
	else
		print_text(&summary);
}

int main_message(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	bool json = argc == 4 && strcmp(argv[2], "--json") == 0;
	bool show = argc > 1 && strcmp(argv[1], "show") == 0;
	if ((argc != 3 && !json) || (!show && strcmp(argv[1], "structure") != 0)) {
		fputs(usage, stderr);
		return 2;
	}
	struct input input;
	if (input_open(argv[argc - 1], &input) != EXIT_DONE)
		return EXIT_FAILED;
	if (show)
		message_show(input.text, json);
	else
		structure(input.text, json);
	input_close(&input);
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
