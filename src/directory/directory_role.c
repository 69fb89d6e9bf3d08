/*
 * directory_role.c: looking up happens on the loop. It is nearly always answered from memory, else
 * from a small file in the page cache, where readers do not wait for writers; handing it to a
 * thread costs ten times as much. Checking passwords goes to threads. The private key of ARC comes
 * from the supervisor, which can read it; it has been looked at there.
 */
#include "directory/directory_role.h"

#include "directory/directory.h"
#include "directory/login.h"
#include "directory/password.h"
#include "mailauth/dkim_key.h"

#include <errno.h>
#include <stdlib.h>

/* Passwords are checked in so many lanes, each one at a time: some 50 ms and 16 MiB each. */
enum { LANES = 3 };

/* What signs for ARC. */
struct directory_seal {
	const struct config *config;  /* who that is; a reference */
	struct dkim_private_key *key; /* NULL: nobody */
};

struct directory_server {
	struct directory *directory;
	struct login_secret secret;
	struct task_lock lanes[LANES];
	unsigned next_lane;
	struct directory_seal seal;
};

/* ── Addresses ────────────────────────────────────────────────────────────────────────────── */

static void fill_reply(
	const struct directory_route *route, struct arena *a, struct directory_find_reply *out)
{
	uint64_t *accounts = arena_array(a, uint64_t, route->n);
	str *details = arena_array(a, str, route->n);
	for (size_t i = 0; i < route->n; i++) {
		accounts[i] = route->to[i].account;
		details[i] = route->to[i].detail;
	}
	out->answer = route->answer;
	out->accounts = (struct ipc_u64s){ accounts, route->n };
	out->details = (struct ipc_strs){ details, route->n };
	out->why = route->why;
}

static int find(struct task *t, void *self, const struct directory_find_request *in,
	struct arena *a, struct directory_find_reply *out)
{
	struct directory_server *s = self;
	struct directory_route route;
	struct err err = { "" };
	int rc = directory_resolve(s->directory, in->address, a, &route, &err);
	if (rc < 0)
		log_error(task_log(t), "cannot look up an address", F_STR("address", in->address),
			F_Z("error", err.text));
	else
		fill_reply(&route, a, out);
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
	*out = s;
	return 0;
}

void directory_server_free(struct directory_server *s)
{
	if (!s)
		return;
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

static int start(struct role_process *p, struct err *err)
{
	struct directory_server *s;
	int rc = directory_server_new(
		p->config->data_dir, p->config->directory.detail_separator, &s, err);
	if (rc < 0)
		return rc;
	directory_server_seal(s, p->config, p->seal_key);
	p->state = s;
	return 0;
}

static void reconfigured(struct role_process *p)
{
	directory_server_seal(p->state, p->config, p->seal_key);
}

const struct role directory_role = {
	.name = "directory",
	.sandbox = sandbox,
	.start = start,
	.reconfigured = reconfigured,
	.service = &directory_service,
	.ops = &directory_functions,
};
