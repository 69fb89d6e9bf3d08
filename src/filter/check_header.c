/*
 * check_header.c: forged and odd header fields, as programs write them that are no mail programs.
 */
#include "base/utf8.h"
#include "filter/check.h"
#include "mail/uri_host.h"

enum {
	HOUR = 3600,
	DAY = 24 * HOUR,
	AHEAD_MAX = DAY,
	BACK_MAX = 60 * DAY,
	SKEW_MAX = 2 * HOUR, /* between the clocks of two servers */
	HOPS_MAX = 50,
	CAPITALS_MIN = 10, /* letters in a subject */
};

static void by_defect(struct judgement *j)
{
	static const struct {
		uint32_t defect;
		enum finding_name name;
	} table[] = {
		{ MAIL_STRAY_LINE | MAIL_NO_CLOSING, FINDING_HEADER_BROKEN },
		{ MAIL_NUL | MAIL_BARE_CR, FINDING_HEADER_NUL },
		{ MAIL_REPEATED_FIELD, FINDING_HEADER_REPEATED },
		{ MAIL_NO_DATE, FINDING_DATE_MISSING },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (j->mail.shape.defects & table[i].defect)
			judgement_find(j, table[i].name, "%s", "");
	if ((j->mail.shape.defects & MAIL_EIGHT_BIT_HEADER) && !utf8_valid(j->header))
		judgement_find(j, FINDING_HEADER_8BIT, "%s", "");
}

static void by_date(struct judgement *j)
{
	int64_t ahead = j->mail.date.seconds - j->message->received;
	if (j->mail.has_date && ahead > AHEAD_MAX)
		judgement_find(j, FINDING_DATE_FUTURE, "%lld hours ahead", (long long)ahead / HOUR);
	if (j->mail.has_date && -ahead > BACK_MAX)
		judgement_find(j, FINDING_DATE_PAST, "%lld days back", (long long)-ahead / DAY);
}

/* "<left@right>", one, without blanks; the right side may be anything but empty. */
static void by_message_id(struct judgement *j)
{
	struct header_field field;
	if (!mail_header(&j->mail, STR("Message-ID"), &field)) {
		judgement_find(j, FINDING_MESSAGE_ID_MISSING, "%s", "");
		return;
	}
	str id = str_trim(field.value);
	ptrdiff_t at = str_find_last_char(id, '@');
	bool good = str_starts(id, STR("<")) && str_ends(id, STR(">")) && at > 1 &&
		    (size_t)at + 2 < id.n && str_find_any(id, STR(" \t\r\n")) < 0;
	if (!good)
		judgement_find(j, FINDING_MESSAGE_ID_ODD, "%.*s", STR_ARG(str_first(id, 100)));
}

/* What stands behind the last semicolon of a Received field. */
static bool read_stamp(str value, struct mail_date *out)
{
	ptrdiff_t at = str_find_last_char(value, ';');
	return at >= 0 && date_parse(str_skip(value, (size_t)at + 1), out);
}

/* The newest stands first. */
static void by_received(struct judgement *j)
{
	struct header_field field;
	struct mail_date date;
	int64_t later = j->message->received;
	unsigned hops = 0;
	for (size_t at = 0; hops < HOPS_MAX && header_next(j->header, &at, &field);) {
		if (!str_equal_nocase(field.name, STR("Received")) ||
			!read_stamp(field.value, &date))
			continue;
		hops++;
		if (date.seconds > later + SKEW_MAX) {
			judgement_find(j, FINDING_RECEIVED_ORDER,
				"hop %u from the top is %lld hours later than the one above it",
				hops, (long long)(date.seconds - later) / HOUR);
			return;
		}
		later = date.seconds;
	}
}

/* ── The subject ──────────────────────────────────────────────────────────────────────────── */

static bool is_shouted(str subject)
{
	size_t letters = 0;
	for (size_t i = 0; i < subject.n; i++) {
		if (ascii_is_alpha(subject.p[i]) && subject.p[i] == ascii_lower(subject.p[i]))
			return false;
		letters += ascii_is_alpha(subject.p[i]);
	}
	return letters >= CAPITALS_MIN && 2 * letters >= subject.n;
}

/* "V i a g r a": six single letters in a row. */
static bool is_spaced(str s)
{
	unsigned run = 0;
	for (size_t i = 0; i < s.n && run < 6; i++) {
		bool alone = ascii_is_alpha(s.p[i]) && (i == 0 || s.p[i - 1] == ' ') &&
			     (i + 1 == s.n || s.p[i + 1] == ' ');
		if (s.p[i] != ' ')
			run = alone ? run + 1 : 0;
	}
	return run >= 6;
}

/* Without the "Re:" of any language that begins it. */
static bool takes_prefix(str *subject, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		str prefix = str_from_z(prefixes[i]);
		if (!str_starts_nocase(*subject, prefix))
			continue;
		*subject = str_trim(str_skip(*subject, prefix.n));
		return true;
	}
	return false;
}

