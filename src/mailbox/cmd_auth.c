/*
 * cmd_auth.c: STARTTLS, LOGIN, AUTHENTICATE (RFC 3501 §6.2) with PLAIN and SCRAM-SHA-256 (RFC 4616,
 * RFC 7677) and initial responses (RFC 4959).
 *
 * Without TLS no mechanism is allowed, SCRAM neither: it would hide the password, but not the mail.
 * Who is known and whose password is wrong cannot be told apart, and each failure costs a client
 * more time than the one before.
 */
#include "mailbox/auth.h"

#include "base/base64.h"
#include "base/random.h"
#include "proto/sasl.h"

#include <errno.h>
#include <stdlib.h>

enum { NONCE_SIZE = 18 }; /* bytes of randomness */
#define FAILURE_DELAY SECONDS(1)

/* A login on its way, and what came of it. */
struct attempt {
	const char *mechanism;
	str name; /* as the client gave it, for the log */
	bool ok;
	uint64_t account;
	str address;
};

bool may_start_tls(const struct session *s)
{
	return s->world->tls && !stream_is_tls(s->stream);
}

bool may_log_in(const struct session *s)
{
	return stream_is_tls(s->stream) ||
	       ip_networks_contain(&s->world->config->imap.plaintext_login_from, &s->client);
}

/* For what the parser and the decoder left of a password in memory of ours. */
static void wipe(str secret)
{
	if (secret.n)
		explicit_bzero((void *)(uintptr_t)secret.p, secret.n);
}

static void wipe_buf(struct buf *b)
{
	wipe(buf_str(b));
	buf_done(b);
}

struct imap_reply cmd_starttls(struct session *s, const struct imap_command *c)
{
	if (stream_is_tls(s->stream))
		return imap_reply(IMAP_BAD, STR("TLS is active already"));
	if (!may_start_tls(s))
		return imap_reply(IMAP_NO, STR("TLS is not available"));
	struct buf wire CLEANUP(buf_done) = BUF_INIT(4096);
	imap_format_reply(&wire, c->tag, IMAP_OK, STR_EMPTY, STR("Start TLS now"));
	mailbox_put(s, &wire);
	/* Throws away what came in plain behind the command. */
	int rc = stream_start_tls(s->task, s->stream, s->world->tls, s->login_deadline);
	if (rc < 0) {
		log_info(&s->log, "TLS handshake failed",
			F_Z("error", stream_tls_failure(s->stream, rc)));
		return mailbox_lost(s, -EPIPE);
	}
	s->world->counts->tls++;
	s->replied = true;
	return imap_reply(IMAP_OK, STR("Started"));
}

/* ── The outcome ──────────────────────────────────────────────────────────────────────────── */

static struct imap_reply welcome(struct session *s, const struct attempt *a)
{
	struct buf code CLEANUP(buf_done) = BUF_INIT(1024);
	s->world->counts->logins++;
	s->state = IMAP_STATE_AUTHENTICATED;
	s->account = a->account;
	s->user = str_dup_z(a->address);
	s->fields[1] = F_Z("user", s->user);
	s->log.field_count = 2;
	account_watch_add(s->world->watch, s->account, &s->watcher);
	log_info(&s->log, "logged in", F_Z("mechanism", a->mechanism), F_INT("account", s->account),
		F_Z("tls", stream_is_tls(s->stream) ? stream_tls_version(s->stream) : "none"));
	put_capabilities(s, &code);
	return (struct imap_reply){ IMAP_OK, arena_str(&s->arena, buf_str(&code)),
		STR("Logged in") };
}

static struct imap_reply turn_away(struct session *s, const struct attempt *a)
{
	s->login_failures++;
	s->world->counts->logins_failed++;
	log_info(&s->log, "login failed", F_Z("mechanism", a->mechanism), F_STR("name", a->name),
		F_INT("failures", s->login_failures));
	int rc = task_sleep(s->task, FAILURE_DELAY * (int64_t)s->login_failures);
	if (rc < 0)
		return mailbox_lost(s, rc);
	if (s->login_failures >= MAILBOX_LOGIN_FAILURES_MAX)
		s->bye = "Too many failed logins";
	return (struct imap_reply){ IMAP_NO, STR("AUTHENTICATIONFAILED"),
		STR("Wrong user name or password") };
}

