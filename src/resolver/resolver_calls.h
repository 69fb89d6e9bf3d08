/*
 * resolver_calls.h: resolver_lookup(), resolver_statistics(), for other roles. Both wait. A
 * negative result is a temporary failure, never "there is no such name". resolver_dns.h makes a
 * struct dns of them.
 */
#pragma once

#define IPC_SERVICE resolver
#define IPC_TABLE "resolver/resolver.def"
#include "io/ipc_declare.h"
