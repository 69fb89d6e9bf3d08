/*
 * scanner.h: scanning one message, as the judgement sees it: by the antivirus role, or by what a
 * test puts in its place.
 */
#pragma once

#include "antivirus/antivirus_calls.h"
#include "base/config.h"

enum scan_result {
	SCAN_CLEAN,
	SCAN_INFECTED,
	SCAN_UNSCANNED, /* because of what the message is: too large, encrypted */
	SCAN_FAILED,    /* no server has scanned it */
};

struct scan_outcome {
	enum scan_result result;
	str signature; /* of an infected one */
	str server;    /* who said so; empty: nobody */
	str why;       /* it was not scanned */
	bool cached;   /* it is known from another message with the same content */
	int64_t took;  /* nanoseconds */
};

const char *scan_result_name(enum scan_result result);

struct scanner {
	/* Waits. The digest is the message's SHA-256. */
	void (*scan)(void *context, str digest, struct arena *a, struct scan_outcome *out);
	void *context;
};

/* A message and whom to ask about it. */
struct scan_asker {
	struct task *t;
	const struct antivirus_calls *calls;
	str id;
	str content; /* or empty, and */
	int message; /* a file; -1: none */
	uint64_t size;
};

/* Over that; it must outlive the scanner. */
struct scanner scanner_over(struct scan_asker *asker);

/* The longest that a call may take with this configuration. */
int64_t scan_patience(const struct config *config);
