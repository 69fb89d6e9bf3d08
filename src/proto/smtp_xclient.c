#include "proto/smtp_xclient.h"
#include "proto/smtp_host.h"
#include "proto/smtp_xtext.h"

static const char *const names[SMTP_XCLIENT_COUNT] = {
#define SMTP_XCLIENT(id) #id,
#include "proto/smtp_xclient.def"
#undef SMTP_XCLIENT
};

/* The index of the attribute, or SMTP_XCLIENT_COUNT. */
static unsigned find(str name)
{
	unsigned i = 0;
	while (i < SMTP_XCLIENT_COUNT && !str_equal_nocase(name, str_from_z(names[i])))
		i++;
	return i;
}

static bool read_address(str *value, struct smtp_xclient_address *out)
{
	bool tagged = str_starts_nocase(*value, STR("IPV6:"));
	str text = str_skip(*value, tagged ? 5 : 0);
	out->n = smtp_ip_parse(text, out->ip);
	*value = text;
	return out->n == 16 || (out->n == 4 && !tagged);
}

static bool read_port(str value, uint16_t *out)
{
	uint64_t port;
	if (!str_to_u64(value, UINT16_MAX, &port))
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool read_typed(struct smtp_xclient *x, unsigned id, str *value)
{
	switch (id) {
	case SMTP_XCLIENT_ADDR:
		return read_address(value, &x->address);
	case SMTP_XCLIENT_DESTADDR:
		return read_address(value, &x->destination);
	case SMTP_XCLIENT_PORT:
		return read_port(*value, &x->port);
	case SMTP_XCLIENT_DESTPORT:
		return read_port(*value, &x->destination_port);
	case SMTP_XCLIENT_PROTO:
		return str_equal_nocase(*value, STR("SMTP")) ||
		       str_equal_nocase(*value, STR("ESMTP")) ||
		       str_equal_nocase(*value, STR("LMTP")); /* Dovecot's, in front of LMTP */
	default:
		return true;
	}
}

static enum smtp_syntax_kind read_value(
	struct smtp_xclient *x, unsigned id, str value, struct arena *arena)
{
	enum smtp_xclient_state *state = &x->attribute[id].state;
	if (*state != SMTP_XCLIENT_ABSENT)
		return SMTP_SYNTAX_PARAMETER_DUPLICATE;
	if (str_equal_nocase(value, STR("[UNAVAILABLE]"))) {
		*state = SMTP_XCLIENT_UNAVAILABLE;
		return SMTP_SYNTAX_OK;
	}
	if (str_equal_nocase(value, STR("[TEMPUNAVAIL]"))) {
		*state = SMTP_XCLIENT_TEMPUNAVAIL;
		return SMTP_SYNTAX_OK;
	}
	enum smtp_xtext_result result = smtp_xtext_decode(value, true, arena, &value);
	if (result == SMTP_XTEXT_NO_MEMORY)
		return SMTP_SYNTAX_NO_MEMORY;
	if (result != SMTP_XTEXT_OK || value.n == 0 || !read_typed(x, id, &value))
		return SMTP_SYNTAX_PARAMETER_VALUE;
	*state = SMTP_XCLIENT_VALUE;
	x->attribute[id].value = value;
	return SMTP_SYNTAX_OK;
}

static const char *explain(enum smtp_syntax_kind kind)
{
	switch (kind) {
	case SMTP_SYNTAX_BAD_ARGUMENT:
		return "an XCLIENT attribute that is not supported here";
	case SMTP_SYNTAX_PARAMETER_DUPLICATE:
		return "an XCLIENT attribute is given twice";
	case SMTP_SYNTAX_NO_MEMORY:
		return "too much for one command";
	default:
		return "an XCLIENT attribute has a malformed value";
	}
}

static enum smtp_syntax_kind read_attribute(struct smtp_xclient *x, str whole, struct arena *arena)
{
	str name, value;
	if (!str_cut(whole, '=', &name, &value))
		return SMTP_SYNTAX_PARAMETER_VALUE;
	unsigned id = find(name);
	return id < SMTP_XCLIENT_COUNT ? read_value(x, id, value, arena)
				       : SMTP_SYNTAX_BAD_ARGUMENT; /* 501, says XCLIENT_README */
}

bool smtp_xclient_parse(
	str s, struct arena *arena, struct smtp_xclient *out, struct smtp_syntax *out_syntax)
{
	struct smtp_xclient x = { 0 };
	str whole, rest = s;
	size_t count = 0;
	for (bool more = true; more;) {
		more = str_cut(rest, ' ', &whole, &rest);
		if (whole.n == 0)
			continue;
		enum smtp_syntax_kind kind = read_attribute(&x, whole, arena);
		if (kind != SMTP_SYNTAX_OK)
			return smtp_syntax_fail(
				out_syntax, kind, (size_t)(whole.p - s.p), explain(kind));
		count++;
	}
	if (count == 0)
		return smtp_syntax_fail(
			out_syntax, SMTP_SYNTAX_NO_ARGUMENT, 0, "XCLIENT needs an attribute");
	*out = x;
	return true;
}
