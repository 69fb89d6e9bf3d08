/*
 * A command's frame: tag, name, end; the arguments are parsed by imap_args_*() of the other files.
 */
#include "proto/imap_command.h"

#include "proto/imap_lex.h"

enum { NO, YES };

static const struct entry {
	const char *name;
	unsigned states;
	int uid;
	bool (*arguments)(struct imap_lex *, struct imap_command *);
} table[] = {
#define IMAP_COMMAND(id, states, uid, arguments) { #id, states, uid, imap_args_##arguments },
#include "proto/imap_commands.def"
#undef IMAP_COMMAND
};

const char *imap_command_name(enum imap_command_id id)
{
	return table[id].name;
}

unsigned imap_command_states(enum imap_command_id id)
{
	return table[id].states;
}

bool imap_args_none(struct imap_lex *l, struct imap_command *c)
{
	return true;
}

static const struct entry *find(str name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (str_equal_nocase(str_from_z(table[i].name), name))
			return &table[i];
	return NULL;
}

/* tag = 1*<any ASTRING-CHAR except "+">. Empty if there is none. */
static str take_tag(struct imap_lex *l)
{
	size_t from = l->at;
	while (l->at < l->in.n) {
		char c = l->in.p[l->at];
		if (c == '+' || (c != ']' && !imap_is_atom_char(c)))
			break;
		l->at++;
	}
	size_t n = l->at - from;
	return n <= IMAP_MAX_TAG ? str_from(l->in.p + from, n) : STR_EMPTY;
}

str imap_command_tag(str bytes)
{
	struct imap_lex l = { .in = bytes };
	str tag = take_tag(&l);
	bool ended = l.at == bytes.n || bytes.p[l.at] == ' ' || bytes.p[l.at] == '\r';
	return ended ? tag : STR_EMPTY;
}

static bool take_name(struct imap_lex *l, struct imap_command *c, const struct entry **out)
{
	c->uid = imap_lex_word(l, STR("UID"));
	if (c->uid && !imap_lex_space(l))
		return false;
	size_t from = l->at;
	*out = find(imap_lex_name(l));
	if (!*out || (c->uid && !(*out)->uid))
		return imap_lex_fail_at(l, from,
			c->uid ? "expected FETCH, STORE, SEARCH, COPY, MOVE or EXPUNGE after UID"
			       : "expected a command that is known here");
	c->id = (enum imap_command_id)(*out - table);
	return true;
}

static bool parse(struct imap_lex *l, struct imap_command *c)
{
	const struct entry *entry;
	c->tag = imap_command_tag(l->in);
	l->at = c->tag.n;
	return (c->tag.n || imap_lex_fail(l, "expected a tag")) && imap_lex_space(l) &&
	       take_name(l, c, &entry) && entry->arguments(l, c) && imap_lex_end(l);
}

bool imap_command_parse(
	str bytes, struct arena *a, struct imap_command *out, struct imap_error *out_error)
{
	struct imap_lex l = { .in = bytes, .arena = a };
	struct imap_command c = { 0 };
	if (parse(&l, &c)) {
		*out = c;
		return true;
	}
	l.error.tag = c.tag;
	l.error.of_select = c.id == IMAP_COMMAND_SELECT || c.id == IMAP_COMMAND_EXAMINE;
	*out_error = l.error;
	return false;
}

bool imap_is_append(str bytes)
{
	struct imap_lex l = { .in = bytes, .at = imap_command_tag(bytes).n };
	return l.at && imap_lex_skip(&l, ' ') && imap_lex_word(&l, STR("APPEND")) &&
	       imap_lex_peek(&l) == ' ';
}

enum imap_literal_kind imap_literal_at_end(str line, uint64_t *out_size)
{
	ptrdiff_t open = str_find_last_char(line, '{');
	if (open < 0 || !str_ends(line, STR("}")))
		return IMAP_LITERAL_NONE;
	str size = str_skip(line, (size_t)open + 1);
	size.n--;
	bool nonsync = str_ends(size, STR("+"));
	size.n -= nonsync;
	for (size_t i = 0; i < size.n; i++)
		if (!ascii_is_digit(size.p[i]))
			return IMAP_LITERAL_NONE;
	if (size.n == 0)
		return IMAP_LITERAL_NONE;
	if (!str_to_u64(size, INT64_MAX, out_size))
		return IMAP_LITERAL_INVALID;
	return nonsync ? IMAP_LITERAL_NONSYNC : IMAP_LITERAL_SYNC;
}
