/*
 * control_calls.h: control_stats(), which waits, CONTROL_PATIENCE at most, and control_changed(),
 * for the command line.
 */
#pragma once

#include "base/clock.h"

#define IPC_SERVICE control
#define IPC_TABLE "supervisor/control.def"
#include "io/ipc_declare.h"

/* Below data_dir. */
#define CONTROL_DIRECTORY "run"
#define CONTROL_SOCKET "control.sock"

/* Accounts in one call. */
enum { CONTROL_CHANGED_MAX = 4096 };

/* A process that takes longer to say how it does is left out. On a busy machine a sound one may
 * have no turn for some seconds, and to be told that it hangs is worse than to wait. */
#define CONTROL_PATIENCE SECONDS(8)
