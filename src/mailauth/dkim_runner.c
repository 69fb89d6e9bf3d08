/*
 * dkim_runner.c: verifies, signs and seals messages named on standard input, for tests that compare
 * with other people's suites and programs. Not installed.
 *
 *	dns NAME TYPE DATA     a line of the table (dns_testing.h), until the next "reset"
 *	verify NOW PATH        one line a signature, one for the chain
 *	sign TIME DOMAIN SELECTOR CANON FIELDS KEY PATH    separated by tabs: the field, then "."
 *	seal TIME DOMAIN SELECTOR CANON FIELDS KEY PATH RESULTS    the fields, then "."
 *	reset
 *
 * CANON is "relaxed/relaxed" and so on, KEY a file in PEM. What is refused: "refused: why", then
 *".".
 *
 * A signature's line: result, domain, selector, "body" or "-", "header" or "-" (what matches),
 * reason, separated by tabs. The chain's: "arc", result, oldest-pass, reason.
 */
#include "mailauth/dkim_sign.h"
#include "mailauth/dns_testing.h"

#include "base/buf.h"
#include "mail/header.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { TABLE_MAX = 64 << 20, WORK_MAX = 64 << 20, PIECE = 4096 };

static void read_file(str path, struct buf *out)
{
	char name[4096];
	ASSERT(str_copy_z(path, name, sizeof name));
	FILE *f = fopen(name, "rb");
	ASSERT(f);
	for (size_t n = 1; n; out->n += n) {
		char *p = buf_reserve(out, PIECE);
		ASSERT(p);
		n = fread(p, 1, PIECE, f);
	}
	ASSERT(!ferror(f) && fclose(f) == 0);
}

static void print_signatures(const struct dkim_outcome *out)
{
	for (size_t i = 0; i < out->n; i++) {
		const struct dkim_signature *s = &out->signatures[i];
		printf("%s\t%.*s\t%.*s\t%s\t%s\t%.*s\n", dkim_result_name(s->result),
			STR_ARG(s->domain), STR_ARG(s->selector), s->body_matches ? "body" : "-",
			s->header_matches ? "header" : "-", STR_ARG(s->reason));
	}
}

static void print_chain(const struct arc_outcome *out)
{
	printf("arc\t%s\t%u\t%.*s\n", arc_result_name(out->result), out->oldest_pass,
		STR_ARG(out->reason));
}

static void verify(str words, struct dns_table *table)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	struct buf message CLEANUP(buf_done) = BUF_INIT(WORK_MAX);
	str time;
	uint64_t now;
	(void)str_cut(words, ' ', &time, &words);
	ASSERT(str_to_u64(time, INT64_MAX, &now));
	read_file(words, &message);
	size_t n = header_length(buf_str(&message));
	struct dkim_verifier *v = dkim_verifier_new(str_first(buf_str(&message), n), (int64_t)now);
	struct arc_verifier *chain =
		arc_verifier_new_beside(v, str_first(buf_str(&message), n), (int64_t)now);
	dkim_verifier_feed(v, str_skip(buf_str(&message), n));
	struct dkim_outcome out;
	dkim_verifier_finish(v, &table->dns, &a, &out);
	print_signatures(&out);
	struct arc_outcome arc;
	arc_verifier_finish(chain, &table->dns, &a, &arc);
	print_chain(&arc);
	arc_verifier_free(chain);
	dkim_verifier_free(v);
}

static str next_word(str *rest)
{
	str word;
	(void)str_cut(*rest, '\t', &word, rest);
	return word;
}

struct job {
	struct dkim_signing how;
	struct dkim_private_key *key; /* owned */
	struct buf message;
	str header, body;
};

/* Takes the words up to PATH. */
static void job_begin(struct job *j, str *words)
{
	uint64_t now;
	struct buf pem CLEANUP(buf_done) = BUF_INIT(WORK_MAX);
	struct err err = { 0 };
	*j = (struct job){ .message = BUF_INIT(WORK_MAX) };
	ASSERT(str_to_u64(next_word(words), INT64_MAX, &now));
	j->how.time = (int64_t)now;
	j->how.domain = next_word(words);
	j->how.selector = next_word(words);
	str canon = next_word(words);
	j->how.simple_header = str_starts(canon, STR("simple"));
	j->how.simple_body = str_ends(canon, STR("simple"));
	j->how.fields = next_word(words);
	read_file(next_word(words), &pem);
	j->key = dkim_private_key_parse(buf_str(&pem), &err);
	ASSERT(j->key);
	j->how.key = dkim_private_key_signs(j->key);
	read_file(next_word(words), &j->message);
	j->header = str_first(buf_str(&j->message), header_length(buf_str(&j->message)));
	j->body = str_skip(buf_str(&j->message), j->header.n);
}

static void job_end(struct job *j, bool good, const struct buf *out, const struct err *err)
{
	if (good)
		printf("%.*s.\n", STR_ARG(buf_str(out)));
	else
		printf("refused: %s\n.\n", err->text);
	dkim_private_key_free(j->key);
	buf_done(&j->message);
}

static void sign(str words)
{
	struct job j;
	struct err err = { 0 };
	struct buf out CLEANUP(buf_done) = BUF_INIT(WORK_MAX);
	job_begin(&j, &words);
	struct dkim_signer *s = dkim_signer_new(j.header, &j.how);
	dkim_signer_feed(s, j.body);
	bool good = dkim_signer_finish(s, &out, &err);
	dkim_signer_free(s);
	job_end(&j, good, &out, &err);
}

static void seal(str words, struct dns_table *table)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	struct job j;
	struct err err = { 0 };
	struct buf out CLEANUP(buf_done) = BUF_INIT(WORK_MAX);
	job_begin(&j, &words);
	struct arc_verifier *v = arc_verifier_new(j.header, j.how.time);
	arc_verifier_feed(v, j.body);
	struct arc_outcome chain;
	arc_verifier_finish(v, &table->dns, &a, &chain);
	arc_verifier_free(v);
	struct arc_sealer *s = arc_sealer_new(j.header, &j.how);
	arc_sealer_feed(s, j.body);
	bool good = arc_sealer_finish(s, &chain, dns_table_text(words, &a), &out, &err);
	arc_sealer_free(s);
	job_end(&j, good, &out, &err);
}

int main(void)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(TABLE_MAX);
	struct dns_table table;
	char *line = NULL;
	size_t size = 0;
	for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
		str rest = str_from(line, (size_t)n - (line[n - 1] == '\n')), verb;
		(void)str_cut(rest, ' ', &verb, &rest);
		dns_table_init(&table, buf_str(&text));
		if (str_equal(verb, STR("dns"))) {
			buf_add(&text, rest);
			buf_add_char(&text, '\n');
		} else if (str_equal(verb, STR("verify"))) {
			verify(rest, &table);
		} else if (str_equal(verb, STR("sign"))) {
			sign(rest);
		} else if (str_equal(verb, STR("seal"))) {
			seal(rest, &table);
		} else {
			ASSERT(str_equal(verb, STR("reset")));
			buf_clear(&text);
		}
	}
	free(line);
	return 0;
}
