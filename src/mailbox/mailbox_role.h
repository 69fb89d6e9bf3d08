/*
 * mailbox_role.h: IMAP as a process.
 */
#pragma once

#include "io/role.h"

extern const struct role mailbox_role;
