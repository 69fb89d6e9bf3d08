/* A whole message: the tree is consistent, every section can be had, what is written is valid IMAP,
 * and a search ends. */

#include "mail/check.h"
#include "mail/match.h"
#include "mail/section.h"
#include "mail/structure.h"
#include "mail/summary.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(const char *wrong)
{
	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	ASSERT(!wrong);
}

/* The path of a part is that of its ancestors, save for those that are a message's own part. */
static size_t path_of(const struct mime_tree *t, uint32_t i, uint32_t path[MIME_DEPTH_MAX])
{
	size_t n = 0;
	for (; t->parts[i].parent != MIME_NONE; i = t->parts[i].parent)
		if (t->parts[t->parts[i].parent].kind == MIME_MULTIPART)
			path[n++] = t->parts[i].number;
		else if (t->parts[i].kind != MIME_MULTIPART)
			path[n++] = 1;
	if (t->parts[i].kind != MIME_MULTIPART)
		path[n++] = 1;
	for (size_t k = 0; k < n / 2; k++) {
		uint32_t swap = path[k];
		path[k] = path[n - 1 - k];
		path[n - 1 - k] = swap;
	}
	return n;
}

static void check_sections(str message, const struct mime_tree *t)
{
	struct buf scratch = BUF_INIT(SIZE_MAX);
	const str fields[] = { STR("Subject"), STR("Content-Type") };
	uint32_t path[MIME_DEPTH_MAX];
	for (uint32_t i = 0; i < t->n; i++) {
		size_t n = path_of(t, i, path);
		const struct mime_part *found = mail_section_part(t, path, n);
		ASSERT(found && (found == &t->parts[i] || t->parts[i].kind == MIME_MULTIPART));
		for (int kind = MAIL_SECTION_ALL; kind <= MAIL_SECTION_MIME; kind++) {
			struct mail_section s = { (enum mail_section_kind)kind, path, n, fields,
				2 };
			str out;
			buf_clear(&scratch);
			if (mail_section_get(message, t, &s, &scratch, &out) && !scratch.n)
				ASSERT(check_inside(out, message));
		}
	}
	buf_done(&scratch);
}

static void check_formats(const struct mime_tree *t)
{
	struct buf b = BUF_INIT(SIZE_MAX);
	mail_bodystructure_format(&b, t, true);
	require(check_body_text(buf_str(&b), true));
	buf_done(&b);
}

static void check_summary(str message)
{
	struct arena arena = ARENA_INIT(SUMMARY_ARENA_MAX);
	struct mail_summary s;
	mail_summary(&arena, message, &s);
	require(check_envelope_text(s.envelope));
	require(check_body_text(s.body, false));
	require(check_body_text(s.bodystructure, true));
	arena_done(&arena);
}

static void check_match(str message, const struct mime_tree *t)
{
	struct match *m = match_new(STR("\xc3\xbc"
					"b"));
	match_in_header(m, message);
	match_in_body(m, t);
	match_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mime_limits small[] = { { 1, 1 }, { 3, 5 }, { 64, 2 } };
	str message = str_from(data, size);
	struct mime_tree t;
	for (size_t i = 0; i < ARRAY_LEN(small); i++) {
		mime_parse(message, small[i], &t);
		ASSERT(t.n <= small[i].parts);
		require(check_tree(&t));
		check_formats(&t);
		mime_done(&t);
	}
	mime_parse(message, MIME_LIMITS, &t);
	require(check_tree(&t));
	check_formats(&t);
	check_sections(message, &t);
	check_match(message, &t);
	mime_done(&t);
	check_summary(message);
	return 0;
}
