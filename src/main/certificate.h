/*
 * certificate.h: certificates on disk: making a self-signed one, and looking at what is there.
 */
#pragma once

#include "base/err.h"

/* Writes a new ECDSA P-256 key (mode 0600) and a certificate for these names (DNS names or IP
 * addresses; the first is the subject), good for ten years from now on, as PEM. Neither file may be
 * there yet. */
int certificate_make(const char *certificate_path, const char *key_path, const str *names,
	size_t count, struct err *err) MUST_USE;

struct certificate_facts {
	bool key_matches;
	bool names_host;
	int64_t not_before, not_after; /* seconds since 1970 */
	bool self_signed;
};

/* Reads both. -EINVAL where either is not what it should be, and err says which. */
int certificate_look(const char *certificate_path, const char *key_path, const char *hostname,
	struct certificate_facts *out, struct err *err) MUST_USE;
