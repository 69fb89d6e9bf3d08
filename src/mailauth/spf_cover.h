/*
 * spf_cover.h: how much of the address space a record lets pass.
 *
 * Addresses are counted in 4,096 blocks: of IPv4 the /12s, of IPv6 the /15s of 2000::/3, where all
 * addresses in use lie. Smaller networks count as nothing, so the answer errs towards "not much".
 * As in a record, the first term that names a block decides it.
 */
#pragma once

#include "base/ip.h"

enum { SPF_COVER_BLOCKS = 4096 };

struct spf_cover {
	uint64_t decided[SPF_COVER_BLOCKS / 64], passed[SPF_COVER_BLOCKS / 64];
	unsigned count; /* blocks that pass */
	str term;       /* with which half of them did; empty: less than half does */
};

/* A network around ip; of IPv4 or not, the prefix length being counted over 32 or 128 bits. */
void spf_cover_network(
	struct spf_cover *c, bool four, const struct ip *ip, unsigned bits, bool pass, str term);
void spf_cover_all(struct spf_cover *c, bool pass, str term);

/* An include: what passes there is decided here. Where that is more than half, the term over
 * there is the one to name. */
void spf_cover_include(struct spf_cover *c, const struct spf_cover *included, bool pass, str term);
