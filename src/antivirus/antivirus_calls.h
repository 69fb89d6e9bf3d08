/*
 * antivirus_calls.h: antivirus_scan(), for other roles. It waits, for a while: twice
 * antivirus.timeout, and as long for its turn. scanner.h makes a struct scanner of it.
 */
#pragma once

#define IPC_SERVICE antivirus
#define IPC_TABLE "antivirus/antivirus.def"
#include "io/ipc_declare.h"
