#include "base/str.h"

#include <stdlib.h>

int ascii_hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	char l = ascii_lower(c);
	return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool str_equal_nocase(str a, str b)
{
	return a.n == b.n && str_starts_nocase(a, b);
}

bool str_starts(str s, str prefix)
{
	return s.n >= prefix.n && str_equal(str_first(s, prefix.n), prefix);
}

bool str_starts_nocase(str s, str prefix)
{
	if (s.n < prefix.n)
		return false;
	for (size_t i = 0; i < prefix.n; i++)
		if (ascii_lower(s.p[i]) != ascii_lower(prefix.p[i]))
			return false;
	return true;
}

bool str_ends(str s, str suffix)
{
	return s.n >= suffix.n && str_equal(str_skip(s, s.n - suffix.n), suffix);
}

bool str_ends_nocase(str s, str suffix)
{
	return s.n >= suffix.n && str_equal_nocase(str_skip(s, s.n - suffix.n), suffix);
}

int str_compare(str a, str b)
{
	size_t n = MIN(a.n, b.n);
	int order = n ? memcmp(a.p, b.p, n) : 0;
	return order ? order : (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t str_find_char(str s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
	return hit ? hit - s.p : -1;
}

ptrdiff_t str_find_last_char(str s, char c)
{
	const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;
	return hit ? hit - s.p : -1;
}

/* One bit for each value that a byte can have. */
ptrdiff_t str_find_any(str s, str set)
{
	uint64_t wanted[4] = { 0 };
	for (size_t i = 0; i < set.n; i++) {
		unsigned char c = (unsigned char)set.p[i];
		wanted[c / 64] |= UINT64_C(1) << c % 64;
	}
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (wanted[c / 64] >> c % 64 & 1)
			return (ptrdiff_t)i;
	}
	return -1;
}

ptrdiff_t str_find(str s, str needle)
{
	if (needle.n == 0)
		return 0;
	const char *hit = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return hit ? hit - s.p : -1;
}

ptrdiff_t str_find_nocase(str s, str needle)
{
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (str_starts_nocase(str_skip(s, i), needle))
			return (ptrdiff_t)i;
	return -1;
}

str str_trim(str s)
{
	while (s.n && ascii_is_space(s.p[0]))
		s = str_skip(s, 1);
	while (s.n && ascii_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_cut(str s, char sep, str *out_head, str *rest)
{
	ptrdiff_t at = str_find_char(s, sep);
	if (at < 0) {
		*out_head = s;
		*rest = STR_EMPTY;
		return false;
	}
	*out_head = str_first(s, (size_t)at);
	*rest = str_skip(s, (size_t)at + 1);
	return true;
}

bool str_to_u64(str s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
		unsigned digit = (unsigned)(s.p[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool str_copy_z(str s, char *out, size_t size)
{
	if (size)
		out[0] = '\0';
	if (s.n >= size || str_find_char(s, '\0') >= 0)
		return false;
	if (s.n)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

char *str_dup_z(str s)
{
	char *z = xmalloc(s.n + 1);
	if (s.n)
		memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return z;
}
