/*
 * random.h: unpredictable bytes from the kernel. Never fails and does not wait once the machine
 * has started.
 */
#pragma once

#include "base/base.h"

void random_bytes(void *out, size_t n);
