/*
 * changes_wire.c: the codec of changes.def.
 */
#include "delivery/changes_calls.h"

#define IPC_SERVICE changes
#define IPC_TABLE "delivery/changes.def"
#include "io/ipc_implement.h"
