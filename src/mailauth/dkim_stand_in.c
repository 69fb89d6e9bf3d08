/*
 * dkim_stand_in.c: holds the place of DKIM and ARC until they are here: no signature is looked at,
 * and none is said to be there. To be deleted with their arrival.
 */
#include "mailauth/arc.h"

#include <stdlib.h>

struct dkim_verifier {
	char none;
};

struct arc_verifier {
	char none;
};

struct dkim_verifier *dkim_verifier_new(str header, int64_t now)
{
	return xcalloc(1, sizeof(struct dkim_verifier));
}

void dkim_verifier_feed(struct dkim_verifier *v, str body)
{
}

void dkim_verifier_finish(
	struct dkim_verifier *v, const struct dns *dns, struct arena *a, struct dkim_outcome *out)
{
	*out = (struct dkim_outcome){ .n = 0 };
}

void dkim_verifier_free(struct dkim_verifier *v)
{
	free(v);
}

struct arc_verifier *arc_verifier_new(str header, int64_t now)
{
	return xcalloc(1, sizeof(struct arc_verifier));
}

void arc_verifier_feed(struct arc_verifier *v, str body)
{
}

void arc_verifier_finish(
	struct arc_verifier *v, const struct dns *dns, struct arena *a, struct arc_outcome *out)
{
	*out = (struct arc_outcome){ .reason = STR_EMPTY };
}

void arc_verifier_free(struct arc_verifier *v)
{
	free(v);
}

const char *dkim_result_name(enum dkim_result result)
{
	static const char *const names[] = { "none", "pass", "fail", "policy", "neutral",
		"temperror", "permerror" };
	return names[result];
}

const char *arc_result_name(enum arc_result result)
{
	static const char *const names[] = { "none", "pass", "fail", "temperror" };
	return names[result];
}
