/*
 * imap_dump.h: a parsed IMAP command as one line of text, for tests and fuzz targets only. Reads
 * every field, so that a wild pointer shows under the sanitizers.
 */
#pragma once

#include "proto/imap_command.h"

static inline void dump_str(struct buf *b, str s)
{
	buf_printf(b, " <%.*s>", STR_ARG(s));
}

static inline void dump_set(struct buf *b, const struct imap_set *set)
{
	buf_add_char(b, ' ');
	imap_set_format(b, set);
}

static inline void dump_flags(struct buf *b, const struct imap_flags *f)
{
	buf_printf(b, " flags=%x", f->system);
	for (size_t i = 0; i < f->keyword_count; i++)
		buf_printf(b, ",%.*s", STR_ARG(f->keywords[i]));
}

static inline void dump_id(struct buf *b, const struct imap_id *id)
{
	for (size_t i = 0; i < id->count; i++)
		buf_printf(b, " %.*s=%.*s", STR_ARG(id->pairs[i].field),
			STR_ARG(id->pairs[i].nil ? STR("NIL") : id->pairs[i].value));
}

static inline void dump_mailbox(struct buf *b, const struct imap_mailbox *m)
{
	dump_str(b, m->name);
	if (m->new_name.p)
		dump_str(b, m->new_name);
	if (m->condstore)
		buf_add(b, STR(" condstore"));
	if (m->has_use)
		buf_printf(b, " use=%x%s", m->special_use, m->unknown_use ? "?" : "");
	if (m->items)
		buf_printf(b, " items=%x", m->items);
}

static inline void dump_list(struct buf *b, const struct imap_list *l)
{
	dump_str(b, l->reference);
	for (size_t i = 0; i < l->pattern_count; i++)
		dump_str(b, l->patterns[i]);
	if (l->extended)
		buf_printf(
			b, " select=%x return=%x items=%x", l->select, l->returns, l->status_items);
}

static inline void dump_message(struct buf *b, const struct imap_append_message *m)
{
	dump_flags(b, &m->flags);
	if (m->has_date)
		buf_printf(b, " date=%lld/%d", (long long)m->date.seconds, m->date.zone_minutes);
	buf_printf(b, " size=%llu%s%s", (unsigned long long)m->size, m->nonsync ? "+" : "",
		m->binary ? "~" : "");
}

static inline void dump_fetch(struct buf *b, const struct imap_fetch *f)
{
	dump_set(b, &f->set);
	buf_printf(b, " items=%x", f->items);
	for (size_t i = 0; i < f->section_count; i++) {
		const struct imap_section *s = &f->sections[i];
		buf_add_char(b, ' ');
		imap_section_format(b, s);
		if (s->partial)
			buf_printf(b, "+%llu", (unsigned long long)s->length);
		if (s->peek)
			buf_add(b, STR(" peek"));
	}
	if (f->has_changed_since)
		buf_printf(b, " since=%llu", (unsigned long long)f->changed_since);
}

static inline void dump_store(struct buf *b, const struct imap_store *s)
{
	dump_set(b, &s->set);
	buf_printf(b, " %c%s", "=+-"[s->mode], s -> silent ? " silent" : "");
	dump_flags(b, &s->flags);
	if (s->has_unchanged_since)
		buf_printf(b, " since=%llu", (unsigned long long)s->unchanged_since);
}

