/*
 * names.h: all names that LIST and LSUB choose from, sorted, INBOX first.
 */
#pragma once

#include "mailbox/session_internal.h"

struct name {
	str name;
	const struct account_mailbox *mailbox; /* NULL: there is none, it is only subscribed to, or
						* stands above such a one */
	bool subscribed;
	uint64_t recent;
	/* For the one who lists: matches a pattern, meets the selection; something below it meets
	 * the selection, and among that something that no pattern matches. */
	bool matches, meets, child_meets, hidden_child_meets;
};

struct names {
	struct name *v; /* in the command's arena */
	size_t n;
	bool with_parents;
};

struct names_wanted {
	bool subscriptions; /* also without a mailbox */
	bool parents;       /* also the names above these */
	bool recent;
};

int names_read(struct session *s, const struct names_wanted *wanted, struct names *out,
	struct err *err) MUST_USE;
struct name *names_find(const struct names *names, str name);
