/*
 * cmd_data.c: DATA and BDAT (RFC 5321 §4.1.1.4, RFC 3030): the message itself, and the moment when
 * it becomes ours.
 *
 *   wire ──▶ incoming ──▶ spool ──▶ filter_judge() ──▶ summary ──▶ delivery_commit() ──▶ "250 … ID"
 *
 * The 250 is said when, and only when, every destination has the message on stable storage. Where
 * one does not, the client keeps it and tries again; those that had it get it twice.
 *
 * The filter is asked twice: about the envelope before the message comes, and about the whole when
 * it is there (filtering.c). Then the message is handed over (handover.c).
 */
#include "mail/summary.h"
#include "smtpd/session_internal.h"

#include <errno.h>

/* A client that sends on far beyond what is taken is not worth reading. */
enum { READ_ON_FACTOR = 4 };

/* ── Why not ──────────────────────────────────────────────────────────────────────────────── */

static struct smtp_reply bare_newline(struct smtpd_session *s)
{
	const struct smtp_data *d = &s->transaction.incoming.data;
	bool lf = d->lf.count > 0;
	s->over |= s->world->config->smtp.bare_newline == CONFIG_BARE_NEWLINE_REJECT;
	return smtpd_say(s, 550, 5, 6, 0,
		"Line %llu has a bare %s: lines of a message must end in CR LF",
		(unsigned long long)(lf ? d->lf.line : d->cr.line), lf ? "LF" : "CR");
}

/* What forbids taking the message, now that it is all here; code 0: nothing. */
static struct smtp_reply refusal(struct smtpd_session *s)
{
	const struct config *config = s->world->config;
	const struct incoming *in = &s->transaction.incoming;
	if (incoming_too_large(in))
		return smtpd_say(s, 552, 5, 3, 4, "Message too large: at most %llu bytes are taken",
			(unsigned long long)in->max);
	if (smtp_data_refused(&in->data))
		return bare_newline(s);
	if (in->trace.count[SMTP_TRACE_RECEIVED] > (unsigned)config->smtp.max_hops)
		return smtpd_say(s, 554, 5, 4, 6,
			"Mail loop: the message has passed %u servers already",
			in->trace.count[SMTP_TRACE_RECEIVED]);
	return (struct smtp_reply){ 0 };
}

/* The record has the reply without the id. */
static struct smtp_reply not_now_for(int rc)
{
	if (rc == -ENOSPC || rc == -EDQUOT)
		return smtp_reply(
			452, 4, 3, 1, STR("No space left for this message, try again later"));
	return smtp_reply(451, 4, 3, 0, STR("Cannot store this message now, try again later"));
}

static struct smtp_reply not_now(struct smtpd_session *s, int rc)
{
	log_error(&s->transaction.log, "could not take a message for now",
		F_Z("error", strerrordesc_np(-rc)));
	struct smtp_reply reply = not_now_for(rc);
	return smtpd_with_id(s, &reply);
}

/* ── The end of the message ───────────────────────────────────────────────────────────────── */

static struct smtp_reply accepted(struct smtpd_session *s)
{
	return smtp_reply(250, 2, 0, 0,
		arena_join(&s->arena, STR("Ok: accepted as "), str_from_z(s->transaction.id)));
}

/* 0, or the first error, of one recipient's destinations. */
static int recipient_result(const struct smtpd_transaction *x, const struct smtpd_recipient *r,
	const struct ipc_u64s *results)
{
	for (size_t i = 0; i < r->count; i++) {
		uint64_t result = results->v[x->targets[r->first + i]];
		if (result)
			return result < 4096 ? -(int)result : -EIO;
	}
	return 0;
}

static int worst_result(const struct ipc_u64s *results)
{
	for (size_t i = 0; i < results->n; i++)
		if (results->v[i])
			return results->v[i] < 4096 ? -(int)results->v[i] : -EIO;
	return 0;
}

static void log_accepted(struct smtpd_session *s)
{
	struct smtpd_transaction *x = &s->transaction;
	log_info(&x->log, "accepted", F_STR("to", x->recipients->address),
		F_INT("recipients", x->recipient_count), F_INT("size", x->incoming.size),
		F_Z("tls", stream_tls_version(s->stream)), F_STR("helo", s->helo));
}

/* The reply; in LMTP, one for each recipient, of which the last is returned (RFC 2033 §4.2). */
static struct smtp_reply conclude(struct smtpd_session *s, int rc, const struct ipc_u64s *results)
{
	struct smtpd_transaction *x = &s->transaction;
	bool taken = rc == 0 && worst_result(results) == 0;
	smtpd_count_message(s, taken ? 250 : 451);
	if (taken) {
		log_accepted(s);
		s->errors = 0; /* a client of use may have mail for some who are gone */
	}
	struct smtp_reply reply = { 0 }, no = { 0 }, yes = accepted(s);
	if (s->protocol == SMTPD_SMTP) {
		rc = rc < 0 ? rc : worst_result(results);
		return rc < 0 ? not_now(s, rc) : yes;
	}
	int told = 0; /* what `no` is for: the same for many */
	for (struct smtpd_recipient *r = x->recipients; r; r = r->next) {
		int own = rc < 0 ? rc : recipient_result(x, r, results);
		if (own < 0 && own != told)
			no = not_now(s, told = own);
		reply = own < 0 ? no : yes;
		if (r->next)
			smtpd_put_reply(s, &reply);
	}
	return reply;
}

