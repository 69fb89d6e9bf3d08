#include "mailauth/spf_cover.h"

enum { BLOCK_BITS = 12, GLOBAL_BITS = 3, GLOBAL_PREFIX = 1 };

static void decide(struct spf_cover *c, size_t word, uint64_t blocks, bool pass, str term)
{
	uint64_t fresh = blocks & ~c->decided[word];
	c->decided[word] |= fresh;
	if (!pass)
		return;
	c->passed[word] |= fresh;
	c->count += (unsigned)__builtin_popcountll(fresh);
	if (!c->term.n && c->count >= SPF_COVER_BLOCKS / 2)
		c->term = term;
}

static void decide_range(struct spf_cover *c, unsigned first, unsigned n, bool pass, str term)
{
	for (unsigned at = first; at < first + n; at = (at / 64 + 1) * 64) {
		unsigned end = MIN(first + n, (at / 64 + 1) * 64);
		uint64_t blocks = end - at == 64 ? ~UINT64_C(0) : ((UINT64_C(1) << (end - at)) - 1);
		decide(c, at / 64, blocks << at % 64, pass, term);
	}
}

void spf_cover_all(struct spf_cover *c, bool pass, str term)
{
	decide_range(c, 0, SPF_COVER_BLOCKS, pass, term);
}

void spf_cover_network(
	struct spf_cover *c, bool four, const struct ip *ip, unsigned bits, bool pass, str term)
{
	const unsigned char *head = ip->bytes + (four ? 12 : 0);
	unsigned sixteen = (unsigned)head[0] << 8 | head[1];
	if (!four) {
		unsigned common = MIN(bits, (unsigned)GLOBAL_BITS);
		if (sixteen >> 13 >> (GLOBAL_BITS - common) !=
			(unsigned)GLOBAL_PREFIX >> (GLOBAL_BITS - common))
			return;
		bits -= common;
		sixteen <<= GLOBAL_BITS;
	}
	if (bits > BLOCK_BITS)
		return;
	unsigned n = 1u << (BLOCK_BITS - bits);
	unsigned index = sixteen >> (16 - BLOCK_BITS) & (SPF_COVER_BLOCKS - 1);
	decide_range(c, index & ~(n - 1), n, pass, term);
}

void spf_cover_include(struct spf_cover *c, const struct spf_cover *included, bool pass, str term)
{
	if (included->term.n)
		term = included->term;
	for (size_t i = 0; i < ARRAY_LEN(c->passed); i++)
		decide(c, i, included->passed[i], pass, term);
}
