#include "mailauth/spf_record.h"

#include "mailauth/spf_macro.h"

/* What may stand behind the name of a mechanism. */
enum argument { NOTHING, DOMAIN, MAYBE_DOMAIN, MAYBE_DOMAIN_AND_LENGTHS, ADDRESS };

static const struct {
	str name;
	enum spf_kind kind;
	enum argument argument;
} mechanisms[] = {
	{ { "all", 3 }, SPF_TERM_ALL, NOTHING },
	{ { "include", 7 }, SPF_TERM_INCLUDE, DOMAIN },
	{ { "a", 1 }, SPF_TERM_A, MAYBE_DOMAIN_AND_LENGTHS },
	{ { "mx", 2 }, SPF_TERM_MX, MAYBE_DOMAIN_AND_LENGTHS },
	{ { "ptr", 3 }, SPF_TERM_PTR, MAYBE_DOMAIN },
	{ { "ip4", 3 }, SPF_TERM_IP4, ADDRESS },
	{ { "ip6", 3 }, SPF_TERM_IP6, ADDRESS },
	{ { "exists", 6 }, SPF_TERM_EXISTS, DOMAIN },
};

static const struct {
	char sign;
	enum spf_result result;
} qualifiers[] = {
	{ '+', SPF_PASS },
	{ '-', SPF_FAIL },
	{ '~', SPF_SOFTFAIL },
	{ '?', SPF_NEUTRAL },
};

/* Takes a prefix length off the end, with the slashes before it. Where there is none, nothing
 * happens. */
static const char *cut_length(str *s, str slashes, unsigned most, uint8_t *out)
{
	size_t digits = 0;
	while (digits < s->n && ascii_is_digit(s->p[s->n - 1 - digits]))
		digits++;
	str head = str_first(*s, s->n - digits), number = str_skip(*s, s->n - digits);
	if (!digits || !str_ends(head, slashes))
		return NULL;
	uint64_t value;
	if ((digits > 1 && number.p[0] == '0') || !str_to_u64(number, most, &value))
		return "a prefix length out of range";
	*out = (uint8_t)value;
	*s = str_first(head, head.n - slashes.n);
	return NULL;
}

static const char *parse_domain(str s, struct spf_term *out)
{
	if (!str_starts(s, STR(":")))
		return s.n ? "a malformed argument" : "no domain";
	out->domain = str_skip(s, 1);
	return spf_macro_check(out->domain, SPF_MACRO_DOMAIN);
}

static const char *parse_lengths(str s, struct spf_term *out)
{
	const char *wrong = cut_length(&s, STR("//"), 128, &out->bits6);
	if (!wrong)
		wrong = cut_length(&s, STR("/"), 32, &out->bits4);
	if (wrong || !s.n)
		return wrong;
	return parse_domain(s, out);
}

static const char *parse_address(str s, struct spf_term *out)
{
	bool six = out->kind == SPF_TERM_IP6;
	const char *wrong =
		cut_length(&s, STR("/"), six ? 128 : 32, six ? &out->bits6 : &out->bits4);
	if (wrong)
		return wrong;
	if (!str_starts(s, STR(":")))
		return s.n ? "a malformed argument" : "no address";
	s = str_skip(s, 1);
	if ((str_find_char(s, ':') >= 0) != six || !ip_parse(s, &out->ip))
		return "a malformed address";
	return NULL;
}

static const char *parse_argument(enum argument argument, str s, struct spf_term *out)
{
	switch (argument) {
	case DOMAIN:
		return parse_domain(s, out);
	case MAYBE_DOMAIN:
		return s.n ? parse_domain(s, out) : NULL;
	case MAYBE_DOMAIN_AND_LENGTHS:
		return parse_lengths(s, out);
	case ADDRESS:
		return parse_address(s, out);
	case NOTHING:
		break;
	}
	return s.n ? "an argument where none is allowed" : NULL;
}

static const char *parse_mechanism(str s, size_t name, struct spf_term *out)
{
	for (size_t i = 0; i < ARRAY_LEN(qualifiers); i++) {
		if (s.n && s.p[0] == qualifiers[i].sign) {
			out->result = qualifiers[i].result;
			s = str_skip(s, 1);
			name -= name > 0;
			break;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
		if (str_equal_nocase(str_first(s, name), mechanisms[i].name)) {
			out->kind = mechanisms[i].kind;
			return parse_argument(mechanisms[i].argument, str_skip(s, name), out);
		}
	}
	return "an unknown mechanism";
}

static bool is_modifier_name(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_is_alnum(s.p[i]) && str_find_char(STR("-_."), s.p[i]) < 0)
			return false;
	}
	return s.n && ascii_is_alpha(s.p[0]);
}

static const char *parse_modifier(str name, str value, struct spf_term *out)
{
	if (!is_modifier_name(name))
		return "a malformed modifier";
	bool redirect = str_equal_nocase(name, STR("redirect"));
	if (!redirect && !str_equal_nocase(name, STR("exp"))) {
		out->kind = SPF_TERM_UNKNOWN;
		return spf_macro_check(value, SPF_MACRO_STRING);
	}
	out->kind = redirect ? SPF_TERM_REDIRECT : SPF_TERM_EXP;
	out->domain = value;
	return spf_macro_check(value, SPF_MACRO_DOMAIN);
}

const char *spf_term_parse(str text, struct spf_term *out)
{
	*out = (struct spf_term){
		.result = SPF_PASS, .text = text, .domain = STR_EMPTY, .bits4 = 32, .bits6 = 128
	};
	ptrdiff_t end = str_find_any(text, STR(":/="));
	if (end >= 0 && text.p[end] == '=')
		return parse_modifier(
			str_first(text, (size_t)end), str_skip(text, (size_t)end + 1), out);
	return parse_mechanism(text, end < 0 ? text.n : (size_t)end, out);
}

/* The text of the next term; empty at the end. */
static str next_text(str *terms)
{
	str text;
	do
		(void)str_cut(*terms, ' ', &text, terms);
	while (!text.n && terms->n);
	return text;
}

bool spf_term_next(str *terms, struct spf_term *out)
{
	str text = next_text(terms);
	return text.n && !spf_term_parse(text, out);
}

bool spf_record_is(str text)
{
	str version, rest;
	(void)str_cut(text, ' ', &version, &rest);
	return str_equal_nocase(version, STR("v=spf1"));
}

/* A modifier that may stand there once. */
static const char *set_once(str *at, str value)
{
	if (at->n)
		return "a modifier that stands there twice";
	*at = value;
	return NULL;
}

const char *spf_record_parse(str text, struct spf_record *out, str *out_term)
{
	*out = (struct spf_record){ .text = text, .redirect = STR_EMPTY, .exp = STR_EMPTY };
	str version, rest;
	(void)str_cut(text, ' ', &version, &rest);
	out->terms = rest;
	bool all = false;
	while ((*out_term = next_text(&rest)).n) {
		struct spf_term term;
		const char *wrong = spf_term_parse(*out_term, &term);
		if (!wrong && term.kind == SPF_TERM_REDIRECT)
			wrong = set_once(&out->redirect, term.domain);
		else if (!wrong && term.kind == SPF_TERM_EXP)
			wrong = set_once(&out->exp, term.domain);
		if (wrong)
			return wrong;
		all |= term.kind == SPF_TERM_ALL;
	}
	if (all)
		out->redirect = STR_EMPTY;
	return NULL;
}
