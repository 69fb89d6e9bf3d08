/*
 * antivirus_wire.c: the codec of antivirus.def.
 */
#include "antivirus/antivirus_calls.h"

#define IPC_SERVICE antivirus
#define IPC_TABLE "antivirus/antivirus.def"
#include "io/ipc_implement.h"
