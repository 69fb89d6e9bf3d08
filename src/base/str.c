#include "base/str.h"

#include <stdlib.h>

int ascii_hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	char l = ascii_lower(c);
	return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
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

ptrdiff_t str_find_last_char(str s, char c)
{
	const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;
	return hit ? hit - s.p : -1;
}

ptrdiff_t str_find_any(str s, str set)
{
	uint64_t wanted[4] = { 0 }; /* a bit for each byte */
	for (size_t i = 0; i < set.n; i++)
		wanted[(unsigned char)set.p[i] >> 6] |= (uint64_t)1 << (set.p[i] & 63);
	for (size_t i = 0; i < s.n; i++)
		if (wanted[(unsigned char)s.p[i] >> 6] >> (s.p[i] & 63) & 1)
			return (ptrdiff_t)i;
	return -1;
}

ptrdiff_t str_find(str s, str needle)
{
	if (needle.n == 0)
		return 0;
	const char *hit = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return hit ? hit - s.p : -1;
}

/* Where c is next, or `end`. */
static const char *next_char(const char *from, const char *end, char c)
{
	const char *hit = from < end ? memchr(from, c, (size_t)(end - from)) : NULL;
	return hit ? hit : end;
}

/* From one first letter of the needle to the next, which memchr() finds many bytes at a time. */
ptrdiff_t str_find_nocase(str s, str needle)
{
	if (needle.n == 0 || needle.n > s.n)
		return needle.n ? -1 : 0;
	const char *end = s.p + (s.n - needle.n + 1);
	char lower = ascii_lower(needle.p[0]), upper = ascii_upper(needle.p[0]);
	const char *small = next_char(s.p, end, lower);
	const char *large = lower == upper ? end : next_char(s.p, end, upper);
	while (small < end || large < end) {
		const char *at = MIN(small, large);
		if (str_starts_nocase(str_from(at, needle.n), needle))
			return at - s.p;
		if (at == small)
			small = next_char(at + 1, end, lower);
		else
			large = next_char(at + 1, end, upper);
	}
	return -1;
}

size_t str_count_char(str s, char c)
{
	size_t count = 0;
	const char *end = s.p + s.n;
	for (const char *p = s.p; (p = next_char(p, end, c)) < end; p++)
		count++;
	return count;
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
