#include "proto/smtp_host.h"
#include "base/utf8.h"

#include <arpa/inet.h>

size_t smtp_ip_parse(str s, unsigned char out[16])
{
	char z[INET6_ADDRSTRLEN];
	if (!str_copy_z(s, z, sizeof z))
		return 0;
	if (inet_pton(AF_INET, z, out) == 1)
		return 4;
	return inet_pton(AF_INET6, z, out) == 1 ? 16 : 0;
}

static enum smtp_host_kind invalid(str s, const char *why, struct smtp_host *out)
{
	*out = (struct smtp_host){ .kind = SMTP_HOST_INVALID, .text = s, .why = why };
	return SMTP_HOST_INVALID;
}

static bool is_label_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || (c & 0x80);
}

static const char *check_label(str label)
{
	if (label.n == 0)
		return "a domain has an empty label";
	if (label.n > SMTP_LABEL_MAX)
		return "a label of the domain is longer than 63 characters";
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return "a label of the domain begins or ends with a hyphen";
	for (size_t i = 0; i < label.n; i++)
		if (!is_label_char(label.p[i]))
			return "the domain has a character that no domain can have";
	return NULL;
}

static bool all_digits(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_digit(s.p[i]))
			return false;
	return true;
}

static const char *check_domain(str domain)
{
	if (domain.n > SMTP_DOMAIN_MAX)
		return "the domain is longer than 255 characters";
	str label = STR_EMPTY, rest = domain;
	for (bool more = true; more;) {
		more = str_cut(rest, '.', &label, &rest);
		const char *why = check_label(label);
		if (why)
			return why;
	}
	if (all_digits(label))
		return "the domain ends in a number; an IP address is written [192.0.2.1]";
	return NULL;
}

static enum smtp_host_kind parse_domain(str s, bool allow_utf8, struct smtp_host *out)
{
	str domain = s;
	if (domain.n > 1 && domain.p[domain.n - 1] == '.')
		domain.n--;
	const char *why = check_domain(domain);
	bool utf8 = !ascii_only(domain);
	if (!why && utf8 && !(allow_utf8 && utf8_valid(domain)))
		why = allow_utf8 ? "the domain is not valid UTF-8" : "the domain is not ASCII";
	if (why)
		return invalid(s, why, out);
	*out = (struct smtp_host){ .kind = SMTP_HOST_DOMAIN,
		.text = domain,
		.underscore = str_find_char(domain, '_') >= 0,
		.utf8 = utf8 };
	return SMTP_HOST_DOMAIN;
}

/* "Tag:content": tag = letters, digits, hyphens, not ending in a hyphen; content without blanks,
 * controls, brackets, backslash. */
static bool is_general_literal(str s)
{
	str tag, content;
	if (!str_cut(s, ':', &tag, &content) || tag.n == 0 || content.n == 0)
		return false;
	for (size_t i = 0; i < tag.n; i++)
		if (!ascii_is_alnum(tag.p[i]) && tag.p[i] != '-')
			return false;
	for (size_t i = 0; i < content.n; i++) {
		char c = content.p[i];
		if (c < 33 || c > 126 || (c >= '[' && c <= ']'))
			return false;
	}
	return tag.p[tag.n - 1] != '-';
}

static enum smtp_host_kind parse_literal(str s, struct smtp_host *out)
{
	if (s.n < 2 || s.p[s.n - 1] != ']')
		return invalid(s, "the address literal has no closing bracket", out);
	if (s.n > SMTP_DOMAIN_MAX)
		return invalid(s, "the address literal is too long", out);
	str inner = str_from(s.p + 1, s.n - 2);
	struct smtp_host host = { .text = s };
	if (str_starts_nocase(inner, STR("IPv6:"))) {
		if (smtp_ip_parse(str_skip(inner, 5), host.ip) != 16)
			return invalid(s, "the address literal is not an IPv6 address", out);
		host.kind = SMTP_HOST_IPV6;
	} else if (smtp_ip_parse(inner, host.ip) == 4) {
		host.kind = SMTP_HOST_IPV4;
	} else if (smtp_ip_parse(inner, host.ip) == 16) {
		return invalid(s, "an IPv6 address literal is written [IPv6:2001:db8::1]", out);
	} else if (is_general_literal(inner)) {
		host.kind = SMTP_HOST_GENERAL;
	} else {
		return invalid(s, "the address literal is not an IP address", out);
	}
	*out = host;
	return host.kind;
}

enum smtp_host_kind smtp_host_parse(str s, bool allow_utf8, struct smtp_host *out)
{
	if (s.n == 0) {
		*out = (struct smtp_host){ .kind = SMTP_HOST_NONE, .text = STR_EMPTY };
		return SMTP_HOST_NONE;
	}
	return s.p[0] == '[' ? parse_literal(s, out) : parse_domain(s, allow_utf8, out);
}
