/*
 * fetch_large.c: the sections of a message that is too large for memory.
 *
 * BODY[] goes from the store to the client a piece at a time. For anything else the message is
 * copied to a spool file, which is mapped and parsed.
 *
 * A message that is expunged by another session before its first byte is left out like others. If
 * that happens in the middle of a BODY[], a literal has been announced that cannot be delivered:
 * the connection ends.
 */
#include "mailbox/fetch.h"

#include "mailbox/message_text.h"

#include <errno.h>

/* Sends what stands in `out`, then bytes that are not copied there. */
static int put(struct fetch *f, str bytes)
{
	f->large_begun = true;
	int rc = fetch_flush(f);
	return rc < 0 ? rc : stream_put(f->s->task, f->s->stream, bytes);
}

/* ── In pieces ────────────────────────────────────────────────────────────────────────────── */

struct piece {
	uint64_t body, offset;
	size_t wanted, n;
	char *bytes;
};

static int read_piece(struct account *a, void *arg, struct err *err)
{
	struct piece *p = arg;
	return account_body_read(a, p->body, p->offset, p->bytes, p->wanted, &p->n, err);
}

/* Pieces end where those of the store do. */
static int send_pieces(struct fetch *f, struct piece *p, uint64_t left, struct err *err)
{
	int rc = 0;
	while (rc == 0 && left) {
		uint64_t step = ACCOUNT_CHUNK_SIZE - p->offset % ACCOUNT_CHUNK_SIZE;
		p->wanted = (size_t)MIN(left, step);
		rc = mailbox_run(f->s, read_piece, p, err);
		if (rc == 0 && p->n < p->wanted)
			rc = err_set(err, EUCLEAN, "a message is shorter than it should be");
		if (rc == 0)
			rc = put(f, str_from(p->bytes, p->n));
		p->offset += p->n;
		left -= p->n;
	}
	return rc;
}

static int send_whole(struct fetch *f, struct err *err)
{
	char *bytes CLEANUP(free_pointer) = xmalloc(ACCOUNT_CHUNK_SIZE);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < f->what->section_count; i++) {
		const struct imap_section *section = &f->what->sections[i];
		struct piece piece = { .body = f->large.body, .bytes = bytes };
		uint64_t n;
		fetch_range(section, f->large.size, &piece.offset, &n);
		fetch_section_head(&f->out, section, n);
		rc = send_pieces(f, &piece, n, err);
	}
	return rc;
}

/* ── Mapped ───────────────────────────────────────────────────────────────────────────────── */

struct mapped {
	int fd; /* owned */
	uint64_t body, size;
	str message; /* mapped; p NULL: not yet */
	struct mime_tree tree;
	int error;
};

static int copy_body(struct account *a, void *arg, struct err *err)
{
	struct mapped *m = arg;
	return account_body_write(a, m->body, m->fd, err);
}

static void map_and_parse(void *arg)
{
	struct mapped *m = arg;
	m->error = message_map(m->fd, m->size, &m->message);
	if (m->error == 0)
		mime_parse(m->message, MIME_LIMITS, &m->tree);
}

static void unmap(struct mapped *m)
{
	if (m->message.p)
		mime_done(&m->tree);
	message_unmap(m->message);
	close_fd(&m->fd);
}

static int map(struct fetch *f, struct mapped *m, struct err *err)
{
	m->fd = f->s->world->open_spool(f->s->world->context);
	if (m->fd < 0)
		return err_set(err, -m->fd, "no spool file can be made");
	int rc = mailbox_run(f->s, copy_body, m, err);
	if (rc < 0)
		return rc;
	task_offload(f->s->task, map_and_parse, m);
	return m->error;
}

static int send_section(struct fetch *f, const struct mapped *m, const struct imap_section *section)
{
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	struct mail_section wanted = fetch_mail_section(section);
	str contents;
	uint64_t offset, n;
	if (!mail_section_get(m->message, &m->tree, &wanted, &scratch, &contents)) {
		fetch_section_nil(&f->out, section);
		return 0;
	}
	fetch_range(section, contents.n, &offset, &n);
	fetch_section_head(&f->out, section, n);
	return put(f, str_first(str_skip(contents, (size_t)offset), (size_t)n));
}

static int send_mapped(struct fetch *f, struct err *err)
{
	struct mapped m CLEANUP(unmap) = { .fd = -1, .body = f->large.body, .size = f->large.size };
	int rc = map(f, &m, err);
	for (size_t i = 0; rc == 0 && i < f->what->section_count; i++)
		rc = send_section(f, &m, &f->what->sections[i]);
	return rc;
}

int fetch_large(struct fetch *f, struct err *err)
{
	int rc = f->need == FETCH_WHOLE ? send_whole(f, err) : send_mapped(f, err);
	if (rc == 0) {
		fetch_end(f);
	} else if (!f->large_begun) {
		f->out.n = f->large_start;
		f->incomplete |= rc == -ENOENT;
		rc = rc == -ENOENT ? 0 : rc;
	}
	int flushed = f->large_begun && rc < 0 ? 0 : fetch_flush(f);
	return rc < 0 ? rc : flushed;
}
