/*
 * control_wire.c: the codec of control.def.
 */
#include "supervisor/control_calls.h"

#define IPC_SERVICE control
#define IPC_TABLE "supervisor/control.def"
#include "io/ipc_implement.h"
