/*
 * changes_calls.h: changes_changed(), by which delivery tells the mailbox processes.
 */
#pragma once

#define IPC_SERVICE changes
#define IPC_TABLE "delivery/changes.def"
#include "io/ipc_declare.h"
