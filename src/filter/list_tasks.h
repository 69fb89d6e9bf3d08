/*
 * list_tasks.h: questions to lists over the calls of the resolver, as tasks of their own: up to
 * LIST_TASKS_MAX of a batch are on their way at a time. Questions that others ask too are joined by
 * the resolver.
 */
#pragma once

#include "filter/lists.h"
#include "resolver/resolver_calls.h"

enum { LIST_TASKS_MAX = 40 };

/* Who asks, and waits; must outlive the asker. */
struct list_tasks {
	struct task *t;
	const struct resolver_calls *calls; /* outlives all tasks */
};

struct list_asker list_asker_over(struct list_tasks *tasks);
