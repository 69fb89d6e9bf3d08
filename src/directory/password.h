/*
 * password.h: hashes of passwords, in the formats of crypt(5).
 *
 * New ones are yescrypt at the library's default cost (about 16 MiB and some 50 ms: run it off the
 * loop). Any modern crypt(5) hash is verified, so that accounts can be brought along from
 * elsewhere. What is not such a hash never matches anything.
 *
 * Of SASLprep (RFC 4013) only the refusal of control characters is done: a password is taken byte
 * for byte as valid UTF-8, not normalised.
 */
#pragma once

#include "base/err.h"

enum { PASSWORD_MAX = 511, PASSWORD_HASH_SIZE = 384 };

/* Not empty, at most PASSWORD_MAX bytes of UTF-8 without control characters. -EINVAL, with a
 * sentence for the user in err. */
int password_check(str password, struct err *err) MUST_USE;

/* The hash of a password that passed password_check(), with a fresh salt and a closing NUL. */
int password_hash(str password, char out[static PASSWORD_HASH_SIZE], struct err *err) MUST_USE;

/* Compares in constant time. A hash that is empty or malformed costs as much as a good one and
 * gives false: call it with STR_EMPTY for an account that does not exist. */
bool password_verify(str hash, str password) MUST_USE;

/* A random password of 100 bits, easy to read aloud: xxxxx-xxxxx-xxxxx-xxxxx. */
enum { PASSWORD_GENERATED_SIZE = 24 };
void password_generate(char out[static PASSWORD_GENERATED_SIZE]);

/* Overwrites memory that held a secret. */
void password_wipe(void *p, size_t n);
