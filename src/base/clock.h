/*
 * clock.h: time, passed in so that tests can turn it.
 *
 * Instants are nanoseconds: monotonic ones for deadlines, wall-clock ones (since 1970, UTC) for
 * what people read.
 */
#pragma once

#include "base/base.h"

#include <time.h>

#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_SEC INT64_C(1000000000)
#define SECONDS(n) ((int64_t)(n)*NSEC_PER_SEC)
#define MICROSECONDS(n) ((int64_t)(n)*1000)
#define MILLISECONDS(n) ((int64_t)(n)*NSEC_PER_MSEC)
#define NEVER INT64_MAX

int64_t clock_monotonic(void);
int64_t clock_wall(void);
