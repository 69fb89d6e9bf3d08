/*
 * cmd_envelope.c: MAIL and RCPT (RFC 5321 §4.1.1.2–3, §3.3): who sends, and who here receives.
 *
 * Mail is taken for local addresses only. What a local part looks like never makes it another
 * server's address: directory.h.
 */
#include "base/base64.h"
#include "directory/directory.h"
#include "smtpd/session_internal.h"
#include "store/directory_store.h"

/* ── MAIL ─────────────────────────────────────────────────────────────────────────────────── */

static str path_text(struct smtpd_session *s, const struct smtp_path *path)
{
	char room[256];
	struct buf text CLEANUP(buf_done) = BUF_OVER(room, 1024);
	if (path->is_postmaster)
		buf_add(&text, STR("postmaster"));
	else
		smtp_mailbox_format(path->local, path->domain, &text);
	return arena_str(&s->transaction.arena, buf_str(&text));
}

static void open_transaction(struct smtpd_session *s, const struct smtp_mail *mail)
{
	struct smtpd_transaction *x = &s->transaction;
	unsigned char random[SMTPD_ID_SIZE];
	random_take(s->world->random, random, sizeof random);
	base32_id(random, sizeof random, x->id);
	x->open = true;
	x->utf8 = mail->utf8;
	x->sender = path_text(s, &mail->path);
	x->fields[0] = F_Z("id", x->id);
	x->fields[1] = F_STR("from", x->sender);
	x->log = (struct log){ .parent = &s->log, .fields = x->fields, .field_count = 2 };
}

struct smtp_reply smtpd_mail(struct smtpd_session *s, const struct smtp_command *command)
{
	const struct config *config = s->world->config;
	if (s->helo.n == 0)
		return smtpd_say(s, 503, 5, 5, 1, "Say %s first",
			s->protocol == SMTPD_LMTP ? "LHLO" : "EHLO or HELO");
	if (s->transaction.open)
		return smtpd_say(s, 503, 5, 5, 1, "The sender was given already");
	if (command->mail.has_size && command->mail.size > config->smtp.max_message_size)
		return smtpd_say(s, 552, 5, 3, 4, "Message too large: at most %llu bytes are taken",
			(unsigned long long)config->smtp.max_message_size);
	smtpd_reset(s);
	open_transaction(s, &command->mail);
	return smtpd_say(s, 250, 2, 1, 0, "Sender ok");
}

/* ── RCPT ─────────────────────────────────────────────────────────────────────────────────── */

/* Room for one more element in an array of the arena, which doubles; NULL at the arena's end. */
static void *grow(struct arena *a, void *array, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return array;
	size_t room = *cap ? *cap * 2 : 4;
	void *larger = arena_try(a, room * size);
	if (larger && count)
		memcpy(larger, array, count * size);
	if (larger)
		*cap = room;
	return larger;
}

/* The index of this destination, added if it is new; SIZE_MAX without memory. */
static size_t destination_index(
	struct smtpd_transaction *x, const struct directory_find_reply *found, size_t at)
{
	uint64_t account = found->accounts.v[at];
	str detail = found->details.v[at];
	for (size_t i = 0; i < x->destination_count; i++)
		if (x->destinations[i].account == account &&
			str_equal(x->destinations[i].detail, detail))
			return i;
	void *room = grow(&x->arena, x->destinations, x->destination_count, &x->destination_cap,
		sizeof *x->destinations);
	if (!room)
		return SIZE_MAX;
	x->destinations = room;
	char *copy = arena_try(&x->arena, detail.n + 1);
	if (!copy)
		return SIZE_MAX;
	if (detail.n)
		memcpy(copy, detail.p, detail.n);
	x->destinations[x->destination_count] = (struct smtpd_destination){ .account = account,
		.detail = str_from(copy, detail.n),
		.junk_at = at < found->junk_at.n ? found->junk_at.v[at] : 0,
		.reject_at = at < found->reject_at.n ? found->reject_at.v[at] : 0,
		.recipient = x->recipient_count };
	return x->destination_count++;
}

/* Adds where one recipient leads; false without memory. */
static bool add_targets(struct smtpd_transaction *x, const struct directory_find_reply *found)
{
	for (size_t i = 0; i < found->accounts.n; i++) {
		size_t at = destination_index(x, found, i);
		void *room = at == SIZE_MAX ? NULL
					    : grow(&x->arena, x->targets, x->target_count,
						      &x->target_cap, sizeof *x->targets);
		if (!room)
			return false;
		x->targets = room;
		x->targets[x->target_count++] = at;
	}
	return true;
}

