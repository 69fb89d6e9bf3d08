/*
 * filter.h: answers the calls of filter.def with judge.h. The filter keeps nothing of a message
 * but what its envelope gave, until the message itself comes (envelope_cache.h).
 */
#pragma once

#include "directory/directory_calls.h"
#include "base/histogram.h"
#include "filter/counts.h"
#include "filter/envelope_cache.h"
#include "filter/filter_calls.h"
#include "filter/sealing.h"

typedef void filter_dns_fn(const struct dns *dns, const struct list_access *lists, void *arg);

struct filter {
	const struct config *config; /* the current one; each call takes a reference of its own */
	struct envelope_cache *envelopes;
	struct dkim_keys *keys;                  /* may be NULL */
	struct inspector *inspector;             /* NULL: attachments are not looked into */
	const struct antivirus_calls *antivirus; /* NULL: nothing is scanned */
	const struct directory_calls *directory; /* NULL: no lists of our own, nothing is sealed */
	/* Calls fn with the DNS, and the lists in it (NULL: none), as one call of task t sees them.
	 */
	void (*with_dns)(void *context, struct task *t, filter_dns_fn *fn, void *arg);
	void *context;
	struct filter_counts counts;
	struct histogram times; /* of messages, from the question to the verdict */
};

/* What answers filter_envelope() and filter_judge(), with the struct filter as self. -EINVAL for
 * what no smtpd sends; -errno where the message cannot be read. */
extern const struct filter_ops filter_functions;
