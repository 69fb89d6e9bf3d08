/*
 * filter_calls.h: filter_envelope() and filter_judge(), for other roles. Both wait, for the DNS.
 */
#pragma once

#define IPC_SERVICE filter
#define IPC_TABLE "filter/filter.def"
#include "io/ipc_declare.h"
