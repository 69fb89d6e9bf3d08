/*
 * scan.h: the messages that postern scan looks at. Inside of main.
 */
#pragma once

#include "main/input.h"

/* One message: a stretch of a file. */
struct scan_item {
	char *path; /* owned; "-" is standard input */
	size_t offset, n;
	bool mbox;   /* its "From " line is left out, and ">From " stands for "From " */
	unsigned nr; /* in its mbox, from 1; 0 where the file is the message */
};

struct scan_items {
	struct scan_item *list; /* owned */
	size_t n, room;
	struct input input; /* standard input */
	bool has_input;
};

enum { SCAN_ITEMS_MAX = 100 * 1000 * 1000 };

/* Adds a file, an mbox, or all that is in a directory and below (without names that begin with a
 * dot, as those of Dovecot's files). EXIT_FAILED, and a message, where it cannot be read. */
int scan_items_add(struct scan_items *s, const char *path) MUST_USE;
void scan_items_done(struct scan_items *s);

/* The message as SMTP would bring it: with CRLF at the end of each line. EXIT_FAILED, and a
 * message, where the file cannot be read any more. */
int scan_item_read(
	const struct scan_items *s, const struct scan_item *item, struct buf *out) MUST_USE;
