/*
 * poison_preload.c: makes the filter fail over chosen messages: those whose HTML has the words
 * "crash on purpose" or "stall on purpose", while the page of memory that tests share with it says
 * so (the file that $POSTERN_POISON_PAGE names, mapped before any sandbox is entered).
 *
 * LD_PRELOADed into the server, in front of libxml2: nothing of this is in the program.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct page {
	atomic_int armed;
	atomic_int seen; /* poisonous messages that a filter was given */
};

static struct page *page;

__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv("POSTERN_POISON_PAGE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	page = mapped == MAP_FAILED ? NULL : mapped;
}

static int has(const char *text, int n, const char *words)
{
	return text && n > 0 && memmem(text, (size_t)n, words, strlen(words)) != NULL;
}

int htmlParseChunk(void *parser, const char *chunk, int size, int terminate)
{
	int (*real)(void *, const char *, int, int) =
		(int (*)(void *, const char *, int, int))dlsym(RTLD_NEXT, "htmlParseChunk");
	int crash = has(chunk, size, "crash on purpose"),
	    stall = has(chunk, size, "stall on purpose");
	if (page && (crash || stall)) {
		atomic_fetch_add(&page->seen, 1);
		if (atomic_load(&page->armed) && crash)
			abort();
		while (atomic_load(&page->armed) && stall)
			;
	}
	return real(parser, chunk, size, terminate);
}
