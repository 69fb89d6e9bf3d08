/*
 * check_attachment.c: what is attached: the names, and what is behind them.
 */
#include "filter/check.h"
#include "io/task.h"

enum { INSPECTED_MAX = 50, ENTRIES_NAMED_MAX = 200 };

/* ── Looking into it ──────────────────────────────────────────────────────────────────────── */

struct job {
	struct inspector *inspector;
	struct arena *arena;
	const struct mail_attachment *attachment;
	str content;
	struct inspection *out;
};

static void run_job(void *arg)
{
	struct job *job = arg;
	inspect(job->inspector, job->arena, job->content, job->attachment->name.name,
		job->attachment->declared, job->out);
}

/* What documents lead to is treated as links of the message. */
static void begin(struct judgement *j)
{
	size_t n = MIN(j->mail.attachments_n, (size_t)INSPECTED_MAX);
	if (!j->message->inspector || n == 0)
		return;
	j->inspected.max = INSPECT_ARENA_MAX;
	j->inspections = arena_array(j->arena, struct inspection, n);
	for (size_t i = 0; i < n; i++) {
		struct inspection *found = &j->inspections[i];
		const struct mail_attachment *a = &j->mail.attachments[i];
		struct job job = { j->message->inspector, &j->inspected, a,
			mail_attachment_content(&j->mail, a), found };
		task_offload(j->task, run_job, &job);
		for (size_t k = 0; k < found->uris_n; k++)
			uri_set_add(&j->mail.uris, found->uris[k], STR_EMPTY, STR_EMPTY,
				URI_IN_ATTACHMENT);
	}
	j->inspection_count = n;
}

static void done(struct judgement *j)
{
	arena_done(&j->inspected);
}

/* ── By its name ──────────────────────────────────────────────────────────────────────────── */

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

/* The first one of each kind is told. `inside`: its name in an archive, or empty. */
static void find_once(
	struct judgement *j, enum finding_name name, const struct mail_attachment *a, str inside)
{
	if (!finding_has(&j->findings, name))
		judgement_find(j, name, "%.*s%s%.*s", STR_ARG(str_first(a->name.name, 200)),
			inside.n ? ": " : "", STR_ARG(str_first(inside, 200)));
}

static void by_name(struct judgement *j, const struct mail_attachment *a, str inside, str extension,
	uint32_t flags)
{
	const uint32_t odd = ATTACHMENT_OVERRIDE | ATTACHMENT_INVISIBLE | ATTACHMENT_PADDED |
			     ATTACHMENT_TRAILING;
	if (is_listed(j->rules->blocked_extensions, extension))
		find_once(j, FINDING_ATTACHMENT_BLOCKED, a, inside);
	if (flags & ATTACHMENT_DOUBLE)
		find_once(j, FINDING_ATTACHMENT_DOUBLE, a, inside);
	if (flags & odd)
		find_once(j, FINDING_ATTACHMENT_NAME_ODD, a, inside);
}

/* ── By what it is ────────────────────────────────────────────────────────────────────────── */

static bool is_program(enum inspect_class class)
{
	return class == INSPECT_EXECUTABLE || class == INSPECT_SCRIPT || class == INSPECT_SHORTCUT;
}

static bool is_active(enum inspect_class class)
{
	return is_program(class) || class == INSPECT_DISK_IMAGE || class == INSPECT_HTML;
}

static void by_class(struct judgement *j, const struct mail_attachment *a, str inside,
	enum inspect_class class, enum inspect_class named)
{
	/* Scripts are what people show each other, too; those that Windows would run have names
	 * that are blocked. */
	if (class == INSPECT_EXECUTABLE || class == INSPECT_SHORTCUT)
		find_once(j, FINDING_ATTACHMENT_PROGRAM, a, inside);
	if (class == INSPECT_DISK_IMAGE)
		find_once(j, FINDING_ATTACHMENT_IMAGE, a, inside);
	if (is_active(class) && named != INSPECT_OTHER && named != class && !is_program(named))
		find_once(j, FINDING_ATTACHMENT_TYPE, a, inside);
}

static void by_flags(
	struct judgement *j, const struct mail_attachment *a, str inside, uint32_t flags, bool pdf)
{
	static const struct {
		uint32_t flags;
		enum finding_name name;
	} table[] = {
		{ INSPECT_ENCRYPTED | INSPECT_NAMES_ENCRYPTED, FINDING_ATTACHMENT_ENCRYPTED },
		{ INSPECT_BOMB | INSPECT_TOO_DEEP, FINDING_ATTACHMENT_BOMB },
		{ INSPECT_MACROS, FINDING_ATTACHMENT_MACROS },
		{ INSPECT_MACROS_AUTO | INSPECT_MACROS_XLM, FINDING_ATTACHMENT_MACROS_AUTO },
		{ INSPECT_EQUATION | INSPECT_UPDATES | INSPECT_DDE | INSPECT_TEMPLATE,
			FINDING_ATTACHMENT_EXPLOIT },
		{ INSPECT_EXTERNAL, FINDING_ATTACHMENT_EXTERNAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (flags & table[i].flags)
			find_once(j, table[i].name, a, inside);
	if (pdf && (flags & INSPECT_ESCAPED))
		find_once(j, FINDING_ATTACHMENT_PDF_DISGUISED, a, inside);
	else if (pdf && (flags & (INSPECT_JAVASCRIPT | INSPECT_LAUNCH)))
		find_once(j, FINDING_ATTACHMENT_PDF_ACTIVE, a, inside);
}

static void by_entry(struct judgement *j, const struct mail_attachment *a,
	const struct inspect_entry *e, bool in_archive)
{
	by_name(j, a, e->name, e->extension, e->odd);
	by_class(j, a, e->name, e->class == INSPECT_OTHER ? e->named : e->class, e->named);
	by_flags(j, a, e->name, e->flags, e->class == INSPECT_PDF);
	if (in_archive && (e->class == INSPECT_ARCHIVE || e->class == INSPECT_DISK_IMAGE))
		find_once(j, FINDING_ATTACHMENT_NESTED, a, e->name);
}

/* The parts of a document of Office are entries too, but no files that somebody sent. */
static void by_inspection(
	struct judgement *j, const struct mail_attachment *a, const struct inspection *found)
{
	by_class(j, a, STR_EMPTY, found->class, found->named);
	by_flags(j, a, STR_EMPTY, found->flags, found->class == INSPECT_PDF);
	bool archive = found->class == INSPECT_ARCHIVE || found->class == INSPECT_DISK_IMAGE;
	bool container = archive || found->class == INSPECT_MESSAGE;
	for (size_t i = 0; container && i < MIN(found->entries_n, (size_t)ENTRIES_NAMED_MAX); i++) {
		const struct inspect_entry *e = &found->entries[i];
		by_entry(j, a, e, archive || e->depth > 0);
	}
}

static void report(struct judgement *j)
{
	for (size_t i = 0; i < j->mail.attachments_n; i++) {
		const struct mail_attachment *a = &j->mail.attachments[i];
		by_name(j, a, STR_EMPTY, a->name.extension, a->name.flags);
		if (a->uuencoded.p)
			find_once(j, FINDING_ATTACHMENT_UUENCODED, a, STR_EMPTY);
		if (i < j->inspection_count)
			by_inspection(j, a, &j->inspections[i]);
	}
}

const struct check check_attachment = { .name = "attachment",
	.stage = CHECK_MESSAGE,
	.cost = CHECK_COSTLY,
	.begin = begin,
	.report = report,
	.done = done };
