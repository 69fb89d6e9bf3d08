/*
 * directory_store.h: directory.db: domains, accounts, aliases, credentials, and who is blocked or
 * allowed.
 *
 * Storage only: what an address means (+detail, catch-all, postmaster, alias loops) is decided
 * above. A handle is used by one thread at a time; every call blocks and is one transaction.
 *
 * Addresses are local@domain. The domain is given in the canonical form of the caller's choosing
 * (lower-case A-labels) and lower-cased here in ASCII; local parts are kept as given and compared
 * without regard to ASCII case.
 *
 * Failure: as in db.h, and -ENOENT no such thing, -EEXIST already there, -EINVAL not an address, a
 * domain or a credential (syntax only as far as storage needs: one '@' that separates, no control
 * characters, lengths), -ENOTEMPTY a domain that still has accounts or aliases, -E2BIG a limit.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#define DIRECTORY_ADDRESS_MAX 320
#define DIRECTORY_DOMAIN_MAX 255
#define DIRECTORY_ALIAS_TARGETS_MAX 1000
#define DIRECTORY_CREDENTIAL_MAX 512
#define DIRECTORY_CREDENTIALS_MAX 64 /* of one account */

struct directory_store;

/* Opens data_dir/directory.db; with create, makes it where it is not there. */
int directory_store_open(
	const char *data_dir, bool create, struct directory_store **out, struct err *err) MUST_USE;
void directory_store_close(struct directory_store *s); /* NULL is fine */

/* A number that differs after any change, by anyone: reload what you cache when it does. */
int directory_store_version(struct directory_store *s, uint64_t *out, struct err *err) MUST_USE;

/* Lists go to the caller's arena, ordered by name; -E2BIG where it has no room. */

/* ---- domains ---- */

struct directory_domain {
	str name;
	str catch_all; /* address that takes what nobody else does; empty: none */
	int64_t created;
};

/* catch_all may be empty. Adding one that is there is -EEXIST. */
int directory_domain_add(
	struct directory_store *s, str name, str catch_all, int64_t now, struct err *err) MUST_USE;
int directory_domain_set_catch_all(
	struct directory_store *s, str name, str catch_all, struct err *err) MUST_USE;
int directory_domain_remove(struct directory_store *s, str name, struct err *err) MUST_USE;
int directory_domain_find(struct directory_store *s, str name, struct arena *arena,
	struct directory_domain *out, struct err *err) MUST_USE;
int directory_domain_list(struct directory_store *s, struct arena *arena,
	struct directory_domain **out, size_t *out_count, struct err *err) MUST_USE;

/* ---- accounts ---- */

struct directory_account {
	uint64_t id; /* from 1 on; never used again */
	str address;
	int64_t created;
	bool disabled;              /* may not log in; still takes mail */
	int64_t junk_at, reject_at; /* of filter, for this account, in hundredths; 0: not its own */
};

/* The domain must be there (-ENOENT); an account or alias of that address is -EEXIST. */
int directory_account_add(struct directory_store *s, str address, int64_t now, uint64_t *out_id,
	struct err *err) MUST_USE;
/* With its credentials; *out_id tells the caller which accounts/ID.db is now without an owner. */
int directory_account_remove(
	struct directory_store *s, str address, uint64_t *out_id, struct err *err) MUST_USE;
int directory_account_disable(
	struct directory_store *s, str address, bool disabled, struct err *err) MUST_USE;
/* Thresholds of its own, as in struct directory_account. */
int directory_account_set_thresholds(struct directory_store *s, str address, int64_t junk_at,
	int64_t reject_at, struct err *err) MUST_USE;
int directory_account_find(struct directory_store *s, str address, struct arena *arena,
	struct directory_account *out, struct err *err) MUST_USE;
int directory_account_get(struct directory_store *s, uint64_t id, struct arena *arena,
	struct directory_account *out, struct err *err) MUST_USE;
/* Of one domain, or of all (domain empty). */
int directory_account_list(struct directory_store *s, str domain, struct arena *arena,
	struct directory_account **out, size_t *out_count, struct err *err) MUST_USE;

/* ---- aliases: an address that stands for one or more others ---- */

struct directory_alias {
	str address;
	str target;
};

/* Adds targets to the alias, which need not be there before; those that it has already are -EEXIST,
 * and so is an account of that address. The domain must be there. */
int directory_alias_add(struct directory_store *s, str address, const str *targets, size_t count,
	struct err *err) MUST_USE;
