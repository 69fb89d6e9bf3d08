#include "mail/summary.h"

#include "mail/address.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/param.h"
#include "mail/structure.h"
#include "mail/subject.h"
#include "mail/word.h"

#include "base/utf8.h"

enum { RAW_MAX = 4 * SUMMARY_TEXT_MAX, STRUCTURE_USUAL = 512 };

/* The fields that a summary keeps, all found in one pass. */
enum field {
	SUBJECT,
	FROM,
	TO,
	CC,
	IN_REPLY_TO,
	MESSAGE_ID,
	REFERENCES,
	FIELD_COUNT,
};

static const char field_names[FIELD_COUNT][12] = { "Subject", "From", "To", "Cc", "In-Reply-To",
	"Message-ID", "References" };

static void collect(str header, str out[FIELD_COUNT])
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		out[i] = STR_EMPTY;
	struct header_field field;
	for (size_t at = 0; header_next(header, &at, &field);)
		for (size_t i = 0; i < FIELD_COUNT; i++)
			if (!out[i].n && str_equal_nocase(field.name, str_from_z(field_names[i])))
				out[i] = field.value;
}

/* At most n bytes, not in the middle of a character. */
static str first_utf8(str s, size_t n)
{
	if (s.n <= n)
		return s;
	while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return str_first(s, n);
}

/* Runs of white space become one space; in place. */
static void collapse_space(struct buf *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->n; i++) {
		bool space = ascii_is_space(b->p[i]);
		if (!space || (n && b->p[n - 1] != ' '))
			b->p[n++] = space ? ' ' : b->p[i];
	}
	b->n = n;
}

/* The value as people read it. */
static str decoded(struct arena *a, str value)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	word_decode(&text, str_first(value, RAW_MAX));
	collapse_space(&text);
	return arena_str(a, first_utf8(str_trim(buf_str(&text)), SUMMARY_TEXT_MAX));
}

/* Message ids: the first ones, and of too many the last ones, which the message answers. */
static str ids(struct arena *a, str value)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	header_unfold(&text, value);
	str s = buf_str(&text);
	if (s.n > SUMMARY_TEXT_MAX) {
		s = str_skip(s, s.n - SUMMARY_TEXT_MAX);
		s = str_skip(s, (size_t)MAX(str_find_char(s, '<'), 0));
	}
	return arena_str(a, s);
}

struct first_address {
	str mailbox, name;
};

static struct first_address first_address(struct arena *a, str value)
{
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(16 * RAW_MAX);
	struct address_list list = address_parse(&scratch, str_first(value, RAW_MAX), 3);
	if (list.n == 0)
		return (struct first_address){ STR_EMPTY, STR_EMPTY };
	struct address first = list.list[0];
	if (first.kind == ADDRESS_GROUP_START)
		return (struct first_address){ decoded(a, first.name), decoded(a, first.name) };
	struct buf whole CLEANUP(buf_done) = BUF_INIT(2 * RAW_MAX);
	buf_add(&whole, first.mailbox);
	buf_add_char(&whole, '@');
	buf_add(&whole, first.host);
	return (struct first_address){
		.mailbox = decoded(a, first.mailbox),
		.name = decoded(a, first.name.n ? first.name : buf_str(&whole)),
	};
}

static void summarize_fields(struct arena *a, str message, struct mail_summary *out)
{
	str fields[FIELD_COUNT];
	collect(message, fields);
	out->subject = decoded(a, fields[SUBJECT]);
	out->subject_base = subject_base(out->subject);
	out->message_id = ids(a, fields[MESSAGE_ID]);
	out->in_reply_to = ids(a, fields[IN_REPLY_TO]);
	out->references = ids(a, fields[REFERENCES]);
	struct first_address from = first_address(a, fields[FROM]);
	struct first_address to = first_address(a, fields[TO]);
	out->from = from.mailbox;
	out->from_name = from.name;
	out->to = to.mailbox;
	out->to_name = to.name;
	out->cc = first_address(a, fields[CC]).mailbox;
}

static bool is_attachment(const struct mime_part *p)
{
	if (p->kind != MIME_LEAF)
		return false;
	struct param param;
	return str_equal_nocase(p->disposition, STR("attachment")) ||
	       param_find(p->disposition_params, STR("filename"), &param) ||
	       param_find(p->disposition_params, STR("filename*"), &param) ||
	       param_find(p->disposition_params, STR("filename*0*"), &param) ||
	       param_find(p->type_params, STR("name"), &param);
}

static bool has_attachment(const struct mime_tree *tree)
{
	for (uint32_t i = 0; i < tree->n; i++)
		if (is_attachment(&tree->parts[i]))
			return true;
	return false;
}

static str structure(struct arena *a, const struct mime_tree *tree, bool extended)
{
	char room[STRUCTURE_USUAL];
	struct buf b CLEANUP(buf_done) = BUF_OVER(room, SUMMARY_STRUCTURE_MAX);
	mail_bodystructure_format(&b, tree, extended);
	if (!b.overflowed)
		return arena_str(a, buf_str(&b));
	struct mime_tree leaf CLEANUP(mime_done);
	mime_parse(tree->message, (struct mime_limits){ 1, 1 }, &leaf);
	buf_clear(&b);
	mail_bodystructure_format(&b, &leaf, extended);
	ASSERT(!b.overflowed);
	return arena_str(a, buf_str(&b));
}

static void summarize(
	struct arena *a, str message, const struct mime_tree *tree, struct mail_summary *out)
{
	char room[STRUCTURE_USUAL];
	struct buf envelope CLEANUP(buf_done) = BUF_OVER(room, STRUCTURE_ENVELOPE_MAX);
	struct header_field date;
	*out = (struct mail_summary){ 0 };
	mail_envelope_format(&envelope, message);
	ASSERT(!envelope.overflowed);
	out->envelope = arena_str(a, buf_str(&envelope));
	out->date_valid =
		header_find(message, STR("Date"), &date) && date_parse(date.value, &out->date);
	out->body = structure(a, tree, false);
	out->bodystructure = structure(a, tree, true);
}

void mail_summary_stored(struct arena *a, str message, struct mail_summary *out)
{
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(message, MIME_LIMITS, &tree);
	summarize(a, message, &tree, out);
}

void mail_summary(struct arena *a, str message, struct mail_summary *out)
{
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(message, MIME_LIMITS, &tree);
	summarize(a, message, &tree, out);
	summarize_fields(a, message, out);
	out->header_size = tree.parts[0].header.n;
	out->body_lines = tree.parts[0].lines;
	out->has_attachment = has_attachment(&tree);
}
