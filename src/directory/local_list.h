/*
 * local_list.h: the lists of our own: who is blocked and who is allowed, for all, for a domain, for
 * an account.
 *
 * An entry is about a network (one address is the smallest), a mail address, or a domain and all
 * below it. Networks are compared with the client's address, the others with the envelope sender
 * and the addresses in From.
 *
 * Of the scopes that have an entry which fits, the narrowest decides: account, domain, server.
 * Within one scope, allow wins over block.
 *
 * Look-ups take time by the number of different prefix lengths, not of entries.
 */
#pragma once

#include "base/arena.h"
#include "base/ip.h"
#include "store/directory_store.h"

/* ── What people write ────────────────────────────────────────────────────────────────────── */

/* Fills in kind, width and subject (in its normal form, in the arena). -EINVAL, with what is wrong:
 * neither a network, nor an address, nor a domain. -E2BIG: it covers a large part of the Internet,
 * which is seldom meant (networks wider than /8 and IPv6's /16, top-level domains). */
int local_subject_parse(
	str text, struct arena *arena, struct directory_entry *out, struct err *err) MUST_USE;

/* ── Looking up ───────────────────────────────────────────────────────────────────────────── */

enum {
	LOCAL_SENDERS_MAX = 16, /* others are not looked at */
	LOCAL_MATCHES_MAX = 200,
};

struct local_query {
	const struct ip *client; /* NULL: not known */
	const str *senders;      /* local@domain; what is none matches nothing */
	size_t sender_count;
	const str *scopes; /* "" for the server, "example.org", "#17" */
	size_t scope_count;
	int64_t now;
};

struct local_match {
	enum directory_list list;
	enum directory_subject kind;
	bool counts;  /* an allowed sender: only once it is known that it is the one */
	size_t thing; /* 0: the client; i + 1: senders[i] */
	str scope, subject, comment;
	str owner; /* of the scope: "", "example.org", "alice@example.org" */
};

struct local_answer {
	struct local_match *matches; /* in the arena */
	size_t n;
	const str *waiting; /* scopes that allow some sender, whoever that is */
	size_t waiting_count;
	bool senders; /* in some scope there are entries about senders */
};

struct local_lists;

/* Over a store that is used by the same thread, and outlives it. */
struct local_lists *local_lists_new(struct directory_store *store) MUST_USE;
void local_lists_free(struct local_lists *l); /* NULL is fine */

/* Whether there is an entry in any of these scopes. */
int local_lists_any(struct local_lists *l, const str *scopes, size_t scope_count, bool *out,
	struct err *err) MUST_USE;
/* -ENOMEM where the arena has no room. Beyond LOCAL_MATCHES_MAX, matches are left out. */
int local_lists_find(struct local_lists *l, const struct local_query *query, struct arena *arena,
	struct local_answer *out, struct err *err) MUST_USE;

/* ── What decides ─────────────────────────────────────────────────────────────────────────── */

/* One who gets the message: the scopes that hold beside the server's. */
struct local_reader {
	str account; /* "#17"; empty: not known */
	str domain;  /* of ours; empty: not known */
};

/* The match that decides, of those that count; NULL: none. Of several the first. */
const struct local_match *local_decide(
	const struct local_answer *answer, const struct local_reader *reader);

/* The block that holds whatever the message will turn out to be; NULL: none, or the message has to
 * be seen. That is so where an allowed sender is claimed; and, if the block is of a network or of a
 * domain, where some sender is allowed at all, which the author may be: a scope as narrow as the
 * block's, or narrower. */
const struct local_match *local_decide_early(
	const struct local_answer *answer, const struct local_reader *reader);
