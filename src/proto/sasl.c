/*
 * Mechanism names, lines, PLAIN and LOGIN. SCRAM is in sasl_scram.c.
 */
#include "proto/sasl.h"

#include "base/base64.h"
#include "base/utf8.h"

static const char *const names[] = {
	[SASL_NONE] = NULL,
	[SASL_PLAIN] = "PLAIN",
	[SASL_LOGIN] = "LOGIN",
	[SASL_SCRAM_SHA_1] = "SCRAM-SHA-1",
	[SASL_SCRAM_SHA_1_PLUS] = "SCRAM-SHA-1-PLUS",
	[SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
	[SASL_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
};

enum sasl_mechanism sasl_mechanism_find(str name)
{
	for (size_t i = SASL_NONE + 1; i < ARRAY_LEN(names); i++)
		if (str_equal_nocase(str_from_z(names[i]), name))
			return (enum sasl_mechanism)i;
	return SASL_NONE;
}

const char *sasl_mechanism_name(enum sasl_mechanism m)
{
	return names[m];
}

enum sasl_line sasl_line_decode(str line, struct buf *out)
{
	if (str_equal(line, STR("*")))
		return SASL_LINE_CANCEL;
	if (line.n / 4 * 3 > SASL_MAX_MESSAGE || !base64_decode(out, line))
		return SASL_LINE_INVALID;
	return SASL_LINE_OK;
}

enum sasl_line sasl_initial_decode(str word, struct buf *out)
{
	if (str_equal(word, STR("=")))
		return SASL_LINE_OK;
	return word.n ? sasl_line_decode(word, out) : SASL_LINE_INVALID;
}

static bool valid(str s, size_t least, size_t most)
{
	return s.n >= least && s.n <= most && str_find_char(s, '\0') < 0 && utf8_valid(s);
}

bool sasl_plain_parse(str message, struct sasl_plain *out)
{
	struct sasl_plain plain;
	str rest;
	if (!str_cut(message, '\0', &plain.authzid, &rest) ||
		!str_cut(rest, '\0', &plain.authcid, &plain.password))
		return false;
	if (!valid(plain.authzid, 0, SASL_MAX_NAME) || !valid(plain.authcid, 1, SASL_MAX_NAME) ||
		!valid(plain.password, 1, SASL_MAX_PASSWORD))
		return false;
	*out = plain;
	return true;
}

bool sasl_login_valid(str answer, size_t max)
{
	return valid(answer, 1, max);
}
