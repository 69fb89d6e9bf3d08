#include "mail/received.h"

enum { RECEIVED_MAX = 1000 };

static str first_word(str s)
{
	size_t n = 0;
	while (n < s.n && !ascii_is_space(s.p[n]) && s.p[n] != ')' && s.p[n] != ';')
		n++;
	return str_first(s, n);
}

/* The address in brackets, or else alone, in what stands in parentheses. */
static bool find_address(str parentheses, struct ip *out)
{
	ptrdiff_t open = str_find_char(parentheses, '[');
	str text = open < 0 ? parentheses : str_skip(parentheses, (size_t)open + 1);
	ptrdiff_t close = str_find_any(text, open < 0 ? STR(")") : STR("]"));
	if (close < 0)
		return false;
	text = str_trim(str_first(text, (size_t)close));
	if (str_starts_nocase(text, STR("IPv6:")))
		text = str_skip(text, 5);
	return ip_parse(text, out);
}

bool received_client(str value, struct ip *out_client, str *out_helo)
{
	value = str_trim(str_first(value, RECEIVED_MAX));
	if (!str_starts_nocase(value, STR("from")) || value.n < 5 || !ascii_is_space(value.p[4]))
		return false;
	value = str_trim(str_skip(value, 5));
	str helo = first_word(value);
	ptrdiff_t by = str_find_nocase(value, STR(" by "));
	value = by < 0 ? value : str_first(value, (size_t)by);
	ptrdiff_t open = str_find_char(value, '(');
	if (open < 0 || !find_address(str_skip(value, (size_t)open + 1), out_client))
		return false;
	ptrdiff_t named = str_find_nocase(value, STR("helo="));
	*out_helo = named < 0 ? helo : first_word(str_skip(value, (size_t)named + 5));
	return true;
}
