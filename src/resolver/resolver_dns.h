/*
 * resolver_dns.h: a struct dns, as src/mailauth wants it, over the calls of the resolver.
 */
#pragma once

#include "mailauth/dns.h"
#include "resolver/resolver_calls.h"

/* Who asks. Look-ups wait as this task; one that is not answered by `deadline` is temporary. */
struct resolver_asker {
	struct task *t;
	const struct resolver_calls *calls;
	int64_t deadline; /* of task_now(), over all look-ups; NEVER: only resolver.timeout, each */
	unsigned lookups; /* counted here */
};

/* The asker must outlive it. Whatever fails on the way to the resolver is DNS_TEMPORARY. */
struct dns resolver_dns(struct resolver_asker *asker);
