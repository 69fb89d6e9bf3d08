#include "filter/filter.h"

#include "base/clock.h"
#include "filter/local_asker.h"
#include "io/task.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Ids are made by smtpd: ten characters, as keys they may be a little more. */
enum { ID_MAX = 64 };

#define FACTS_OF(in, ip)                                                                           \
	{                                                                                          \
		.id = (in)->id, .door = (in)->door, .no_client = (in)->client.n == 0,              \
		.client = (ip), .port = (uint16_t)(in)->port, .client_name = (in)->client_name,    \
		.helo = (in)->helo, .sender = (in)->sender, .utf8 = (in)->utf8, .tls = (in)->tls,  \
		.domain = (in)->domain,                                                            \
	}

static bool client_of(str bytes, struct ip *out)
{
	*out = (struct ip){ { 0 } };
	if (bytes.n == sizeof out->bytes)
		memcpy(out->bytes, bytes.p, bytes.n);
	return bytes.n == 0 || bytes.n == sizeof out->bytes;
}

/* Where it goes: into *out. thresholds may be NULL. */
static int take_destinations(const struct ipc_strs *recipients, const struct ipc_u64s *accounts,
	const struct ipc_u64s *of, const struct ipc_u64s *junk_at, const struct ipc_u64s *reject_at,
	struct arena *a, struct judge_facts *out)
{
	size_t n = accounts->n;
	if (of->n != n || (junk_at && (junk_at->n != n || reject_at->n != n)))
		return -EINVAL;
	struct judge_destination *d = arena_try(a, n * sizeof *d);
	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (of->v[i] >= recipients->n)
			return -EINVAL;
		d[i] = (struct judge_destination){ .account = accounts->v[i],
			.recipient = recipients->v[of->v[i]],
			.junk_at = junk_at ? (double)junk_at->v[i] / 100 : 0,
			.reject_at = junk_at ? (double)reject_at->v[i] / 100 : 0 };
	}
	out->destinations = d;
	out->destination_count = n;
	return 0;
}

/* ── The envelope ─────────────────────────────────────────────────────────────────────────── */

struct envelope_job {
	const struct config *config;
	const struct judge_facts *facts;
	struct envelope_entry *entry;
};

static void run_envelope(const struct dns *dns, const struct list_access *lists, void *arg)
{
	struct envelope_job *job = arg;
	judge_envelope(
		job->config, dns, lists, job->facts, &job->entry->arena, &job->entry->result);
}

static int envelope(struct task *t, void *self, const struct filter_envelope_request *in,
	struct arena *a, struct filter_envelope_reply *out)
{
	struct filter *f = self;
	struct ip ip;
	if (!client_of(in->client, &ip) || in->id.n == 0 || in->id.n > ID_MAX ||
		str_find_char(in->id, '\0') >= 0)
		return -EINVAL;
	struct judge_facts facts = FACTS_OF(in, ip);
	int rc = take_destinations(&in->recipients, &in->accounts, &in->of, NULL, NULL, a, &facts);
	if (rc < 0)
		return rc;
	struct local_asker asker = { t, f->directory };
	struct local_source local = local_source_over(&asker);
	facts.local = f->directory ? &local : NULL;
	const struct config *config = config_ref(f->config);
	struct envelope_job job = { config, &facts, envelope_entry_new() };
	f->with_dns(f->context, t, run_envelope, &job);
	f->counts.envelopes++;
	struct judge_reply early = judge_early(config, &facts, &job.entry->result, a);
	f->counts.envelopes_refused += early.code != 0;
	*out = (struct filter_envelope_reply){ .code = early.code,
		.klass = early.klass,
		.subject = early.subject,
		.detail = early.detail,
		.text = early.text };
	/* smtpd asks no more about a message that it has refused, but for its record. */
	envelope_cache_add(f->envelopes, in->id, job.entry, task_now(t));
	config_unref(config);
	return 0;
}

/* ── The message ──────────────────────────────────────────────────────────────────────────── */

struct judge_job {
	struct task *task;
	const struct config *config;
	struct judge_message *message;
	struct envelope_entry *entry; /* NULL: find it out */
	struct arena *arena;
	struct verdict verdict;
};

static void run_judge(const struct dns *dns, const struct list_access *lists, void *arg)
{
	struct judge_job *job = arg;
	job->message->lists = lists;
	if (!job->entry) {
		job->entry = envelope_entry_new();
		judge_envelope(job->config, dns, lists, &job->message->facts, &job->entry->arena,
			&job->entry->result);
	}
	judge_message(job->task, job->config, dns, job->message, &job->entry->result, job->arena,
		&job->verdict);
}

