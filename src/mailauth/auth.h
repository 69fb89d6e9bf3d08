/*
 * auth.h: SPF, DKIM, ARC and DMARC of a message that is all there, in one call. Who has it in
 * pieces, or wants to look between the checks, calls them one by one: dkim.h, arc.h, spf.h,
 * dmarc.h.
 */
#pragma once

#include "mailauth/auth_results.h"

/* Strings stay where they are as long as the outcome is used. */
struct auth_message {
	str text; /* header and body; lines end in CRLF or LF */
	struct ip client;
	str helo;
	str sender;      /* of MAIL FROM, without <>; empty: a bounce */
	str authserv_id; /* our name, for Authentication-Results and %{r} of SPF */
	int64_t time;    /* seconds since 1970 */
	uint32_t sample; /* 0…99, random: for pct= of DMARC */
};

struct auth_outcome {
	struct spf_outcome spf;
	struct dkim_outcome dkim;
	struct arc_outcome arc;
	struct dmarc_outcome dmarc;
	struct auth_results results; /* of these: for auth_results_format() */
};

/* The outcome is in *out, which then stays where it is, and in the arena. */
void auth_check(const struct dns *dns, const struct auth_message *message, struct arena *a,
	struct auth_outcome *out);
