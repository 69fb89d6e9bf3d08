/*
 * seal_key.h: the private key of arc.key, which the supervisor reads and only the directory gets.
 */
#pragma once

#include "base/config.h"

/* The longest file with a key, and with a certificate and its chain. */
enum { PEM_MAX = 256 * 1024 };

/* Appends the whole file. Negative errno, with a sentence that names it. */
int pem_read(str path, struct buf *out, struct err *err) MUST_USE;

/* Fills the buffer, which it begins; it stays empty where arc.seal is off. Negative errno, with
 * "FILE:LINE: arc.key: …", where the key cannot be read or is none to seal with. Whoever has it
 * wipes it. */
int seal_key_load(const struct config *config, struct buf *out, struct err *err) MUST_USE;
void pem_wipe(struct buf *b);

/* Whether others than its owner can read it. */
bool seal_key_is_open(const struct config *config);
