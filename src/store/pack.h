/*
 * pack.h: pieces of bodies made smaller on their way into the store (zstd, RFC 8878).
 *
 * The store writes every byte twice, to the log and then to the file; what a piece loses here
 * costs less than that. A packed piece carries a checksum of its content.
 */
#pragma once

#include "base/err.h"

/* Memory for packing many pieces one after another, some hundred KiB from the first one on. */
struct packer;

struct packer *packer_new(void) MUST_USE;
void packer_free(struct packer *p); /* NULL is fine */

/* Packs `in` into out, which has in.n bytes; the size of the result. 0: not worth it, store `in` as
 * it is. */
size_t packer_pack(struct packer *p, str in, char *out);

/* Unpacks into exactly n bytes. False: this is not what packer_pack() made of n bytes. */
bool unpack(str packed, char *out, size_t n) MUST_USE;
