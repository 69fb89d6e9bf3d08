/*
 * Whole response lines.
 */
#include "proto/imap_format.h"

#include "proto/imap_bits.h"

#include <stdarg.h>

static const char *const status_names[] = {
	[IMAP_OK] = "OK",
	[IMAP_NO] = "NO",
	[IMAP_BAD] = "BAD",
	[IMAP_PREAUTH] = "PREAUTH",
	[IMAP_BYE] = "BYE",
};

static bool is_text_char(char c)
{
	return c >= ' ' && c < 127;
}

static bool is_text(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_text_char(s.p[i]))
			return false;
	return true;
}

/* A text that began with "[" would look like a response code. */
static void add_text(struct buf *b, str text)
{
	if (text.n == 0)
		text = STR("Done");
	for (size_t i = 0; i < text.n; i++) {
		bool keep = is_text_char(text.p[i]) && (i > 0 || text.p[i] != '[');
		buf_add_char(b, keep ? text.p[i] : '?');
	}
}

void imap_format_reply(struct buf *b, str tag, enum imap_status status, str code, str text)
{
	bool valid_tag = tag.n && str_equal(imap_command_tag(tag), tag);
	buf_add(b, valid_tag ? tag : STR("*"));
	buf_add_char(b, ' ');
	buf_add(b, str_from_z(status_names[status]));
	buf_add_char(b, ' ');
	if (code.n && is_text(code) && str_find_char(code, ']') < 0) {
		buf_add_char(b, '[');
		buf_add(b, code);
		buf_add(b, STR("] "));
	}
	add_text(b, text);
	buf_add(b, STR("\r\n"));
}

void imap_format_reply_printf(
	struct buf *b, str tag, enum imap_status status, str code, const char *format, ...)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(1024);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	imap_format_reply(b, tag, status, code, buf_str(&text));
}

void imap_format_error(struct buf *b, const struct imap_error *error)
{
	switch (error->kind) {
	case IMAP_ERROR_NAME:
		imap_format_reply(b, error->tag, IMAP_NO, STR("CANNOT"), str_from_z(error->text));
		break;
	case IMAP_ERROR_CHARSET:
		imap_format_reply(b, error->tag, IMAP_NO, STR("BADCHARSET (US-ASCII UTF-8)"),
			str_from_z(error->text));
		break;
	default:
		imap_format_reply_printf(b, error->tag, IMAP_BAD, STR_EMPTY, "%s at byte %zu",
			error->text, error->at + 1);
	}
}

void imap_format_continue(struct buf *b, str text)
{
	buf_add(b, STR("+ "));
	if (text.n)
		add_text(b, text);
	buf_add(b, STR("\r\n"));
}

void imap_format_number(struct buf *b, uint32_t number, str name)
{
	buf_add(b, STR("* "));
	buf_add_u64(b, number);
	buf_add_char(b, ' ');
	buf_add(b, name);
	buf_add(b, STR("\r\n"));
}

void imap_format_list(struct buf *b, str response, unsigned attributes, unsigned special_use,
	char delimiter, str mailbox)
{
	bool separate = false;
	buf_add(b, STR("* "));
	buf_add(b, response);
	buf_add(b, STR(" ("));
	imap_bits_names(b, imap_attribute_table, attributes, &separate);
	imap_bits_names(b, imap_special_use_table, special_use, &separate);
	buf_add(b, STR(") "));
	imap_format_nstring(b, delimiter ? str_from(&delimiter, 1) : (str){ 0 });
	buf_add_char(b, ' ');
	imap_format_mailbox(b, mailbox);
	buf_add(b, STR("\r\n"));
}

static uint64_t status_value(const struct imap_status_values *v, unsigned item)
{
	switch (item) {
	case IMAP_STATUS_MESSAGES:
		return v->messages;
	case IMAP_STATUS_RECENT:
		return v->recent;
	case IMAP_STATUS_UIDNEXT:
		return v->uidnext;
	case IMAP_STATUS_UIDVALIDITY:
		return v->uidvalidity;
	case IMAP_STATUS_UNSEEN:
		return v->unseen;
	case IMAP_STATUS_DELETED:
		return v->deleted;
	case IMAP_STATUS_SIZE:
		return v->size;
	default:
		return v->highestmodseq;
	}
}

void imap_format_status(
	struct buf *b, str mailbox, unsigned items, const struct imap_status_values *values)
{
	bool separate = false;
	buf_add(b, STR("* STATUS "));
	imap_format_mailbox(b, mailbox);
	buf_add(b, STR(" ("));
	for (unsigned item = 1; item <= IMAP_STATUS_HIGHESTMODSEQ; item <<= 1) {
		if (!(items & item))
			continue;
		imap_bits_names(b, imap_status_item_names, item, &separate);
		buf_add_char(b, ' ');
		buf_add_u64(b, status_value(values, item));
	}
	buf_add(b, STR(")\r\n"));
}

void imap_format_flags_response(struct buf *b, const str *keywords, size_t keyword_count)
{
	buf_add(b, STR("* FLAGS "));
	imap_format_flags(b, IMAP_FLAGS_SETTABLE, keywords, keyword_count);
	buf_add(b, STR("\r\n"));
}

void imap_format_search(struct buf *b, const uint32_t *found, size_t count, uint64_t modseq)
{
	buf_add(b, STR("* SEARCH"));
	for (size_t i = 0; i < count; i++) {
		buf_add_char(b, ' ');
		buf_add_u64(b, found[i]);
	}
	if (modseq)
		buf_printf(b, " (MODSEQ %llu)", (unsigned long long)modseq);
	buf_add(b, STR("\r\n"));
}

/* RFC 4731 §3.1: MIN, MAX and ALL are left out where nothing was found; COUNT is not. */
void imap_format_esearch(struct buf *b, str tag, bool uid, unsigned returns, const uint32_t *found,
	size_t count, uint64_t modseq)
{
	buf_add(b, STR("* ESEARCH (TAG "));
	imap_format_string(b, tag);
	buf_add(b, uid ? STR(") UID") : STR(")"));
	if (count && (returns & IMAP_RETURN_MIN))
		buf_printf(b, " MIN %u", (unsigned)found[0]);
	if (count && (returns & IMAP_RETURN_MAX))
		buf_printf(b, " MAX %u", (unsigned)found[count - 1]);
	if (returns & IMAP_RETURN_COUNT)
		buf_printf(b, " COUNT %zu", count);
	if (count && (returns & IMAP_RETURN_ALL)) {
		struct imap_set_writer w = IMAP_SET_WRITER(b);
		buf_add(b, STR(" ALL "));
		for (size_t i = 0; i < count; i++)
			imap_set_writer_add(&w, found[i]);
		imap_set_writer_end(&w);
	}
	if (modseq)
		buf_printf(b, " MODSEQ %llu", (unsigned long long)modseq);
	buf_add(b, STR("\r\n"));
}
