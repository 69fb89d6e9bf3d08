#include "io/stack.h"

#include <sys/mman.h>

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

char *stack_take(struct stack_pool *p)
{
	if (p->n)
		return p->kept[--p->n];
	char *guard = mmap(NULL, STACK_PAGE + STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (guard == MAP_FAILED)
		return NULL;
	if (mprotect(guard, STACK_PAGE, PROT_NONE) < 0) {
		munmap(guard, STACK_PAGE + STACK_SIZE);
		return NULL;
	}
	return guard + STACK_PAGE;
}

static void unmap(char *stack)
{
	munmap(stack - STACK_PAGE, STACK_PAGE + STACK_SIZE);
}

void stack_give(struct stack_pool *p, char *stack)
{
#ifdef HAVE_ASAN
	__asan_unpoison_memory_region(stack, STACK_SIZE);
#endif
	if (p->n < STACKS_KEPT_MAX)
		p->kept[p->n++] = stack;
	else
		unmap(stack);
}

void stack_pool_clear(struct stack_pool *p)
{
	while (p->n)
		unmap(p->kept[--p->n]);
}

void stack_trim(char *stack, const void *sp)
{
	size_t below = (size_t)((const char *)sp - stack) & ~(size_t)(STACK_PAGE - 1);
	if (below)
		madvise(stack, below, MADV_DONTNEED);
}

size_t stack_touched(char *stack)
{
	unsigned char resident[STACK_SIZE / STACK_PAGE];
	size_t pages = 0;
	if (mincore(stack, STACK_SIZE, resident) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(resident); i++)
		pages += resident[i] & 1;
	return pages * STACK_PAGE;
}
