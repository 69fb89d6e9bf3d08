#include "store/record_fields.h"

#include "base/base.h"

enum { SCORE_MAX = 100000000 };

/* Where the scan is: the last key seen, how deep, and whether inside "client". */
struct scan {
	str json;
	size_t at;
	unsigned depth;
	bool client;
	str key;
	struct record_fields *out;
};

/* at stands on the opening quote, afterwards behind the closing one. */
static str take_string(struct scan *s)
{
	size_t begin = ++s->at;
	while (s->at < s->json.n && s->json.p[s->at] != '"')
		s->at += s->json.p[s->at] == '\\' ? 2 : 1;
	size_t end = MIN(s->at, s->json.n);
	s->at = end + 1;
	return str_from(s->json.p + begin, end - begin);
}

static void take_text(struct scan *s, str value)
{
	const struct {
		str key;
		str *field;
	} known[] = { { STR("id"), &s->out->id }, { STR("message_id"), &s->out->message_id },
		{ STR("sender"), &s->out->sender }, { STR("action"), &s->out->action } };
	if (s->depth == 2 && s->client && str_equal(s->key, STR("ip")))
		s->out->client = value;
	for (size_t i = 0; s->depth == 1 && i < ARRAY_LEN(known); i++)
		if (str_equal(s->key, known[i].key))
			*known[i].field = value;
}

/* A string is a key where a colon follows. */
static void string(struct scan *s)
{
	str text = take_string(s);
	while (s->at < s->json.n && ascii_is_space(s->json.p[s->at]))
		s->at++;
	if (s->at < s->json.n && s->json.p[s->at] == ':')
		s->key = text;
	else
		take_text(s, text);
}

/* 12.345 is 1234. */
static void number(struct scan *s)
{
	bool negative = s->json.p[s->at] == '-', fraction = false;
	int64_t value = 0, digits = 0;
	for (s->at += negative; s->at < s->json.n; s->at++) {
		char c = s->json.p[s->at];
		if (c == '.')
			fraction = true;
		else if (!ascii_is_digit(c))
			break;
		else if (value < SCORE_MAX && (!fraction || digits++ < 2))
			value = value * 10 + (c - '0');
	}
	for (; digits < 2; digits++)
		value *= 10;
	if (s->depth == 1 && str_equal(s->key, STR("score")))
		s->out->score = negative ? -value : value;
}

static void step(struct scan *s)
{
	char c = s->json.p[s->at];
	if (c == '"') {
		string(s);
		return;
	}
	if (c == '-' || ascii_is_digit(c)) {
		number(s);
		return;
	}
	if (c == '{' || c == '[') {
		if (s->depth == 1)
			s->client = c == '{' && str_equal(s->key, STR("client"));
		s->depth++;
	} else if ((c == '}' || c == ']') && s->depth) {
		s->depth--;
	}
	s->at++;
}

void record_fields(str json, struct record_fields *out)
{
	*out = (struct record_fields){ 0 };
	struct scan s = { .json = json, .out = out, .key = STR_EMPTY };
	while (s.at < json.n)
		step(&s);
	out->message_id = record_message_id(out->message_id);
}

str record_message_id(str s)
{
	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		return str_from(s.p + 1, s.n - 2);
	return s;
}
