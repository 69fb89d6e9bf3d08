/* Fields are read within the promised memory; what is written of any text is one harmless field;
 * and forged ones are found where they are. */

#include "mailauth/auth_results.h"

#include "base/utf8.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parse(str value)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * value.n + AUTH_PARSE_ARENA_MAX);
	struct auth_results_read read;
	auth_results_parse(value, &a, &read);
	ASSERT(read.n <= AUTH_RESULTS_MAX);
	for (size_t i = 0; i < read.n; i++)
		ASSERT(read.results[i].method.n && read.results[i].result.n &&
			read.results[i].n <= AUTH_PROPERTIES_MAX);
}

static void check_forged(str header)
{
	static const str ids[] = { { "mx.example.net", 14 }, { "b\303\274cher.example", 15 } };
	struct arena a CLEANUP(arena_done) = ARENA_INIT(header.n + 64);
	struct auth_span *spans;
	size_t n = auth_results_find_forged(header, ids, ARRAY_LEN(ids), &a, &spans);
	size_t end = 0;
	for (size_t i = 0; i < n; i++) {
		ASSERT(spans[i].n && spans[i].offset >= end + (i > 0));
		end = spans[i].offset + spans[i].n;
		ASSERT(end <= header.n && str_starts_nocase(str_skip(header, spans[i].offset),
						  STR("Authentication-Results")));
	}
}

static void check_field(str text, bool utf8)
{
	struct header_field field;
	size_t at = 0, line = 0;
	ASSERT(header_next(text, &at, &field) && at == text.n && str_ends(text, STR("\r\n")));
	ASSERT(utf8 ? utf8_valid(text) : ascii_only(text));
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		ASSERT(c >= ' ' || c == '\t' || (c == '\r' && text.p[i + 1] == '\n') ||
			(c == '\n' && text.p[i - 1] == '\r'));
		line = c == '\n' ? 0 : line + 1;
		ASSERT(line < 999 && c != 127);
	}
}

/* Each line of the input is some text that a peer chose. */
static void check_format(str input, bool utf8)
{
	str s[4];
	for (size_t i = 0; i < ARRAY_LEN(s); i++)
		(void)str_cut(input, '\0', &s[i], &input);
	struct rdns_outcome rdns = { .result = RDNS_FAIL, .name = s[0], .why = s[1] };
	struct spf_outcome spf = { .result = SPF_FAIL,
		.domain = s[1],
		.record = s[0],
		.mechanism = s[2],
		.mechanism_domain = s[3],
		.problem = utf8 ? s[3] : STR_EMPTY };
	struct dkim_signature signature = { .domain = s[0],
		.selector = s[1],
		.identity = s[2],
		.algorithm = s[3],
		.signature_start = s[2],
		.reason = s[1] };
	struct dkim_outcome dkim = { .signatures = &signature, .n = 1 };
	struct arc_set set = { .domain = s[2] };
	struct arc_outcome arc = { .result = ARC_FAIL, .reason = s[3], .sets = &set, .n = 1 };
	struct dmarc_outcome dmarc = { .result = DMARC_FAIL,
		.tag = "p",
		.author_domain = s[0],
		.policy_domain = s[1],
		.reason = s[2] };
	struct auth_results r = { .authserv_id = s[3],
		.helo = s[1],
		.sender = s[0],
		.utf8 = utf8,
		.rdns = &rdns,
		.spf = &spf,
		.dkim = &dkim,
		.arc = &arc,
		.dmarc = &dmarc };
	struct buf out CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	auth_results_format(&r, &out);
	check_field(buf_str(&out), utf8);
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * out.n + AUTH_PARSE_ARENA_MAX);
	struct auth_results_read read;
	struct header_field field;
	ASSERT(header_find(buf_str(&out), STR("Authentication-Results"), &field));
	auth_results_parse(field.value, &a, &read);
	ASSERT(read.n == 5 && !read.malformed && !read.truncated);
	buf_clear(&out);
	received_spf_format(&r, &out);
	check_field(buf_str(&out), utf8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_from(data, size);
	check_parse(input);
	check_forged(input);
	check_format(input, false);
	check_format(input, true);
	return 0;
}
