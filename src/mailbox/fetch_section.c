/*
 * fetch_section.c: sections of messages that are read into memory: small ones, and headers.
 */
#include "mailbox/fetch.h"

#include "mailbox/message_text.h"

#include <errno.h>

struct mail_section fetch_mail_section(const struct imap_section *section)
{
	static const enum mail_section_kind kinds[] = {
		[IMAP_SECTION_ALL] = MAIL_SECTION_ALL,
		[IMAP_SECTION_HEADER] = MAIL_SECTION_HEADER,
		[IMAP_SECTION_HEADER_FIELDS] = MAIL_SECTION_HEADER_FIELDS,
		[IMAP_SECTION_HEADER_FIELDS_NOT] = MAIL_SECTION_HEADER_FIELDS_NOT,
		[IMAP_SECTION_TEXT] = MAIL_SECTION_TEXT,
		[IMAP_SECTION_MIME] = MAIL_SECTION_MIME,
	};
	return (struct mail_section){ .kind = kinds[section->text],
		.path = section->part,
		.path_n = section->part_count,
		.fields = section->fields,
		.field_n = section->field_count };
}

/* ── Writing ──────────────────────────────────────────────────────────────────────────────── */

void fetch_range(
	const struct imap_section *section, uint64_t size, uint64_t *out_offset, uint64_t *out_n)
{
	*out_offset = section->partial ? MIN(section->offset, size) : 0;
	*out_n = size - *out_offset;
	if (section->partial)
		*out_n = MIN(*out_n, section->length);
}

static void section_name(struct buf *out, const struct imap_section *section)
{
	if (out->n == 0 || out->p[out->n - 1] != '(')
		buf_add_char(out, ' ');
	imap_section_format(out, section);
	buf_add_char(out, ' ');
}

void fetch_section_head(struct buf *out, const struct imap_section *section, uint64_t n)
{
	section_name(out, section);
	if (n)
		imap_format_literal_head(out, n);
	else
		buf_add(out, STR("\"\""));
}

void fetch_section_nil(struct buf *out, const struct imap_section *section)
{
	section_name(out, section);
	buf_add(out, STR("NIL"));
}

static void put_section(struct buf *out, const struct imap_section *section, str contents)
{
	uint64_t offset, n;
	fetch_range(section, contents.n, &offset, &n);
	fetch_section_head(out, section, n);
	buf_add(out, str_first(str_skip(contents, (size_t)offset), (size_t)n));
}

/* ── Choosing ─────────────────────────────────────────────────────────────────────────────── */

static int put_sections(struct fetch *f, str text, const struct mime_tree *tree)
{
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(FETCH_BODIES_MAX);
	size_t start = f->out.n;
	for (size_t i = 0; i < f->what->section_count; i++) {
		const struct imap_section *section = &f->what->sections[i];
		struct mail_section wanted = fetch_mail_section(section);
		str contents;
		buf_clear(&scratch);
		if (mail_section_get(text, tree, &wanted, &scratch, &contents))
			put_section(&f->out, section, contents);
		else
			fetch_section_nil(&f->out, section);
		if (scratch.overflowed || f->out.n - start > 2 * (size_t)FETCH_BODIES_MAX)
			return -EFBIG;
	}
	return 0;
}

static bool needs_tree(const struct fetch *f)
{
	for (size_t i = 0; i < f->what->section_count; i++)
		if (f->what->sections[i].part_count)
			return true;
	return false;
}

static int put_with_tree(struct fetch *f, str text)
{
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(text, MIME_LIMITS, &tree);
	return put_sections(f, text, &tree);
}

int fetch_sections(
	struct fetch *f, struct account *a, const struct account_message *m, struct err *err)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(FETCH_BODIES_MAX);
	int r = f->need == FETCH_HEADER ? message_read_header(a, m->body, &text, err)
					: message_read_whole(a, m, &text, err);
	if (r < 0)
		return r;
	return needs_tree(f) ? put_with_tree(f, buf_str(&text))
			     : put_sections(f, buf_str(&text), NULL);
}
