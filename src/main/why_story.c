#include "main/why_story.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

enum {
	TEXT_MAX = 400,
	LIST_MAX = 50, /* recipients, findings, deliveries that are shown */
};

/* ── Reading ──────────────────────────────────────────────────────────────────────────────── */

void why_read(const struct record *record, struct why *out)
{
	*out = (struct why){ .time = record->time };
	if (record->json.n)
		out->record = json_loadb(record->json.p, record->json.n, JSON_ALLOW_NUL, NULL);
	if (record->deliveries.n)
		out->deliveries = json_loadb(
			record->deliveries.p, record->deliveries.n, JSON_ALLOW_NUL, NULL);
}

void why_free(struct why *w)
{
	json_decref(w->record);
	json_decref(w->deliveries);
}

/* Empty where there is none; numbers and such are not texts. */
static str text_of(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	return json_is_string(v) ? str_from(json_string_value(v), json_string_length(v))
				 : STR_EMPTY;
}

static bool has(const json_t *object, const char *key)
{
	return text_of(object, key).n > 0;
}

static bool number_of(const json_t *object, const char *key, double *out)
{
	const json_t *v = json_object_get(object, key);
	if (!json_is_number(v))
		return false;
	*out = json_number_value(v);
	return *out > -1e12 && *out < 1e12;
}

static int64_t integer_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* ── Writing ──────────────────────────────────────────────────────────────────────────────── */

/* Control characters, and those that turn the direction of text or cannot be seen. */
static bool harmful(uint32_t c)
{
	return utf8_is_control(c) || utf8_is_unseen(c) || c == 0x2028 || c == 0x2029 ||
	       (c >= 0xfff9 && c <= 0xfffb);
}

void why_text(struct buf *out, str s, size_t max)
{
	bool cut = s.n > max;
	for (s = str_first(s, max); s.n;) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);
		if (n && !harmful(c))
			buf_add(out, str_first(s, n));
		else if (n || !cut || s.n > 3) /* else it is the character that was cut */
			buf_add_char(out, '?');
		s = str_skip(s, MAX(n, (size_t)1));
	}
	if (cut)
		buf_add(out, STR("…"));
}

static void put(struct buf *out, const char *before, str s, const char *after)
{
	if (s.n == 0)
		return;
	buf_add(out, str_from_z(before));
	why_text(out, s, TEXT_MAX);
	buf_add(out, str_from_z(after));
}

static void label(struct buf *out, const char *name)
{
	buf_printf(out, "  %-11s ", name);
}

