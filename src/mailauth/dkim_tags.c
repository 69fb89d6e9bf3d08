#include "mailauth/dkim_tags.h"

static bool name_valid(str name)
{
	if (name.n == 0 || !ascii_is_alpha(name.p[0]))
		return false;
	for (size_t i = 1; i < name.n; i++)
		if (!ascii_is_alnum(name.p[i]) && name.p[i] != '_')
			return false;
	return true;
}

/* Bytes above 127 may stand in a value (RFC 8616). */
static bool has_control(str s)
{
	unsigned char found = 0; /* so that the compiler makes vector code of it */
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		found |= (unsigned char)((c == 127) |
					 ((c < ' ') & (c != '\t') & (c != '\r') & (c != '\n')));
	}
	return found;
}

const char *dkim_tags_parse(str s, struct dkim_tags *out)
{
	out->n = 0;
	if (has_control(s))
		return "control character in the tag list";
	for (s = str_trim(s); s.n;) {
		str spec;
		(void)str_cut(s, ';', &spec, &s);
		struct dkim_tag tag;
		if (!str_cut(spec, '=', &tag.name, &tag.span))
			return str_trim(spec).n ? "tag without =" : "empty tag";
		tag.name = str_trim(tag.name);
		tag.value = str_trim(tag.span);
		if (!name_valid(tag.name))
			return "invalid tag name";
		if (dkim_tags_find(out, tag.name))
			return "duplicate tag";
		if (out->n == DKIM_TAGS_MAX)
			return "too many tags";
		out->list[out->n++] = tag;
	}
	return NULL;
}

const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, str name)
{
	for (size_t i = 0; i < tags->n; i++)
		/* Most names have one letter: the first tells. */
		if (tags->list[i].name.p[0] == name.p[0] && str_equal(tags->list[i].name, name))
			return &tags->list[i];
	return NULL;
}
