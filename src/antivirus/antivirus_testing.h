/*
 * antivirus_testing.h: a clamd for unit tests, in a thread, on a Unix socket without a name in the
 * file system or on a port of loopback. What it does depends on how the content begins:
 *
 *	virus     finds Test.Virus
 *	error     says ERROR
 *	silent    says nothing, until the other side hangs up
 *	half      hangs up within its answer
 *	held      answers when `held` is not set any more
 *	(others)  OK
 */
#pragma once

#include "antivirus/antivirus.h"
#include "antivirus/scanner.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_clamd {
	int fd;
	int holder; /* bound to the port and not listening: nobody else gets it while we are away */
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool held, ending;
	unsigned holding, holding_most; /* conversations that are held now, and at most */
	unsigned open;                  /* conversations */
	atomic_uint scans, pings;
	atomic_bool deaf;  /* does not answer PING */
	atomic_ullong sum; /* of the last stream: fake_sum() */
};

struct fake_talk {
	struct fake_clamd *clamd;
	int fd;
};

static inline bool fake_read(int fd, void *out, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = read(fd, (char *)out + have, n - have);
		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return true;
}

/* Changes with each byte and its place. */
static inline unsigned long long fake_sum(unsigned long long sum, char c)
{
	return sum * 31 + (unsigned char)c + 1;
}

/* The content of a stream; at most its first bytes are kept. */
static inline bool fake_read_stream(struct fake_clamd *f, int fd, char *out, size_t size)
{
	uint32_t n;
	size_t have = 0;
	unsigned long long sum = 0;
	while (fake_read(fd, &n, sizeof n) && n) {
		for (n = ntohl(n); n; n--) {
			char c;
			if (!fake_read(fd, &c, 1))
				return false;
			sum = fake_sum(sum, c);
			if (have + 1 < size)
				out[have++] = c;
		}
	}
	out[have] = '\0';
	f->sum = sum;
	return true;
}

static inline void fake_hold(struct fake_clamd *f)
{
	pthread_mutex_lock(&f->lock);
	f->holding++;
	f->holding_most = MAX(f->holding_most, f->holding);
	pthread_cond_broadcast(&f->change);
	while (f->held && !f->ending)
		pthread_cond_wait(&f->change, &f->lock);
	f->holding--;
	pthread_mutex_unlock(&f->lock);
}

/* Until the other side has hung up. */
static inline void fake_wait_for_end(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	while (poll(&p, 1, -1) < 0)
		;
}

static inline void fake_answer(struct fake_clamd *f, int fd, const char *content)
{
	str s = str_from_z(content), answer = STR("stream: OK\0");
	f->scans++;
	if (str_starts(s, STR("virus")))
		answer = STR("stream: Test.Virus FOUND\0");
	else if (str_starts(s, STR("error")))
		answer = STR("stream: Can't open file or directory ERROR\0");
	else if (str_starts(s, STR("half")))
		answer = STR("stream: O");
	else if (str_starts(s, STR("held")))
		fake_hold(f);
	if (str_starts(s, STR("silent")))
		fake_wait_for_end(fd);
	else
		(void)!send(fd, answer.p, answer.n, MSG_NOSIGNAL);
}

static inline void *fake_converse(void *arg)
{
	struct fake_talk *talk = arg;
	struct fake_clamd *f = talk->clamd;
	char command[32], content[64];
	size_t n = 0;
	bool good = true;
	while (good && (n == 0 || command[n - 1]))
		good = n < sizeof command && fake_read(talk->fd, &command[n++], 1);
	if (good && strcmp(command, "zPING") == 0) {
		f->pings++;
		if (f->deaf)
			fake_wait_for_end(talk->fd);
		else
			(void)!send(talk->fd, "PONG", 5, MSG_NOSIGNAL);
	} else if (good && strcmp(command, "zINSTREAM") == 0 &&
		   fake_read_stream(f, talk->fd, content, sizeof content)) {
		fake_answer(f, talk->fd, content);
	}
	close(talk->fd);
	free(talk);
	pthread_mutex_lock(&f->lock);
	f->open--;
	pthread_cond_broadcast(&f->change);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static inline void *fake_accept(void *arg)
{
	struct fake_clamd *f = arg;
	for (;;) {
		int fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		struct fake_talk *talk = xmalloc(sizeof *talk);
		*talk = (struct fake_talk){ f, fd };
		pthread_t thread;
		pthread_mutex_lock(&f->lock);
		f->open++;
		pthread_mutex_unlock(&f->lock);
		ASSERT(pthread_create(&thread, NULL, fake_converse, talk) == 0);
		pthread_detach(thread);
	}
}

/* port 0: any. SO_REUSEADDR: several may be bound to one port, and one of them may listen. */
static inline int fake_bind(unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	ASSERT(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

/* Where it was before fake_stop(). */
static inline void fake_start_again(struct fake_clamd *f)
{
	int holder = f->holder;
	unsigned port = f->port;
	memset(f, 0, sizeof *f);
	f->holder = holder;
	f->port = port;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->change, NULL);
	f->fd = fake_bind(port);
	ASSERT(listen(f->fd, 100) == 0);
	ASSERT(pthread_create(&f->thread, NULL, fake_accept, f) == 0);
}

static inline void fake_start(struct fake_clamd *f)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;
	f->holder = fake_bind(0);
	ASSERT(getsockname(f->holder, (struct sockaddr *)&address, &size) == 0);
	f->port = ntohs(address.sin_port);
	fake_start_again(f);
}

static inline void fake_release(struct fake_clamd *f)
{
	pthread_mutex_lock(&f->lock);
	f->held = false;
	pthread_cond_broadcast(&f->change);
	pthread_mutex_unlock(&f->lock);
}

/* Waits until so many conversations are held. */
static inline void fake_wait_held(struct fake_clamd *f, unsigned n)
{
	pthread_mutex_lock(&f->lock);
	while (f->holding < n)
		pthread_cond_wait(&f->change, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static inline void fake_stop(struct fake_clamd *f)
{
	shutdown(f->fd, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->fd);
	pthread_mutex_lock(&f->lock);
	f->ending = true;
	pthread_cond_broadcast(&f->change);
	while (f->open)
		pthread_cond_wait(&f->change, &f->lock);
	pthread_mutex_unlock(&f->lock);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->change);
}

/* After fake_stop(). */
static inline void fake_done(struct fake_clamd *f)
{
	close(f->holder);
}
