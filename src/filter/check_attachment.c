/*
 * check_attachment.c: the names of what is attached.
 */
#include "filter/check.h"

static bool is_listed(str list, str extension)
{
	str word;
	while (list.n) {
		str_cut(list, ' ', &word, &list);
		if (word.n && str_equal_nocase(word, extension))
			return true;
	}
	return false;
}

static void find_once(struct judgement *j, enum finding_name name, const struct mail_attachment *a)
{
	if (!finding_has(&j->findings, name))
		judgement_find(j, name, "%.*s", STR_ARG(str_first(a->name.name, 200)));
}

static void report(struct judgement *j)
{
	const uint32_t odd = ATTACHMENT_OVERRIDE | ATTACHMENT_INVISIBLE | ATTACHMENT_PADDED |
			     ATTACHMENT_TRAILING;
	for (size_t i = 0; i < j->mail.attachments_n; i++) {
		const struct mail_attachment *a = &j->mail.attachments[i];
		if (is_listed(j->rules->blocked_extensions, a->name.extension))
			find_once(j, FINDING_ATTACHMENT_BLOCKED, a);
		if (a->name.flags & ATTACHMENT_DOUBLE)
			find_once(j, FINDING_ATTACHMENT_DOUBLE, a);
		if (a->name.flags & odd)
			find_once(j, FINDING_ATTACHMENT_NAME_ODD, a);
		if (a->uuencoded.p)
			find_once(j, FINDING_ATTACHMENT_UUENCODED, a);
	}
}

const struct check check_attachment = { .name = "attachment", .report = report };