static void put_time(struct buf *out, int64_t seconds)
{
	char text[64];
	time_t when = (time_t)seconds;
	struct tm tm;
	if (!gmtime_r(&when, &tm) || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		memcpy(text, "?", 2);
	buf_add(out, str_from_z(text));
}

static void put_list(struct buf *out, const json_t *list)
{
	size_t n = json_array_size(list);
	for (size_t i = 0; i < MIN(n, (size_t)LIST_MAX); i++) {
		const json_t *v = json_array_get(list, i);
		str s = json_is_string(v) ? str_from(json_string_value(v), json_string_length(v))
					  : STR("?");
		buf_add(out, i ? STR(", ") : STR_EMPTY);
		why_text(out, s, TEXT_MAX);
	}
	if (n > LIST_MAX)
		buf_printf(out, ", and %zu more", n - LIST_MAX);
}

/* ── The story ────────────────────────────────────────────────────────────────────────────── */

static void tell_sender(const json_t *r, struct buf *out)
{
	const json_t *client = json_object_get(r, "client");
	label(out, "from");
	put(out, "", has(r, "sender") ? text_of(r, "sender") : STR("<> (a bounce or a notice)"),
		"");
	put(out, "\n              client ", text_of(client, "ip"), "");
	put(out, " (", text_of(client, "name"), ")");
	put(out, ", which called itself ", text_of(client, "helo"), "");
	put(out, ", by ", text_of(r, "door"), "");
	put(out, ", ", has(client, "tls") ? text_of(client, "tls") : STR("without TLS"), "\n");
}

static void tell_message(const json_t *r, struct buf *out)
{
	label(out, "to");
	put_list(out, json_object_get(r, "recipients"));
	buf_add_char(out, '\n');
	label(out, "message");
	put(out, "\"", text_of(r, "subject"), "\", ");
	put(out, "From: ", text_of(r, "from"), ", ");
	put(out, "Message-ID ", text_of(r, "message_id"), ", ");
	buf_printf(out, "%lld bytes\n", (long long)integer_of(r, "size"));
}

static const struct {
	const char *key, *label;
} mechanisms[] = { { "rdns", "reverse DNS" }, { "spf", "SPF" }, { "spf_helo", "SPF of HELO" },
	{ "dkim", "DKIM" }, { "arc", "ARC" }, { "dmarc", "DMARC" } };

static const struct {
	const char *result, *words;
} results[] = {
	{ "pass", "passes" },
	{ "fail", "fails" },
	{ "softfail", "softfail: the domain doubts that this client may send for it" },
	{ "neutral", "neutral: the domain says neither yes nor no" },
	{ "none", "none: the domain publishes nothing, or nothing was there to check" },
	{ "policy", "not acceptable to our policy" },
	{ "temperror", "could not be found out now (temporary error)" },
	{ "permerror", "cannot be found out: what the domain publishes is wrong" },
};

static str words_of(str result)
{
	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		if (str_equal_nocase(result, str_from_z(results[i].result)))
			return str_from_z(results[i].words);
	return result;
}

/* Whatever else the mechanism says of itself, as key and value. */
static void tell_details(const json_t *v, struct buf *out)
{
	const char *key;
	json_t *member;
	size_t shown = 0;
	json_object_foreach((json_t *)(uintptr_t)v, key, member)
	{
		char number[32];
		str value = text_of(v, key);
		if (json_is_integer(member)) {
			snprintf(number, sizeof number, "%lld",
				(long long)json_integer_value(member));
			value = str_from_z(number);
		}
		if (value.n == 0 || strcmp(key, "result") == 0 || shown++ == LIST_MAX)
			continue;
		buf_add(out, STR("; "));
		why_text(out, str_from_z(key), 40);
		put(out, " ", value, "");
	}
}

static void tell_result(const char *name, const json_t *v, struct buf *out)
{
	if (!json_is_object(v) || !has(v, "result"))
		return;
	label(out, name);
	put(out, "", words_of(text_of(v, "result")), "");
	tell_details(v, out);
	buf_add_char(out, '\n');
}

static void tell_auth(const json_t *auth, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
		const json_t *v = json_object_get(auth, mechanisms[i].key);
		tell_result(mechanisms[i].label, v, out);
		for (size_t k = 0; k < MIN(json_array_size(v), (size_t)LIST_MAX); k++)
			tell_result(mechanisms[i].label, json_array_get(v, k), out);
	}
}

/* Entries of lists that fit: postern block, postern allow. */
static void tell_local(const json_t *list, struct buf *out)
{
	for (size_t i = 0; i < MIN(json_array_size(list), (size_t)LIST_MAX); i++) {
		const json_t *m = json_array_get(list, i);
		bool blocked = str_equal(text_of(m, "list"), STR("block"));
		label(out, blocked ? "blocked" : "allowed");
		put(out, "", text_of(m, "subject"), "");
		put(out, ", for ", has(m, "for") ? text_of(m, "for") : STR("all"), "");
		put(out, ": ", text_of(m, "of"), "");
		put(out, " ", text_of(m, "found"), "");
		if (json_is_false(json_object_get(m, "counts")))
			buf_add(out, STR("; does not count: nothing shows that it is the one"));
		put(out, " (", text_of(m, "comment"), ")");
		buf_add_char(out, '\n');
	}
}

/* What became of it for each, where that is not the same, or not by the thresholds of all. */
static void tell_destinations(const json_t *list, struct buf *out)
{
	size_t n = json_array_size(list);
	for (size_t i = 0; i < MIN(n, (size_t)LIST_MAX); i++) {
		const json_t *d = json_array_get(list, i);
		double score, junk, reject;
		label(out, "for");
		put(out, "", text_of(d, "recipient"), ": ");
		put(out, "", text_of(d, "action"), "");
		put(out, ": ", text_of(d, "why"), "");
		if (number_of(d, "score", &score) && number_of(d, "junk_at", &junk) &&
			number_of(d, "reject_at", &reject))
			buf_printf(out,
				" (scores %.2f; %s: junk from %.2f on, rejected from %.2f on)",
				score,
				json_is_true(json_object_get(d, "own")) ? "its own thresholds"
									: "thresholds of all",
				junk, reject);
		buf_add_char(out, '\n');
	}
	if (n > LIST_MAX)
		buf_printf(out, "  and %zu more\n", n - LIST_MAX);
}

