/*
 * resolver_testing.h: a name server on loopback for unit tests, in a thread. What it does depends
 * on how the name begins:
 *
 *	silent…   never answers
 *	held…     does not answer while `held` is set; whoever asks again later gets an answer
 *	fail…     SERVFAIL
 *	(others)  for A 192.0.2.1, for other types nothing
 */
#pragma once

#include "base/config.h"
#include "mailauth/dns.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_server {
	int fd;
	unsigned port;
	pthread_t thread;
	atomic_bool held;
	atomic_uint asked; /* questions that came, repetitions included */
};

/* The end of the question; 0: it is none. */
static inline size_t fake_question_end(const unsigned char *p, size_t n)
{
	size_t at = 12;
	while (at < n && p[at])
		at += 1U + p[at];
	return at + 5 <= n ? at + 5 : 0;
}

static inline size_t fake_answer(const struct fake_server *f, unsigned char *p, size_t n)
{
	static const unsigned char record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2,
		1 };
	size_t end = fake_question_end(p, n);
	str name = str_from(p + 13, n > 13 ? n - 13 : 0);
	if (end == 0 || str_starts_nocase(name, STR("silent")) ||
		(f->held && str_starts_nocase(name, STR("held"))))
		return 0;
	bool failing = str_starts_nocase(name, STR("fail"));
	bool address = p[end - 3] == DNS_TYPE_A && !failing;
	p[2] = 0x81;
	p[3] = failing ? 0x82 : 0x80;
	memset(p + 6, 0, 6);
	p[7] = address;
	memcpy(p + end, record, address ? sizeof record : 0);
	return end + (address ? sizeof record : 0);
}

static inline void *fake_run(void *arg)
{
	struct fake_server *f = arg;
	unsigned char bytes[1024];
	struct sockaddr_in from;
	for (;;) {
		socklen_t size = sizeof from;
		ssize_t n = recvfrom(
			f->fd, bytes, sizeof bytes - 64, 0, (struct sockaddr *)&from, &size);
		if (n <= 0)
			return NULL; /* an empty one comes from fake_stop() */
		f->asked++;
		size_t answer = fake_answer(f, bytes, (size_t)n);
		if (answer)
			sendto(f->fd, bytes, answer, 0, (struct sockaddr *)&from, size);
	}
}

static inline void fake_start(struct fake_server *f)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	*f = (struct fake_server){ .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
	ASSERT(bind(f->fd, (struct sockaddr *)&address, size) == 0);
	ASSERT(getsockname(f->fd, (struct sockaddr *)&address, &size) == 0);
	f->port = ntohs(address.sin_port);
	ASSERT(pthread_create(&f->thread, NULL, fake_run, f) == 0);
}

static inline void fake_stop(struct fake_server *f)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)f->port) };
	ASSERT(sendto(f->fd, "", 0, 0, (struct sockaddr *)&address, sizeof address) == 0);
	pthread_join(f->thread, NULL);
	close(f->fd);
}

/* A configuration whose resolver asks the server, with more settings. */
static inline str fake_config_text(
	const struct fake_server *f, const char *more, char *out, size_t size)
{
	int n = snprintf(out, size,
		"hostname = \"mx.example.org\"; data_dir = \"/nowhere\";"
		"resolver: { forward = [ \"127.0.0.1:%u\" ]; dnssec = false; %s };",
		f->port, more);
	ASSERT(n > 0 && (size_t)n < size);
	return str_from(out, (size_t)n);
}

static inline const struct config *fake_config(const struct fake_server *f, const char *more)
{
	char text[2048];
	struct err err = { "" };
	str s = fake_config_text(f, more, text, sizeof text);
	const struct config *config = config_parse(s, STR("test.conf"), STR("/"), &err);
	if (!config)
		fprintf(stderr, "# %s\n", err.text);
	ASSERT(config);
	return config;
}
