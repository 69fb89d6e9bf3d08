/*
 * auth_results.h: the fields that tell readers what was found: Authentication-Results (RFC 8601)
 * and Received-SPF (RFC 7208 §9.1); and those from outside that pretend to be ours.
 */
#pragma once

#include "base/buf.h"
#include "mailauth/arc.h"
#include "mailauth/dmarc.h"
#include "mailauth/rdns.h"

struct auth_results {
	str authserv_id;
	struct ip client;
	str helo, sender;
	/* NULL: not evaluated, not mentioned. */
	const struct rdns_outcome *rdns;
	const struct spf_outcome *spf; /* MAIL FROM */
	const struct spf_outcome *spf_helo;
	const struct dkim_outcome *dkim;
	const struct arc_outcome *arc;
	const struct dmarc_outcome *dmarc;
};

/* One folded field with its final CRLF. Whatever a peer's text holds, nothing else comes of it. */
void auth_results_format(const struct auth_results *r, struct buf *out);
void received_spf_format(const struct auth_results *r, struct buf *out);

/* A stretch of the message. */
struct auth_span {
	size_t offset, n;
};

/* The Authentication-Results fields of a header that claim to be from authserv_id (compared without
 * case, as A-labels; also with a version, comments, quotes), or from nobody: to be cut out (RFC
 * 8601 §5). Returns their number; *out_spans is in the arena. */
size_t auth_results_find_forged(
	str header, str authserv_id, struct arena *a, struct auth_span **out_spans);
