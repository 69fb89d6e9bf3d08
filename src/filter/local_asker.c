#include "filter/local_asker.h"

#include <errno.h>

static bool is_right(const struct directory_listed_reply *r, size_t things)
{
	size_t n = r->lists.n;
	if (r->kinds.n != n || r->things.n != n || r->in.n != n || r->owners.n != n ||
		r->subjects.n != n || r->comments.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (r->lists.v[i] < DIRECTORY_BLOCK || r->lists.v[i] > DIRECTORY_ALLOW ||
			r->kinds.v[i] < DIRECTORY_IP || r->kinds.v[i] > DIRECTORY_DOMAIN ||
			r->things.v[i] >= things)
			return false;
	return true;
}

static int find(
	void *context, const struct local_query *query, struct arena *a, struct local_answer *out)
{
	struct local_asker *asker = context;
	struct directory_listed_request in = {
		.client = query->client
				  ? str_from(query->client->bytes, sizeof query->client->bytes)
				  : STR_EMPTY,
		.senders = { query->senders, query->sender_count },
		.scopes = { query->scopes, query->scope_count },
	};
	struct directory_listed_reply r;
	int rc = directory_listed(asker->t, asker->calls, &in, a, &r);
	if (rc == 0 && !is_right(&r, query->sender_count + 1))
		rc = -EBADMSG;
	struct local_match *matches = rc < 0 ? NULL : arena_try(a, r.lists.n * sizeof *matches);
	if (rc == 0 && !matches)
		rc = -ENOMEM;
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r.lists.n; i++)
		matches[i] = (struct local_match){
			.list = (enum directory_list)r.lists.v[i],
			.kind = (enum directory_subject)r.kinds.v[i],
			.counts = r.lists.v[i] == DIRECTORY_BLOCK || r.kinds.v[i] == DIRECTORY_IP,
			.thing = r.things.v[i],
			.scope = r.in.v[i],
			.subject = r.subjects.v[i],
			.comment = r.comments.v[i],
			.owner = r.owners.v[i],
		};
	*out = (struct local_answer){ .matches = matches,
		.n = r.lists.n,
		.waiting = r.waiting.v,
		.waiting_count = r.waiting.n,
		.senders = r.about_senders };
	return 0;
}

struct local_source local_source_over(struct local_asker *asker)
{
	return (struct local_source){ find, asker };
}
