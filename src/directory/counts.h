/*
 * counts.h: struct directory_counts, directory_counts_json().
 */
#pragma once

#define COUNTS directory_counts
#define COUNTS_TABLE "directory/counts.def"
#include "io/counts_declare.h"
