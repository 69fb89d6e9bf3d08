/*
 * clamd_answer.h: what clamd answers (clamd(8), COMMANDS). Our commands begin with z, so that an
 * answer ends with a NUL.
 *
 * Pure. Nothing is believed that is not exactly an answer of clamd: whatever else stands there
 * comes from another service, and is told as such.
 */
#pragma once

#include "base/str.h"

enum clamd_kind {
	CLAMD_CLEAN,
	CLAMD_INFECTED,    /* text: the signature */
	CLAMD_UNSCANNABLE, /* because of what the message is; text: what clamd says */
	CLAMD_ERROR,       /* because of something else */
	CLAMD_REFUSED,     /* it does not take this command, or no descriptor with it */
	CLAMD_PONG,
	CLAMD_WRONG,  /* no clamd; text: the first bytes, escaped */
	CLAMD_CLOSED, /* it hung up, before its answer or in it */
	/* Not of an answer: clamd_client.h. */
	CLAMD_UNREACHABLE,
	CLAMD_SILENT,
};

enum { CLAMD_ANSWER_MAX = 1024, CLAMD_TEXT_SIZE = 160 };

struct clamd_answer {
	enum clamd_kind kind;
	char text[CLAMD_TEXT_SIZE]; /* printable ASCII */
};

/* Collects an answer that comes in pieces. A struct of zeros is empty. */
struct clamd_reader {
	char bytes[CLAMD_ANSWER_MAX];
	size_t n;
};

/* True when it is whole, or can be none: no more is taken. */
bool clamd_read(struct clamd_reader *r, str piece);

/* What was said. `r` is whole, or the connection has ended. */
void clamd_understand(const struct clamd_reader *r, struct clamd_answer *out);
