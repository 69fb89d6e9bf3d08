/*
 * directory_role.c: looking up happens on the loop. It is nearly always answered from memory, else
 * from a small file in the page cache, where readers do not wait for writers; handing it to a
 * thread costs ten times as much. Checking passwords goes to threads. The private key of ARC comes
 * from the supervisor, which can read it; it has been looked at there.
 */
#include "directory/directory_role.h"

#include "base/clock.h"
#include "directory/counts.h"
#include "directory/directory.h"
#include "directory/domain.h"
#include "directory/local_list.h"
#include "directory/login.h"
#include "directory/password.h"
#include "mailauth/dkim_key.h"

#include <errno.h>
#include <stdlib.h>

/* Passwords are checked in so many lanes, each one at a time: some 50 ms and 16 MiB each. */
enum { LANES = 3 };

#define EXPIRE_INTERVAL SECONDS(3600)

/* What signs for ARC. */
struct directory_seal {
	const struct config *config;  /* who that is; a reference */
	struct dkim_private_key *key; /* NULL: nobody */
};

struct directory_server {
	struct directory *directory;
	struct local_lists *lists;
	struct login_secret secret;
	struct task_lock lanes[LANES];
	unsigned next_lane;
	struct directory_counts counts;
	struct directory_seal seal;
};

/* ── Addresses ────────────────────────────────────────────────────────────────────────────── */

static void fill_reply(
	const struct directory_route *route, struct arena *a, struct directory_find_reply *out)
{
	uint64_t *accounts = arena_array(a, uint64_t, route->n);
	uint64_t *junk_at = arena_array(a, uint64_t, route->n);
	uint64_t *reject_at = arena_array(a, uint64_t, route->n);
	str *details = arena_array(a, str, route->n);
	for (size_t i = 0; i < route->n; i++) {
		accounts[i] = route->to[i].account;
		details[i] = route->to[i].detail;
		junk_at[i] = (uint64_t)route->to[i].junk_at;
		reject_at[i] = (uint64_t)route->to[i].reject_at;
	}
	out->answer = route->answer;
	out->accounts = (struct ipc_u64s){ accounts, route->n };
	out->details = (struct ipc_strs){ details, route->n };
	out->junk_at = (struct ipc_u64s){ junk_at, route->n };
	out->reject_at = (struct ipc_u64s){ reject_at, route->n };
	out->why = route->why;
}

static int client_of(str bytes, struct ip *ip, const struct ip **out)
{
	*out = bytes.n ? ip : NULL;
	if (bytes.n && bytes.n != sizeof ip->bytes)
		return -EINVAL;
	if (bytes.n)
		memcpy(ip->bytes, bytes.p, bytes.n);
	return 0;
}

/* The accounts of a reply, and the domain of the address behind them. Without one, that is empty:
 * the server's scope, which is not asked for here. */
static size_t scopes_of(
	const struct directory_find_reply *found, str address, struct arena *a, str **out)
{
	size_t n = found->accounts.n;
	str *scopes = arena_array(a, str, n + 1), local;
	char domain[DOMAIN_TEXT_SIZE];
	for (size_t i = 0; i < n; i++) {
		char text[DIRECTORY_SCOPE_SIZE];
		scopes[i] = arena_str(a, directory_account_scope(found->accounts.v[i], text));
	}
	*out = scopes;
	if (!mailbox_split(address, a, &local, domain))
		return n;
	scopes[n] = arena_str(a, str_from_z(domain));
	return n + 1;
}

/* The block of the first account, where all accounts have one; else NULL. */
static const struct local_match *blocked_for_all(
	const struct local_answer *answer, const str *scopes, size_t account_count, str domain)
{
	const struct local_match *first = NULL;
	for (size_t i = 0; i < account_count; i++) {
		const struct local_reader reader = { scopes[i], domain };
		const struct local_match *m = local_decide_early(answer, &reader);
		if (!m)
			return NULL;
		first = first ? first : m;
	}
	return first;
}

