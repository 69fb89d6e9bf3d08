#include "filter/sealing.h"

#include <errno.h>

enum { REPLY_MAX = 16 * 1024 };

static const char no_answer[] = "the directory, which has the key, does not answer";

/* One call; false, with a sentence, where it gives no such signature. */
static bool ask(const struct sealing *s, str hash, struct arena *a,
	struct directory_sign_reply *out, const char **out_why)
{
	struct directory_sign_request in = {
		.domain = s->how.domain, .selector = s->how.selector, .hash = hash
	};
	*out = (struct directory_sign_reply){ .ok = false };
	if (directory_sign(s->task, s->calls, &in, a, out) < 0)
		*out_why = no_answer;
	else if (!out->ok || out->algorithm > DKIM_ED25519_SHA256)
		*out_why = "the directory has no such key";
	else
		return true;
	return false;
}

static bool sign(void *context, str hash, struct buf *out, struct err *err)
{
	struct sealing *s = context;
	struct arena a CLEANUP(arena_done) = ARENA_INIT(REPLY_MAX);
	struct directory_sign_reply reply;
	const char *why;
	bool good = ask(s, hash, &a, &reply, &why);
	if (good && reply.algorithm != s->how.key.algorithm) {
		why = "the key has changed";
		good = false;
	}
	if (good)
		buf_add(out, reply.signature);
	else
		(void)err_set(err, EIO, "%s", why);
	return good;
}

/* Fields that are not there are signed as absent, so that none can be added; not those that a
 * mailing list adds. */
#define OVERSIGN "From:Reply-To:Subject:Date:To:Cc:Message-ID"

bool sealing_init(struct sealing *s, struct task *t, const struct directory_calls *calls,
	const struct config *config, int64_t now, str *out_why)
{
	*out_why = STR_EMPTY;
	if (!config->arc.seal)
		return false;
	struct arena a CLEANUP(arena_done) = ARENA_INIT(REPLY_MAX);
	struct directory_sign_reply reply;
	const char *why;
	*s = (struct sealing){ .task = t,
		.calls = calls,
		.how = { .domain = config->arc.domain.n ? config->arc.domain : config->hostname,
			.selector = config->arc.selector,
			.oversign = STR(OVERSIGN),
			.time = now } };
	if (!ask(s, STR_EMPTY, &a, &reply, &why)) {
		*out_why = str_from_z(why);
		return false;
	}
	s->how.key = (struct dkim_signs){
		.algorithm = (enum dkim_algorithm)reply.algorithm, .sign = sign, .context = s
	};
	return true;
}
