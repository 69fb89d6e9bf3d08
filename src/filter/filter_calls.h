/*
 * filter_calls.h: filter_envelope() and filter_judge(), for other roles. Both wait, for the DNS.
 */
#pragma once

#define IPC_SERVICE filter
#define IPC_TABLE "filter/filter.def"
#include "io/ipc_declare.h"

struct verdict;

/* What filter_judge() answers where this is the verdict; destinations: of the message. Slices of
 * the verdict, the rest in the arena. */
void filter_reply(const struct verdict *v, size_t destinations, struct arena *a,
	struct filter_judge_reply *out);