/* The lists of domain and accounts: those of the server are the filter's affair. */
static int find_blocked(struct directory_server *s, const struct directory_find_request *in,
	struct arena *a, struct directory_find_reply *out, struct err *err)
{
	struct ip ip;
	str *scopes;
	struct local_query query = { .senders = &in->sender,
		.sender_count = in->sender.n > 0,
		.now = clock_wall() / NSEC_PER_SEC };
	struct local_answer answer;
	query.scope_count = scopes_of(out, in->address, a, &scopes);
	query.scopes = scopes;
	int rc = client_of(in->client, &ip, &query.client);
	if (rc == 0)
		rc = local_lists_any(s->lists, scopes, query.scope_count, &out->listed, err);
	if (rc < 0 || !out->listed)
		return rc;
	rc = local_lists_find(s->lists, &query, a, &answer, err);
	if (rc < 0)
		return rc;
	size_t n = out->accounts.n;
	const struct local_match *m =
		blocked_for_all(&answer, scopes, n, query.scope_count > n ? scopes[n] : STR_EMPTY);
	if (m) {
		out->blocked = m->kind;
		out->subject = m->subject;
		out->owner = m->owner;
		out->comment = m->comment;
	}
	return 0;
}

static int find(struct task *t, void *self, const struct directory_find_request *in,
	struct arena *a, struct directory_find_reply *out)
{
	struct directory_server *s = self;
	struct directory_route route;
	struct err err = { "" };
	int rc = directory_resolve(s->directory, in->address, a, &route, &err);
	s->counts.lookups++;
	if (rc == 0)
		fill_reply(&route, a, out);
	if (rc == 0 && in->lists && route.answer == DIRECTORY_DELIVER)
		rc = find_blocked(s, in, a, out, &err);
	s->counts.errors += rc < 0;
	if (rc < 0)
		log_error(task_log(t), "cannot look up an address", F_STR("address", in->address),
			F_Z("error", err.text));
	return rc;
}

/* ── Lists ────────────────────────────────────────────────────────────────────────────────── */

static void fill_listed(
	const struct local_answer *answer, struct arena *a, struct directory_listed_reply *out)
{
	size_t n = answer->n;
	uint64_t *lists = arena_array(a, uint64_t, n), *kinds = arena_array(a, uint64_t, n);
	uint64_t *things = arena_array(a, uint64_t, n);
	str *in = arena_array(a, str, n), *owners = arena_array(a, str, n);
	str *subjects = arena_array(a, str, n), *comments = arena_array(a, str, n);
	for (size_t i = 0; i < n; i++) {
		const struct local_match *m = &answer->matches[i];
		lists[i] = m->list;
		kinds[i] = m->kind;
		things[i] = m->thing;
		in[i] = m->scope;
		owners[i] = m->owner;
		subjects[i] = m->subject;
		comments[i] = m->comment;
	}
	*out = (struct directory_listed_reply){ .lists = { lists, n },
		.kinds = { kinds, n },
		.things = { things, n },
		.in = { in, n },
		.owners = { owners, n },
		.subjects = { subjects, n },
		.comments = { comments, n },
		.waiting = { answer->waiting, answer->waiting_count },
		.about_senders = answer->senders };
}

static int listed(struct task *t, void *self, const struct directory_listed_request *in,
	struct arena *a, struct directory_listed_reply *out)
{
	struct directory_server *s = self;
	struct ip ip;
	struct local_answer answer;
	struct err err = { "" };
	struct local_query query = { .senders = in->senders.v,
		.sender_count = in->senders.n,
		.scopes = in->scopes.v,
		.scope_count = in->scopes.n,
		.now = clock_wall() / NSEC_PER_SEC };
	int rc = client_of(in->client, &ip, &query.client);
	if (rc == 0)
		rc = local_lists_find(s->lists, &query, a, &answer, &err);
	if (rc < 0)
		log_error(task_log(t), "cannot look into the lists", F_Z("error", err.text));
	else
		fill_listed(&answer, a, out);
	return rc;
}

