/*
 * stack.h: the stacks of tasks, for task.c.
 *
 * Each is a private mapping with a guard page below; memory comes with the first touch. A loop
 * keeps some of those that no task has, as making one takes three system calls and two page faults.
 */
#pragma once

#include "base/base.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

enum {
	STACK_PAGE = 4096,
#ifdef HAVE_ASAN
	STACK_SIZE = 512 * 1024, /* redzones make every frame larger */
#else
	STACK_SIZE = 64 * 1024,
#endif
	STACKS_KEPT_MAX = 64,
};

struct stack_pool {
	char *kept[STACKS_KEPT_MAX];
	size_t n;
};

/* Its lowest byte; NULL: there is no memory. */
char *stack_take(struct stack_pool *p) MUST_USE;
void stack_give(struct stack_pool *p, char *stack);
/* Gives those that are kept back to the kernel. */
void stack_pool_clear(struct stack_pool *p);

/* Gives the pages below sp back to the kernel, while the stack is in use. */
void stack_trim(char *stack, const void *sp);
/* What was touched, in bytes, counted in pages. */
size_t stack_touched(char *stack);
