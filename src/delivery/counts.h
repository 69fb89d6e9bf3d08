/*
 * counts.h: struct delivery_counts, delivery_counts_json().
 */
#pragma once

#define COUNTS delivery_counts
#define COUNTS_TABLE "delivery/counts.def"
#include "io/counts_declare.h"
