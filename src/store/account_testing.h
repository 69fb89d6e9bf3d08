/*
 * account_testing.h: for tests of the account store: short ways to put messages in and look.
 */
#pragma once

#include "store/account.h"
#include "store/store_testing.h"

#include <string.h>
#include <sys/mman.h>

enum { TESTING_NOW = 1700000000 };

static inline struct account *testing_open(void **state, unsigned flags)
{
	struct account *a = NULL;
	struct err err;
	assert_ok(account_open(*state, 7, flags, TESTING_NOW, &a, &err), &err);
	return a;
}

/* A delivery whose bytes are `prefix` and then n bytes of fd. */
static inline struct account_delivery testing_delivery(str prefix, int fd, size_t n)
{
	return (struct account_delivery){ .prefix = prefix,
		.fd = fd,
		.body_size = n,
		.internaldate = TESTING_NOW - 10,
		.summary = { STR("(envelope)"), STR("(body)"), STR("(bodystructure)"), 5 } };
}

/* Puts one message with this text in; the uid. */
static inline uint32_t testing_append(
	struct account *a, const char *mailbox, uint32_t flags, str text)
{
	struct err err;
	uint64_t modseq;
	struct account_delivery d = testing_delivery(text, -1, 0);
	d.name = str_from_z(mailbox);
	d.flags = flags;
	assert_ok(account_deliver(a, &d, 1, TESTING_NOW, &modseq, &err), &err);
	return d.out_uid;
}

static inline struct account_mailbox testing_mailbox(struct account *a, const char *name)
{
	struct account_mailbox m = { 0 };
	struct err err;
	assert_ok(account_mailbox_find(a, str_from_z(name), &m, &err), &err);
	return m;
}

static inline void testing_problem(void *arg, str problem)
{
	fprintf(stderr, "# %.*s\n", STR_ARG(problem));
	++*(int *)arg;
}

static inline void testing_verify(struct account *a)
{
	int problems = 0;
	struct err err;
	assert_ok(account_verify(a, testing_problem, &problems, &err), &err);
	assert_int_equal(problems, 0);
}

/* Files of n bytes, byte i being a function of i: one that packs well, and one that does not. */
typedef char testing_byte_fn(size_t i);

static inline char testing_byte(size_t i)
{
	return (char)(i * 31 + i / 4099);
}

static inline char testing_noise(size_t i)
{
	uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return (char)(x >> 56);
}

static inline int testing_spool_of(testing_byte_fn *byte, size_t n)
{
	int fd = memfd_create("spool", MFD_CLOEXEC);
	char *bytes = xmalloc(n + 1);
	for (size_t i = 0; i < n; i++)
		bytes[i] = byte(i);
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, bytes + done, n - done);
		assert_true(w > 0);
		done += (size_t)w;
	}
	free(bytes);
	return fd;
}

static inline int testing_spool(size_t n)
{
	return testing_spool_of(testing_byte, n);
}
