/*
 * dmarc_record.c: v=DMARC1; tag=value; … (RFC 9989 §4.7, §4.8). RFC 7489 differs in pct=, which is
 * still read, since many records have it.
 */
#include "mailauth/dmarc.h"

struct reading {
	struct arena *arena;
	struct dmarc_record *out;
	bool has_p, policy_wrong;
	unsigned seen; /* tags by their place in tags[] */
};

static void problem(struct reading *r, const char *what, str name)
{
	if (r->out->problem.n == 0)
		r->out->problem =
			arena_printf(r->arena, "%s: %.*s", what, STR_ARG(str_first(name, 40)));
}

static bool read_word(str value, const char *const *words, size_t n, unsigned *out)
{
	for (size_t i = 0; i < n; i++) {
		if (str_equal_nocase(value, str_from_z(words[i]))) {
			*out = (unsigned)i;
			return true;
		}
	}
	return false;
}

static bool read_policy(struct reading *r, str value, enum dmarc_policy *out)
{
	static const char *const words[] = { "none", "quarantine", "reject" };
	unsigned found;
	if (!read_word(value, words, ARRAY_LEN(words), &found)) {
		r->policy_wrong = true;
		return false;
	}
	*out = (enum dmarc_policy)found;
	return true;
}

static bool read_flag(str value, const char *no, const char *yes, bool *out)
{
	const char *const words[] = { no, yes };
	unsigned found;
	if (!read_word(value, words, 2, &found))
		return false;
	*out = found == 1;
	return true;
}

static bool tag_p(struct reading *r, str value)
{
	r->has_p = read_policy(r, value, &r->out->p);
	return r->has_p;
}

static bool tag_sp(struct reading *r, str value)
{
	r->out->has_sp = read_policy(r, value, &r->out->sp);
	return r->out->has_sp;
}

static bool tag_np(struct reading *r, str value)
{
	r->out->has_np = read_policy(r, value, &r->out->np);
	return r->out->has_np;
}

static bool tag_psd(struct reading *r, str value)
{
	static const char *const words[] = { "u", "y", "n" };
	unsigned found;
	if (!read_word(value, words, ARRAY_LEN(words), &found))
		return false;
	r->out->psd = (enum dmarc_psd)found;
	return true;
}

static bool tag_adkim(struct reading *r, str value)
{
	return read_flag(value, "r", "s", &r->out->strict_dkim);
}

static bool tag_aspf(struct reading *r, str value)
{
	return read_flag(value, "r", "s", &r->out->strict_spf);
}

static bool tag_t(struct reading *r, str value)
{
	return read_flag(value, "n", "y", &r->out->test);
}

static bool tag_pct(struct reading *r, str value)
{
	uint64_t percent;
	if (value.n > 3 || !str_to_u64(value, 100, &percent))
		return false;
	r->out->percent = (unsigned)percent;
	return true;
}

static bool tag_rua(struct reading *r, str value)
{
	r->out->rua = value;
	return value.n > 0;
}

static bool tag_ruf(struct reading *r, str value)
{
	r->out->ruf = value;
	return value.n > 0;
}

static const struct {
	const char *name;
	bool (*read)(struct reading *r, str value);
} tags[] = {
	{ "p", tag_p },
	{ "sp", tag_sp },
	{ "np", tag_np },
	{ "psd", tag_psd },
	{ "adkim", tag_adkim },
	{ "aspf", tag_aspf },
	{ "t", tag_t },
	{ "pct", tag_pct },
	{ "rua", tag_rua },
	{ "ruf", tag_ruf },
};

static void read_tag(struct reading *r, str name, str value)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (!str_equal_nocase(name, str_from_z(tags[i].name)))
			continue;
		if (r->seen & (1u << i))
			problem(r, "the tag stands there twice", name);
		else if (!tags[i].read(r, value))
			problem(r, "the tag has no valid value", name);
		r->seen |= 1u << i;
		return;
	}
}

/* Semicolon, equals sign and what is printable; tabs and spaces around them. */
static bool is_value(str value)
{
	for (size_t i = 0; i < value.n; i++)
		if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 127)
			return false;
	return true;
}

static bool is_tag_name(str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_alnum(name.p[i]) && name.p[i] != '_')
			return false;
	return name.n > 0 && ascii_is_alpha(name.p[0]);
}

static str trim(str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_skip(s, 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Any URI: a scheme, a colon and something behind it. */
static bool is_uri(str uri)
{
	ptrdiff_t colon = str_find_char(uri, ':');
	if (colon <= 0 || (size_t)colon + 1 >= uri.n || !ascii_is_alpha(uri.p[0]))
		return false;
	for (size_t i = 0; i < (size_t)colon; i++)
		if (!ascii_is_alnum(uri.p[i]) && str_find_char(STR("+-."), uri.p[i]) < 0)
			return false;
	if (str_starts_nocase(uri, STR("mailto:")))
		return str_find_char(uri, '@') > colon + 1 && !str_ends(uri, STR("@"));
	return true;
}

static bool has_uri(str list)
{
	str uri;
	for (bool more = true; more;) {
		more = str_cut(list, ',', &uri, &list);
		if (is_uri(trim(uri)))
			return true;
	}
	return false;
}

/* The version, and what follows its semicolon. */
static bool take_version(str text, str *out_rest)
{
	str version, name;
	(void)str_cut(text, ';', &version, out_rest);
	return str_starts_nocase(version, STR("v")) && str_cut(version, '=', &name, &version) &&
	       str_equal_nocase(trim(name), STR("v")) && str_equal(trim(version), STR("DMARC1"));
}

static void conclude(struct reading *r)
{
	struct dmarc_record *out = r->out;
	if (!r->has_p && !(r->seen & 1))
		problem(r, "a tag is missing", STR("p"));
	out->usable = r->has_p && !r->policy_wrong;
	if (!out->usable) {
		out->usable = has_uri(out->rua);
		out->p = DMARC_POLICY_NONE;
		out->has_sp = out->has_np = false;
	}
	if (!out->has_sp)
		out->sp = out->p;
	if (!out->has_np)
		out->np = out->sp;
}

bool dmarc_record_parse(str text, struct arena *a, struct dmarc_record *out)
{
	str rest, tag, name;
	if (text.n > DMARC_RECORD_MAX || !take_version(text, &rest))
		return false;
	*out = (struct dmarc_record){
		.percent = 100, .rua = STR_EMPTY, .ruf = STR_EMPTY, .problem = STR_EMPTY
	};
	struct reading r = { .arena = a, .out = out };
	while (rest.n) {
		(void)str_cut(rest, ';', &tag, &rest);
		tag = trim(tag);
		if (tag.n == 0)
			continue;
		str value = STR_EMPTY;
		bool equals = str_cut(tag, '=', &name, &value);
		name = trim(name);
		if (!equals || !is_tag_name(name) || !is_value(value))
			problem(&r, "malformed", STR("a tag"));
		else
			read_tag(&r, name, trim(value));
	}
	conclude(&r);
	return true;
}

const char *dmarc_policy_name(enum dmarc_policy policy)
{
	static const char *const names[] = { "none", "quarantine", "reject" };
	return names[policy];
}
