/*
 * clamd_client.h: one conversation with one clamd: a connection, a command, an answer.
 *
 *   descriptor   zFILDES, over a Unix socket: clamd reads the file itself
 *   stream       zINSTREAM: the bytes, in chunks
 */
#pragma once

#include "antivirus/clamd_answer.h"
#include "base/endpoint.h"
#include "io/task.h"

enum clamd_command { CLAMD_PING, CLAMD_DESCRIPTOR, CLAMD_STREAM };

struct clamd_question {
	const struct endpoint *server;
	enum clamd_command command;
	int fd; /* a file with the message: read at offsets, its own offset stays where it is */
	uint64_t size;
	int64_t deadline;
};

/* How long a connection may take, within the deadline. */
#define CLAMD_CONNECT_TIMEOUT SECONDS(5)

/* Waits. 0: *out tells what became of it, also that there was no answer; -ECANCELED; or another
 * -errno: the message could not be read. */
int clamd_ask(struct task *t, const struct clamd_question *q, struct clamd_answer *out) MUST_USE;
