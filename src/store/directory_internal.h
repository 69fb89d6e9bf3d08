/*
 * directory_internal.h: what the directory_*.c files share.
 */
#pragma once

#include "store/db.h"
#include "store/directory_store.h"

struct directory_store {
	struct db *db; /* owned */
};

/* A name as it is compared; the slice points into the struct, which must not be copied. */
struct domain_key {
	str name;
	char buffer[DIRECTORY_DOMAIN_MAX];
};

struct address_key {
	str local; /* as given */
	str local_key;
	struct domain_key domain;
	char buffer[DIRECTORY_ADDRESS_MAX];
};

int directory_domain_key(str name, struct domain_key *out, struct err *err);
int directory_address_key(str address, struct address_key *out, struct err *err);

int directory_end(struct directory_store *s, int r, struct err *err);
int directory_no_room(struct err *err);
bool directory_copy(struct arena *arena, str *s); /* false where there is no room */
bool directory_join(struct arena *arena, str local, str domain, str *out);

/* Whether a query for (?1 domain, ?2 local_key) has a row; the number a query with ?1 gives. */
int directory_exists(struct directory_store *s, const char *sql, const struct address_key *key,
	bool *out, struct err *err);
int directory_count(
	struct directory_store *s, const char *sql, str domain, size_t *out, struct err *err);
/* Removes the entries of a scope. */
int directory_forget_scope(struct directory_store *s, str scope, struct err *err);
int directory_need_domain(struct directory_store *s, str name, struct err *err);

#define SQL_ACCOUNT_OF_ADDRESS                                                                     \
	"SELECT 1 FROM account WHERE directory = 1 AND domain = ?1 AND local_key = ?2"
#define SQL_ALIAS_OF_ADDRESS                                                                       \
	"SELECT 1 FROM alias WHERE directory = 1 AND domain = ?1 AND local_key = ?2"
