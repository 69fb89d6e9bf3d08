/*
 * counts.h: struct antivirus_counts, antivirus_counts_json().
 */
#pragma once

#define COUNTS antivirus_counts
#define COUNTS_TABLE "antivirus/counts.def"
#include "io/counts_declare.h"
