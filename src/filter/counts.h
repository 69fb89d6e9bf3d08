/*
 * counts.h: struct filter_counts, filter_counts_json().
 */
#pragma once

#define COUNTS filter_counts
#define COUNTS_TABLE "filter/counts.def"
#include "io/counts_declare.h"
