#include "mailauth/arc.h"

#include "mail/lex.h"

static bool listed(const str *domains, size_t n, str domain)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal_nocase(domains[i], domain))
			return true;
	return false;
}

/* Behind the next ";" that stands in no comment and no quotes. */
static size_t skip_result(str s, size_t at)
{
	while (at < s.n && s.p[at] != ';') {
		if (s.p[at] == '(')
			at = lex_skip_comment(s, at);
		else if (s.p[at] == '"')
			at = lex_skip_quoted(s, at);
		else
			at++;
	}
	return MIN(at + 1, s.n);
}

/* A word at *at, which is moved behind it. */
static str word(str s, size_t *at)
{
	size_t start = lex_skip_cfws(s, *at);
	*at = start;
	while (*at < s.n && (ascii_is_alnum(s.p[*at]) || s.p[*at] == '-'))
		++*at;
	return str_first(str_skip(s, start), *at - start);
}

/* "method [/ version] = pass" (RFC 8601 §2.2). */
static bool says_pass(str s, size_t at, str method)
{
	if (!str_equal_nocase(word(s, &at), method))
		return false;
	at = lex_skip_cfws(s, at);
	if (at < s.n && s.p[at] == '/') {
		at++;
		(void)word(s, &at);
		at = lex_skip_cfws(s, at);
	}
	if (at >= s.n || s.p[at] != '=')
		return false;
	at++;
	return str_equal_nocase(word(s, &at), STR("pass"));
}

static bool results_pass(str results, str method)
{
	/* The first stands for who says it. */
	for (size_t at = skip_result(results, 0); at < results.n; at = skip_result(results, at))
		if (says_pass(results, at, method))
			return true;
	return false;
}

const struct arc_set *arc_trusted_pass(
	const struct arc_outcome *out, const str *domains, size_t n, str method)
{
	const struct arc_set *oldest = NULL;
	bool all_later = true; /* all seals after this one are of these domains */
	for (size_t i = out->result == ARC_PASS ? out->n : 0; i-- > 0;) {
		const struct arc_set *set = &out->sets[i];
		bool trusted = listed(domains, n, set->domain);
		bool holds = set->instance >= out->oldest_pass;
		if (trusted && (all_later || holds))
			oldest = set;
		all_later = all_later && trusted;
	}
	return oldest && results_pass(oldest->results, method) ? oldest : NULL;
}
