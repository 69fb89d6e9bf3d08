/*
 * fetch_item.c: the items of a FETCH response that need no body.
 */
#include "mailbox/fetch.h"

static void name(struct buf *b, str s)
{
	if (b->p[b->n - 1] != '(')
		buf_add_char(b, ' ');
	buf_add(b, s);
}

static void number(struct buf *b, str s, uint64_t value)
{
	name(b, s);
	buf_add_u64(b, value);
}

static void format_with_keywords(
	struct fetch *f, unsigned flags, const struct account_keywords *keywords)
{
	str names[ACCOUNT_KEYWORDS_MAX];
	size_t n = 0;
	for (size_t word = 0; word < ARRAY_LEN(keywords->bits); word++)
		for (uint64_t bits = keywords->bits[word]; bits; bits &= bits - 1) {
			size_t id = word * 64 + (size_t)__builtin_ctzll(bits);
			if (id < f->keyword_count)
				names[n++] = f->keywords[id];
		}
	imap_format_flags(&f->out, flags, names, n);
}

static bool has_keywords(const struct account_keywords *k)
{
	return k->bits[0] | k->bits[1] | k->bits[2] | k->bits[3];
}

/* Most messages have no keywords; the array for names is 4 KiB that the compiler may clear. */
static void flags(struct fetch *f, const struct account_message *m)
{
	unsigned all = m->flags & IMAP_FLAGS_SETTABLE;
	if (view_is_recent(&f->s->view, m->uid))
		all |= IMAP_FLAG_RECENT;
	name(&f->out, STR("FLAGS "));
	if (has_keywords(&m->keywords))
		format_with_keywords(f, all, &m->keywords);
	else
		imap_format_flags(&f->out, all, NULL, 0);
}

static void internaldate(struct buf *b, int64_t seconds)
{
	name(b, STR("INTERNALDATE "));
	imap_date_time_format(b, (struct imap_date_time){ .seconds = seconds });
}

void fetch_row(struct fetch *f, size_t index, const struct account_message *m, bool with_flags)
{
	struct buf *b = &f->out;
	bool modseq = with_flags && f->s->condstore;
	buf_add(b, STR("* "));
	buf_add_u64(b, index + 1);
	buf_add(b, STR(" FETCH ("));
	if (f->items & IMAP_FETCH_UID)
		number(b, STR("UID "), m->uid);
	if ((f->items & IMAP_FETCH_FLAGS) || with_flags)
		flags(f, m);
	if ((f->items & IMAP_FETCH_MODSEQ) || modseq) {
		number(b, STR("MODSEQ ("), m->modseq);
		buf_add_char(b, ')');
	}
	if (f->items & IMAP_FETCH_INTERNALDATE)
		internaldate(b, m->internaldate);
	if (f->items & IMAP_FETCH_RFC822_SIZE)
		number(b, STR("RFC822.SIZE "), m->size);
}

void fetch_summary(struct fetch *f, const struct account_summary *summary)
{
	if (f->items & IMAP_FETCH_ENVELOPE) {
		name(&f->out, STR("ENVELOPE "));
		buf_add(&f->out, summary->envelope);
	}
	if (f->items & IMAP_FETCH_BODY) {
		name(&f->out, STR("BODY "));
		buf_add(&f->out, summary->body);
	}
	if (f->items & IMAP_FETCH_BODYSTRUCTURE) {
		name(&f->out, STR("BODYSTRUCTURE "));
		buf_add(&f->out, summary->bodystructure);
	}
}

void fetch_end(struct fetch *f)
{
	f->answered = true;
	buf_add(&f->out, STR(")\r\n"));
}
