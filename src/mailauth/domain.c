#include "mailauth/domain.h"

#include "base/utf8.h"

#include <idn2.h>

enum { LABEL_MAX = 63, UNICODE_NAME_MAX = 4 * DOMAIN_NAME_MAX };

static bool is_label(str label)
{
	for (size_t i = 0; i < label.n; i++)
		if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
			return false;
	return label.n > 0 && label.n <= LABEL_MAX;
}

static bool is_name(str name)
{
	if (name.n == 0 || name.n > DOMAIN_NAME_MAX)
		return false;
	str label;
	for (bool more = true; more;) {
		more = str_cut(name, '.', &label, &name);
		if (!is_label(label))
			return false;
	}
	return true;
}

static str lower_copy(str s, struct arena *a)
{
	char *copy = arena_array(a, char, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		copy[i] = ascii_lower(s.p[i]);
	return str_from(copy, s.n);
}

bool domain_alabels(str text, char room[static DOMAIN_NAME_MAX + 2], str *out)
{
	char name[UNICODE_NAME_MAX + 1];
	uint8_t *ascii = NULL;
	if (!ascii_only(text)) {
		if (!utf8_valid(text) || !str_copy_z(text, name, sizeof name) ||
			idn2_lookup_u8((const uint8_t *)name, &ascii,
				IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return false;
		bool fits = str_copy_z(str_from_z((const char *)ascii), room, DOMAIN_NAME_MAX + 2);
		idn2_free(ascii);
		if (!fits)
			return false;
		text = str_from_z(room);
	}
	*out = str_ends(text, STR(".")) ? str_first(text, text.n - 1) : text;
	return true;
}

bool domain_ascii(str text, struct arena *a, str *out)
{
	char room[DOMAIN_NAME_MAX + 2];
	if (!domain_alabels(text, room, &text) || !is_name(text))
		return false;
	*out = lower_copy(text, a);
	return true;
}

bool domain_is_within(str name, str domain)
{
	if (name.n <= domain.n)
		return str_equal(name, domain);
	return str_ends(name, domain) && name.p[name.n - domain.n - 1] == '.';
}

str domain_parent(str domain)
{
	str label;
	(void)str_cut(domain, '.', &label, &domain);
	return domain;
}

unsigned domain_label_count(str domain)
{
	unsigned n = domain.n > 0;
	for (size_t i = 0; i < domain.n; i++)
		n += domain.p[i] == '.';
	return n;
}

str domain_last_labels(str domain, unsigned n)
{
	for (unsigned count = domain_label_count(domain); count > n; count--)
		domain = domain_parent(domain);
	return domain;
}