static int heavier(const void *a, const void *b)
{
	double x = 0, y = 0;
	(void)!number_of(*(json_t *const *)a, "score", &x);
	(void)!number_of(*(json_t *const *)b, "score", &y);
	x = x < 0 ? -x : x;
	y = y < 0 ? -y : y;
	return (x < y) - (x > y);
}

static void tell_finding(const json_t *f, struct buf *out)
{
	double score = 0;
	bool counted = number_of(f, "score", &score);
	str mode = text_of(f, "mode");
	buf_add(out, STR("    "));
	if (counted)
		buf_printf(out, "%+7.2f  ", score);
	else
		buf_add(out, STR("         "));
	put(out, "", text_of(f, "name"), "");
	put(out, ": ", text_of(f, "evidence"), "");
	put(out, " [", text_of(f, "source"), "]");
	if (str_equal(mode, STR("observe")))
		buf_add(out, STR(" (observed, not counted)"));
	else if (!str_equal(mode, STR("score")))
		put(out, " (", mode, ")");
	buf_add_char(out, '\n');
}

static void tell_findings(const json_t *list, struct buf *out)
{
	size_t n = json_array_size(list);
	if (n == 0)
		return;
	const json_t **sorted = xcalloc(n, sizeof *sorted);
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(list, i);
	qsort(sorted, n, sizeof *sorted, heavier);
	buf_add(out, STR("  findings\n"));
	for (size_t i = 0; i < MIN(n, (size_t)LIST_MAX); i++)
		tell_finding(sorted[i], out);
	if (n > LIST_MAX)
		buf_printf(out, "    and %zu more\n", n - LIST_MAX);
	free(sorted);
}

static void tell_names(const json_t *list, struct buf *out)
{
	size_t n = json_array_size(list);
	for (size_t i = 0; i < MIN(n, (size_t)LIST_MAX); i++) {
		const json_t *v = json_array_get(list, i);
		str name = json_is_string(v) ? str_from(json_string_value(v), json_string_length(v))
					     : STR_EMPTY;
		put(out, i ? ", " : "", name.n ? name : STR("?"), "");
	}
	if (n > LIST_MAX)
		buf_printf(out, " and %zu more", n - LIST_MAX);
}

/* What the decision hung on. */
static void tell_pivot(const json_t *pivot, struct buf *out)
{
	const json_t *names = json_object_get(pivot, "findings");
	if (json_array_size(names) == 0)
		return;
	label(out, "decided by");
	tell_names(names, out);
	put(out, json_array_size(names) == 1 ? "; without it: " : "; without them: ",
		text_of(pivot, "action"), "\n");
}

static void tell_skipped(const json_t *checks, struct buf *out)
{
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(checks); i++) {
		const json_t *check = json_array_get(checks, i);
		if (!json_is_true(json_object_get(check, "skipped")))
			continue;
		if (n++ == 0)
			label(out, "not run");
		put(out, n > 1 ? ", " : "", text_of(check, "name"), "");
	}
	if (n)
		buf_add(out, STR(": they could have changed nothing\n"));
}

static void tell_decision(const json_t *r, struct buf *out)
{
	const json_t *thresholds = json_object_get(r, "thresholds");
	double score, junk, quarantine, defer, reject;
	if (number_of(r, "score", &score)) {
		label(out, "score");
		buf_printf(out, "%.2f", score);
		if (number_of(thresholds, "junk", &junk))
			buf_printf(out, "; junk from %.2f on", junk);
		if (number_of(thresholds, "quarantine", &quarantine))
			buf_printf(out, "; quarantine from %.2f on", quarantine);
		if (number_of(thresholds, "defer", &defer))
			buf_printf(out, "; deferred from %.2f on", defer);
		if (number_of(thresholds, "reject", &reject))
			buf_printf(out, "; rejected from %.2f on", reject);
		put(out, " (thresholds of ", text_of(thresholds, "of"), ")");
		buf_add_char(out, '\n');
	}
	label(out, "decision");
	put(out, "", has(r, "action") ? text_of(r, "action") : STR("?"), "");
	put(out, ": ", text_of(r, "why"), "");
	buf_add_char(out, '\n');
	tell_pivot(json_object_get(r, "pivot"), out);
	tell_skipped(json_object_get(r, "checks"), out);
	if (has(r, "reply")) {
		label(out, "reply");
		put(out, "", text_of(r, "reply"), "\n");
	}
}

