/*
 * message_text.h: what a message says, in memory. All but message_map() reads the store and runs on
 * a thread; message_map() may be slow too.
 */
#pragma once

#include "base/buf.h"
#include "store/account.h"

/* Appends the header (with what was read beyond its end) or the whole message. -EFBIG where that is
 * more than the buffer holds, which is then as full as it can be; -ENOENT where the message is
 * gone. */
int message_read_header(
	struct account *a, uint64_t body, struct buf *text, struct err *err) MUST_USE;
int message_read_whole(struct account *a, const struct account_message *m, struct buf *text,
	struct err *err) MUST_USE;

/* The n bytes that the file must have. */
int message_map(int fd, uint64_t n, str *out) MUST_USE;
void message_unmap(str text); /* p NULL is fine */
