/*
 * account_pool.h: the account files that a process has open.
 *
 * Opening a file costs a millisecond and its handle some hundred KiB, so handles are kept while
 * they are in use, and the most recently used ones beyond that. A handle does one thing at a time:
 * calls for the same account wait for each other, calls for different accounts run side by side on
 * the thread pool.
 */
#pragma once

#include "io/task.h"
#include "store/account.h"

struct account_pool;

/* Keeps at most `keep` handles that nobody uses. data_dir is copied. */
struct account_pool *account_pool_new(str data_dir, size_t keep) MUST_USE;
/* No call may be running. */
void account_pool_free(struct account_pool *p);

/* Runs fn(account, arg, err) on a thread, with the account opened (made, if it was not there), and
 * returns what it returned; or why the account could not be opened, or -ECANCELED before fn began.
 * Waits. Once fn has begun it is waited for, whatever happens. */
typedef int account_fn(struct account *a, void *arg, struct err *err);
int account_pool_run(struct task *t, struct account_pool *p, uint64_t id, account_fn *fn, void *arg,
	struct err *err) MUST_USE;

/* Closes the handles that nobody uses. */
void account_pool_trim(struct account_pool *p);
