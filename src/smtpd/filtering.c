/*
 * filtering.c: asking the filter about a message, and doing what it says.
 *
 * Mail over LMTP comes from a server in front of this one, which has judged it. A filter that is
 * down means "try again". One that fails over a message means the same, once; the second time the
 * message goes on with what unjudged.c says of it.
 */
#include "directory/domain.h"
#include "filter/judge.h"
#include "smtpd/session_internal.h"
#include "store/directory_store.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

bool smtpd_filters(const struct smtpd_session *s)
{
	return s->world->config->filter.enabled && s->protocol == SMTPD_SMTP;
}

str smtpd_client(const struct smtpd_session *s)
{
	return s->client_unknown ? STR_EMPTY : str_from(s->client.bytes, sizeof s->client.bytes);
}

/* ── Whose rules ──────────────────────────────────────────────────────────────────────────── */

static const struct config_domain *rules_for(const struct smtpd_session *s, str address)
{
	char domain[DOMAIN_TEXT_SIZE];
	ptrdiff_t at = str_find_last_char(address, '@');
	if (at < 0 || !domain_normalize(str_skip(address, (size_t)at + 1), domain))
		return NULL;
	return config_domain_find(s->world->config, str_from_z(domain));
}

bool smtpd_rules_fit(struct smtpd_session *s, str address)
{
	struct smtpd_transaction *x = &s->transaction;
	if (!smtpd_filters(s) || s->world->config->domains.n == 0)
		return true;
	const struct config_domain *own = rules_for(s, address);
	if (x->recipient_count == 0)
		x->rules = own;
	return x->rules == own;
}

static str rules_domain(const struct smtpd_session *s)
{
	return s->transaction.rules ? s->transaction.rules->name : STR_EMPTY;
}

static enum finding_name finding_of(uint64_t kind)
{
	return kind == DIRECTORY_IP        ? FINDING_LOCAL_BLOCK_IP
	       : kind == DIRECTORY_ADDRESS ? FINDING_LOCAL_BLOCK_ADDRESS
					   : FINDING_LOCAL_BLOCK_DOMAIN;
}

/* With another mode than to refuse, the filter makes of it what it makes of other findings. */
bool smtpd_blocked(
	const struct smtpd_session *s, str address, const struct directory_find_reply *found)
{
	const struct config_domain *own = rules_for(s, address);
	const struct config_filter *filter = own ? &own->filter : &s->world->config->filter;
	return smtpd_filters(s) && found->blocked &&
	       finding_mode(&filter->findings, finding_of(found->blocked)) == CONFIG_MODE_REJECT;
}

/* ── To whom ──────────────────────────────────────────────────────────────────────────────── */

static struct ipc_strs recipients(struct smtpd_transaction *x, struct arena *a)
{
	str *list = arena_array(a, str, x->recipient_count);
	size_t n = 0;
	for (const struct smtpd_recipient *r = x->recipients; r; r = r->next)
		list[n++] = r->address;
	return (struct ipc_strs){ list, n };
}

enum which { ACCOUNT, RECIPIENT, JUNK_AT, REJECT_AT };

/* Of each destination. */
static struct ipc_u64s numbers(const struct smtpd_transaction *x, enum which which, struct arena *a)
{
	uint64_t *v = arena_array(a, uint64_t, x->destination_count);
	for (size_t i = 0; i < x->destination_count; i++) {
		const struct smtpd_destination *d = &x->destinations[i];
		const uint64_t all[] = { [ACCOUNT] = d->account,
			[RECIPIENT] = d->recipient,
			[JUNK_AT] = d->junk_at,
			[REJECT_AT] = d->reject_at };
		v[i] = all[which];
	}
	return (struct ipc_u64s){ v, x->destination_count };
}

/* ── Before the message ───────────────────────────────────────────────────────────────────── */

struct smtp_reply smtpd_ask_early(struct smtpd_session *s)
{
	struct smtpd_transaction *x = &s->transaction;
	if (!smtpd_filters(s))
		return (struct smtp_reply){ 0 };
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	struct filter_envelope_request in = {
		.id = str_from_z(x->id),
		.door = STR("smtp"),
		.client = smtpd_client(s),
		.port = s->port,
		.client_name = str_from_z(s->client_name),
		.helo = s->helo,
		.sender = x->sender,
		.utf8 = x->utf8,
		.tls = str_from_z(stream_tls_version(s->stream)),
		.domain = rules_domain(s),
		.recipients = recipients(x, &arena),
		.accounts = numbers(x, ACCOUNT, &arena),
		.of = numbers(x, RECIPIENT, &arena),
	};
	struct filter_envelope_reply out;
	int rc = filter_envelope(s->task, &s->world->filter, &in, &arena, &out);
	/* Without an answer the message may come: it is judged when it is there, or put off. */
	if (rc < 0 || out.code == 0)
		return (struct smtp_reply){ 0 };
	struct smtp_reply reply = smtpd_say(s, (int)out.code, (int)out.klass, (int)out.subject,
		(int)out.detail, "%.*s", STR_ARG(out.text));
	smtpd_count_message(s, reply.code);
	smtpd_record_refused(s, &reply);
	return smtpd_with_id(s, &reply);
}

/* ── The message ──────────────────────────────────────────────────────────────────────────── */

struct ipc_strs smtpd_recipients(struct smtpd_transaction *x, struct arena *a)
{
	str *list = arena_array(a, str, x->recipient_count);
	size_t n = 0;
	for (const struct smtpd_recipient *r = x->recipients; r; r = r->next)
		list[n++] = r->address;
	return (struct ipc_strs){ list, n };
}

