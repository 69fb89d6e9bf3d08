/*
 * record.c: the decision record of a message that no filter has judged.
 */
#include "base/json.h"
#include "filter/finding.h"
#include "smtpd/session_internal.h"
#include "store/directory_store.h"

enum {
	RECIPIENTS_MAX = 100, /* that are listed; all are counted */
	TEXT_MAX = 1000,
};

static void put_client(struct smtpd_session *s, struct json *j)
{
	json_object(j, "client");
	json_str(j, "ip", s->client_unknown ? STR_EMPTY : str_from_z(s->client_text));
	json_i64(j, "port", s->port);
	json_str_max(j, "name", str_from_z(s->client_name), TEXT_MAX);
	json_str_max(j, "helo", s->helo, TEXT_MAX);
	json_str(j, "tls", str_from_z(stream_tls_version(s->stream)));
	json_end(j);
}

/* refused: the one that it is about; empty: all that were taken. */
static void put_recipients(const struct smtpd_transaction *x, str refused, struct json *j)
{
	size_t n = 0;
	json_array(j, "recipients");
	if (refused.n) {
		json_str_max(j, NULL, refused, TEXT_MAX);
		json_end(j);
		return;
	}
	for (const struct smtpd_recipient *r = x->recipients; r && n < RECIPIENTS_MAX;
		r = r->next, n++)
		json_str_max(j, NULL, r->address, TEXT_MAX);
	json_end(j);
	if (x->recipient_count > n)
		json_i64(j, "recipient_count", (int64_t)x->recipient_count);
}

/* The last string of an ENVELOPE (RFC 9051 §7.5.2), where it is a quoted one. */
static str message_id_of(str envelope)
{
	if (!str_ends(envelope, STR("\")")))
		return STR_EMPTY;
	str s = str_first(envelope, envelope.n - 2);
	return str_skip(s, (size_t)(str_find_last_char(s, '"') + 1));
}

static str reply_text(const struct smtp_reply *reply, struct buf *out)
{
	buf_printf(out, "%d %u.%u.%u %.*s", reply->code, reply->status.klass, reply->status.subject,
		reply->status.detail, STR_ARG(reply->text));
	return buf_str(out);
}

/* The entry that a recipient is refused for. */
static void put_entry(const struct directory_find_reply *found, struct json *j)
{
	json_array(j, "local");
	json_object(j, NULL);
	json_str(j, "list", STR("block"));
	json_str_max(j, "subject", found->subject, TEXT_MAX);
	json_str_max(j, "for", found->owner, TEXT_MAX);
	json_str(j, "of", found->blocked == DIRECTORY_IP ? STR("client") : STR("sender"));
	json_bool(j, "counts", true);
	if (found->comment.n)
		json_str_max(j, "comment", found->comment, TEXT_MAX);
	json_end(j);
	json_end(j);
}

/* What is decided, and how. */
struct decision {
	const char *action;
	const struct smtp_reply *reply;           /* NULL: the message is taken */
	const struct filter_judge_reply *verdict; /* NULL: there is none */
	bool kept;                                /* in the quarantine */
	const struct directory_find_reply *found; /* a recipient that is refused; or NULL */
};

/* A verdict that was made without a filter has one finding. */
static void put_verdict(const struct decision *d, struct json *j)
{
	json_array(j, "findings");
	json_object(j, NULL);
	json_str(j, "name", str_from_z(finding_infos[FINDING_FILTER_FAILED].name));
	json_decimal(j, "score", (double)d->verdict->score / 100);
	json_str(j, "mode", STR("score"));
	json_str(j, "evidence", STR_EMPTY);
	json_str(j, "source", STR("smtpd"));
	json_end(j);
	json_end(j);
	json_decimal(j, "score", (double)d->verdict->score / 100);
	json_bool(j, "kept", d->kept);
}

static void put_decision(const struct decision *d, struct json *j)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
	if (d->verdict)
		put_verdict(d, j);
	json_str(j, "action", str_from_z(d->action));
	if (d->verdict)
		json_str_max(j, "why", d->verdict->why, TEXT_MAX);
	else if (d->reply)
		json_str_max(j, "why", d->reply->text, TEXT_MAX);
	if (d->reply)
		json_str_max(j, "reply", reply_text(d->reply, &text), TEXT_MAX);
}

static bool put_record(struct smtpd_session *s, const struct decision *decision, str envelope,
	str refused, struct buf *out)
{
	const struct smtpd_transaction *x = &s->transaction;
	struct json j = JSON_INIT(out);
	json_object(&j, NULL);
	json_str(&j, "id", str_from_z(x->id));
	json_i64(&j, "time", task_wall(s->task) / NSEC_PER_SEC);
	json_str(&j, "door", s->protocol == SMTPD_LMTP ? STR("lmtp") : STR("smtp"));
	put_client(s, &j);
	json_str_max(&j, "sender", x->sender, TEXT_MAX);
	put_recipients(x, refused, &j);
	json_str_max(&j, "message_id", message_id_of(envelope), TEXT_MAX);
	json_i64(&j, "size", (int64_t)x->incoming.size);
	if (decision->found && decision->found->blocked)
		put_entry(decision->found, &j);
	put_decision(decision, &j);
	json_end(&j);
	return json_done(&j);
}

void smtpd_record_accepted(struct smtpd_session *s, const struct filter_judge_reply *verdict,
	bool kept, str envelope, struct buf *out)
{
	enum judge_action action = verdict ? (enum judge_action)verdict->action : JUDGE_ACCEPT;
	const struct decision d = {
		.action = judge_action_name(action), .verdict = verdict, .kept = kept
	};
	if (!put_record(s, &d, envelope, STR_EMPTY, out))
		buf_clear(out);
}

void smtpd_record_recipient(struct smtpd_session *s, str address, const struct smtp_reply *reply,
	const struct directory_find_reply *found)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(SMTPD_RECORD_MAX);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024);
	const struct decision d = { .action = smtp_reply_is_temporary(reply) ? "defer" : "reject",
		.reply = reply,
		.found = found };
	if (!s->transaction.open || !put_record(s, &d, STR_EMPTY, address, &text))
		return;
	struct delivery_record_request in = { .record = buf_str(&text) };
	struct delivery_record_reply out;
	/* Without delivery there is no record; the reply says the same anyway. */
	(void)!delivery_record(s->task, &s->world->delivery, &in, &arena, &out);
}

void smtpd_record_refused(struct smtpd_session *s, const struct smtp_reply *reply)
{
	smtpd_record_recipient(s, STR_EMPTY, reply, NULL);
}

void smtpd_count_message(struct smtpd_session *s, int code)
{
	struct smtpd_counts *c = s->world->counts;
	if (code / 100 == 2) {
		c->accepted++;
		c->bytes += s->transaction.incoming.size;
	} else if (code / 100 == 4) {
		c->deferred++;
	} else {
		c->refused++;
	}
}

struct smtp_reply smtpd_with_id(struct smtpd_session *s, const struct smtp_reply *reply)
{
	const struct smtp_status *status = &reply->status;
	return smtpd_say(s, reply->code, status->klass, status->subject, status->detail,
		"%.*s (%s)", STR_ARG(reply->text), s->transaction.id);
}
