#include "store/pack.h"

#include <stdlib.h>
#include <zstd.h>

enum {
	LEVEL = 1, /* of the faster ones: what is saved is time, not space */
	/* Smaller pieces are a page or two of the store, and cost more to pack than to write. */
	WORTH_FROM = 8 * 1024,
	WORTH_SHARE = 8, /* at least one part in so many must go */
};

struct packer {
	ZSTD_CCtx *zstd; /* owned; NULL until needed */
};

struct packer *packer_new(void)
{
	return xcalloc(1, sizeof(struct packer));
}

void packer_free(struct packer *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->zstd);
	free(p);
}

static ZSTD_CCtx *context(struct packer *p)
{
	if (!p->zstd) {
		p->zstd = ZSTD_createCCtx();
		ASSERT(p->zstd);
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1);
	}
	return p->zstd;
}

size_t packer_pack(struct packer *p, str in, char *out)
{
	if (in.n < WORTH_FROM)
		return 0;
	/* With less room than the bytes need, zstd gives up. */
	size_t n = ZSTD_compress2(context(p), out, in.n - in.n / WORTH_SHARE, in.p, in.n);
	return ZSTD_isError(n) ? 0 : n;
}

bool unpack(str packed, char *out, size_t n)
{
	return ZSTD_decompress(out, n, packed.p, packed.n) == n;
}
