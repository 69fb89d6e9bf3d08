/*
 * scan_local.h: who gets what is scanned, and what our own lists say of it: from directory.db,
 * beside the running server. Inside of main.
 */
#pragma once

#include "base/config.h"
#include "filter/judge.h"

struct scan_local;

/* *out: NULL where there is no directory. Where this user cannot read it, there is a warning, and
 * NULL too, unless a recipient is given. EXIT_FAILED, and a message: it cannot be read, or the
 * recipient is nobody here. */
int scan_local_open(const struct config *config, str recipient, struct scan_local **out) MUST_USE;
void scan_local_close(struct scan_local *l); /* NULL is fine */

/* Adds destinations, lists, and the domain of the recipient where none is there. l: NULL is fine;
 * else it has to stay. */
void scan_local_use(struct scan_local *l, struct judge_facts *facts);
