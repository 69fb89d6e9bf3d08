/*
 * imap_lex.h: the tokens of IMAP commands (RFC 3501 §9), for this directory's parsers only.
 *
 * A reader over one command. Each function either takes what it is named for, moves on and returns
 * true, or records what was expected (the first failure stays) and returns false. Slices that it
 * gives out point into the command or into the arena.
 */
#pragma once

#include "proto/imap_bits.h"
#include "proto/imap_command.h"

struct imap_lex {
	str in;
	size_t at;
	struct arena *arena;
	struct imap_error error; /* text is NULL until something failed */
};

/* Always false. `expected` is a constant sentence. */
bool imap_lex_fail(struct imap_lex *l, const char *expected);
bool imap_lex_fail_as(struct imap_lex *l, enum imap_error_kind kind, const char *text);
/* The same, and blames the token that began at `at`. */
bool imap_lex_fail_at(struct imap_lex *l, size_t at, const char *expected);

/* The next byte without taking it; -1 at the end. */
static inline int imap_lex_peek(const struct imap_lex *l)
{
	return l->at < l->in.n ? (unsigned char)l->in.p[l->at] : -1;
}

/* Takes c if it comes next; says whether. Records nothing. */
bool imap_lex_skip(struct imap_lex *l, char c);
bool imap_lex_char(struct imap_lex *l, char c, const char *expected);
bool imap_lex_space(struct imap_lex *l);
/* Nothing is left but an optional CRLF. */
bool imap_lex_end(struct imap_lex *l);

/* The longest run of letters, digits, ".", "-" and "_": names of commands, items and keys. May
 * be empty. */
str imap_lex_name(struct imap_lex *l);
/* Takes the whole next name if it is `word`, in any case; says whether. Records nothing. */
bool imap_lex_word(struct imap_lex *l, str word);

/* Takes a name of the table and adds its bit. */
bool imap_lex_bit(struct imap_lex *l, const struct imap_bit_name *table, unsigned *bits,
	const char *expected);

bool imap_lex_atom(struct imap_lex *l, str *out, const char *expected);
bool imap_lex_string(struct imap_lex *l, str *out, const char *expected);  /* quoted or literal */
bool imap_lex_astring(struct imap_lex *l, str *out, const char *expected); /* or a bare word */
/* A string or NIL; *out_nil says which. */
bool imap_lex_nstring(struct imap_lex *l, str *out, bool *out_nil, const char *expected);
bool imap_lex_number(struct imap_lex *l, uint64_t max, uint64_t *out, const char *expected);
bool imap_lex_set(struct imap_lex *l, struct imap_set *out);
/* A mailbox name, decoded and checked. */
bool imap_lex_mailbox(struct imap_lex *l, str *out);
/* A LIST pattern or reference: may be empty and, as a bare word, hold wildcards. */
bool imap_lex_list_mailbox(struct imap_lex *l, str *out);
/* The bytes of such a pattern as they stand. */
bool imap_lex_pattern(struct imap_lex *l, str *out);
/* "(" flags ")", or with `bare` also without parentheses up to the end of the line. */
bool imap_lex_flags(struct imap_lex *l, bool bare, struct imap_flags *out);
/* "{n}", "{n+}" and with literal8 also "~{n}"; takes no CRLF and no bytes. */
bool imap_lex_announcement(struct imap_lex *l, bool literal8, struct imap_append_message *out);
/* "(" items ")" of STATUS. */
bool imap_lex_status_items(struct imap_lex *l, unsigned *out);

/* Of characters: ATOM-CHAR. */
bool imap_is_atom_char(char c);

/* The items of a list that grows in the arena: makes room for one more of `size` bytes after n,
 * up to max, and returns where it goes; NULL, with too_many recorded, beyond. */
void *imap_lex_grow(
	struct imap_lex *l, void *items, size_t n, size_t size, size_t max, const char *too_many);
/* n bytes of the arena, or NULL with the failure recorded. */
void *imap_lex_alloc(struct imap_lex *l, size_t n);

/* The parsers of arguments, one for each name in imap_commands.def. */
#define IMAP_COMMAND(id, states, uid, arguments)                                                   \
	bool imap_args_##arguments(struct imap_lex *l, struct imap_command *c);
#include "proto/imap_commands.def"
#undef IMAP_COMMAND
