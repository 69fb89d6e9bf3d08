/*
 * input.h: a file that a verb reads, whole: mapped; or standard input, for "-". Inside of main.
 */
#pragma once

#include "base/buf.h"

enum { INPUT_MAX = 1 << 30 };

struct input {
	str text;
	struct buf read; /* of standard input */
};

/* EXIT_FAILED, and a message, where it cannot be read or is larger than INPUT_MAX. */
int input_open(const char *path, struct input *out) MUST_USE;
void input_close(struct input *in); /* one of zeros is fine */
