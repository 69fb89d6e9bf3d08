/*
 * dns_system.h: a struct dns over the C library's resolver, for programs that have none of their
 * own: examples, tools. It blocks, keeps nothing, and validates nothing: whoever stands between it
 * and the name server is believed.
 *
 * One look-up lasts at most DNS_SYSTEM_SECONDS_MAX. A state is for one thread at a time.
 */
#pragma once

#include "mailauth/dns.h"

enum { DNS_SYSTEM_SECONDS_MAX = 10 };

struct dns_system {
	struct dns dns; /* what the library gets */
	void *state;    /* owned */
};

/* server: "192.0.2.1" or "192.0.2.1:5353"; empty: as /etc/resolv.conf says. Negative errno: it is
 * no such address, or the C library cannot be set up. */
int dns_system_init(struct dns_system *s, str server) MUST_USE;
void dns_system_done(struct dns_system *s);