/* rc: what the directory's call returned. */
static struct imap_reply conclude(struct session *s, int rc, const struct attempt *a)
{
	if (rc == -ECANCELED)
		return mailbox_lost(s, rc);
	if (rc < 0) {
		log_error(&s->log, "the directory does not answer",
			F_Z("error", strerrordesc_np(-rc)));
		return (struct imap_reply){ IMAP_NO, STR("UNAVAILABLE"),
			STR("Logging in is not possible now, try again later") };
	}
	return a->ok && a->account ? welcome(s, a) : turn_away(s, a);
}

static struct imap_reply need_privacy(void)
{
	return (struct imap_reply){ IMAP_NO, STR("PRIVACYREQUIRED"),
		STR("Log in over TLS only: use STARTTLS, or the port for IMAP over TLS") };
}

static struct imap_reply log_in(struct session *s, const char *mechanism, str name, str password)
{
	struct attempt a = { .mechanism = mechanism, .name = name };
	struct directory_login_request in = { .name = name, .password = password };
	struct directory_login_reply out = { 0 };
	/* The lengths that PLAIN allows; nobody has such a name or password. */
	bool sane = sasl_login_valid(name, SASL_MAX_NAME) &&
		    sasl_login_valid(password, SASL_MAX_PASSWORD);
	int rc = sane ? directory_login(s->task, &s->world->directory, &in, &s->arena, &out) : 0;
	if (rc == 0 && sane) {
		a.ok = out.ok;
		a.account = out.account;
		a.address = out.address;
	}
	return conclude(s, rc, &a);
}

struct imap_reply cmd_login(struct session *s, const struct imap_command *c)
{
	struct imap_reply reply = may_log_in(s)
					  ? log_in(s, "LOGIN", c->login.user, c->login.password)
					  : need_privacy();
	wipe(c->login.password);
	return reply;
}

/* ── The exchange ─────────────────────────────────────────────────────────────────────────── */

/* What one step of an exchange came to. */
enum step { STEP_OK, STEP_CANCEL, STEP_BAD, STEP_LOST };

static struct imap_reply give_up(struct session *s, enum step step)
{
	if (step == STEP_CANCEL)
		return imap_reply(IMAP_BAD, STR("Authentication cancelled"));
	return imap_reply(IMAP_BAD, STR("This is not what the mechanism expects"));
}

/* Sends the challenge and reads the answer, decoded. */
static enum step exchange(struct session *s, str challenge, struct buf *out)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(2 * SASL_MAX_MESSAGE);
	buf_add(&wire, STR("+ "));
	base64_encode(&wire, challenge);
	buf_add(&wire, STR("\r\n"));
	mailbox_put(s, &wire);
	str line;
	int rc = mailbox_read_line(s, &line);
	if (rc < 0) {
		mailbox_lost(s, rc);
		return STEP_LOST;
	}
	switch (sasl_line_decode(line, out)) {
	case SASL_LINE_OK:
		return STEP_OK;
	case SASL_LINE_CANCEL:
		return STEP_CANCEL;
	case SASL_LINE_INVALID:
		break;
	}
	return STEP_BAD;
}

/* The first answer: in the command, or to an empty challenge. */
static enum step first_response(
	struct session *s, const struct imap_authenticate *a, struct buf *out)
{
	if (!a->has_initial)
		return exchange(s, STR_EMPTY, out);
	return sasl_initial_decode(a->initial, out) == SASL_LINE_OK ? STEP_OK : STEP_BAD;
}

static struct imap_reply authenticate_plain(struct session *s, const struct imap_authenticate *a)
{
	struct buf message CLEANUP(wipe_buf) = BUF_INIT(SASL_MAX_MESSAGE);
	enum step step = first_response(s, a, &message);
	struct sasl_plain plain;
	if (step != STEP_OK || !sasl_plain_parse(buf_str(&message), &plain))
		return give_up(s, step);
	/* Nobody may act for another. */
	if (plain.authzid.n && !str_equal_nocase(plain.authzid, plain.authcid)) {
		struct attempt refused = { .mechanism = "PLAIN", .name = plain.authcid };
		return turn_away(s, &refused);
	}
	return log_in(s, "PLAIN", plain.authcid, plain.password);
}

/* ── SCRAM-SHA-256 ────────────────────────────────────────────────────────────────────────── */

