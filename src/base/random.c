#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *out, size_t n)
{
	char *p = out;
	while (n) {
		ssize_t got = getrandom(p, n, 0);
		ASSERT(got > 0 || errno == EINTR);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

void random_take(struct random_stock *s, void *out, size_t n)
{
	ASSERT(n <= sizeof s->bytes);
	if (n > s->left) {
		random_bytes(s->bytes, sizeof s->bytes);
		s->left = sizeof s->bytes;
	}
	unsigned char *from = s->bytes + sizeof s->bytes - s->left;
	memcpy(out, from, n);
	explicit_bzero(from, n); /* nobody can learn later what it was */
	s->left -= n;
}
