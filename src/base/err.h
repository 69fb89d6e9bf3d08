/*
 * err.h: the detail of an environment error.
 *
 * A function that fails because of the environment returns a negative errno; where the reason is
 * known more closely than that, it also writes one sentence into a struct err that its caller
 * passed (NULL where nobody wants to know).
 */
#pragma once

#include "base/str.h"

struct err {
	char text[512];
};

/* Both return -error, so that a failure can be one line: return err_set(err, EINVAL, "…").
 * err_errno appends ": " and the system's text of that error number. */
int err_set(struct err *err, int error, const char *format, ...) PRINTF(3, 4);
int err_errno(struct err *err, int error, const char *format, ...) PRINTF(3, 4);