/* In order, apart, within the message, not too far behind its start. */
static bool cuts_are_right(const struct ipc_u64s *cuts, uint64_t size)
{
	uint64_t at = 0;
	for (size_t i = 0; i + 1 < cuts->n; i += 2) {
		if (cuts->v[i] < at || cuts->v[i] > size || cuts->v[i + 1] > size - cuts->v[i])
			return false;
		at = cuts->v[i] + cuts->v[i + 1];
	}
	return cuts->n % 2 == 0 && at <= JUDGE_CUT_MAX;
}

/* What differs by destination: all of it, or nothing. */
static bool own_is_right(const struct filter_judge_reply *v, size_t destinations)
{
	bool there = v->own_fields.n > 0;
	if (v->actions.n != (there ? destinations : 0) || v->own.n != v->actions.n)
		return false;
	for (size_t i = 0; i < v->own.n; i++)
		if (v->own.v[i] >= v->own_fields.n || v->actions.v[i] > JUDGE_TEMPFAIL)
			return false;
	return true;
}

static void log_judged(struct smtpd_session *s, const struct filter_judge_reply *v)
{
	char score[32];
	snprintf(score, sizeof score, "%.2f", (double)v->score / 100);
	log_info(&s->transaction.log, "judged",
		F_Z("action", judge_action_name((enum judge_action)v->action)), F_Z("score", score),
		F_STR("findings", v->findings), F_STR("reason", v->why),
		F_INT("removed", v->cuts.n / 2));
}

int smtpd_judge(struct smtpd_session *s, struct arena *a, struct filter_judge_reply *out)
{
	struct smtpd_transaction *x = &s->transaction;
	bool small = incoming_in_memory(&x->incoming);
	struct filter_judge_request in = {
		.id = str_from_z(x->id),
		.door = STR("smtp"),
		.client = smtpd_client(s),
		.port = s->port,
		.client_name = str_from_z(s->client_name),
		.helo = s->helo,
		.sender = x->sender,
		.utf8 = x->utf8,
		.tls = str_from_z(stream_tls_version(s->stream)),
		.domain = rules_domain(s),
		.recipients = smtpd_recipients(x, a),
		.accounts = numbers(x, ACCOUNT, a),
		.of = numbers(x, RECIPIENT, a),
		.junk_at = numbers(x, JUNK_AT, a),
		.reject_at = numbers(x, REJECT_AT, a),
		.content = small ? buf_str(&x->incoming.unwritten) : STR_EMPTY,
		.message = x->incoming.fd,
		.size = x->incoming.size,
		.received = task_wall(s->task) / NSEC_PER_SEC,
	};
	int rc = filter_judge(s->task, &s->world->filter, &in, a, out);
	bool refuses = out->action == JUDGE_REJECT || out->action == JUDGE_TEMPFAIL;
	if (rc == 0 && (out->action >= JUDGE_ACTION_COUNT || refuses != (out->code != 0) ||
			       !cuts_are_right(&out->cuts, x->incoming.size) ||
			       !own_is_right(out, x->destination_count)))
		rc = -EBADMSG;
	if (rc == 0)
		log_judged(s, out);
	return rc;
}

struct smtp_reply smtpd_unjudged(struct smtpd_session *s, int rc)
{
	log_error(&s->transaction.log, "a message could not be judged",
		F_Z("error", strerrordesc_np(-rc)));
	if (smtpd_filter_failed(rc))
		return smtp_reply(451, 4, 3, 0,
			STR("The message could not be examined: the filter failed over it, try "
			    "again later"));
	return smtp_reply(
		451, 4, 3, 0, STR("The message cannot be examined at the moment, try again later"));
}

/* What the verdict's own record says is the same that the client is told. */
struct smtp_reply smtpd_refuse_judged(struct smtpd_session *s, const struct filter_judge_reply *v)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024);
	struct delivery_record_request in = {
		.record = v->record, .judged = v->action == JUDGE_REJECT, .findings = v->names
	};
	struct delivery_record_reply out;
	struct smtp_reply reply = smtpd_say(s, (int)v->code, (int)v->klass, (int)v->subject,
		(int)v->detail, "%.*s", STR_ARG(v->text));
	smtpd_count_message(s, reply.code);
	/* Of one that was not judged there is no record: only its finding is counted. */
	(void)!delivery_record(s->task, &s->world->delivery, &in, &arena, &out);
	if (v->record.n == 0)
		smtpd_record_refused(s, &reply);
	return smtpd_with_id(s, &reply);
}

/* ── What is stored ───────────────────────────────────────────────────────────────────────── */

/* The first n bytes of the message. */
static int read_front(const struct incoming *in, uint64_t n, struct buf *out)
{
	if (incoming_in_memory(in)) {
		buf_add(out, str_first(buf_str(&in->unwritten), n));
		return 0;
	}
	while (out->n < n) {
		char *at = buf_reserve(out, n - out->n);
		ssize_t got = at ? pread(in->fd, at, n - out->n, (off_t)out->n) : -1;
		if (got == 0 || (got < 0 && errno != EINTR))
			return got == 0 || !at ? -EIO : -errno;
		out->n += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

int smtpd_cut(const struct incoming *in, const struct ipc_u64s *cuts, struct buf *out,
	uint64_t *out_offset)
{
	*out_offset = cuts->n ? cuts->v[cuts->n - 2] + cuts->v[cuts->n - 1] : 0;
	struct buf front CLEANUP(buf_done) = BUF_INIT(JUDGE_CUT_MAX);
	int rc = read_front(in, *out_offset, &front);
	uint64_t at = 0;
	for (size_t i = 0; rc == 0 && i < cuts->n; i += 2) {
		buf_add(out, str_first(str_skip(buf_str(&front), at), cuts->v[i] - at));
		at = cuts->v[i] + cuts->v[i + 1];
	}
	return rc;
}
