#include "proto/smtp_parameter.h"
#include "base/utf8.h"
#include "proto/smtp_ehlo.h"
#include "proto/smtp_xtext.h"

/* One keyword or keyword=value, and where its result goes. */
struct parameter {
	str keyword, value;
	bool has_value;
	bool allow_utf8;
	size_t at; /* of the value, or of the keyword where there is none */
	unsigned extensions;
	struct arena *arena;
	struct smtp_mail *mail;
	struct smtp_rcpt *rcpt;
	struct smtp_syntax *syntax;
};

struct keyword {
	const char *name;
	unsigned extension;
	bool (*read)(struct parameter *);
};

static bool bad_value(struct parameter *p, const char *why)
{
	return smtp_syntax_fail(p->syntax, SMTP_SYNTAX_PARAMETER_VALUE, p->at, why);
}

static bool value_is(const struct parameter *p, const char *name)
{
	return str_equal_nocase(p->value, str_from_z(name));
}

/* Senders round up or lie, but what is no number is a mistake. A number beyond 64 bits is simply
 * too large a message. */
static bool read_size(struct parameter *p)
{
	uint64_t size = UINT64_MAX;
	for (size_t i = 0; i < p->value.n; i++)
		if (!ascii_is_digit(p->value.p[i]))
			return bad_value(p, "SIZE takes a number of bytes");
	if (p->value.n == 0 || p->value.n > 20)
		return bad_value(p, "SIZE takes a number of 1 to 20 digits");
	if (!str_to_u64(p->value, UINT64_MAX, &size))
		size = UINT64_MAX;
	p->mail->has_size = true;
	p->mail->size = size;
	return true;
}

static bool read_body(struct parameter *p)
{
	if (value_is(p, "7BIT"))
		p->mail->body = SMTP_BODY_7BIT;
	else if (value_is(p, "8BITMIME"))
		p->mail->body = SMTP_BODY_8BITMIME;
	else if (value_is(p, "BINARYMIME") && (p->extensions & SMTP_EXT_BINARYMIME))
		p->mail->body = SMTP_BODY_BINARYMIME;
	else if (value_is(p, "BINARYMIME"))
		return bad_value(p, "BODY=BINARYMIME is not offered here");
	else
		return bad_value(p, "BODY is 7BIT or 8BITMIME");
	return true;
}

static bool read_flag(struct parameter *p, bool *flag)
{
	if (p->has_value)
		return bad_value(p, "this parameter takes no value");
	*flag = true;
	return true;
}

static bool read_smtputf8(struct parameter *p)
{
	return read_flag(p, &p->mail->utf8);
}

static bool read_requiretls(struct parameter *p)
{
	return read_flag(p, &p->mail->requiretls);
}

static bool read_ret(struct parameter *p)
{
	if (value_is(p, "FULL"))
		p->mail->ret = SMTP_RET_FULL;
	else if (value_is(p, "HDRS"))
		p->mail->ret = SMTP_RET_HDRS;
	else
		return bad_value(p, "RET is FULL or HDRS");
	return true;
}

static bool read_xtext(struct parameter *p, str s, bool allow_utf8, str *out)
{
	switch (smtp_xtext_decode(s, allow_utf8, p->arena, out)) {
	case SMTP_XTEXT_OK:
		return true;
	case SMTP_XTEXT_NO_MEMORY:
		return smtp_syntax_fail(
			p->syntax, SMTP_SYNTAX_NO_MEMORY, p->at, "too much for one command");
	default:
		return bad_value(p, "the value is not xtext (RFC 3461)");
	}
}

static bool read_envid(struct parameter *p)
{
	if (p->value.n == 0 || p->value.n > SMTP_ENVID_MAX)
		return bad_value(p, "ENVID takes 1 to 100 characters");
	p->mail->has_envid = true;
	return read_xtext(p, p->value, false, &p->mail->envid);
}

static bool read_auth(struct parameter *p)
{
	if (p->value.n == 0)
		return bad_value(p, "AUTH takes a mailbox or <>");
	p->mail->has_auth = true;
	return read_xtext(p, p->value, true, &p->mail->auth);
}

static bool read_notify_item(struct parameter *p, str item)
{
	static const struct {
		const char *name;
		enum smtp_notify bit;
	} items[] = {
		{ "NEVER", SMTP_NOTIFY_NEVER },
		{ "SUCCESS", SMTP_NOTIFY_SUCCESS },
		{ "FAILURE", SMTP_NOTIFY_FAILURE },
		{ "DELAY", SMTP_NOTIFY_DELAY },
	};
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		if (str_equal_nocase(item, str_from_z(items[i].name))) {
			p->rcpt->notify |= items[i].bit;
			return true;
		}
	return bad_value(p, "NOTIFY is NEVER, or any of SUCCESS,FAILURE,DELAY");
}