/* False, with nothing added, where memory or the limit on destinations is reached. */
static bool add_recipient(
	struct smtpd_session *s, str address, const struct directory_find_reply *found)
{
	struct smtpd_transaction *x = &s->transaction;
	size_t first = x->target_count, destinations = x->destination_count;
	if (destinations + found->accounts.n > 2 * DIRECTORY_DESTINATIONS_MAX)
		return false;
	struct smtpd_recipient *r = NULL;
	if (add_targets(x, found))
		r = arena_try(&x->arena, sizeof *r);
	if (!r) {
		x->target_count = first;
		x->destination_count = destinations;
		return false;
	}
	*r = (struct smtpd_recipient){
		.address = address, .first = first, .count = found->accounts.n
	};
	*x->last = r;
	x->last = &r->next;
	x->recipient_count++;
	return true;
}

static struct smtp_reply too_many(struct smtpd_session *s)
{
	return smtpd_say(s, 452, 4, 5, 3, "Too many recipients: send the rest in another message");
}

/* Who is told of a block is not told of the entry. */
static struct smtp_reply blocked(struct smtpd_session *s, const struct directory_find_reply *found)
{
	str whom =
		found->blocked == DIRECTORY_IP ? str_from_z(s->client_text) : s->transaction.sender;
	struct smtp_reply reply = smtpd_say(s, 550, 5, 7, 1,
		"This recipient takes no mail from %.*s", STR_ARG(str_first(whom, 320)));
	return smtpd_with_id(s, &reply);
}

static struct smtp_reply accept_recipient(
	struct smtpd_session *s, str address, const struct directory_find_reply *found)
{
	if (smtpd_blocked(s, address, found))
		return blocked(s, found);
	if (!smtpd_rules_fit(s, address))
		return smtpd_say(s, 452, 4, 5, 3,
			"This domain has other rules than the first recipient's: send it "
			"separately");
	if (!add_recipient(s, address, found))
		return too_many(s);
	if (found->why.n)
		log_warning(&s->transaction.log, "an alias leads nowhere in part",
			F_STR("to", address), F_STR("reason", found->why));
	return smtpd_say(s, 250, 2, 1, 5, "Recipient ok");
}

/* What the directory's answer means to the client. */
static struct smtp_reply decide(struct smtpd_session *s, const struct smtp_path *path, str address,
	const struct directory_find_reply *found)
{
	switch ((enum directory_answer)found->answer) {
	case DIRECTORY_DELIVER:
		return accept_recipient(s, address, found);
	case DIRECTORY_NOT_LOCAL:
		return smtpd_say(s, 550, 5, 7, 1,
			"Relaying denied: mail for %.*s is not taken here, and this server sends "
			"to "
			"others for nobody",
			STR_ARG(str_first(path->domain, 255)));
	case DIRECTORY_UNKNOWN:
		return smtpd_say(s, 550, 5, 1, 1, "No such mailbox here: %.*s",
			STR_ARG(str_first(address, 320)));
	case DIRECTORY_BROKEN:
		log_error(&s->transaction.log, "an alias cannot be resolved", F_STR("to", address),
			F_STR("reason", found->why));
		return smtpd_say(s, 451, 4, 3, 5,
			"This address is misconfigured at the moment, try "
			"again later");
	}
	ASSERT(!"an answer that is not in enum directory_answer");
	return (struct smtp_reply){ 0 };
}

struct smtp_reply smtpd_rcpt(struct smtpd_session *s, const struct smtp_command *command)
{
	struct smtpd_transaction *x = &s->transaction;
	if (!x->open)
		return smtpd_say(s, 503, 5, 5, 1, "Give the sender first, with MAIL");
	if (x->incoming.open)
		return smtpd_say(s, 503, 5, 5, 1, "The message has begun already");
	if (x->recipient_count >= (size_t)s->world->config->smtp.max_recipients)
		return too_many(s);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	str address = path_text(s, &command->rcpt.path);
	struct directory_find_request in = { .address = address,
		.lists = smtpd_filters(s),
		.client = smtpd_client(s),
		.sender = x->sender };
	struct directory_find_reply found;
	int rc = directory_find(s->task, &s->world->directory, &in, &arena, &found);
	if (rc < 0) {
		log_warning(&x->log, "the directory does not answer", F_STR("to", address),
			F_Z("error", strerrordesc_np(-rc)));
		return smtpd_say(s, 451, 4, 3, 0, "Cannot look up this address now, try again");
	}
	struct smtp_reply reply = decide(s, &command->rcpt.path, address, &found);
	if (smtp_reply_is_success(&reply))
		return reply;
	if (smtp_reply_is_temporary(&reply))
		s->world->counts->recipients_deferred++;
	else
		s->world->counts->recipients_refused++;
	smtpd_record_recipient(s, address, &reply, &found);
	return reply;
}
