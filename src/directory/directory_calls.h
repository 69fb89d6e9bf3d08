/*
 * directory_calls.h: directory_find(), directory_login(), directory_scram_challenge(),
 * directory_scram_verify() and directory_sign(), for other roles. All wait. A negative result is a
 * temporary failure, never "unknown user" and never "wrong password".
 */
#pragma once

#define IPC_SERVICE directory
#define IPC_TABLE "directory/directory.def"
#include "io/ipc_declare.h"