static inline void dump_key(struct buf *b, const struct imap_search_key *k)
{
	static const char *const names[] = { "and", "or", "not", "all", "flags", "keyword", "seq",
		"uid", "header", "body", "text", "date", "larger", "smaller", "modseq" };
	buf_printf(b, " %s", names[k->kind]);
	switch (k->kind) {
	case IMAP_SEARCH_AND:
	case IMAP_SEARCH_OR:
	case IMAP_SEARCH_NOT:
		buf_printf(b, "/%d", k->size);
		break;
	case IMAP_SEARCH_FLAGS:
		buf_printf(b, "=%x&%x", k->flags.value, k->flags.mask);
		break;
	case IMAP_SEARCH_KEYWORD:
		buf_printf(b, "=%s%.*s", k->keyword.set ? "" : "!", STR_ARG(k->keyword.name));
		break;
	case IMAP_SEARCH_SEQUENCE:
	case IMAP_SEARCH_UID:
		dump_set(b, &k->set);
		break;
	case IMAP_SEARCH_HEADER:
		buf_printf(b, "=%.*s", STR_ARG(k->header.field));
		dump_str(b, k->header.text);
		break;
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		dump_str(b, k->text);
		break;
	case IMAP_SEARCH_DATE:
		buf_printf(b, "=%s%c%d", k->date.sent ? "sent" : "", "<=>"[k->date.order + 1],
			(int)k -> date.day);
		break;
	case IMAP_SEARCH_LARGER:
	case IMAP_SEARCH_SMALLER:
	case IMAP_SEARCH_MODSEQ:
		buf_printf(b, "=%llu", (unsigned long long)k->number);
		break;
	case IMAP_SEARCH_ALL:
		break;
	}
}

static inline void dump_search(struct buf *b, const struct imap_search *s)
{
	if (s->extended)
		buf_printf(b, " return=%x", s->returns);
	if (s->has_modseq)
		buf_add(b, STR(" with-modseq"));
	for (size_t i = 0; i < s->key_count; i++)
		dump_key(b, &s->keys[i]);
}

static inline void dump_arguments(struct buf *b, const struct imap_command *c)
{
	switch (c->id) {
	case IMAP_COMMAND_ID:
		dump_id(b, &c->id_params);
		return;
	case IMAP_COMMAND_AUTHENTICATE:
		dump_str(b, c->authenticate.mechanism);
		if (c->authenticate.has_initial)
			dump_str(b, c->authenticate.initial);
		return;
	case IMAP_COMMAND_LOGIN:
		dump_str(b, c->login.user);
		dump_str(b, c->login.password);
		return;
	case IMAP_COMMAND_ENABLE:
		for (size_t i = 0; i < c->enable.count; i++)
			dump_str(b, c->enable.capabilities[i]);
		return;
	case IMAP_COMMAND_LIST:
	case IMAP_COMMAND_LSUB:
		dump_list(b, &c->list);
		return;
	case IMAP_COMMAND_APPEND:
		dump_str(b, c->append.mailbox);
		dump_message(b, &c->append.message);
		return;
	case IMAP_COMMAND_SEARCH:
		dump_search(b, &c->search);
		return;
	case IMAP_COMMAND_FETCH:
		dump_fetch(b, &c->fetch);
		return;
	case IMAP_COMMAND_STORE:
		dump_store(b, &c->store);
		return;
	case IMAP_COMMAND_COPY:
	case IMAP_COMMAND_MOVE:
		dump_set(b, &c->copy.set);
		dump_str(b, c->copy.mailbox);
		return;
	case IMAP_COMMAND_EXPUNGE:
		if (c->uid)
			dump_set(b, &c->expunge.set);
		return;
	case IMAP_COMMAND_SELECT:
	case IMAP_COMMAND_EXAMINE:
	case IMAP_COMMAND_CREATE:
	case IMAP_COMMAND_DELETE:
	case IMAP_COMMAND_RENAME:
	case IMAP_COMMAND_SUBSCRIBE:
	case IMAP_COMMAND_UNSUBSCRIBE:
	case IMAP_COMMAND_STATUS:
		dump_mailbox(b, &c->mailbox);
		return;
	default:
		return;
	}
}

static inline void dump_command(struct buf *b, const struct imap_command *c)
{
	buf_printf(b, "%.*s %s%s", STR_ARG(c->tag), c->uid ? "UID " : "", imap_command_name(c->id));
	dump_arguments(b, c);
}
