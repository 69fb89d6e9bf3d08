#include "antivirus/scanner.h"

#include <errno.h>

const char *scan_result_name(enum scan_result result)
{
	static const char *const names[] = { "clean", "infected", "unscanned", "failed" };
	return names[result];
}

static str failure_text(int rc)
{
	switch (rc) {
	case -ENOTCONN:
	case -ECONNRESET:
		return STR("the antivirus process is not there");
	case -ETIMEDOUT:
		return STR("no answer in time");
	case -ECANCELED:
		return STR("cancelled");
	default:
		return STR("the antivirus process failed");
	}
}

static void scan(void *context, str digest, struct arena *a, struct scan_outcome *out)
{
	struct scan_asker *asker = context;
	struct antivirus_scan_request request = { .id = asker->id,
		.digest = digest,
		.content = asker->content,
		.message = asker->message,
		.size = asker->size };
	struct antivirus_scan_reply reply = { .signature = STR_EMPTY };
	int64_t started = task_now(asker->t);
	int rc = antivirus_scan(asker->t, asker->calls, &request, a, &reply);
	if (rc == 0 && reply.result > SCAN_FAILED)
		rc = -EBADMSG;
	*out = (struct scan_outcome){ .result = SCAN_FAILED,
		.signature = STR_EMPTY,
		.server = STR_EMPTY,
		.why = failure_text(rc),
		.took = task_now(asker->t) - started };
	if (rc < 0)
		return;
	out->result = (enum scan_result)reply.result;
	out->signature = reply.signature;
	out->server = reply.server;
	out->why = reply.why;
	out->cached = reply.cached;
}

struct scanner scanner_over(struct scan_asker *asker)
{
	return (struct scanner){ .scan = scan, .context = asker };
}

/* For its turn, for two servers, and then some. */
int64_t scan_patience(const struct config *config)
{
	return 3 * config->antivirus.timeout + SECONDS(30);
}
