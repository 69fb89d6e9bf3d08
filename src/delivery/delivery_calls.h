/*
 * delivery_calls.h: delivery_commit() and delivery_announce(), for other roles. Both wait; commit
 * until the message is on stable storage.
 */
#pragma once

#define IPC_SERVICE delivery
#define IPC_TABLE "delivery/delivery.def"
#include "io/ipc_declare.h"