/* ── Logins ───────────────────────────────────────────────────────────────────────────────── */

struct login_job {
	struct directory_server *server;
	str name;
	struct arena *arena;
	struct login login;
	/* What to check it with. */
	str password, auth_message, proof;
	unsigned char signature[SCRAM_KEY_SIZE];
	bool ok;
};

static void run_check_password(void *arg)
{
	struct login_job *j = arg;
	j->ok = login_check_password(&j->login, j->password);
}

static void run_check_scram(void *arg)
{
	struct login_job *j = arg;
	j->ok = login_check_scram(&j->login, j->auth_message, j->proof, j->signature);
}

static int find_login(struct task *t, struct login_job *job)
{
	struct err err = { "" };
	int rc = login_find(directory_store_of(job->server->directory), &job->server->secret,
		job->name, job->arena, &job->login, &err);
	job->server->counts.errors += rc < 0;
	if (rc < 0)
		log_error(task_log(t), "cannot look up a login", F_Z("error", err.text));
	return rc;
}

static int check(struct task *t, struct login_job *job, void (*run)(void *))
{
	struct directory_server *s = job->server;
	struct task_lock *lane = &s->lanes[s->next_lane++ % LANES];
	int rc = task_lock(t, lane, NEVER);
	if (rc < 0)
		return rc;
	task_offload(t, run, job);
	task_unlock(lane);
	*(job->ok ? &s->counts.logins : &s->counts.logins_failed) += 1;
	return 0;
}

static int login(struct task *t, void *self, const struct directory_login_request *in,
	struct arena *a, struct directory_login_reply *out)
{
	struct login_job job = {
		.server = self, .name = in->name, .arena = a, .password = in->password
	};
	int rc = find_login(t, &job);
	if (rc == 0)
		rc = check(t, &job, run_check_password);
	if (rc == 0 && job.ok) {
		out->ok = true;
		out->account = job.login.account;
		out->address = job.login.address;
	}
	login_wipe(&job.login);
	return rc;
}

static int scram_challenge(struct task *t, void *self,
	const struct directory_scram_challenge_request *in, struct arena *a,
	struct directory_scram_challenge_reply *out)
{
	struct login_job job = { .server = self, .name = in->name, .arena = a };
	int rc = find_login(t, &job);
	if (rc == 0) {
		out->salt = arena_str(a, str_from(job.login.scram.salt, job.login.scram.salt_size));
		out->iterations = job.login.scram.iterations;
	}
	login_wipe(&job.login);
	return rc;
}

static int scram_verification(struct task *t, void *self,
	const struct directory_scram_verify_request *in, struct arena *a,
	struct directory_scram_verify_reply *out)
{
	struct login_job job = { .server = self,
		.name = in->name,
		.arena = a,
		.auth_message = in->auth_message,
		.proof = in->proof };
	int rc = find_login(t, &job);
	if (rc == 0)
		rc = check(t, &job, run_check_scram);
	if (rc == 0 && job.ok) {
		out->ok = true;
		out->account = job.login.account;
		out->address = job.login.address;
		out->signature = arena_str(a, str_from(job.signature, sizeof job.signature));
	}
	login_wipe(&job.login);
	return rc;
}

/* ── Signing ──────────────────────────────────────────────────────────────────────────────── */

static str seal_domain(const struct config *config)
{
	return config->arc.domain.n ? config->arc.domain : config->hostname;
}

/* On the loop: RSA takes a millisecond, and only accepted mail comes here. */
static int sign(struct task *t, void *self, const struct directory_sign_request *in,
	struct arena *a, struct directory_sign_reply *out)
{
	struct directory_server *s = self;
	const struct directory_seal *seal = &s->seal;
	if (in->hash.n != 0 && in->hash.n != DKIM_HASH_SIZE)
		return -EINVAL;
	if (!seal->key || !str_equal_nocase(in->domain, seal_domain(seal->config)) ||
		!str_equal_nocase(in->selector, seal->config->arc.selector))
		return 0;
	struct dkim_signs signs = dkim_private_key_signs(seal->key);
	struct buf signature CLEANUP(buf_done) = BUF_INIT(DKIM_SIGNATURE_MAX);
	struct err err;
	out->ok = in->hash.n == 0 || signs.sign(signs.context, in->hash, &signature, &err);
	out->algorithm = signs.algorithm;
	out->signature = arena_str(a, buf_str(&signature));
	if (!out->ok)
		log_error(task_log(t), "cannot sign", F_Z("error", err.text));
	return 0;
}

