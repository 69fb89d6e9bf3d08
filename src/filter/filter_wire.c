/*
 * filter_wire.c: the codec of filter.def.
 */
#include "filter/filter_calls.h"

#define IPC_SERVICE filter
#define IPC_TABLE "filter/filter.def"
#include "io/ipc_implement.h"
