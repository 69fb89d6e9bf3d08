/*
 * resolver_role.h: the resolver as a process.
 */
#pragma once

#include "io/role.h"

extern const struct role resolver_role;