/* One target, or (target empty) the whole alias. */
int directory_alias_remove(
	struct directory_store *s, str address, str target, struct err *err) MUST_USE;
/* Its targets; -ENOENT where there is no such alias. */
int directory_alias_find(struct directory_store *s, str address, struct arena *arena, str **out,
	size_t *out_count, struct err *err) MUST_USE;
/* One entry a target. Of one domain, or of all (domain empty). */
int directory_alias_list(struct directory_store *s, str domain, struct arena *arena,
	struct directory_alias **out, size_t *out_count, struct err *err) MUST_USE;

/* ---- credentials ---- */

enum directory_scheme {
	DIRECTORY_SCHEME_SCRAM_SHA_256 = 1, /* "salt/iterations/StoredKey/ServerKey" */
	DIRECTORY_SCHEME_CRYPT = 2,         /* a crypt(5) hash, here yescrypt */
};

struct directory_credential {
	enum directory_scheme scheme;
	str name;  /* "" the account's password; else names an application password */
	str value; /* never logged */
};

/* Replaces all credentials of that name (every scheme) by these, at once; count 0 removes them. */
int directory_credentials_set(struct directory_store *s, uint64_t account, str name,
	const struct directory_credential *credentials, size_t count, int64_t now,
	struct err *err) MUST_USE;
/* All of the account, ordered by name and scheme; none is not an error. */
int directory_credentials_get(struct directory_store *s, uint64_t account, struct arena *arena,
	struct directory_credential **out, size_t *out_count, struct err *err) MUST_USE;

/* ---- who is blocked, and who is allowed ---- */

/* An entry of a list is about a subject, in its normal form, and counts in a scope: "" for all, a
 * domain, or "#17" for the account with that id. Of one scope, list and subject there is one entry.
 *
 * Subjects are found by what they are, never by a scan: width is the prefix length of a network
 * (over 128 bits), the number of labels of a domain, 0 of an address. */
enum directory_list { DIRECTORY_BLOCK = 1, DIRECTORY_ALLOW = 2 };
enum directory_subject { DIRECTORY_IP = 1, DIRECTORY_ADDRESS = 2, DIRECTORY_DOMAIN = 3 };

#define DIRECTORY_COMMENT_MAX 500
#define DIRECTORY_SUBJECT_MAX DIRECTORY_ADDRESS_MAX
enum { DIRECTORY_WIDTHS = 129 };

struct directory_entry {
	enum directory_list list;
	enum directory_subject kind;
	unsigned width;
	str scope, subject, comment;
	int64_t created, expires; /* seconds since 1970; expires 0: never */
};

/* All or none, in one transaction. One that is there gets the new comment and expiry. -ENOENT: the
 * scope is a domain or account that is not there. */
int directory_entries_add(struct directory_store *s, const struct directory_entry *entries,
	size_t count, size_t *out_new, struct err *err) MUST_USE;
/* -ENOENT where one is not there: then none is removed. */
int directory_entries_remove(struct directory_store *s, const struct directory_entry *entries,
	size_t count, struct err *err) MUST_USE;
/* Those of one list, of one scope or (scope NULL) of all. Expired ones are left out. */
int directory_entry_list(struct directory_store *s, enum directory_list list, const str *scope,
	int64_t now, struct arena *arena, struct directory_entry **out, size_t *out_count,
	struct err *err) MUST_USE;
/* The one of exactly this scope, list, kind, width and subject, into *entry. 1: it is there and has
 * not expired; 0: not. */
int directory_entry_find(struct directory_store *s, struct directory_entry *entry, int64_t now,
	struct arena *arena, struct err *err) MUST_USE;

/* Which widths there are in a scope, of each list and kind: what need not be looked for. */
struct directory_shape {
	uint64_t widths[2][3][3]; /* [list - 1][kind - 1]: bits */
};
int directory_entry_shape(struct directory_store *s, str scope, struct directory_shape *out,
	struct err *err) MUST_USE;
bool directory_shape_has(const struct directory_shape *shape, enum directory_list list,
	enum directory_subject kind, unsigned width);
bool directory_shape_has_any(
	const struct directory_shape *shape, enum directory_list list, enum directory_subject kind);

/* Removes what has expired. */
int directory_entries_expire(
	struct directory_store *s, int64_t now, size_t *out_removed, struct err *err) MUST_USE;

/* "#17". */
enum { DIRECTORY_SCOPE_SIZE = 24 };
str directory_account_scope(uint64_t account, char buffer[static DIRECTORY_SCOPE_SIZE]);
