/*
 * auth.h: what postern auth finds out about a message, and its two forms. Inside of main.
 */
#pragma once

#include "mailauth/auth_results.h"

struct auth_report {
	const char *file;
	str header;
	/* How the message came; and in words where that was taken from. */
	bool has_client, has_sender;
	struct ip client;
	str helo, sender;
	str client_source, helo_source, sender_source;
	/* Valid where has_client. */
	struct rdns_outcome rdns;
	struct spf_outcome spf, spf_helo;
	bool has_spf, has_spf_helo;
	/* Always. */
	struct dkim_outcome dkim;
	struct arc_outcome arc;
	struct dmarc_outcome dmarc;
	str receiver; /* our name */
	unsigned questions;
};

/* How the message came, as its topmost fields tell, for what has not been set. Slices of the
 * header.
 */
void auth_trace(struct auth_report *r);

void auth_text(const struct auth_report *r, struct buf *out);
void auth_json(const struct auth_report *r, struct buf *out);
/* As auth_results_format() has it. */
void auth_field(const struct auth_report *r, struct buf *out);