static struct smtp_reply refuse_for_all(struct smtpd_session *s, const struct smtp_reply *reply)
{
	size_t times = s->protocol == SMTPD_LMTP ? s->transaction.recipient_count : 1;
	while (times-- > 1)
		smtpd_put_reply(s, reply);
	return *reply;
}

static struct smtp_reply store(
	struct smtpd_session *s, const struct filter_judge_reply *verdict, struct arena *a)
{
	struct ipc_u64s results = { 0 };
	int rc = smtpd_hand_over(s, verdict, a, &results);
	struct smtp_reply no = not_now_for(rc);
	if (rc < 0)
		smtpd_record_refused(s, &no);
	return conclude(s, rc, &results);
}

/* A verdict; negative errno where there is none. */
static int judge(struct smtpd_session *s, struct arena *a, struct filter_judge_reply *out)
{
	struct smtpd_doubt *doubt = &s->transaction.doubt;
	int64_t began = task_now(s->task);
	smtpd_recall(s, a);
	int rc = doubt->shunned ? 0 : smtpd_judge(s, a, out);
	if (smtpd_filter_failed(rc))
		smtpd_tell_failure(s, a, began);
	if (doubt->shunned || (smtpd_filter_failed(rc) && doubt->count >= 2))
		return smtpd_judge_failed(s, a, out);
	return rc;
}

static struct smtp_reply judge_and_store(struct smtpd_session *s, struct arena *a)
{
	struct filter_judge_reply verdict = { 0 };
	int flushed = incoming_flush(&s->transaction.incoming);
	int rc = flushed < 0 ? flushed : judge(s, a, &verdict);
	if (flushed < 0) {
		struct smtp_reply no = not_now_for(rc);
		smtpd_count_message(s, no.code);
		smtpd_record_refused(s, &no);
		return not_now(s, rc);
	}
	if (rc < 0) {
		struct smtp_reply reply = smtpd_unjudged(s, rc);
		smtpd_count_message(s, reply.code);
		smtpd_record_refused(s, &reply);
		return smtpd_with_id(s, &reply);
	}
	return verdict.code ? smtpd_refuse_judged(s, &verdict) : store(s, &verdict, a);
}

/* Counts and records the refusal of the message; with its id. */
static struct smtp_reply refuse(struct smtpd_session *s, const struct smtp_reply *reply)
{
	smtpd_count_message(s, reply->code);
	smtpd_record_refused(s, reply);
	return smtpd_with_id(s, reply);
}

/* The whole message stands in the spool. */
static struct smtp_reply finish_message(struct smtpd_session *s)
{
	struct smtp_reply reply = refusal(s);
	if (reply.code) {
		reply = refuse(s, &reply);
		reply = refuse_for_all(s, &reply);
	} else {
		struct arena arena CLEANUP(arena_done) =
			ARENA_INIT(2 * SUMMARY_ARENA_MAX + JUDGE_ARENA_MAX);
		reply = smtpd_filters(s) ? judge_and_store(s, &arena) : store(s, NULL, &arena);
	}
	smtpd_reset(s);
	return reply;
}

/* RFC 2033 §4.2 asks for 503 in LMTP. */
static struct smtp_reply no_recipients(struct smtpd_session *s)
{
	return smtpd_say(s, s->protocol == SMTPD_LMTP ? 503 : 554, 5, 5, 1, "No valid recipients");
}

/* ── DATA ─────────────────────────────────────────────────────────────────────────────────── */

static enum smtp_bare_policy bare_policy(const struct smtpd_session *s)
{
	return s->world->config->smtp.bare_newline == CONFIG_BARE_NEWLINE_NORMALIZE
		       ? SMTP_BARE_NORMALIZE
		       : SMTP_BARE_REFUSE;
}

static void open_incoming(struct smtpd_session *s, enum smtp_framing framing)
{
	incoming_open(&s->transaction.incoming, s->world->config->smtp.max_message_size, framing,
		bare_policy(s), s->world->memory, s->world->open_spool, s->world->context);
}

static bool reads_on(const struct smtpd_session *s, const struct incoming *in)
{
	return in->size / READ_ON_FACTOR < s->world->config->smtp.max_message_size;
}

static int next_block(struct smtpd_session *s, str *out)
{
	const struct config_smtp *smtp = &s->world->config->smtp;
	return stream_peek_paced(s->task, s->stream, smtp->data_timeout, smtp->min_data_rate,
		&s->transaction.pace, out);
}

static void consume(struct smtpd_session *s, size_t n)
{
	stream_consume(s->stream, n);
	s->transaction.pace.received += n;
}

