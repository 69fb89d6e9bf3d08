/*
 * filter_role.h: the filter as a process.
 */
#pragma once

#include "io/role.h"

extern const struct role filter_role;
