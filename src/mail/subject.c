#include "mail/subject.h"

/* "[...]" without brackets inside, and the space after it; 0 if there is none. */
static size_t blob_length(str s)
{
	if (!str_starts(s, STR("[")))
		return 0;
	ptrdiff_t end = str_find_any(str_skip(s, 1), STR("[]"));
	if (end < 0 || s.p[end + 1] != ']')
		return 0;
	size_t n = (size_t)end + 2;
	return n + (str_skip(s, n).n && s.p[n] == ' ');
}

/* "re", "fw" or "fwd", then perhaps a blob, then a colon; 0 if there is none. */
static size_t refwd_length(str s)
{
	size_t n = str_starts_nocase(s, STR("fwd")) ? 3 : 2;
	if (!str_starts_nocase(s, STR("re")) && !str_starts_nocase(s, STR("fw")))
		return 0;
	n += str_starts(str_skip(s, n), STR(" "));
	n += blob_length(str_skip(s, n));
	return str_starts(str_skip(s, n), STR(":")) ? n + 1 : 0;
}

static str without_trailers(str s)
{
	for (;;) {
		s = str_trim(s);
		if (!str_ends_nocase(s, STR("(fwd)")))
			return s;
		s.n -= 5;
	}
}

/* Any blobs and then "Re:" and its like; 0 if there is none. */
static size_t leader_length(str s)
{
	size_t n = 0, blob;
	while ((blob = blob_length(str_skip(s, n))) > 0)
		n += blob;
	size_t refwd = refwd_length(str_skip(s, n));
	return refwd ? n + refwd : 0;
}

static str without_leaders(str s)
{
	for (;;) {
		s = str_trim(s);
		size_t n = leader_length(s);
		if (!n && str_trim(str_skip(s, blob_length(s))).n)
			n = blob_length(s);
		if (!n)
			return s;
		s = str_skip(s, n);
	}
}

str subject_base(str subject)
{
	for (;;) {
		subject = without_leaders(without_trailers(subject));
		if (!str_starts_nocase(subject, STR("[fwd:")) || !str_ends(subject, STR("]")))
			return subject;
		subject = str_skip(str_first(subject, subject.n - 1), 5);
	}
}
