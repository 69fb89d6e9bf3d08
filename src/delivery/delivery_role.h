/*
 * delivery_role.h: delivery as a process.
 */
#pragma once

#include "io/role.h"

extern const struct role delivery_role;