static bool read_notify(struct parameter *p)
{
	str item, rest = p->value;
	for (bool more = true; more;) {
		more = str_cut(rest, ',', &item, &rest);
		if (!read_notify_item(p, item))
			return false;
	}
	if ((p->rcpt->notify & SMTP_NOTIFY_NEVER) && p->rcpt->notify != SMTP_NOTIFY_NEVER)
		return bad_value(p, "NOTIFY=NEVER stands alone");
	return true;
}

static bool is_address_type(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n > 0;
}

static bool read_orcpt(struct parameter *p)
{
	str type, address;
	if (p->value.n > SMTP_ORCPT_MAX)
		return bad_value(p, "ORCPT takes at most 500 characters");
	if (!str_cut(p->value, ';', &type, &address) || !is_address_type(type) || address.n == 0)
		return bad_value(p, "ORCPT is written rfc822;user@domain");
	p->rcpt->has_orcpt = true;
	p->rcpt->orcpt = p->value;
	p->rcpt->orcpt_type = type;
	return read_xtext(p, address, p->allow_utf8, &p->rcpt->orcpt_address);
}

static const struct keyword mail_keywords[] = {
	{ "SIZE", SMTP_EXT_SIZE, read_size },
	{ "BODY", SMTP_EXT_8BITMIME, read_body },
	{ "SMTPUTF8", SMTP_EXT_SMTPUTF8, read_smtputf8 },
	{ "RET", SMTP_EXT_DSN, read_ret },
	{ "ENVID", SMTP_EXT_DSN, read_envid },
	{ "AUTH", SMTP_EXT_AUTH, read_auth },
	{ "REQUIRETLS", SMTP_EXT_REQUIRETLS, read_requiretls },
};

static const struct keyword rcpt_keywords[] = {
	{ "NOTIFY", SMTP_EXT_DSN, read_notify },
	{ "ORCPT", SMTP_EXT_DSN, read_orcpt },
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts the next parameter off *s, which begins at offset *at. False where there is none. */
static bool next_parameter(struct parameter *p, str *s, size_t *at)
{
	size_t begin = 0, end;
	while (begin < s->n && is_blank(s->p[begin]))
		begin++;
	for (end = begin; end < s->n && !is_blank(s->p[end]);)
		end++;
	if (begin == end)
		return false;
	str whole = str_from(s->p + begin, end - begin);
	p->has_value = str_cut(whole, '=', &p->keyword, &p->value);
	p->at = *at + begin + (p->has_value ? p->keyword.n + 1 : 0);
	*s = str_skip(*s, end);
	*at += end;
	return true;
}

static bool check_value(struct parameter *p)
{
	if (p->has_value && p->value.n == 0)
		return bad_value(p, "nothing stands behind the =");
	for (size_t i = 0; i < p->value.n; i++) {
		unsigned char c = (unsigned char)p->value.p[i];
		if (c < 33 || c == 127 || (c > 127 && !p->allow_utf8))
			return bad_value(p, "the value has a character that is not allowed there");
	}
	return true;
}

static bool read_parameter(
	struct parameter *p, const struct keyword *table, size_t count, unsigned *seen)
{
	for (size_t i = 0; i < count; i++) {
		if (!str_equal_nocase(p->keyword, str_from_z(table[i].name)))
			continue;
		if (!(table[i].extension & p->extensions))
			break;
		if (*seen & 1u << i)
			return smtp_syntax_fail(p->syntax, SMTP_SYNTAX_PARAMETER_DUPLICATE, p->at,
				"a parameter is given twice");
		*seen |= 1u << i;
		return check_value(p) && table[i].read(p);
	}
	return smtp_syntax_fail(p->syntax, SMTP_SYNTAX_PARAMETER_UNKNOWN, p->at,
		"a parameter that is not supported here");
}

static bool read_parameters(struct parameter *p, str s, const struct keyword *table, size_t count)
{
	unsigned seen = 0;
	size_t at = 0;
	while (next_parameter(p, &s, &at))
		if (!read_parameter(p, table, count, &seen))
			return false;
	return true;
}

bool smtp_mail_parameters_parse(str s, unsigned extensions, struct arena *arena,
	struct smtp_mail *out, struct smtp_syntax *out_syntax)
{
	struct parameter p = { .extensions = extensions,
		.allow_utf8 = (extensions & SMTP_EXT_SMTPUTF8) != 0,
		.arena = arena,
		.mail = out,
		.syntax = out_syntax };
	return read_parameters(&p, s, mail_keywords, ARRAY_LEN(mail_keywords));
}

bool smtp_rcpt_parameters_parse(str s, unsigned extensions, bool utf8, struct arena *arena,
	struct smtp_rcpt *out, struct smtp_syntax *out_syntax)
{
	struct parameter p = { .extensions = extensions,
		.allow_utf8 = utf8,
		.arena = arena,
		.rcpt = out,
		.syntax = out_syntax };
	return read_parameters(&p, s, rcpt_keywords, ARRAY_LEN(rcpt_keywords));
}