static int read_message(struct smtpd_session *s)
{
	struct incoming *in = &s->transaction.incoming;
	while (!in->data.ended) {
		str bytes;
		int rc = next_block(s, &bytes);
		if (rc < 0)
			return rc;
		size_t n = bytes.n;
		incoming_feed(in, &bytes);
		consume(s, n - bytes.n);
		if (!reads_on(s, in))
			return -EFBIG;
	}
	return 0;
}

/* The message will never be whole: the connection is of no use any more. */
static struct smtp_reply broken_off(struct smtpd_session *s, int rc)
{
	log_info(&s->transaction.log, "the message was broken off",
		F_INT("size", s->transaction.incoming.size),
		F_Z("error", rc == -ETIME ? "too slow" : strerrordesc_np(-rc)));
	s->over = true;
	if (rc == -EFBIG)
		return smtpd_say(s, 552, 5, 3, 4, "Message far too large, closing the connection");
	if (rc == -ETIMEDOUT)
		return smtpd_say(s, 421, 4, 4, 2, "No data for too long, closing the connection");
	if (rc == -ETIME)
		return smtpd_say(
			s, 421, 4, 4, 2, "The message comes too slowly, closing the connection");
	if (rc == -ECANCELED)
		return smtpd_say(s, 421, 4, 3, 2, "The server is shutting down, try again");
	return (struct smtp_reply){ 0 };
}

struct smtp_reply smtpd_data(struct smtpd_session *s, const struct smtp_command *command)
{
	struct smtpd_transaction *x = &s->transaction;
	if (!x->open)
		return smtpd_say(s, 503, 5, 5, 1, "Give sender and recipients first");
	if (x->chunking)
		return smtpd_say(s, 503, 5, 5, 1, "DATA cannot be mixed with BDAT");
	if (x->recipient_count == 0)
		return no_recipients(s);
	struct smtp_reply early = smtpd_ask_early(s);
	if (early.code) {
		smtpd_reset(s);
		return early;
	}
	open_incoming(s, SMTP_FRAMING_DOT);
	struct smtp_reply go = smtpd_say(s, 354, 0, 0, 0, "End with a line that has only a dot");
	smtpd_put_reply(s, &go);
	int rc = read_message(s);
	return rc < 0 ? broken_off(s, rc) : finish_message(s);
}

/* ── BDAT ─────────────────────────────────────────────────────────────────────────────────── */

/* Reads a chunk, into the message or (in == NULL) to nowhere. */
static int read_chunk(struct smtpd_session *s, uint64_t size, struct incoming *in)
{
	for (uint64_t left = size; left;) {
		str bytes;
		int rc = next_block(s, &bytes);
		if (rc < 0)
			return rc;
		bytes = str_first(bytes, left);
		left -= bytes.n;
		size_t n = bytes.n;
		if (in)
			incoming_feed(in, &bytes);
		consume(s, n);
	}
	return 0;
}

/* Why this chunk is not taken; code 0: it is. */
static struct smtp_reply chunk_refusal(struct smtpd_session *s)
{
	struct smtpd_transaction *x = &s->transaction;
	if (!x->open)
		return smtpd_say(s, 503, 5, 5, 1, "Give sender and recipients first");
	if (x->recipient_count == 0)
		return no_recipients(s);
	struct smtp_reply early = { 0 };
	if (!x->incoming.open) {
		early = smtpd_ask_early(s);
		open_incoming(s, SMTP_FRAMING_CHUNK);
	}
	return early;
}

/* The reply to a chunk before the last, which is one in LMTP too. The client need not send the rest
 * of what is too large already. */
static struct smtp_reply chunk_taken(struct smtpd_session *s, uint64_t size)
{
	if (!incoming_too_large(&s->transaction.incoming))
		return smtpd_say(s, 250, 2, 0, 0, "%llu bytes taken", (unsigned long long)size);
	struct smtp_reply no = refusal(s);
	no = refuse(s, &no);
	smtpd_reset(s);
	return no;
}

struct smtp_reply smtpd_bdat(struct smtpd_session *s, const struct smtp_command *command)
{
	struct smtpd_transaction *x = &s->transaction;
	uint64_t size = command->bdat.size;
	if (size / READ_ON_FACTOR >= s->world->config->smtp.max_message_size)
		return broken_off(s, -EFBIG);
	struct smtp_reply no = chunk_refusal(s);
	int rc = read_chunk(s, size, no.code ? NULL : &x->incoming);
	if (rc < 0 || (!no.code && !reads_on(s, &x->incoming)))
		return broken_off(s, rc < 0 ? rc : -EFBIG);
	if (no.code) {
		smtpd_reset(
			s); /* RFC 3030 §3: after a failed chunk, nothing but RSET makes sense */
		return no;
	}
	x->chunking = true;
	if (!command->bdat.last)
		return chunk_taken(s, size);
	incoming_finish_chunks(&x->incoming);
	return finish_message(s);
}
