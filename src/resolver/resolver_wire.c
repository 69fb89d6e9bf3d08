/*
 * resolver_wire.c: the codec of resolver.def.
 */
#include "resolver/resolver_calls.h"

#define IPC_SERVICE resolver
#define IPC_TABLE "resolver/resolver.def"
#include "io/ipc_implement.h"
