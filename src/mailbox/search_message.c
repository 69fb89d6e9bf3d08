/*
 * search_message.c: whether a message meets a SEARCH program. Its text is read when the first key
 * asks for it. Runs on a thread.
 */
#include "mailbox/search.h"

#include "mail/date.h"
#include "mail/header.h"
#include "mailbox/message_text.h"

#include <errno.h>
#include <unistd.h>

enum { IN_MEMORY_MAX = 1024 * 1024, DAY = 24 * 60 * 60 };

enum search_cost search_cost(enum imap_search_kind kind, const struct imap_search_key *key)
{
	switch (kind) {
	case IMAP_SEARCH_AND:
	case IMAP_SEARCH_OR:
	case IMAP_SEARCH_NOT:
	case IMAP_SEARCH_ALL:
	case IMAP_SEARCH_SEQUENCE:
	case IMAP_SEARCH_UID:
		return SEARCH_VIEW;
	case IMAP_SEARCH_HEADER:
		return SEARCH_HEADER;
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		return SEARCH_BODY;
	case IMAP_SEARCH_DATE:
		return key->date.sent ? SEARCH_HEADER : SEARCH_ROW;
	default:
		return SEARCH_ROW;
	}
}

/* ── The text ─────────────────────────────────────────────────────────────────────────────── */

void search_message_init(struct search_message *m)
{
	m->memory = BUF_INIT(IN_MEMORY_MAX);
}

static void forget_text(struct search_message *m)
{
	if (m->whole)
		mime_done(&m->tree);
	if (m->mapped)
		message_unmap(m->text);
	m->whole = m->mapped = false;
	m->text = (str){ 0 };
	buf_clear(&m->memory);
}

void search_message_done(struct search_message *m)
{
	forget_text(m);
	buf_done(&m->memory);
}

/* A header beyond IN_MEMORY_MAX is searched up to there. */
static int need_header(struct search_message *m)
{
	if (m->text.p)
		return 0;
	int r = message_read_header(m->a, m->row.body, &m->memory, m->err);
	if (r < 0 && r != -EFBIG)
		return r;
	m->bytes_read += m->memory.n;
	m->text = buf_str(&m->memory);
	return 0;
}

static int read_large(struct search_message *m)
{
	if (ftruncate(m->fd, 0) < 0)
		return -errno;
	int r = account_body_write(m->a, m->row.body, m->fd, m->err);
	if (r == 0)
		r = message_map(m->fd, m->row.size, &m->text);
	m->mapped = r == 0;
	return r;
}

static int need_whole(struct search_message *m)
{
	if (m->whole)
		return 0;
	forget_text(m);
	int r = m->row.size < IN_MEMORY_MAX ? message_read_whole(m->a, &m->row, &m->memory, m->err)
					    : read_large(m);
	if (r < 0)
		return r;
	if (!m->mapped)
		m->text = buf_str(&m->memory);
	m->bytes_read += m->text.n;
	mime_parse(m->text, MIME_LIMITS, &m->tree);
	m->whole = true;
	return 0;
}

/* ── Dates ────────────────────────────────────────────────────────────────────────────────── */

static int64_t day_of(int64_t seconds)
{
	return seconds >= 0 ? seconds / DAY : -((-seconds + DAY - 1) / DAY);
}

static bool meets_day(int order, int64_t day, int64_t wanted)
{
	return order < 0 ? day < wanted : order == 0 ? day == wanted : day >= wanted;
}

static int take_date(void *arg, size_t index, const struct account_summary *summary)
{
	*(int64_t *)arg = summary->date;
	return 0;
}

/* The day that the Date field shows, whatever its zone (RFC 3501 §6.4.4). What was kept of it is
 * the instant, whose day in UTC is at most one off: only then the field is read. */
static int sent_day(struct search_message *m, int64_t wanted, int64_t *out)
{
	int64_t date = m->row.internaldate;
	int r = account_summaries(m->a, &m->row.body, 1, take_date, &date, m->err);
	if (r < 0)
		return r;
	*out = day_of(date);
	if (*out < wanted - 1 || *out > wanted + 1)
		return 0;
	r = need_header(m);
	struct header_field field;
	struct mail_date sent;
	if (r == 0 && header_find(m->text, STR("Date"), &field) && date_parse(field.value, &sent))
		*out = day_of(sent.seconds + 60 * (int64_t)sent.zone);
	return r;
}

static int meets_date(struct search_message *m, const struct imap_search_key *key)
{
	int64_t day = day_of(m->row.internaldate);
	int r = key->date.sent ? sent_day(m, key->date.day, &day) : 0;
	return r < 0 ? r : meets_day(key->date.order, day, key->date.day);
}

/* ── Leaves ───────────────────────────────────────────────────────────────────────────────── */

static bool meets_flags(const struct search_message *m, const struct imap_search_key *key)
{
	unsigned flags = (m->row.flags & IMAP_FLAGS_SETTABLE) | (m->recent ? IMAP_FLAG_RECENT : 0);
	return (flags & key->flags.mask) == key->flags.value;
}

static bool meets_keyword(const struct search_message *m, const struct imap_search_key *key,
	const struct search_leaf *leaf)
{
	bool has = leaf->keyword_known && account_keywords_has(&m->row.keywords, leaf->keyword);
	return has == key->keyword.set;
}

static int meets_header(
	struct search_message *m, const struct imap_search_key *key, const struct search_leaf *leaf)
{
	int r = need_header(m);
	return r < 0 ? r : match_in_field(leaf->match, m->text, key->header.field);
}

static int meets_text(
	struct search_message *m, const struct imap_search_key *key, const struct search_leaf *leaf)
{
	int r = need_whole(m);
	if (r < 0)
		return r;
	return (key->kind == IMAP_SEARCH_TEXT && match_in_header(leaf->match, m->text)) ||
	       match_in_body(leaf->match, &m->tree);
}

static int meets(void *context, const struct imap_search_key *key)
{
	struct search_message *m = context;
	const struct search_leaf *leaf = &m->leaves[key - m->program->keys];
	switch (key->kind) {
	case IMAP_SEARCH_FLAGS:
		return meets_flags(m, key);
	case IMAP_SEARCH_KEYWORD:
		return meets_keyword(m, key, leaf);
	case IMAP_SEARCH_SEQUENCE:
		return imap_set_contains(&key->set, m->number);
	case IMAP_SEARCH_UID:
		return imap_set_contains(&key->set, m->row.uid);
	case IMAP_SEARCH_HEADER:
		return meets_header(m, key, leaf);
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		return meets_text(m, key, leaf);
	case IMAP_SEARCH_DATE:
		return meets_date(m, key);
	case IMAP_SEARCH_LARGER:
		return m->row.size > key->number;
	case IMAP_SEARCH_SMALLER:
		return m->row.size < key->number;
	case IMAP_SEARCH_MODSEQ:
		return m->row.modseq >= key->number;
	default:
		return 1;
	}
}

int search_message_match(struct search_message *m)
{
	int r = imap_search_match(m->program, meets, m);
	forget_text(m);
	return r;
}
