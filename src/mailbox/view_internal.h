/*
 * view_internal.h: what view.c and view_sync.c share.
 */
#pragma once

#include "mailbox/session_internal.h"

/* The first index whose uid is not below. */
size_t uids_lower_bound(const uint32_t *uids, size_t n, uint32_t uid);
void view_add_uid(struct view *v, uint32_t uid); /* beyond all that are there */
/* \Recent here: uids from first up to, not with, end. */
void view_add_recent(struct view *v, uint32_t first, uint32_t end);
