/*
 * dmarc_internal.h: finding records and organizational domains, for one check. Inside of DMARC.
 *
 * Names are as from domain_ascii(), and everything here is in the check's own arena.
 */
#pragma once

#include "mailauth/dmarc.h"

enum dmarc_node_state {
	DMARC_NODE_NONE,    /* no record at that name; or several, which are then all discarded */
	DMARC_NODE_SEVERAL, /* as none */
	DMARC_NODE_RECORD,
	DMARC_NODE_FAILED, /* no answer */
};

/* What stands at _dmarc.NAME. */
struct dmarc_node {
	struct dmarc_node *next;
	str name;
	enum dmarc_node_state state;
	str text;
	struct dmarc_record record;
};

struct dmarc_lookup {
	const struct dns *dns;
	enum dmarc_method method;
	struct arena *arena;
	struct dmarc_node *nodes; /* what was asked already: authors and signers share parents */
	unsigned questions;
	int64_t begun; /* by the clock of the DNS, if it has one */
	str failure;   /* what could not be asked, and why; empty while all went well */
};

/* The organizational domain. False, and failure set, where it cannot be known now. */
bool dmarc_organization(struct dmarc_lookup *l, str domain, str *out) MUST_USE;

/* The record whose policy holds for an author's domain; *out is NULL where there is none. False as
 * above. */
bool dmarc_policy_find(struct dmarc_lookup *l, str domain, const struct dmarc_node **out) MUST_USE;

/* Whether the name is in the DNS in the sense of np=: it has A, AAAA or MX. False as above. */
bool dmarc_domain_exists(struct dmarc_lookup *l, str domain, bool *out) MUST_USE;
