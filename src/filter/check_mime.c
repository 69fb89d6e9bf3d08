/*
 * check_mime.c: how the message is built.
 */
#include "base/utf8.h"
#include "filter/check.h"

enum { CHARSETS_MAX = 3, BASE64_MIN = 64 };

/* Programs that write Chinese mail or calendars do it too, but then there is more than ASCII. */
static bool hides_ascii(struct judgement *j, const struct mail_text *t)
{
	const struct mime_part *p = &j->mail.tree.parts[t->part];
	return !t->attached && str_equal_nocase(p->encoding, STR("base64")) &&
	       t->source.n >= BASE64_MIN && ascii_only(t->source);
}

static void report(struct judgement *j)
{
	const struct mail_shape *s = &j->mail.shape;
	static const struct {
		uint32_t defect;
		enum finding_name name;
	} table[] = {
		{ MAIL_NO_BOUNDARY, FINDING_MIME_BROKEN },
		{ MAIL_ODD_ENCODING, FINDING_MIME_ENCODING },
		{ MAIL_WRONG_CHARSET, FINDING_MIME_CHARSET },
		{ MAIL_LONG_LINE, FINDING_MIME_LONG_LINE },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (s->defects & table[i].defect)
			judgement_find(j, table[i].name, "%s", "");
	if (s->charsets_n > CHARSETS_MAX)
		judgement_find(j, FINDING_MIME_CHARSETS, "%zu", s->charsets_n);
	for (size_t i = 0; i < j->mail.texts_n; i++)
		if (hides_ascii(j, &j->mail.texts[i])) {
			judgement_find(j, FINDING_MIME_BASE64_TEXT, "%s", "");
			break;
		}
	if (s->visible_length == 0 && s->images == 0 && s->attachments == 0 && s->messages == 0)
		judgement_find(j, FINDING_MIME_EMPTY, "%s", "");
	if (j->mail.truncated || j->mail.tree.truncated)
		judgement_find(j, FINDING_MIME_TRUNCATED, "%u parts", s->parts);
}

const struct check check_mime = {
	.name = "mime", .stage = CHECK_MESSAGE, .cost = CHECK_CHEAP, .report = report
};
