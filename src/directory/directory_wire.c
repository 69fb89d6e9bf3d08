/*
 * directory_wire.c: the codec of directory.def.
 */
#include "directory/directory_calls.h"

#define IPC_SERVICE directory
#define IPC_TABLE "directory/directory.def"
#include "io/ipc_implement.h"
