/*
 * handover.c: a message that is taken goes to delivery, with the fields that stand before it and
 * all that IMAP's lists need of it.
 *
 * A message that goes into quarantine goes there in place of all destinations; one over which the
 * filter has failed goes there too, and to them.
 *
 * What the filter wants put before the message, and cut out of its header, is done on the way; the
 * spool file stays as it came.
 */
#include "filter/judge.h"
#include "mail/date.h"
#include "mail/summary.h"
#include "proto/smtp_trace.h"
#include "smtpd/session_internal.h"

#include <errno.h>
#include <sys/mman.h>

/* Trace fields, those of a verdict, and the front of a header that something is cut out of. */
enum { TRACE_MAX = 512 * 1024 + JUDGE_CUT_MAX };

/* What they and the record seldom pass without a verdict. */
enum { TRACE_USUAL = 512, RECORD_USUAL = 512 };

/* The fields that stand before the message as we keep it, and, in the order that mail servers
 * with filters have, below them those of the verdict (NULL: there is none). */
static void format_trace(
	struct smtpd_session *s, const struct filter_judge_reply *verdict, struct buf *out)
{
	struct smtpd_transaction *x = &s->transaction;
	char room[64];
	struct buf date CLEANUP(buf_done) = BUF_OVER(room, sizeof room);
	date_format(&date, (struct mail_date){ .seconds = task_wall(s->task) / NSEC_PER_SEC });
	struct smtp_received received = {
		.helo = s->helo,
		.client_name = s->client_name || !verdict ? str_from_z(s->client_name)
							  : verdict->client_name,
		.client_address = str_from_z(s->client_text),
		.by = s->world->config->hostname,
		.extended = s->extended,
		.lmtp = s->protocol == SMTPD_LMTP,
		.tls = stream_is_tls(s->stream),
		.utf8 = x->utf8,
		.tls_version = str_from_z(stream_tls_version(s->stream)),
		.tls_cipher = str_from_z(stream_tls_cipher(s->stream)),
		.id = str_from_z(x->id),
		.recipient = x->recipient_count == 1 ? x->recipients->address : STR_EMPTY,
		.date = buf_str(&date),
	};
	smtp_return_path_format(x->sender, x->utf8, out);
	smtp_received_format(&received, out);
	if (verdict)
		buf_add(out, verdict->fields);
}

/* A message that has not left the memory yet is read there, others through a mapping of the spool
 * file. */
