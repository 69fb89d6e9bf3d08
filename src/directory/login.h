/*
 * login.h: who logs in, and whether the password fits.
 *
 * A login name is the full address of an account, in any case; no alias and no detail. Whether an
 * account exists is not shown: an unknown name costs the same work, and in SCRAM gets a salt that
 * is always the same for it.
 *
 * Finding reads the store and belongs to the thread of its handle; checking is pure computation on
 * what was found (some 50 ms for a password) and may run anywhere.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "directory/scram.h"

struct directory_store;

/* From data_dir/directory.secret, which is made where it is missing: the key for the salts of
 * names that do not exist. */
struct login_secret {
	unsigned char bytes[SCRAM_KEY_SIZE];
};
int login_secret_load(const char *data_dir, struct login_secret *out, struct err *err) MUST_USE;

struct login {
	uint64_t account;            /* 0: there is none, or it may not log in */
	str address;                 /* of the account, as the directory has it; in the arena */
	str hash;                    /* crypt(5), secret; in the arena; may be empty */
	struct scram_verifier scram; /* invented where there is none */
};

/* 0 for any name, unknown ones too; negative errno: temporary. Wipe *out when done. */
int login_find(struct directory_store *store, const struct login_secret *secret, str name,
	struct arena *arena, struct login *out, struct err *err) MUST_USE;

bool login_check_password(const struct login *l, str password) MUST_USE;
bool login_check_scram(const struct login *l, str auth_message, str proof,
	unsigned char out_signature[static SCRAM_KEY_SIZE]) MUST_USE;

void login_wipe(struct login *l);

/* Replaces the account's password: yescrypt hash and SCRAM verifier, in one transaction. */
int login_set_password(struct directory_store *store, uint64_t account, str password, int64_t now,
	struct err *err) MUST_USE;
