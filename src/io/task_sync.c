#include "io/task_sync.h"

#include "io/task_internal.h"

#include <errno.h>
#include <stdlib.h>

struct task_sync {
	struct log nowhere;
	int64_t wall;
	unsigned waits, cancel_at;
};

struct task *task_sync_new(const struct task_sync_options *options)
{
	struct task_sync *sync = xcalloc(1, sizeof *sync);
	sync->wall = options->wall;
	sync->cancel_at = options->cancel_at_wait;
	return task_sync_attach(sync, options->log ? options->log : &sync->nowhere);
}

void task_sync_free(struct task *t)
{
	free(task_sync_detach(t));
}

unsigned task_sync_waits(const struct task *t)
{
	return task_sync_of(t)->waits;
}

int64_t sync_wall(const struct task_sync *sync, int64_t now)
{
	return sync->wall + now;
}

int sync_suspend(
	struct task_sync *sync, int64_t *now, bool woken, int64_t deadline, bool *cancelled)
{
	sync->waits++;
	if (sync->waits == sync->cancel_at)
		*cancelled = true;
	if (*cancelled)
		return -ECANCELED;
	if (woken)
		return 0;
	ASSERT(deadline != NEVER); /* nobody else runs: this wait would never end */
	*now = MAX(*now, deadline);
	return -ETIMEDOUT;
}
