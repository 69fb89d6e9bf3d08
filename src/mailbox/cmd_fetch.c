/*
 * cmd_fetch.c: FETCH and UID FETCH (RFC 3501 §6.4.5, RFC 7162 §3.1.4).
 *
 * Responses are made on a thread, a batch at a time, and sent when the account is no longer held:
 * however slowly a client reads, nobody else waits for it.
 */
#include "mailbox/fetch.h"

#include <errno.h>

static bool is_header(enum imap_section_text text)
{
	return text == IMAP_SECTION_HEADER || text == IMAP_SECTION_HEADER_FIELDS ||
	       text == IMAP_SECTION_HEADER_FIELDS_NOT;
}

static enum fetch_need section_need(const struct imap_section *section)
{
	if (section->part_count == 0 && is_header(section->text))
		return FETCH_HEADER;
	if (section->part_count == 0 && section->text == IMAP_SECTION_ALL)
		return FETCH_WHOLE;
	return FETCH_PARTS;
}

static void plan(struct fetch *f)
{
	const struct imap_fetch *what = f->what;
	bool peek = true;
	for (size_t i = 0; i < what->section_count; i++) {
		const struct imap_section *section = &what->sections[i];
		enum fetch_need need = section_need(section);
		f->need = i == 0 || need == f->need ? need : FETCH_PARTS;
		peek = peek &&
		       (section->peek || section->style == IMAP_SECTION_STYLE_RFC822_HEADER);
	}
	f->items = what->items;
	if (f->items & IMAP_FETCH_MODSEQ)
		mailbox_enable_condstore(f->s);
	if (f->s->condstore && (f->items & IMAP_FETCH_FLAGS))
		f->items |= IMAP_FETCH_MODSEQ;
	f->summary = f->items & (IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE);
	f->set_seen = !peek && !f->s->view.read_only;
}

static void begin_batch(struct fetch *f)
{
	f->is_cut = false;
	f->modseq = 0;
	f->large = (struct account_message){ 0 };
	f->large_begun = false;
}

static void after_batch(struct fetch *f)
{
	if (f->keyword_count > f->s->view.keyword_count)
		view_put_keywords(f->s, f->keywords, f->keyword_count);
	if (f->modseq == 0)
		return;
	view_told(&f->s->view, f->modseq);
	mailbox_changed(f->s);
}

int fetch_flush(struct fetch *f)
{
	int rc = stream_put(f->s->task, f->s->stream, buf_str(&f->out));
	buf_clear(&f->out);
	return rc;
}

static int fetch_all(struct fetch *f, struct message_walk *walk, struct err *err)
{
	size_t max = f->need == FETCH_NO_BODY ? FETCH_BATCH : FETCH_BATCH_BODIES;
	int rc = 0;
	while (rc == 0 && message_walk_next(walk, max, &f->batch)) {
		begin_batch(f);
		rc = mailbox_run(f->s, fetch_batch, f, err);
		after_batch(f);
		if (rc < 0)
			break;
		if (f->is_cut)
			message_walk_return(walk, f->next);
		rc = f->large.uid ? fetch_large(f, err) : fetch_flush(f);
	}
	return rc;
}

/* What is gone is left out. Where something else was asked for and sent, that is no failure:
 * programs that read a mailbox by numbers give up at a NO (RFC 2180 §4.1 leaves the choice). UIDs
 * that are not there are no error. */
static struct imap_reply conclude(const struct fetch *f, const struct imap_command *c)
{
	if (!f->incomplete)
		return imap_reply(IMAP_OK, STR("FETCH completed"));
	return mailbox_gone(f->s, c->uid || f->answered || f->what->has_changed_since);
}

struct imap_reply cmd_fetch(struct session *s, const struct imap_command *c)
{
	struct err err = { 0 };
	struct fetch f = { .s = s, .what = &c->fetch, .out = BUF_INIT(SIZE_MAX) };
	struct message_walk walk;
	if (!message_walk_set(s, &c->fetch.set, c->uid, &walk))
		return imap_reply(IMAP_BAD, STR("There are fewer messages"));
	plan(&f);
	int rc = fetch_all(&f, &walk, &err);
	buf_done(&f.out);
	if (rc < 0 && f.large_begun)
		return mailbox_lost(s, -EPIPE);
	return rc < 0 ? mailbox_failure(s, rc, &err) : conclude(&f, c);
}
