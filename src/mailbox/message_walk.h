/*
 * message_walk.h: the messages that a command names, in batches small enough that memory stays
 * bounded and others get their turn at the account. The view must not change meanwhile.
 */
#pragma once

#include "mailbox/session_internal.h"

struct message_walk {
	const struct view *view;
	const struct uid_range *ranges; /* ascending */
	size_t range_count;
	size_t range; /* the next message is in this one or a later one */
	size_t index; /* and stands here in the view, or later */
};

enum { MESSAGE_BATCH_MAX = 512 };

struct message_batch {
	struct uid_range ranges[MESSAGE_BATCH_MAX];
	size_t range_count;
	size_t index; /* of the first message in the view */
	size_t count; /* messages that the view has of it */
};

/* The messages of the set; false: a message number beyond the end. */
bool message_walk_set(
	struct session *s, const struct imap_set *set, bool uid, struct message_walk *out) MUST_USE;
/* All messages of the view. */
struct message_walk message_walk_all(const struct view *v);

/* The next messages, at most `max`; false: there are none left. */
bool message_walk_next(struct message_walk *w, size_t max, struct message_batch *out);
/* Goes on with the message at this place in the view, which was in the last batch. */
void message_walk_return(struct message_walk *w, size_t index);

/* The place of the first uid that is not less than this one. */
size_t view_index(const struct view *v, uint32_t uid);

/* Places of rows: *index moves on to the place of that uid; false: the view does not have it.
 * Uids must ascend from call to call. */
bool view_index_forward(const struct view *v, uint32_t uid, size_t *index);
