/*
 * fault_preload.c: makes writes and flushes of regular files fail at a chosen moment.
 *
 * LD_PRELOADed into the server; steered through a page of memory that the test shares with it (the
 * file that $POSTERN_FAULT_PAGE names, mapped before any sandbox is entered). Sockets, pipes and
 * memory files are left alone. Tests arm it by storing `after` and then `kind`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FAULT_NONE, FAULT_FLUSH, FAULT_WRITE, FAULT_SHORT };

struct page {
	atomic_int attached; /* processes that have mapped the page */
	atomic_int kind;     /* FAULT_... */
	atomic_int error;    /* errno of the failure */
	atomic_int after;    /* so many calls of this kind succeed first */
	atomic_int count;    /* so many fail then; negative: all */
	atomic_int hits;     /* calls that were made to fail */
};

static struct page *page;

__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv("POSTERN_FAULT_PAGE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *mapped = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped == MAP_FAILED)
		return;
	page = mapped;
	atomic_fetch_add(&page->attached, 1);
}

static int is_regular(int fd)
{
	struct stat st;
	int saved = errno;
	int regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	errno = saved;
	return regular;
}

/* Whether this call is one of those that fail. */
static int hit(int kind, int fd)
{
	if (!page || atomic_load(&page->kind) != kind || !is_regular(fd))
		return 0;
	if (atomic_fetch_sub(&page->after, 1) > 0)
		return 0;
	if (atomic_load(&page->count) >= 0 && atomic_fetch_sub(&page->count, 1) <= 0)
		return 0;
	atomic_fetch_add(&page->hits, 1);
	errno = atomic_load(&page->error);
	return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FLUSH(name)                                                                                \
	int name(int fd)                                                                           \
	{                                                                                          \
		return hit(FAULT_FLUSH, fd) ? -1 : REAL(name)(fd);                                 \
	}
FLUSH(fsync)
FLUSH(fdatasync)

#define CUT(n) (hit(FAULT_SHORT, fd) && (n) > 1 ? (n) / 2 : (n))

ssize_t write(int fd, const void *p, size_t n)
{
	return hit(FAULT_WRITE, fd) ? -1 : REAL(write)(fd, p, CUT(n));
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return hit(FAULT_WRITE, fd) ? -1 : REAL(pwrite)(fd, p, CUT(n), at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return hit(FAULT_WRITE, fd) ? -1 : REAL(pwrite64)(fd, p, CUT(n), at);
}

/* A short vectored write is one of its first part alone. */
ssize_t writev(int fd, const struct iovec *v, int n)
{
	if (hit(FAULT_WRITE, fd))
		return -1;
	return n > 0 && hit(FAULT_SHORT, fd) ? REAL(write)(fd, v[0].iov_base, v[0].iov_len)
					     : REAL(writev)(fd, v, n);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	if (hit(FAULT_WRITE, fd))
		return -1;
	return n > 0 && hit(FAULT_SHORT, fd) ? REAL(pwrite)(fd, v[0].iov_base, v[0].iov_len, at)
					     : REAL(pwritev)(fd, v, n, at);
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
	if (hit(FAULT_WRITE, fd))
		return -1;
	return n > 0 && hit(FAULT_SHORT, fd) ? REAL(pwrite64)(fd, v[0].iov_base, v[0].iov_len, at)
					     : REAL(pwritev64)(fd, v, n, at);
}
