/*
 * recipient_cache.h: a directory that remembers for a second who gets mail for an address.
 *
 * Under load, messages to the same few recipients come hundreds of times a second; asking another
 * process each time costs an eighth of all that a small message needs. Only addresses that exist
 * are remembered, so a new one is found at once, and one that was removed is refused a second
 * later. What depends on the sender is asked for each time: addresses whose accounts or domain have
 * lists. (A first entry counts at once all the same: the filter asks about each message.)
 */
#pragma once

#include "directory/directory_calls.h"

struct recipient_cache;

/* In front of `behind`; all calls but directory_find() go straight through. */
struct recipient_cache *recipient_cache_new(struct directory_calls behind) MUST_USE;
void recipient_cache_free(struct recipient_cache *c); /* NULL is fine */

/* What sessions use. */
struct directory_calls recipient_cache_calls(struct recipient_cache *c);