struct scram {
	struct session *s;
	struct scram_client_first first;
	struct buf server_first;
	struct attempt attempt;
};

static int put_challenge(struct scram *x)
{
	struct session *s = x->s;
	struct directory_scram_challenge_request in = { .name = x->first.login };
	struct directory_scram_challenge_reply out = { 0 };
	int rc = directory_scram_challenge(s->task, &s->world->directory, &in, &s->arena, &out);
	if (rc < 0)
		return rc;
	unsigned char bytes[NONCE_SIZE];
	struct buf nonce CLEANUP(buf_done) = BUF_INIT(64);
	random_bytes(bytes, sizeof bytes);
	base64_encode(&nonce, str_from(bytes, sizeof bytes));
	scram_server_first_format(
		&x->server_first, &x->first, buf_str(&nonce), out.salt, (unsigned)out.iterations);
	return 0;
}

/* Tells the client that we know its password's verifier too; it answers with nothing. */
static struct imap_reply prove_ourselves(struct scram *x, str signature)
{
	struct buf proof CLEANUP(buf_done) = BUF_INIT(256);
	struct buf answer CLEANUP(buf_done) = BUF_INIT(SASL_MAX_MESSAGE);
	scram_server_final_format(&proof, signature);
	enum step step = exchange(x->s, buf_str(&proof), &answer);
	if (step != STEP_OK || answer.n)
		return give_up(x->s, step);
	return conclude(x->s, 0, &x->attempt);
}

static struct imap_reply verify(struct scram *x, const struct scram_client_final *final)
{
	struct session *s = x->s;
	struct directory_scram_verify_request in = {
		.name = x->first.login, .auth_message = final->auth_message, .proof = final->proof
	};
	struct directory_scram_verify_reply out = { 0 };
	int rc = directory_scram_verify(s->task, &s->world->directory, &in, &s->arena, &out);
	if (rc < 0 || !out.ok)
		return conclude(s, rc, &x->attempt);
	x->attempt.ok = true;
	x->attempt.account = out.account;
	x->attempt.address = out.address;
	return prove_ourselves(x, out.signature);
}

static struct imap_reply run_scram(struct scram *x)
{
	struct session *s = x->s;
	const char *error;
	int rc = put_challenge(x);
	if (rc < 0)
		return conclude(s, rc, &x->attempt);
	struct buf message CLEANUP(buf_done) = BUF_INIT(SASL_MAX_MESSAGE);
	enum step step = exchange(s, buf_str(&x->server_first), &message);
	struct scram_client_final final;
	if (step != STEP_OK ||
		!scram_client_final_parse(buf_str(&message), &x->first, buf_str(&x->server_first),
			STR_EMPTY, &s->arena, &final, &error))
		return give_up(s, step);
	return verify(x, &final);
}

static struct imap_reply authenticate_scram(struct session *s, const struct imap_authenticate *a)
{
	struct scram x = { .s = s, .server_first = BUF_INIT(SASL_MAX_MESSAGE) };
	struct buf message CLEANUP(buf_done) = BUF_INIT(SASL_MAX_MESSAGE);
	const char *error;
	enum step step = first_response(s, a, &message);
	if (step != STEP_OK ||
		!scram_client_first_parse(buf_str(&message), &s->arena, &x.first, &error))
		return give_up(s, step);
	if (x.first.binding == SCRAM_BINDING_USED)
		return imap_reply(IMAP_BAD, STR("Channel binding is not offered"));
	x.attempt = (struct attempt){ .mechanism = "SCRAM-SHA-256", .name = x.first.login };
	bool other = x.first.authzid.n && !str_equal_nocase(x.first.authzid, x.first.login);
	struct imap_reply reply = other ? turn_away(s, &x.attempt) : run_scram(&x);
	buf_done(&x.server_first);
	return reply;
}

struct imap_reply cmd_authenticate(struct session *s, const struct imap_command *c)
{
	const struct imap_authenticate *a = &c->authenticate;
	if (!may_log_in(s))
		return need_privacy();
	switch (sasl_mechanism_find(a->mechanism)) {
	case SASL_PLAIN:
		return authenticate_plain(s, a);
	case SASL_SCRAM_SHA_256:
		return authenticate_scram(s, a);
	default:
		return imap_reply(IMAP_NO, STR("That mechanism is not offered here"));
	}
}