int smtpd_view(struct incoming *in, str *out)
{
	*out = buf_str(&in->unwritten);
	if (incoming_in_memory(in))
		return 0;
	int rc = incoming_flush(in);
	if (rc < 0)
		return rc;
	void *p = mmap(NULL, in->size, PROT_READ, MAP_PRIVATE, in->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = str_from(p, in->size);
	return 0;
}

void smtpd_unview(const struct incoming *in, str view)
{
	union {
		const char *in;
		void *out;
	} p = { view.p };
	if (!incoming_in_memory(in))
		munmap(p.out, view.n);
}

/* What the message says of itself, kept in the arena. */
static int summarise(struct incoming *in, struct arena *a, struct mail_summary *out)
{
	str view;
	int rc = smtpd_view(in, &view);
	if (rc < 0)
		return rc;
	mail_summary_stored(a, view, out);
	smtpd_unview(in, view);
	return 0;
}

static bool goes_to_junk(const struct filter_judge_reply *verdict, size_t destination)
{
	if (!verdict)
		return false;
	return (verdict->actions.n ? verdict->actions.v[destination] : verdict->action) ==
	       JUDGE_JUNK;
}

static void list_destinations(struct smtpd_transaction *x, const struct filter_judge_reply *verdict,
	struct arena *a, struct delivery_commit_request *out)
{
	uint64_t *accounts = arena_array(a, uint64_t, x->destination_count);
	uint64_t *junk = arena_array(a, uint64_t, x->destination_count);
	str *details = arena_array(a, str, x->destination_count);
	for (size_t i = 0; i < x->destination_count; i++) {
		accounts[i] = x->destinations[i].account;
		details[i] = x->destinations[i].detail;
		junk[i] = goes_to_junk(verdict, i);
	}
	out->junk = (struct ipc_u64s){ junk, x->destination_count };
	if (verdict) {
		out->own = verdict->own;
		out->own_fields = verdict->own_fields;
	}
	out->accounts = (struct ipc_u64s){ accounts, x->destination_count };
	out->details = (struct ipc_strs){ details, x->destination_count };
}

/* Puts the message into the quarantine. p: as for delivery. */
static int quarantine(struct smtpd_session *s, const struct delivery_commit_request *p,
	const struct filter_judge_reply *verdict, bool copy, str record, struct arena *a)
{
	struct smtpd_transaction *x = &s->transaction;
	struct buf head CLEANUP(buf_done) = BUF_INIT(2 * TRACE_MAX);
	buf_add(&head, p->trace);
	buf_add(&head, p->front);
	struct delivery_quarantine_request in = {
		.id = p->id,
		.reason = verdict->why,
		.copy = copy,
		.sender = x->sender,
		.client = str_from_z(s->client_text),
		.recipients = smtpd_recipients(x, a),
		.trace = buf_str(&head),
		.offset = p->offset,
		.content = p->content,
		.message = p->message,
		.size = p->size,
		.received = p->received,
		.accounts = p->accounts,
		.details = p->details,
		.envelope = p->envelope,
		.body = p->body,
		.bodystructure = p->bodystructure,
		.date = p->date,
		.record = record,
		.judged = p->judged && !copy,
		.findings = p->findings,
	};
	struct delivery_quarantine_reply out;
	return delivery_quarantine(s->task, &s->world->delivery, &in, a, &out);
}

static int deliver(struct smtpd_session *s, const struct delivery_commit_request *in,
	struct arena *a, struct ipc_u64s *out_results)
{
	struct delivery_commit_reply reply;
	int rc = delivery_commit(s->task, &s->world->delivery, in, a, &reply);
	if (rc == 0 && reply.results.n != s->transaction.destination_count)
		rc = -EBADMSG;
	if (rc < 0)
		return rc;
	*out_results = reply.results;
	if (s->world->suspects)
		*s->world->suspects = reply.suspects;
	return 0;
}

/* Hands the message over, with all that is prepared for it. One that was not judged is kept aside
 * as well; where that fails its recipients get it all the same. */
static int hand_over(struct smtpd_session *s, struct delivery_commit_request *in,
	const struct filter_judge_reply *verdict, struct arena *a, struct ipc_u64s *out_results)
{
	char room[RECORD_USUAL];
	struct buf record CLEANUP(buf_done) = BUF_OVER(room, SMTPD_RECORD_MAX);
	bool held = verdict && verdict->action == JUDGE_QUARANTINE, kept = held;
	if (verdict && verdict->record.n == 0 && !held)
		kept = quarantine(s, in, verdict, true, STR_EMPTY, a) == 0;
	if (!verdict || verdict->record.n == 0)
		smtpd_record_accepted(s, verdict, kept, in->envelope, &record);
	in->record = record.n ? buf_str(&record) : verdict ? verdict->record : STR_EMPTY;
	if (!held)
		return deliver(s, in, a, out_results);
	size_t n = s->transaction.destination_count;
	uint64_t *results = arena_array(a, uint64_t, n);
	memset(results, 0, n * sizeof *results);
	*out_results = (struct ipc_u64s){ results, n };
	return quarantine(s, in, verdict, false, in->record, a);
}

int smtpd_hand_over(struct smtpd_session *s, const struct filter_judge_reply *verdict,
	struct arena *a, struct ipc_u64s *out_results)
{
	struct smtpd_transaction *x = &s->transaction;
	struct mail_summary summary;
	char room[TRACE_USUAL];
	struct buf trace CLEANUP(buf_done) = BUF_OVER(room, TRACE_MAX);
	struct buf front CLEANUP(buf_done) = BUF_INIT(TRACE_MAX);
	int rc = summarise(&x->incoming, a, &summary);
	if (rc < 0)
		return rc;
	format_trace(s, verdict, &trace);
	uint64_t offset = 0;
	if (verdict)
		rc = smtpd_cut(&x->incoming, &verdict->cuts, &front, &offset);
	if (rc < 0)
		return rc;
	int64_t now = task_wall(s->task) / NSEC_PER_SEC;
	struct delivery_commit_request in = {
		.id = str_from_z(x->id),
		.trace = buf_str(&trace),
		.front = buf_str(&front),
		.content = incoming_in_memory(&x->incoming)
				   ? str_skip(buf_str(&x->incoming.unwritten), offset)
				   : STR_EMPTY,
		.message = x->incoming.fd,
		.offset = offset,
		.size = x->incoming.size - offset,
		.received = now,
		.envelope = summary.envelope,
		.body = summary.body,
		.bodystructure = summary.bodystructure,
		.date = summary.date_valid ? summary.date.seconds : now,
		/* Also where the one finding is that no filter could. */
		.judged = verdict,
		.findings = verdict ? verdict->names : (struct ipc_strs){ 0 },
	};
	if (x->doubt.count && verdict && verdict->record.n)
		in.forgiven = str_from(x->doubt.digest, sizeof x->doubt.digest);
	list_destinations(x, verdict, a, &in);
	return hand_over(s, &in, verdict, a, out_results);
}