static bool has_field(const struct judgement *j, str name)
{
	struct header_field field;
	return mail_header(&j->mail, name, &field);
}

/* What an answer or a forwarded message holds of the other one. */
static bool quotes(const struct mail *m)
{
	static const char *const signs[] = { "\n>", "---", "From:", "wrote:", "<blockquote" };
	if (m->shape.messages)
		return true;
	for (size_t i = 0; i < m->texts_n; i++) {
		if (str_starts(m->texts[i].source, STR(">")))
			return true;
		for (size_t k = 0; k < ARRAY_LEN(signs); k++)
			if (str_find(m->texts[i].source, str_from_z(signs[k])) >= 0)
				return true;
	}
	return false;
}

static void by_prefix(struct judgement *j)
{
	static const char *const answers[] = {
		"re:", "aw:", "sv:", "vs:", "antw:", "odp:", "rép:"
	};
	static const char *const forwards[] = { "fw:", "fwd:", "wg:", "tr:", "i:", "rv:" };
	str subject = j->mail.subject;
	if (takes_prefix(&subject, answers, ARRAY_LEN(answers))) {
		if (!has_field(j, STR("In-Reply-To")) && !has_field(j, STR("References")) &&
			!quotes(&j->mail))
			judgement_find(j, FINDING_REPLY_FALSE, "%.*s",
				STR_ARG(str_first(j->mail.subject, 100)));
	} else if (takes_prefix(&subject, forwards, ARRAY_LEN(forwards))) {
		if (!has_field(j, STR("References")) && !quotes(&j->mail) && !j->mail.attachments_n)
			judgement_find(j, FINDING_FORWARD_FALSE, "%.*s",
				STR_ARG(str_first(j->mail.subject, 100)));
	}
}

static void by_subject(struct judgement *j)
{
	str subject = j->mail.subject;
	struct buf plain CLEANUP(buf_done) = BUF_INIT(MAIL_FIELD_MAX);
	uint32_t flags = 0;
	if (subject.n == 0) {
		judgement_find(j, FINDING_SUBJECT_MISSING, "%s", "");
		return;
	}
	uri_unmask(&plain, subject, &flags);
	if ((flags & URI_INVISIBLE) || is_spaced(subject))
		judgement_find(j, FINDING_SUBJECT_DISGUISED, "%.*s",
			STR_ARG(str_first(buf_str(&plain), 100)));
	if (is_shouted(subject))
		judgement_find(
			j, FINDING_SUBJECT_CAPITALS, "%.*s", STR_ARG(str_first(subject, 100)));
	by_prefix(j);
}

static void report(struct judgement *j)
{
	by_defect(j);
	by_date(j);
	by_message_id(j);
	by_received(j);
	by_subject(j);
	if (!j->mail.to.n && !j->mail.cc.n && !has_field(j, STR("Bcc")))
		judgement_find(j, FINDING_TO_MISSING, "%s", "");
}

const struct check check_header = {
	.name = "header", .stage = CHECK_MESSAGE, .cost = CHECK_CHEAP, .report = report
};
