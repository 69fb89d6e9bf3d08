/*
 * census.h: how many connections there are, in all and of one client, over all processes of a role.
 *
 * A table in shared memory, of which each process writes its own part and reads all. Clients are
 * counted in two arrays by two keyed hashes, and the smaller sum is believed (a count-min sketch):
 * fixed memory, no locks, and an over-count only where a client shares both its places with others.
 * When a process dies, the supervisor clears its part.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"

struct census;

enum census_verdict { CENSUS_WELCOME, CENSUS_FULL, CENSUS_CLIENT_FULL };

/* The supervisor's: a table for so many processes, and the descriptor to hand to them. */
int census_new(unsigned processes, struct census **out, int *out_fd, struct err *err) MUST_USE;
void census_clear(struct census *c, unsigned process);

/* A process's: maps the table behind fd (borrowed) as process number `process`. */
int census_join(int fd, unsigned process, struct census **out, struct err *err) MUST_USE;
void census_free(struct census *c); /* NULL is fine */

/* Counts the connection in, unless a limit is reached; then census_leave() counts it out. */
enum census_verdict census_enter(struct census *c, const struct ip *client, uint64_t max_total,
	uint64_t max_client) MUST_USE;
void census_leave(struct census *c, const struct ip *client);

/* A number that the processes of a role share, 0 at first, for the role's own purpose. */
_Atomic uint64_t *census_note(struct census *c);
