#include "mail/structure.h"

#include "mail/lex.h"
#include "mail/param.h"
#include "mail/value.h"

enum { LANGUAGES_MAX = 32 };

static void add_param(struct buf *b, const struct param *p)
{
	mail_value_format(b, p->name);
	buf_add_char(b, ' ');
	if (!p->quoted || str_find_char(p->value, '\\') < 0) {
		mail_value_format(b, p->value);
		return;
	}
	struct buf text CLEANUP(buf_done) = BUF_INIT(2 * STRUCTURE_VALUE_MAX);
	struct param first = *p;
	first.value = str_first(p->value, text.max);
	param_text(&text, &first);
	mail_value_format(b, buf_str(&text));
}

static void add_params(struct buf *b, str params)
{
	struct param p;
	char before = '(';
	for (int i = 0; i < PARAM_MAX && param_next(&params, &p); i++) {
		buf_add_char(b, before);
		add_param(b, &p);
		before = ' ';
	}
	buf_add(b, before == '(' ? STR("NIL") : STR(")"));
}

static void add_disposition(struct buf *b, const struct mime_part *p)
{
	if (!p->disposition.p) {
		buf_add(b, STR("NIL"));
		return;
	}
	buf_add_char(b, '(');
	mail_value_format(b, p->disposition);
	buf_add_char(b, ' ');
	add_params(b, p->disposition_params);
	buf_add_char(b, ')');
}

/* Content-Language (RFC 3282): tokens between commas. */
static void add_languages(struct buf *b, str value)
{
	char before = '(';
	for (size_t at = 0, i = 0; at < value.n && i < LANGUAGES_MAX;) {
		size_t start = lex_skip_cfws(value, at);
		size_t end = lex_skip_token(value, start);
		at = MAX(end, start + 1);
		if (end == start)
			continue;
		buf_add_char(b, before);
		mail_value_format(b, str_first(str_skip(value, start), end - start));
		before = ' ';
		i++;
	}
	buf_add(b, before == '(' ? STR("NIL") : STR(")"));
}

/* What ends each kind of extended body: disposition, languages, location. */
static void add_extension(struct buf *b, const struct mime_part *p)
{
	buf_add_char(b, ' ');
	add_disposition(b, p);
	buf_add_char(b, ' ');
	add_languages(b, p->language);
	buf_add_char(b, ' ');
	mail_value_format(b, p->location);
}

static void add_one_part_extension(struct buf *b, const struct mime_part *p)
{
	buf_add_char(b, ' ');
	mail_value_format(b, p->md5);
	add_extension(b, p);
}

static void add_basic(struct buf *b, const struct mime_part *p)
{
	buf_add_char(b, '(');
	mail_value_format(b, p->type);
	buf_add_char(b, ' ');
	mail_value_format(b, p->subtype);
	buf_add_char(b, ' ');
	add_params(b, p->type_params);
	buf_add_char(b, ' ');
	mail_value_format(b, p->id);
	buf_add_char(b, ' ');
	mail_value_format(b, p->description);
	buf_add_char(b, ' ');
	mail_value_format(b, p->encoding.p ? p->encoding : STR("7bit"));
	buf_add_char(b, ' ');
	buf_add_u64(b, p->body.n);
}

static void add_leaf(struct buf *b, const struct mime_part *p, bool extended)
{
	add_basic(b, p);
	if (mime_is(p, STR("text"), STR_EMPTY)) {
		buf_add_char(b, ' ');
		buf_add_u64(b, p->lines);
	}
	if (extended)
		add_one_part_extension(b, p);
	buf_add_char(b, ')');
}

/* Whether p is told as one body, without what is inside of it. IMAP4rev1 has envelope and structure
 * of message/rfc822 only; its readers would take those of message/global (RFC 6532) for an MD5. */
static bool is_closed(const struct mime_part *p)
{
	return p->kind == MIME_LEAF ||
	       (p->kind == MIME_MESSAGE && !mime_is(p, STR("message"), STR("rfc822")));
}

/* The parts stand in the order in which they are entered: the last one inside of part i, or i. */
static uint32_t last_inside(const struct mime_tree *tree, uint32_t i)
{
	uint32_t last = i;
	while (last + 1 < tree->n && tree->parts[last + 1].parent != MIME_NONE &&
		tree->parts[last + 1].parent >= i)
		last++;
	return last;
}

/* What stands before the parts inside of p. */
static void enter(
	struct buf *b, const struct mime_tree *tree, const struct mime_part *p, bool extended)
{
	if (is_closed(p)) {
		add_leaf(b, p, extended);
	} else if (p->kind == MIME_MULTIPART) {
		buf_add_char(b, '(');
	} else {
		add_basic(b, p);
		buf_add_char(b, ' ');
		mail_envelope_format(b, tree->parts[p->first_child].header);
		buf_add_char(b, ' ');
	}
}

/* And behind them. */
static void leave(struct buf *b, const struct mime_part *p, bool extended)
{
	buf_add_char(b, ' ');
	if (p->kind == MIME_MESSAGE) {
		buf_add_u64(b, p->lines);
		if (extended)
			add_one_part_extension(b, p);
	} else {
		mail_value_format(b, p->subtype);
		if (extended) {
			buf_add_char(b, ' ');
			add_params(b, p->type_params);
			add_extension(b, p);
		}
	}
	buf_add_char(b, ')');
}

void mail_bodystructure_format(struct buf *b, const struct mime_tree *tree, bool extended)
{
	/* The parts stand in the order in which they are entered; what was left stands between. */
	uint32_t open = MIME_NONE; /* innermost part that was entered and has parts */
	for (uint32_t i = 0; i < tree->n && !b->overflowed; i++) {
		const struct mime_part *p = &tree->parts[i];
		for (; open != p->parent; open = tree->parts[open].parent)
			leave(b, &tree->parts[open], extended);
		enter(b, tree, p, extended);
		if (is_closed(p))
			i = last_inside(tree, i);
		else
			open = i;
	}
	for (; open != MIME_NONE; open = tree->parts[open].parent)
		leave(b, &tree->parts[open], extended);
}