/* Where the message is kept, and what can be done with it. */
static void tell_quarantine(const json_t *r, struct buf *out)
{
	bool held = str_equal(text_of(r, "action"), STR("quarantine"));
	const json_t *kept = json_object_get(r, "kept");
	if (!held && !json_is_boolean(kept))
		return;
	label(out, "quarantine");
	if (!held && !json_is_true(kept)) {
		buf_add(out, STR("a copy could not be kept there: see the log of delivery\n"));
		return;
	}
	str id = has(r, "id") ? text_of(r, "id") : STR("ID");
	put(out,
		held ? "held there: postern quarantine show "
		     : "a copy is there: postern quarantine show ",
		id, "");
	put(out, held ? ", release " : ", remove ", id, "\n");
}

static void tell_delivery(const json_t *d, const struct why_names *names, struct buf *out)
{
	uint64_t account = (uint64_t)integer_of(d, "account");
	int result = (int)MIN(MAX(integer_of(d, "result"), (json_int_t)0), (json_int_t)4095);
	const char *error = strerrordesc_np(result);
	label(out, result ? "failed" : "delivered");
	buf_printf(out, "account %llu", (unsigned long long)account);
	put(out, " (", names->account(names->context, account), ")");
	if (result) {
		buf_printf(out, ": %s\n", error ? error : "unknown error");
		return;
	}
	if (has(d, "name"))
		put(out, ", ", text_of(d, "name"), "");
	else
		buf_printf(out, ", mailbox %lld", (long long)integer_of(d, "mailbox"));
	buf_printf(out, ", UID %lld\n", (long long)integer_of(d, "uid"));
}

void why_story(const struct why *w, const struct why_names *names, struct buf *out)
{
	put(out, "", has(w->record, "id") ? text_of(w->record, "id") : STR("?"), ", ");
	put_time(out, w->time);
	buf_add(out, STR(" UTC\n"));
	if (!json_is_object(w->record)) {
		buf_add(out, STR("  this record cannot be read\n"));
		return;
	}
	tell_sender(w->record, out);
	tell_message(w->record, out);
	tell_auth(json_object_get(w->record, "auth"), out);
	tell_result("virus", json_object_get(w->record, "virus"), out);
	tell_local(json_object_get(w->record, "local"), out);
	tell_findings(json_object_get(w->record, "findings"), out);
	tell_decision(w->record, out);
	tell_destinations(json_object_get(w->record, "destinations"), out);
	tell_quarantine(w->record, out);
	size_t n = json_array_size(w->deliveries);
	for (size_t i = 0; i < MIN(n, (size_t)LIST_MAX); i++)
		tell_delivery(json_array_get(w->deliveries, i), names, out);
	if (n > LIST_MAX)
		buf_printf(out, "  and %zu deliveries more\n", n - LIST_MAX);
}

/* ── Lists ────────────────────────────────────────────────────────────────────────────────── */

static str first_recipient(const json_t *r)
{
	const json_t *v = json_array_get(json_object_get(r, "recipients"), 0);
	return json_is_string(v) ? str_from(json_string_value(v), json_string_length(v))
				 : STR_EMPTY;
}

static void column(struct buf *out, str s, size_t width)
{
	size_t begin = out->n;
	why_text(out, s, width - 1);
	while (out->n - begin < width)
		buf_add_char(out, ' ');
}

void why_row(const struct why *w, struct buf *out)
{
	const json_t *r = w->record;
	double score = 0;
	size_t others = json_array_size(json_object_get(r, "recipients"));
	put_time(out, w->time);
	buf_add(out, STR("  "));
	column(out, text_of(r, "id"), 12);
	column(out, text_of(r, "action"), 11);
	if (number_of(r, "score", &score))
		buf_printf(out, "%7.2f  ", score);
	else
		buf_add(out, STR("      -  "));
	column(out, has(r, "sender") ? text_of(r, "sender") : STR("<>"), 32);
	column(out, first_recipient(r), 32);
	if (others > 1)
		buf_printf(out, "(+%zu) ", others - 1);
	why_text(out, text_of(r, "subject"), 60);
	buf_add_char(out, '\n');
}

bool why_matches(const struct why *w, str from, str to)
{
	const json_t *list = json_object_get(w->record, "recipients");
	bool to_it = to.n == 0;
	for (size_t i = 0; i < json_array_size(list) && !to_it; i++) {
		const json_t *v = json_array_get(list, i);
		to_it = json_is_string(v) &&
			str_equal_nocase(to, str_from(json_string_value(v), json_string_length(v)));
	}
	return to_it && (from.n == 0 || str_equal_nocase(text_of(w->record, "sender"), from) ||
				str_find_nocase(text_of(w->record, "from"), from) >= 0);
}