void directory_server_seal(struct directory_server *s, const struct config *config, str pem)
{
	struct err err;
	dkim_private_key_free(s->seal.key);
	config_unref(s->seal.config);
	s->seal = (struct directory_seal){ .config = config_ref(config),
		.key = pem.n ? dkim_private_key_parse(pem, &err) : NULL };
}

const struct directory_ops directory_functions = {
	.find = find,
	.listed = listed,
	.login = login,
	.scram_challenge = scram_challenge,
	.scram_verify = scram_verification,
	.sign = sign,
};

/* ── The process ──────────────────────────────────────────────────────────────────────────── */

int directory_server_new(
	str data_dir, str detail_separator, struct directory_server **out, struct err *err)
{
	struct directory_server *s = xcalloc(1, sizeof *s);
	char *path = str_dup_z(data_dir);
	int rc = login_secret_load(path, &s->secret, err);
	if (rc == 0)
		rc = directory_open(path, detail_separator, &s->directory, err);
	free(path);
	if (rc < 0) {
		directory_server_free(s);
		return rc;
	}
	s->lists = local_lists_new(directory_store_of(s->directory));
	*out = s;
	return 0;
}

void directory_server_free(struct directory_server *s)
{
	if (!s)
		return;
	local_lists_free(s->lists);
	directory_close(s->directory);
	dkim_private_key_free(s->seal.key);
	config_unref(s->seal.config);
	password_wipe(&s->secret, sizeof s->secret);
	free(s);
}

/* The directory and its secret lie in the data directory itself. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	sandbox_allow(out, config->data_dir, "", SANDBOX_WRITE);
}

struct expiry {
	const char *data_dir;
	struct err err;
	int rc;
};

/* On a thread, with a handle of its own: it may have to wait for others who write. */
static void run_expiry(void *arg)
{
	struct expiry *e = arg;
	struct directory_store *store;
	size_t n;
	e->rc = directory_store_open(e->data_dir, false, &store, &e->err);
	if (e->rc < 0)
		return;
	e->rc = directory_entries_expire(store, clock_wall() / NSEC_PER_SEC, &n, &e->err);
	directory_store_close(store);
}

static void expire_entries(struct task *t, void *arg)
{
	struct role_process *p = arg;
	char *data_dir CLEANUP(free_pointer) = str_dup_z(p->config->data_dir);
	while (task_sleep(t, EXPIRE_INTERVAL) == 0) {
		struct expiry e = { .data_dir = data_dir };
		task_offload(t, run_expiry, &e);
		if (e.rc < 0)
			log_warning(p->log, "what has expired stays in the lists",
				F_Z("error", e.err.text));
	}
}

static int start(struct role_process *p, struct err *err)
{
	struct directory_server *s;
	int rc = directory_server_new(
		p->config->data_dir, p->config->directory.detail_separator, &s, err);
	if (rc < 0)
		return rc;
	directory_server_seal(s, p->config, p->seal_key);
	p->state = s;
	return task_start(p->loop, expire_entries, p, NULL);
}

static void reconfigured(struct role_process *p)
{
	directory_server_seal(p->state, p->config, p->seal_key);
}

static void stats(struct task *t, struct role_process *p, struct json *j)
{
	const struct directory_server *s = p->state;
	directory_counts_json(&s->counts, j);
}

const struct role directory_role = {
	.name = "directory",
	.sandbox = sandbox,
	.start = start,
	.stats = stats,
	.reconfigured = reconfigured,
	.service = &directory_service,
	.ops = &directory_functions,
};
