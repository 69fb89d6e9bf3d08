/*
 * delivery_wire.c: the codec of delivery.def.
 */
#include "delivery/delivery_calls.h"

#define IPC_SERVICE delivery
#define IPC_TABLE "delivery/delivery.def"
#include "io/ipc_implement.h"
