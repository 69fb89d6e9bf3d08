/*
 * counts.h: struct smtpd_counts, smtpd_counts_json().
 */
#pragma once

#define COUNTS smtpd_counts
#define COUNTS_TABLE "smtpd/counts.def"
#include "io/counts_declare.h"
