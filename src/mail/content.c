#include "mail/content.h"

#include "mail/header.h"
#include "mail/lex.h"

struct content {
	str type, encoding, id, description, md5, language, location, disposition;
};

static const struct {
	str name; /* after "Content-" */
	size_t at;
} fields[] = {
	{ { "type", 4 }, offsetof(struct content, type) },
	{ { "transfer-encoding", 17 }, offsetof(struct content, encoding) },
	{ { "id", 2 }, offsetof(struct content, id) },
	{ { "description", 11 }, offsetof(struct content, description) },
	{ { "md5", 3 }, offsetof(struct content, md5) },
	{ { "language", 8 }, offsetof(struct content, language) },
	{ { "location", 8 }, offsetof(struct content, location) },
	{ { "disposition", 11 }, offsetof(struct content, disposition) },
};

static void keep_field(struct content *c, str name, str value)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		str *slot = (str *)(void *)((char *)c + fields[i].at);
		if (!slot->p && str_equal_nocase(name, fields[i].name))
			*slot = str_trim(value);
	}
}

static struct content collect(str header)
{
	struct content c = { 0 };
	struct header_field field;
	for (size_t at = 0; header_next(header, &at, &field);)
		if (str_starts_nocase(field.name, STR("Content-")))
			keep_field(&c, str_skip(field.name, 8), field.value);
	return c;
}

/* The token that the value begins with, and what follows it. */
static str first_token(str value, str *out_rest)
{
	if (!value.p)
		value = STR_EMPTY;
	size_t start = lex_skip_cfws(value, 0);
	size_t end = lex_skip_token(value, start);
	*out_rest = str_skip(value, end);
	return str_first(str_skip(value, start), end - start);
}

static void read_type(struct mime_part *p, str value)
{
	str rest;
	str type = first_token(value, &rest);
	size_t slash = lex_skip_cfws(rest, 0);
	p->type = STR("text");
	p->subtype = STR("plain");
	if (slash < rest.n && rest.p[slash] == '/') {
		str subtype = first_token(str_skip(rest, slash + 1), &rest);
		if (type.n == 0 || subtype.n == 0)
			return;
		p->type = type;
		p->subtype = subtype;
		p->type_params = rest;
	} else if (str_equal_nocase(type, STR("text"))) {
		p->type_params = rest;
	}
}

void content_read(struct mime_part *p, bool in_digest)
{
	struct content c = collect(p->header);
	p->type_params = STR_EMPTY;
	p->disposition_params = STR_EMPTY;
	p->id = c.id;
	p->description = c.description;
	p->md5 = c.md5;
	p->language = c.language;
	p->location = c.location;

	str rest;
	str encoding = first_token(c.encoding, &rest);
	p->encoding = encoding.n ? encoding : (str){ 0 };
	str disposition = first_token(c.disposition, &rest);
	p->disposition = disposition.n ? disposition : (str){ 0 };
	p->disposition_params = disposition.n ? rest : STR_EMPTY;
	if (c.type.p || !in_digest) {
		read_type(p, c.type);
	} else {
		p->type = STR("message");
		p->subtype = STR("rfc822");
	}
}
