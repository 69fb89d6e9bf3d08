#include "resolver/resolver_dns.h"

#include <errno.h>

/* Room for the RDATA of one answer and what frames it. */
enum { REPLY_MAX = 512 * 1024 };

static const char *failure_text(int rc)
{
	switch (rc) {
	case -ENOTCONN:
	case -ECONNRESET:
		return "the resolver is not there";
	case -ETIMEDOUT:
		return "no answer in time";
	case -ECANCELED:
		return "cancelled";
	default:
		return "the resolver failed";
	}
}

/* A record that makes no sense spoils the answer: half of it may say what the whole does not. */
static bool decode_records(enum dns_type type, const struct resolver_lookup_reply *reply,
	struct arena *a, struct dns_answer *out)
{
	struct dns_record *records = arena_try(a, (reply->rdata.n + 1) * sizeof *records);
	for (size_t i = 0; records && i < reply->rdata.n; i++)
		if (!dns_record_parse(type, reply->rdata.v[i], a, &records[i]))
			return false;
	out->records = records;
	out->n = records ? reply->rdata.n : 0;
	return records;
}

static str keep(str why, struct arena *a)
{
	char *copy = why.n ? arena_try(a, why.n + 1) : NULL;
	if (!copy)
		return STR_EMPTY;
	memcpy(copy, why.p, why.n);
	return str_from(copy, why.n);
}

static void take_reply(enum dns_type type, const struct resolver_lookup_reply *reply,
	struct arena *a, struct dns_answer *out)
{
	enum dns_status status =
		reply->status <= DNS_BOGUS ? (enum dns_status)reply->status : DNS_TEMPORARY;
	if (dns_failed(status)) {
		out->status = status;
		out->why = keep(reply->why, a);
	} else if (status == DNS_FOUND && !decode_records(type, reply, a, out)) {
		out->why = STR("a record that cannot be read");
	} else {
		out->status = status;
		out->secure = reply->secure;
		out->ttl = (uint32_t)MIN(reply->ttl, (uint64_t)UINT32_MAX);
	}
}

static void lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct resolver_asker *asker = context;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(REPLY_MAX);
	*out = (struct dns_answer){ .status = DNS_TEMPORARY, .why = STR_EMPTY };
	struct resolver_lookup_request request = { .type = type, .name = name };
	struct resolver_lookup_reply reply = { 0 };
	int64_t left = asker->deadline - task_now(asker->t);
	if (asker->deadline != NEVER && left <= 0) {
		out->why = STR("no time is left");
		return;
	}
	request.timeout = asker->deadline == NEVER ? 0 : (uint64_t)left;
	asker->lookups++;
	int rc = resolver_lookup(asker->t, asker->calls, &request, &arena, &reply);
	if (rc < 0)
		out->why = str_from_z(failure_text(rc));
	else
		take_reply(type, &reply, a, out);
}

static int64_t now(void *context)
{
	const struct resolver_asker *asker = context;
	return task_now(asker->t);
}

struct dns resolver_dns(struct resolver_asker *asker)
{
	return (struct dns){ .lookup = lookup, .now = now, .context = asker };
}
