#include "directory/login.h"

#include "base/random.h"
#include "directory/domain.h"
#include "directory/password.h"
#include "store/directory_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int secret_read(const char *path, struct login_secret *out, struct err *err)
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_errno(err, errno, "%s", path);
	struct login_secret secret;
	ssize_t n = read(fd, secret.bytes, sizeof secret.bytes);
	if (n != sizeof secret.bytes)
		return err_set(
			err, EUCLEAN, "%s is damaged: remove it, and a new one is made", path);
	*out = secret;
	return 0;
}

/* A secret that was torn by a crash would be refused for ever, so the name appears last. */
static int secret_make(const char *path, struct err *err)
{
	char temporary[PATH_MAX];
	struct login_secret secret;
	if (snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) >= PATH_MAX)
		return err_errno(err, ENAMETOOLONG, "%s", path);
	random_bytes(secret.bytes, sizeof secret.bytes);
	CLEANUP(close_fd)
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(err, errno, "%s", temporary);
	int r = 0;
	if (write(fd, secret.bytes, sizeof secret.bytes) != sizeof secret.bytes || fsync(fd))
		r = err_errno(err, errno ? errno : EIO, "%s", temporary);
	else if (link(temporary, path) && errno != EEXIST)
		r = err_errno(err, errno, "%s", path);
	unlink(temporary);
	password_wipe(&secret, sizeof secret);
	return r;
}

int login_secret_load(const char *data_dir, struct login_secret *out, struct err *err)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/directory.secret", data_dir) >= PATH_MAX)
		return err_errno(err, ENAMETOOLONG, "%s", data_dir);
	int r = secret_read(path, out, err);
	if (r != -ENOENT)
		return r;
	r = secret_make(path, err);
	if (r == 0)
		r = secret_read(path, out, err);
	return r == -ENOENT ? err_errno(err, ENOENT, "%s", path) : r;
}

/* local@domain with the domain in its normal form and the local part in lower case. False for what
 * can be no account. */
static bool normalize(str name, struct arena *arena, str *out)
{
	str local;
	char domain[DOMAIN_TEXT_SIZE];
	if (name.n > DIRECTORY_ADDRESS_MAX || !mailbox_split(name, arena, &local, domain))
		return false;
	*out = mailbox_text(arena_lower(arena, local), str_from_z(domain), arena);
	return true;
}

static int read_credentials(
	struct directory_store *store, struct arena *arena, struct login *l, struct err *err)
{
	struct directory_credential *c;
	size_t n;
	int r = directory_credentials_get(store, l->account, arena, &c, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (c[i].name.n)
			continue;
		if (c[i].scheme == DIRECTORY_SCHEME_CRYPT)
			l->hash = c[i].value;
		/* What cannot be read leaves the invented one, that nothing fits. */
		else if (c[i].scheme == DIRECTORY_SCHEME_SCRAM_SHA_256 &&
			 !scram_verifier_parse(c[i].value, &l->scram))
			continue;
	}
	return r;
}

int login_find(struct directory_store *store, const struct login_secret *secret, str name,
	struct arena *arena, struct login *out, struct err *err)
{
	struct directory_account account;
	struct login l = { .hash = STR_EMPTY, .address = STR_EMPTY };
	str address = STR_EMPTY;
	int r = normalize(name, arena, &address)
			? directory_account_find(store, address, arena, &account, err)
			: -ENOENT;
	/* Also where there is one: the work is the same. */
	scram_verifier_invent(secret->bytes, address.n ? address : str_first(name, 1024), &l.scram);
	if (r == 0 && !account.disabled) {
		l.account = account.id;
		l.address = account.address;
		r = read_credentials(store, arena, &l, err);
	}
	if (r && r != -ENOENT && r != -EINVAL)
		return r;
	*out = l;
	return 0;
}

bool login_check_password(const struct login *l, str password)
{
	bool same = password_verify(l->hash, password);
	return same && l->account != 0;
}

bool login_check_scram(const struct login *l, str auth_message, str proof,
	unsigned char out_signature[static SCRAM_KEY_SIZE])
{
	bool same = scram_verify(&l->scram, auth_message, proof, out_signature);
	return same && l->account != 0;
}

void login_wipe(struct login *l)
{
	/* The hash lies in the caller's arena, which nobody else writes to. */
	password_wipe(l, sizeof *l);
}

int login_set_password(
	struct directory_store *store, uint64_t account, str password, int64_t now, struct err *err)
{
	char hash[PASSWORD_HASH_SIZE];
	struct scram_verifier verifier;
	struct buf text = BUF_INIT(SCRAM_TEXT_MAX);
	int r = password_hash(password, hash, err);
	if (r == 0)
		r = scram_verifier_make(password, &verifier, err);
	if (r)
		return r;
	scram_verifier_format(&verifier, &text);
	const struct directory_credential credentials[] = {
		{ DIRECTORY_SCHEME_CRYPT, STR_EMPTY, str_from_z(hash) },
		{ DIRECTORY_SCHEME_SCRAM_SHA_256, STR_EMPTY, buf_str(&text) },
	};
	r = directory_credentials_set(
		store, account, STR_EMPTY, credentials, ARRAY_LEN(credentials), now, err);
	password_wipe(hash, sizeof hash);
	password_wipe(&verifier, sizeof verifier);
	password_wipe(text.p, text.n);
	buf_done(&text);
	return r;
}
