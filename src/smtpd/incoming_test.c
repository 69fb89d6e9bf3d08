#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtpd/incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What open_spool() gives: a descriptor, or an error; and how often it was asked. */
struct spool {
	int fd;
	unsigned asked;
};

static int open_spool(void *context)
{
	struct spool *s = context;
	s->asked++;
	return s->fd < 0 ? s->fd : fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
}

static struct spool memory_spool(void)
{
	return (struct spool){ .fd = memfd_create("spool", MFD_CLOEXEC) };
}

/* A message of n bytes, of which no two places look alike. */
static char *text(size_t n)
{
	char *p = xmalloc(n + 1);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)('!' + (i * 7 + i / 89) % 90);
	for (size_t i = 78; i + 1 < n; i += 80) {
		p[i] = '\r';
		p[i + 1] = '\n';
	}
	return p;
}

static void feed(struct incoming *in, str bytes, size_t piece)
{
	while (bytes.n) {
		str part = str_first(bytes, piece);
		bytes = str_skip(bytes, part.n);
		incoming_feed(in, &part);
		assert_int_equal(part.n, 0);
	}
}

static void assert_holds(struct incoming *in, str expected)
{
	assert_int_equal(incoming_flush(in), 0);
	assert_int_equal(in->size, expected.n);
	if (incoming_in_memory(in)) {
		assert_true(str_equal(buf_str(&in->unwritten), expected));
		return;
	}
	char *p = xmalloc(expected.n + 1);
	assert_int_equal(pread(in->fd, p, expected.n + 1, 0), expected.n);
	assert_memory_equal(p, expected.p, expected.n);
	free(p);
}

static void chunks_of_any_size_are_kept_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 79, INCOMING_MEMORY - 1, INCOMING_MEMORY,
		INCOMING_MEMORY + 1, 2 * INCOMING_MEMORY, 300000 };
	static const size_t pieces[] = { 1, 2, 3, 80, 4096, INCOMING_MEMORY - 1, INCOMING_MEMORY,
		INCOMING_MEMORY + 1, 250000, 1000000 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *p = text(sizes[i]);
		for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
			struct spool spool = memory_spool();
			struct incoming in;
			incoming_open(&in, 1 << 20, SMTP_FRAMING_CHUNK, SMTP_BARE_REFUSE, NULL,
				open_spool, &spool);
			feed(&in, str_from(p, sizes[i]), pieces[j]);
			incoming_finish_chunks(&in);
			assert_int_equal(spool.asked, sizes[i] > INCOMING_MEMORY);
			assert_holds(&in, str_from(p, sizes[i]));
			incoming_close(&in);
			incoming_close(&in);
			close(spool.fd);
		}
		free(p);
	}
}

/* What a message beyond INCOMING_MEMORY does with this much memory. */
static void large_one(size_t size, size_t piece, size_t memory)
{
	char *p = text(size);
	struct spool spool = memory_spool();
	struct incoming in;
	size_t left = memory;
	bool in_memory =
		size <= INCOMING_MEMORY || (size <= INCOMING_LARGE && memory >= INCOMING_LARGE);
	incoming_open(
		&in, 1 << 20, SMTP_FRAMING_CHUNK, SMTP_BARE_REFUSE, &left, open_spool, &spool);
	feed(&in, str_from(p, size), piece);
	incoming_finish_chunks(&in);
	assert_int_equal(spool.asked, !in_memory);
	assert_int_equal(incoming_in_memory(&in), in_memory);
	bool taken = in_memory && size > INCOMING_MEMORY;
	assert_int_equal(left, memory - (taken ? INCOMING_LARGE : 0));
	assert_holds(&in, str_from(p, size));
	incoming_close(&in);
	incoming_close(&in);
	assert_int_equal(left, memory);
	close(spool.fd);
	free(p);
}

static void large_ones_stay_in_memory_while_there_is_some(void **state)
{
	static const size_t sizes[] = { INCOMING_MEMORY, INCOMING_MEMORY + 1, 100000,
		INCOMING_LARGE, INCOMING_LARGE + 1, 400000 };
	static const size_t pieces[] = { 999, INCOMING_MEMORY, 150000, 1000000 };
	static const size_t memories[] = { 0, INCOMING_LARGE - 1, INCOMING_LARGE,
		3 * INCOMING_LARGE };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t j = 0; j < ARRAY_LEN(pieces); j++)
			for (size_t k = 0; k < ARRAY_LEN(memories); k++)
				large_one(sizes[i], pieces[j], memories[k]);
}