void filter_reply(const struct verdict *v, size_t destinations, struct arena *a,
	struct filter_judge_reply *out)
{
	uint64_t *cuts = arena_array(a, uint64_t, 2 * v->cut_count + 1);
	for (size_t i = 0; i < v->cut_count; i++) {
		cuts[2 * i] = v->cuts[i].offset;
		cuts[2 * i + 1] = v->cuts[i].n;
	}
	*out = (struct filter_judge_reply){
		.action = v->action,
		.code = v->reply.code,
		.klass = v->reply.klass,
		.subject = v->reply.subject,
		.detail = v->reply.detail,
		.text = v->reply.text,
		.client_name = v->client_name,
		.fields = v->fields,
		.cuts = { cuts, 2 * v->cut_count },
		.score = (int64_t)(v->score * 100 + (v->score < 0 ? -0.5 : 0.5)),
		.why = v->why,
		.findings = v->findings,
		.names = { v->names, v->name_count },
		.record = v->record,
	};
	if (v->own_count == 0 || destinations == 0)
		return;
	out->actions = (struct ipc_u64s){ v->actions, destinations };
	out->own = (struct ipc_u64s){ v->own, destinations };
	out->own_fields = (struct ipc_strs){ v->own_fields, v->own_count };
}

static void count(struct filter *f, enum judge_action action, int64_t took)
{
	uint64_t *const counts[] = { [JUDGE_ACCEPT] = &f->counts.accepted,
		[JUDGE_JUNK] = &f->counts.junk,
		[JUDGE_REJECT] = &f->counts.refused,
		[JUDGE_TEMPFAIL] = &f->counts.deferred,
		[JUDGE_QUARANTINE] = &f->counts.quarantined };
	_Static_assert(ARRAY_LEN(counts) == JUDGE_ACTION_COUNT, "");
	++*counts[action];
	histogram_add(&f->times, took);
}

/* The message, mapped where it is a file; to be unmapped. */
static int map_message(const struct filter_judge_request *in, str *out)
{
	*out = in->content;
	if (in->message < 0)
		return in->content.n == in->size ? 0 : -EINVAL;
	/* Not fstat(): to a sandbox it looks like asking for files by name. */
	off_t end = lseek(in->message, 0, SEEK_END);
	if (end < 0)
		return -errno;
	if (in->size == 0 || in->size > (uint64_t)end || in->content.n)
		return -EINVAL;
	void *p = mmap(NULL, in->size, PROT_READ, MAP_PRIVATE, in->message, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = str_from(p, in->size);
	return 0;
}

static void unmap_message(const struct filter_judge_request *in, str content)
{
	if (in->message < 0)
		return;
	union {
		const char *in;
		void *out;
	} p = { content.p };
	munmap(p.out, content.n);
}

static int judge(struct task *t, void *self, const struct filter_judge_request *in, struct arena *a,
	struct filter_judge_reply *out)
{
	struct filter *f = self;
	struct ip ip;
	if (!client_of(in->client, &ip) || in->id.n > ID_MAX)
		return -EINVAL;
	struct judge_message message = {
		.facts = FACTS_OF(in, ip),
		.recipients = in->recipients.v,
		.recipient_count = in->recipients.n,
		.received = in->received,
		.keys = f->keys,
		.inspector = f->inspector,
		.unsealed = STR_EMPTY,
	};
	struct scan_asker asker = { .t = t,
		.calls = f->antivirus,
		.id = in->id,
		.content = in->content,
		.message = in->message,
		.size = in->size };
	struct scanner scanner = scanner_over(&asker);
	message.scanner = f->antivirus ? &scanner : NULL;
	int rc = take_destinations(&in->recipients, &in->accounts, &in->of, &in->junk_at,
		&in->reject_at, a, &message.facts);
	if (rc < 0)
		return rc;
	struct local_asker local_asker = { t, f->directory };
	struct local_source local = local_source_over(&local_asker);
	message.facts.local = f->directory ? &local : NULL;
	int64_t started = clock_monotonic();
	rc = map_message(in, &message.content);
	f->counts.failed += rc < 0;
	if (rc < 0)
		return rc;
	const struct config *config = config_ref(f->config);
	struct sealing sealing;
	if (f->directory &&
		sealing_init(&sealing, t, f->directory, config, in->received, &message.unsealed))
		message.seal = &sealing.how;
	struct judge_job job = { .task = t,
		.config = config,
		.message = &message,
		.entry = envelope_cache_take(f->envelopes, in->id, task_now(t)),
		.arena = a };
	f->with_dns(f->context, t, run_judge, &job);
	count(f, job.verdict.action, clock_monotonic() - started);
	filter_reply(&job.verdict, message.facts.destination_count, a, out);
	if (job.verdict.unsealed.n)
		log_warning(task_log(t), "a message is not sealed", F_STR("id", in->id),
			F_STR("reason", job.verdict.unsealed));
	unmap_message(in, message.content);
	envelope_entry_free(job.entry);
	config_unref(job.config);
	return 0;
}

const struct filter_ops filter_functions = { .envelope = envelope, .judge = judge };
