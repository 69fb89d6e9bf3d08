/*
 * check_virus.c: scanning for viruses, by whoever the caller gave for that. The last check that
 * asks anybody: what it waits for would be lost for questions in the DNS.
 */
#include "filter/check.h"

#include <openssl/evp.h>

static bool too_large(const struct judgement *j)
{
	return j->message->content.n > j->antivirus->max_size;
}

static void begin(struct judgement *j)
{
	if (!j->message->scanner || too_large(j))
		return;
	j->digest = EVP_MD_CTX_new();
	ASSERT(j->digest && EVP_DigestInit_ex(j->digest, EVP_sha256(), NULL));
	ASSERT(EVP_DigestUpdate(j->digest, j->header.p, j->header.n));
}

static void body(struct judgement *j, str piece)
{
	if (j->digest)
		ASSERT(EVP_DigestUpdate(j->digest, piece.p, piece.n));
}

static void end(struct judgement *j)
{
	const struct scanner *scanner = j->message->scanner;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (!scanner)
		return;
	j->has_virus = true;
	j->virus = (struct scan_outcome){ .result = SCAN_UNSCANNED,
		.signature = STR_EMPTY,
		.server = STR_EMPTY,
		.why = STR("it is larger than antivirus.max_size") };
	if (!j->digest)
		return;
	ASSERT(EVP_DigestFinal_ex(j->digest, digest, &n));
	scanner->scan(scanner->context, str_from(digest, n), j->arena, &j->virus);
}

static void report(struct judgement *j)
{
	if (!j->has_virus)
		return;
	const struct scan_outcome *v = &j->virus;
	switch (v->result) {
	case SCAN_CLEAN:
		break;
	case SCAN_INFECTED:
		judgement_find(j, FINDING_VIRUS_INFECTED, "%.*s", STR_ARG(v->signature));
		break;
	case SCAN_UNSCANNED:
		judgement_find(j, FINDING_VIRUS_UNSCANNED, "%.*s", STR_ARG(v->why));
		break;
	case SCAN_FAILED:
		judgement_find(j, FINDING_VIRUS_FAILED, "%.*s", STR_ARG(v->why));
		if (j->antivirus->unavailable == CONFIG_UNAVAILABLE_ACCEPT)
			finding_waive(&j->findings, FINDING_VIRUS_FAILED,
				"antivirus.unavailable is accept");
		break;
	}
}

static void done(struct judgement *j)
{
	EVP_MD_CTX_free(j->digest);
}

const struct check check_virus = { .name = "virus",
	.stage = CHECK_MESSAGE,
	.cost = CHECK_COSTLY,
	.begin = begin,
	.body = body,
	.end = end,
	.report = report,
	.done = done };
