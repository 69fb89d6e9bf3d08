/*
 * directory.h: what an address means here.
 *
 * An address is resolved in this order; the first that is there decides:
 *
 *   1. the account or alias of exactly this address
 *   2. the account or alias without the detail: alice+books@d is alice@d with detail "books"
 *   3. the domain's catch-all
 *   4. for postmaster (RFC 5321 §4.5.1; also without a domain): the first account of the domain,
 *      or else the first account at all
 *
 * An alias stands for one or more addresses, which are resolved in turn; each address is looked at
 * once, so loops end. A detail is handed on through aliases, unless the target has its own.
 *
 * Nothing here can make mail leave this server. The domain is what follows the last '@'; what
 * stands before it has no meaning beyond naming an account: user%other@here, other!user@here,
 * "user@other"@here and @other:user@here are names like any others, and address literals are
 * domains that are not ours. An alias to a domain that is not ours leads nowhere.
 *
 * Local parts are compared without regard to ASCII case, domains in their normal form (domain.h).
 *
 * A handle is used by one thread at a time; every call blocks. Negative errno: the environment
 * failed and nothing is known about the address; never take that for an unknown user.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct directory;
struct directory_store;

/* Opens data_dir/directory.db, which is there already. detail_separator is one character, or empty.
 */
int directory_open(const char *data_dir, str detail_separator, struct directory **out,
	struct err *err) MUST_USE;
void directory_close(struct directory *d); /* NULL is fine */

/* The store below, for other calls on the same thread. */
struct directory_store *directory_store_of(struct directory *d);

/* The most accounts that one address reaches, and addresses that are looked at on the way. */
enum { DIRECTORY_DESTINATIONS_MAX = 1000, DIRECTORY_STEPS_MAX = 4000 };

enum directory_answer {
	DIRECTORY_NOT_LOCAL, /* the domain is not ours: taking it would be relaying */
	DIRECTORY_UNKNOWN,   /* the domain is ours, and nobody has that address */
	DIRECTORY_DELIVER,
	DIRECTORY_BROKEN, /* an alias reaches nobody, or too many: refuse for now, log why */
};

struct directory_destination {
	uint64_t account;
	str detail;                 /* as the sender wrote it; empty: none */
	int64_t junk_at, reject_at; /* its own, in hundredths; 0: none */
};

struct directory_route {
	enum directory_answer answer;
	const struct directory_destination *to; /* DELIVER: in the arena, each account once */
	size_t n;
	str why; /* BROKEN, and DELIVER where a part of an alias leads nowhere: for the log */
};

/* `address` is local@domain, the local part quoted where RFC 5321 demands it (as
 * smtp_mailbox_format() does), or just "postmaster". What is not an address is DIRECTORY_NOT_LOCAL.
 */
int directory_resolve(struct directory *d, str address, struct arena *arena,
	struct directory_route *out, struct err *err) MUST_USE;
