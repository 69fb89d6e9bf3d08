#include "mail/structure.h"

#include "mail/address.h"
#include "mail/header.h"
#include "mail/value.h"

enum field {
	DATE,
	SUBJECT,
	FROM,
	SENDER,
	REPLY_TO,
	TO,
	CC,
	BCC,
	IN_REPLY_TO,
	MESSAGE_ID,
	FIELD_COUNT,
};

static const char field_names[FIELD_COUNT][12] = { "Date", "Subject", "From", "Sender", "Reply-To",
	"To", "Cc", "Bcc", "In-Reply-To", "Message-ID" };

struct fields {
	str header;
	str value[FIELD_COUNT]; /* of the first one; p is NULL if absent */
	bool again[FIELD_COUNT];
};

static void keep_field(struct fields *f, const struct header_field *field)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (!str_equal_nocase(field->name, str_from_z(field_names[i])))
			continue;
		if (f->value[i].p)
			f->again[i] = true;
		else
			f->value[i] = field->value;
	}
}

static void collect(struct fields *f, str header)
{
	*f = (struct fields){ .header = header };
	struct header_field field;
	for (size_t at = 0; header_next(header, &at, &field);)
		if (field.name.n)
			keep_field(f, &field);
}

static void add_or_nil(struct buf *b, str s)
{
	mail_value_format(b, s.n ? s : (str){ 0 });
}

static void add_address(struct buf *b, const struct address *a)
{
	buf_add_char(b, '(');
	if (a->kind == ADDRESS_MAILBOX) {
		add_or_nil(b, a->name);
		buf_add_char(b, ' ');
		add_or_nil(b, a->adl);
		buf_add_char(b, ' ');
		mail_value_format(b, a->mailbox);
		buf_add_char(b, ' ');
		mail_value_format(b, a->host); /* empty where missing: NIL would begin a group */
	} else if (a->kind == ADDRESS_GROUP_START) {
		buf_add(b, STR("NIL NIL "));
		mail_value_format(b, a->name);
		buf_add(b, STR(" NIL"));
	} else {
		buf_add(b, STR("NIL NIL NIL NIL"));
	}
	buf_add_char(b, ')');
}

static void add_addresses(struct buf *b, str value, size_t limit)
{
	enum { VALUE_MAX = 2 * STRUCTURE_LIST_MAX };
	struct arena arena CLEANUP(arena_done) =
		ARENA_INIT(2 * VALUE_MAX + (ADDRESS_LIST_MAX + 1) * sizeof(struct address));
	struct address_list list =
		address_parse(&arena, str_first(value, VALUE_MAX), ADDRESS_LIST_MAX);
	bool in_group = false;
	for (size_t i = 0; i < list.n && (b->n < limit || in_group); i++) {
		enum address_kind kind = list.list[i].kind;
		if (b->n >= limit && kind != ADDRESS_GROUP_END)
			continue;
		add_address(b, &list.list[i]);
		in_group = kind == ADDRESS_GROUP_START || (in_group && kind == ADDRESS_MAILBOX);
	}
}

/* All fields of that name as one list. False, and nothing is added, where it is empty. */
static bool add_list(struct buf *b, const struct fields *f, enum field which)
{
	size_t start = b->n;
	if (f->value[which].p) {
		size_t limit = start + STRUCTURE_LIST_MAX;
		buf_add_char(b, '(');
		if (!f->again[which])
			add_addresses(b, f->value[which], limit);
		struct header_field field;
		for (size_t at = 0; f->again[which] && header_next(f->header, &at, &field);)
			if (str_equal_nocase(field.name, str_from_z(field_names[which])))
				add_addresses(b, field.value, limit);
		buf_add_char(b, ')');
		if (b->n > start + 2 || b->overflowed)
			return true;
		b->n = start;
	}
	return false;
}

/* Once more what stands at [at, at + n). */
static void add_again(struct buf *b, size_t at, size_t n)
{
	char *p = buf_reserve(b, n);
	if (!p)
		return;
	memcpy(p, b->p + at, n);
	b->n += n;
}

/* RFC 3501 §7.4.2: Sender and Reply-To are From where they are missing or empty. */
static void add_lists(struct buf *b, const struct fields *f)
{
	size_t from = b->n + 1, from_size = 0;
	for (enum field which = FROM; which <= BCC; which++) {
		buf_add_char(b, ' ');
		bool added = add_list(b, f, which);
		if (which == FROM && added)
			from_size = b->n - from;
		if (!added && from_size && (which == SENDER || which == REPLY_TO))
			add_again(b, from, from_size);
		else if (!added)
			buf_add(b, STR("NIL"));
	}
}

void mail_envelope_format(struct buf *b, str header)
{
	struct fields f;
	collect(&f, header);
	buf_add_char(b, '(');
	mail_value_format(b, f.value[DATE]);
	buf_add_char(b, ' ');
	mail_value_format(b, f.value[SUBJECT]);
	add_lists(b, &f);
	buf_add_char(b, ' ');
	mail_value_format(b, f.value[IN_REPLY_TO]);
	buf_add_char(b, ' ');
	mail_value_format(b, f.value[MESSAGE_ID]);
	buf_add_char(b, ')');
}
