/*
 * counts.h: struct mailbox_counts, mailbox_counts_json().
 */
#pragma once

#define COUNTS mailbox_counts
#define COUNTS_TABLE "mailbox/counts.def"
#include "io/counts_declare.h"
