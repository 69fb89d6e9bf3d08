/*
 * arc_internal.h: what validating and sealing share.
 */
#pragma once

#include "mailauth/arc.h"
#include "mailauth/dkim_field.h"

/* The highest instance of a field of ARC, also where the chain is malformed. */
unsigned arc_instances(const struct arc_verifier *v);

bool arc_well_formed(const struct arc_verifier *v);

/* Adds a field, relaxed, without `cut`. */
void arc_digest_field(EVP_MD_CTX *md, const struct header_field *field, str cut, bool line_end);

/* Adds all sets in the order in which a seal signs them. The chain is well formed. */
void arc_digest_sets(const struct arc_verifier *v, EVP_MD_CTX *md);
