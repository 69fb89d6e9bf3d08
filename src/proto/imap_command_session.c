/*
 * Arguments of the commands about the session: ID, AUTHENTICATE, LOGIN, ENABLE.
 */
#include "proto/imap_lex.h"

static bool id_pair(struct imap_lex *l, struct imap_id_pair *pair)
{
	size_t from = l->at;
	if (!imap_lex_string(l, &pair->field, "expected the name of an ID field in quotes"))
		return false;
	if (pair->field.n > IMAP_MAX_ID_FIELD)
		return imap_lex_fail_at(l, from, "expected a shorter ID field");
	if (!imap_lex_char(l, ' ', "expected a space after an ID field"))
		return false;
	from = l->at;
	if (!imap_lex_nstring(l, &pair->value, &pair->nil, "expected an ID value or NIL"))
		return false;
	return pair->value.n <= IMAP_MAX_ID_VALUE ||
	       imap_lex_fail_at(l, from, "expected a shorter ID value");
}

bool imap_args_id(struct imap_lex *l, struct imap_command *c)
{
	if (!imap_lex_space(l))
		return false;
	if (imap_lex_word(l, STR("NIL")))
		return true;
	if (!imap_lex_char(l, '(', "expected NIL or a list of ID fields"))
		return false;
	if (imap_lex_skip(l, ')'))
		return true;
	struct imap_id_pair *pairs = NULL;
	size_t n = 0;
	do {
		pairs = imap_lex_grow(
			l, pairs, n, sizeof *pairs, IMAP_MAX_ID_PAIRS, "expected fewer ID fields");
		if (!pairs || !id_pair(l, &pairs[n++]))
			return false;
	} while (imap_lex_skip(l, ' '));
	c->id_params = (struct imap_id){ pairs, n };
	return imap_lex_char(l, ')', "expected ) after the ID fields");
}

static bool is_base64_char(char c)
{
	return ascii_is_alnum(c) || c == '+' || c == '/' || c == '=';
}

/* Only the alphabet is checked here; decoding is sasl_initial_decode()'s. */
bool imap_args_authenticate(struct imap_lex *l, struct imap_command *c)
{
	struct imap_authenticate *a = &c->authenticate;
	if (!imap_lex_space(l) || !imap_lex_atom(l, &a->mechanism, "expected a SASL mechanism"))
		return false;
	if (!imap_lex_skip(l, ' '))
		return true;
	size_t from = l->at;
	while (l->at < l->in.n && is_base64_char(l->in.p[l->at]))
		l->at++;
	a->initial = str_from(l->in.p + from, l->at - from);
	a->has_initial = true;
	return a->initial.n || imap_lex_fail(l, "expected an initial response in base64");
}

bool imap_args_login(struct imap_lex *l, struct imap_command *c)
{
	return imap_lex_space(l) && imap_lex_astring(l, &c->login.user, "expected a user name") &&
	       imap_lex_space(l) && imap_lex_astring(l, &c->login.password, "expected a password");
}

bool imap_args_enable(struct imap_lex *l, struct imap_command *c)
{
	str *names = NULL;
	size_t n = 0;
	if (!imap_lex_space(l))
		return false;
	do {
		names = imap_lex_grow(
			l, names, n, sizeof *names, IMAP_MAX_ENABLE, "expected fewer capabilities");
		if (!names || !imap_lex_atom(l, &names[n++], "expected a capability"))
			return false;
	} while (imap_lex_skip(l, ' '));
	c->enable = (struct imap_enable){ names, n };
	return true;
}
