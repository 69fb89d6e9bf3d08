#include "mailbox/message_text.h"

#include "mail/header.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { HEADER_STEP = 64 * 1024 };

/* Appends up to n bytes from where the text ends; *end: there are no more. */
static int read_on(
	struct account *a, uint64_t body, size_t n, struct buf *text, bool *end, struct err *err)
{
	size_t got = 0;
	char *at = buf_reserve(text, n);
	if (!at)
		return -EFBIG;
	int r = account_body_read(a, body, text->n, at, n, &got, err);
	text->n += r == 0 ? got : 0;
	*end = got < n;
	return r;
}

int message_read_header(struct account *a, uint64_t body, struct buf *text, struct err *err)
{
	bool end = false;
	int r = 0;
	while (r == 0 && !end && header_length(buf_str(text)) == text->n)
		r = read_on(a, body, HEADER_STEP, text, &end, err);
	return r;
}

int message_read_whole(
	struct account *a, const struct account_message *m, struct buf *text, struct err *err)
{
	bool end;
	return read_on(a, m->body, (size_t)m->size + 1, text, &end, err);
}

/* A file that is shorter than its mapping would kill the reader. */
int message_map(int fd, uint64_t n, str *out)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size < n)
		return -EUCLEAN;
	void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = str_from(p, n);
	return 0;
}

void message_unmap(str text)
{
	if (text.p)
		munmap((void *)(uintptr_t)text.p, text.n);
}
