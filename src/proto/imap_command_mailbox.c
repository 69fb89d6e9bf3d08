/*
 * Arguments of the commands about mailboxes as a whole: SELECT … STATUS, and APPEND.
 */
#include "proto/imap_lex.h"

bool imap_args_mailbox(struct imap_lex *l, struct imap_command *c)
{
	return imap_lex_space(l) && imap_lex_mailbox(l, &c->mailbox.name);
}

bool imap_args_rename(struct imap_lex *l, struct imap_command *c)
{
	return imap_args_mailbox(l, c) && imap_lex_space(l) &&
	       imap_lex_mailbox(l, &c->mailbox.new_name);
}

/* QRESYNC (RFC 7162 §3.2.5) is not offered, so it is refused like any unknown parameter. */
bool imap_args_select(struct imap_lex *l, struct imap_command *c)
{
	if (!imap_args_mailbox(l, c))
		return false;
	if (!imap_lex_skip(l, ' '))
		return true;
	c->mailbox.condstore = true;
	return imap_lex_char(l, '(', "expected ( before the parameters") &&
	       (imap_lex_word(l, STR("CONDSTORE")) || imap_lex_fail(l, "expected CONDSTORE")) &&
	       imap_lex_char(l, ')', "expected ) after CONDSTORE");
}

static bool use_attribute(struct imap_lex *l, struct imap_mailbox *m)
{
	size_t from = l->at;
	str name;
	if (!imap_lex_char(l, '\\', "expected a special-use attribute such as \\Junk") ||
		!imap_lex_atom(l, &name, "expected a special-use attribute such as \\Junk"))
		return false;
	unsigned bit = imap_special_use_find(str_from(l->in.p + from, l->at - from));
	m->special_use |= bit;
	m->unknown_use |= bit == 0;
	return true;
}

/* RFC 6154 §6: [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"]. */
bool imap_args_create(struct imap_lex *l, struct imap_command *c)
{
	if (!imap_args_mailbox(l, c))
		return false;
	if (!imap_lex_skip(l, ' '))
		return true;
	c->mailbox.has_use = true;
	if (!imap_lex_char(l, '(', "expected ( before the parameters") ||
		!(imap_lex_word(l, STR("USE")) || imap_lex_fail(l, "expected USE")) ||
		!imap_lex_space(l) || !imap_lex_char(l, '(', "expected ( after USE"))
		return false;
	bool empty = imap_lex_peek(l) == ')';
	for (bool more = !empty; more; more = imap_lex_skip(l, ' '))
		if (!use_attribute(l, &c->mailbox))
			return false;
	return imap_lex_char(l, ')', "expected ) after the attributes") &&
	       imap_lex_char(l, ')', "expected ) after the parameters");
}

bool imap_args_status(struct imap_lex *l, struct imap_command *c)
{
	return imap_args_mailbox(l, c) && imap_lex_space(l) &&
	       imap_lex_status_items(l, &c->mailbox.items);
}

/* ---- APPEND ---- */

static bool append_date(struct imap_lex *l, struct imap_append_message *m)
{
	size_t from = l->at;
	str text;
	if (!imap_lex_string(l, &text, "expected a date-time"))
		return false;
	if (!imap_date_time_parse(text, &m->date))
		return imap_lex_fail_at(
			l, from, "expected a date-time such as \" 1-Feb-1994 21:52:25 -0800\"");
	m->has_date = true;
	return imap_lex_space(l);
}

/* append-message up to and including the announcement of its literal. */
static bool append_message(struct imap_lex *l, struct imap_append_message *m)
{
	if (imap_lex_peek(l) == '(' && (!imap_lex_flags(l, false, &m->flags) || !imap_lex_space(l)))
		return false;
	if (imap_lex_peek(l) == '"' && !append_date(l, m))
		return false;
	return imap_lex_announcement(l, true, m);
}

bool imap_args_append(struct imap_lex *l, struct imap_command *c)
{
	return imap_lex_space(l) && imap_lex_mailbox(l, &c->append.mailbox) && imap_lex_space(l) &&
	       append_message(l, &c->append.message);
}

enum imap_append_more imap_append_next(
	str line, struct arena *a, struct imap_append_message *out, struct imap_error *out_error)
{
	if (line.n == 0)
		return IMAP_APPEND_DONE;
	struct imap_lex l = { .in = line, .arena = a };
	struct imap_append_message m = { 0 };
	if (imap_lex_char(&l, ' ', "expected the end of the command or another message") &&
		append_message(&l, &m) && imap_lex_end(&l)) {
		*out = m;
		return IMAP_APPEND_MESSAGE;
	}
	*out_error = l.error;
	return IMAP_APPEND_BAD;
}
