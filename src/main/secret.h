/*
 * secret.h: where a password for the command line comes from.
 */
#pragma once

#include "base/base.h"
#include "directory/password.h"

struct secret {
	char text[PASSWORD_MAX + 2];
	bool generated; /* and so to be shown, once */
};

enum secret_source {
	SECRET_ASK,   /* twice on the terminal; generated without one, or for an empty answer */
	SECRET_STDIN, /* the first line of standard input */
	SECRET_GENERATE,
};

/* EXIT_DONE; or EXIT_FAILED, with a message. Wipe *out when done. */
int secret_get(enum secret_source source, const char *whose, struct secret *out) MUST_USE;

/* Prints it, as the last word of a line, where it was generated; and wipes it. */
void secret_show_and_wipe(struct secret *s);
