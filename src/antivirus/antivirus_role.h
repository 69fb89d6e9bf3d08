/*
 * antivirus_role.h: the antivirus as a process.
 */
#pragma once

#include "io/role.h"

extern const struct role antivirus_role;