static void memory_is_shared(void **state)
{
	char *p = text(100000);
	size_t left = 2 * INCOMING_LARGE;
	struct spool spool = memory_spool();
	struct incoming in[3];
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		incoming_open(&in[i], 1 << 20, SMTP_FRAMING_CHUNK, SMTP_BARE_REFUSE, &left,
			open_spool, &spool);
		feed(&in[i], str_from(p, 100000), 5000);
		assert_int_equal(spool.asked, i == 2);
	}
	assert_int_equal(left, 0);
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		incoming_close(&in[i]);
	assert_int_equal(left, 2 * INCOMING_LARGE);
	close(spool.fd);
	free(p);
}

static void a_split_anywhere_changes_nothing(void **state)
{
	static const char raw[] = "a: b\r\n\r\n..x\r\n.y\r\n\r\n.\r\nNOOP\r\n";
	for (size_t at = 0; at < sizeof raw; at++) {
		struct spool spool = memory_spool();
		struct incoming in;
		incoming_open(
			&in, 1000, SMTP_FRAMING_DOT, SMTP_BARE_REFUSE, NULL, open_spool, &spool);
		str one = str_from(raw, at), two = str_from(raw + at, sizeof raw - 1 - at);
		if (at == sizeof raw - 1)
			two = STR_EMPTY;
		incoming_feed(&in, &one);
		if (!in.data.ended)
			incoming_feed(&in, &two);
		assert_true(in.data.ended);
		assert_int_equal(one.n + two.n, strlen("NOOP\r\n"));
		assert_holds(&in, STR("a: b\r\n\r\n.x\r\ny\r\n\r\n"));

		assert_int_equal(in.trace.header_bytes, 8);
		incoming_close(&in);
		close(spool.fd);
	}
}

static void the_limit_is_exact_and_what_is_beyond_is_dropped(void **state)
{
	static const uint64_t limits[] = { 0, 10, 1000, INCOMING_MEMORY, 100000 };
	char *p = text(200001);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		for (uint64_t n = limits[i]; n <= 2 * limits[i] + 1; n += limits[i] + 1) {
			struct spool spool = memory_spool();
			struct incoming in;
			incoming_open(&in, limits[i], SMTP_FRAMING_CHUNK, SMTP_BARE_REFUSE, NULL,
				open_spool, &spool);
			feed(&in, str_from(p, n), 999);
			assert_int_equal(incoming_too_large(&in), n > limits[i]);
			assert_int_equal(in.size, n);
			assert_int_equal(incoming_flush(&in), 0);
			assert_true(in.unwritten.n <= limits[i]);
			assert_true(incoming_in_memory(&in) ||
				    (uint64_t)lseek(in.fd, 0, SEEK_END) <= limits[i]);
			incoming_close(&in);
			close(spool.fd);
		}
	}
	free(p);
}

/* The error sticks, and the message is counted to its end. */
static void assert_fails_with(struct spool *spool, int error)
{
	char *p = text(200000);
	struct incoming in;
	incoming_open(&in, 1 << 20, SMTP_FRAMING_CHUNK, SMTP_BARE_REFUSE, NULL, open_spool, spool);
	feed(&in, str_from(p, 200000), 1000);
	incoming_finish_chunks(&in);
	assert_int_equal(in.size, 200000);
	assert_int_equal(incoming_flush(&in), error);
	assert_int_equal(incoming_flush(&in), error);
	assert_int_equal(spool->asked, 1);
	incoming_close(&in);
	free(p);
}

static void errors_of_the_file_stick(void **state)
{
	struct spool none = { .fd = -EMFILE };
	assert_fails_with(&none, -EMFILE);
	struct spool full = { .fd = open("/dev/full", O_RDWR | O_CLOEXEC) };
	assert_fails_with(&full, -ENOSPC);
	close(full.fd);
	int ends[2];
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	struct spool pipe_end = { .fd = ends[1] }; /* takes the first part of it only */
	assert_fails_with(&pipe_end, -EAGAIN);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_of_any_size_are_kept_whole),
		cmocka_unit_test(large_ones_stay_in_memory_while_there_is_some),
		cmocka_unit_test(memory_is_shared),
		cmocka_unit_test(a_split_anywhere_changes_nothing),
		cmocka_unit_test(the_limit_is_exact_and_what_is_beyond_is_dropped),
		cmocka_unit_test(errors_of_the_file_stick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
