/* Every message of the shared material: the part tree is consistent, and what is made of it is
 * valid IMAP. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/check.h"
#include "mail/inspect.h"
#include "mail/mail.h"
#include "mail/match.h"
#include "mail/section.h"
#include "mail/structure.h"
#include "mail/summary.h"

#include "base/utf8.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 64 * 1024 * 1024 };

/* The folder of the unpacked material, or "" where there is none. */
static void find_material(char *out, size_t size)
{
	const char *shared = getenv("POSTERN_SHARED"), *root = getenv("SRCDIR");
	char command[4096];
	snprintf(command, sizeof command, "cd '%s' && test -x '%s/data/unpack' && '%s/data/unpack'",
		root ? root : ".", shared ? shared : "../shared", shared ? shared : "../shared");
	out[0] = '\0';
	FILE *pipe = popen(command, "r");
	while (pipe && fgets(out, (int)size, pipe))
		out[strcspn(out, "\n")] = '\0';
	if (!pipe || pclose(pipe) != 0)
		out[0] = '\0';
}

static void read_file(const char *path, struct buf *out)
{
	buf_clear(out);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	char *at;
	size_t n = 0;
	do {
		out->n += n;
		at = buf_reserve(out, 65536);
		assert_non_null(at);
		n = fread(at, 1, 65536, f);
	} while (n);
	fclose(f);
}

static void report(const char *path, const char *wrong)
{
	if (wrong) {
		print_message("%s: %s\n", path, wrong);
		fail();
	}
}

/* Sections that have to agree with the tree. */
static void check_sections(str message, const struct mime_tree *tree)
{
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(FILE_MAX);
	str header, text, part;
	struct mail_section s = { .kind = MAIL_SECTION_HEADER };
	assert_true(mail_section_get(message, NULL, &s, &scratch, &header));
	s.kind = MAIL_SECTION_TEXT;
	assert_true(mail_section_get(message, NULL, &s, &scratch, &text));
	assert_int_equal(header.n + text.n, message.n);
	assert_ptr_equal(tree->parts[0].body.p, text.p);
	uint32_t one = 1;
	s = (struct mail_section){ .kind = MAIL_SECTION_ALL, .path = &one, .path_n = 1 };
	assert_true(mail_section_get(message, tree, &s, &scratch, &part));
	assert_true(check_inside(part, message));
}

struct material {
	const char *root;
	struct inspector *inspector;
	size_t classes[INSPECT_CLASSES], unreadable, entries; /* of attachments */
};

static void check_attachment(
	struct material *material, struct mail *m, const struct mail_attachment *a)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(INSPECT_ARENA_MAX);
	struct inspection i;
	str content = mail_attachment_content(m, a);
	inspect(material->inspector, &arena, content, a->name.name, a->declared, &i);
	material->classes[i.class]++;
	material->unreadable += (i.flags & INSPECT_UNREADABLE) != 0;
	material->entries += i.entries_n;
	assert_true(i.type.n > 0);
	assert_true(i.entries_n <= INSPECT_ENTRIES_MAX && i.uris_n <= INSPECT_URIS_MAX);
	assert_false((i.flags | i.inside) & INSPECT_BOMB);
}

/* All texts are texts. Returns whether something was left out. */
static bool check_mail(struct material *material, const char *path, str message)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(message.n));
	struct mail m CLEANUP(mail_done);
	mail_read(&arena, message, &m);
	for (size_t i = 0; i < m.texts_n; i++) {
		bool good = utf8_valid(m.texts[i].visible) && utf8_valid(m.texts[i].invisible);
		report(path, good ? NULL : "a text that is no UTF-8");
	}
	for (size_t i = 0; i < m.attachments_n; i++)
		check_attachment(material, &m, &m.attachments[i]);
	return m.truncated;
}

static void check_message(const char *path, str message)
{

	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(message, MIME_LIMITS, &tree);
	report(path, check_tree(&tree));
	check_sections(message, &tree);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(SUMMARY_ARENA_MAX);
	struct mail_summary summary;
	mail_summary(&arena, message, &summary);
	report(path, check_envelope_text(summary.envelope));
	report(path, check_body_text(summary.body, false));
	report(path, check_body_text(summary.bodystructure, true));
	struct match *m = match_new(STR("a needle that is not in this haystack"));
	if (match_in_header(m, message) || match_in_body(m, &tree))
		print_message("%s has the needle\n", path);
	match_free(m);
}

static size_t check_folder(struct material *material, const char *folder)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", material->root, folder);
	char *const paths[] = { path, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	assert_non_null(fts);
	struct buf bytes CLEANUP(buf_done) = BUF_INIT(FILE_MAX);
	size_t n = 0, truncated = 0;
	for (FTSENT *e; (e = fts_read(fts)) != NULL;) {
		if (e->fts_info != FTS_F)
			continue;
		read_file(e->fts_path, &bytes);
		check_message(e->fts_path, buf_str(&bytes));
		truncated += check_mail(material, e->fts_path, buf_str(&bytes));
		n++;
	}
	fts_close(fts);
	print_message("# %s: of %zu files something was left out in %zu\n", folder, n, truncated);
	/* The limits are for what nobody writes. */
	assert_true(truncated <= n / 100);
	return n;
}

static void test_material(void **state)
{
	/* Files that are no messages have to be survived as well. */
	static const char *const folders[] = { "mime", "mail", "bounces" };
	struct material *m = *state;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		print_message("# %s: %zu files\n", folders[i], check_folder(m, folders[i]));
	for (enum inspect_class i = 0; i < INSPECT_CLASSES; i++)
		print_message("# attachments: %zu %s\n", m->classes[i], inspect_class_name(i));
	print_message("# %zu entries in them, %zu not readable\n", m->entries, m->unreadable);
}

int main(void)
{
	char root[4096];
	find_material(root, sizeof root);
	if (!root[0]) {
		printf("1..0 # SKIP the shared material is absent\n");
		return 0;
	}
	struct material material = { .root = root, .inspector = inspector_new(NULL) };
	const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(test_material, &material) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	inspector_free(material.inspector);
	return failed;
}
