/*
 * mail_load.c: sends given messages over SMTP, each from a client of its own (XCLIENT), and prints
 * for each how long it took from MAIL to the last reply, and that reply's code.
 *
 *     mail_load PORT SESSIONS RECIPIENT FILE
 *
 * FILE: a line "SIZE ADDRESS HELO SENDER" before each message, which is dot-stuffed already and has
 * its closing line. SENDER "<>" is the null path. What is printed: "MICROSECONDS CODE" a line.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SESSIONS_MAX = 1000, WAIT_SECONDS = 120 };

struct message {
	const char *bytes;
	size_t size;
	char address[64], helo[256], sender[256];
	long us;
	int code;
};

struct load {
	int port;
	const char *recipient;
	struct message *messages;
	size_t n;
	_Atomic size_t next;
};

struct talk {
	int fd;
	char in[8192];
	size_t n;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static bool send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* The code of the next reply; 0 where the connection has ended. */
static int reply(struct talk *t)
{
	for (;;) {
		char *end = memchr(t->in, '\n', t->n);
		if (!end && (t->n == sizeof t->in))
			return 0;
		if (!end) {
			ssize_t got = recv(t->fd, t->in + t->n, sizeof t->in - t->n, 0);
			if (got <= 0)
				return 0;
			t->n += (size_t)got;
			continue;
		}
		int code = atoi(t->in);
		bool last = end - t->in < 4 || t->in[3] != '-';
		t->n -= (size_t)(end + 1 - t->in);
		memmove(t->in, end + 1, t->n);
		if (last)
			return code;
	}
}

static int command(struct talk *t, const char *format, const char *a, const char *b)
{
	char line[1024];
	int n = snprintf(line, sizeof line, format, a, b);
	return send_all(t->fd, line, (size_t)n) ? reply(t) : 0;
}

static int transaction(struct talk *t, const struct load *l, const struct message *m)
{
	int code = command(t, "MAIL FROM:%s\r\n", m->sender, "");
	if (code == 250)
		code = command(t, "RCPT TO:<%s>\r\n", l->recipient, "");
	if (code == 250)
		code = command(t, "DATA\r\n", "", "");
	if (code == 354)
		code = send_all(t->fd, m->bytes, m->size) ? reply(t) : 0;
	return code;
}

static void send_one(const struct load *l, struct message *m)
{
	struct talk t = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)l->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval wait = { .tv_sec = WAIT_SECONDS };
	int one = 1;
	setsockopt(t.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(t.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(t.fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("connect");
	bool ready = reply(&t) == 220 && command(&t, "EHLO load.test\r\n", "", "") == 250 &&
		     command(&t, "XCLIENT ADDR=%s NAME=[UNAVAILABLE] HELO=%s\r\n", m->address,
			     m->helo) == 220 &&
		     command(&t, "EHLO %s\r\n", m->helo, "") == 250;
	long begun = now_us();
	if (ready)
		m->code = transaction(&t, l, m);
	m->us = now_us() - begun;
	if (m->code)
		command(&t, "QUIT\r\n", "", "");
	close(t.fd);
}

static void *session(void *arg)
{
	struct load *l = arg;
	for (size_t i; (i = atomic_fetch_add(&l->next, 1)) < l->n;)
		send_one(l, &l->messages[i]);
	return NULL;
}

static void read_messages(struct load *l, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	const char *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	for (const char *end = p + st.st_size; p < end;) {
		l->messages = realloc(l->messages, (l->n + 1) * sizeof *l->messages);
		struct message *m = &l->messages[l->n++];
		*m = (struct message){ 0 };
		if (sscanf(p, "%zu %63s %255s %255s", &m->size, m->address, m->helo, m->sender) !=
			4)
			die("the file");
		m->bytes = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
		p = m->bytes + m->size;
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[SESSIONS_MAX];
	int sessions = argc == 5 ? atoi(argv[2]) : 0;
	if (sessions < 1 || sessions > SESSIONS_MAX) {
		fprintf(stderr, "usage: mail_load PORT SESSIONS RECIPIENT FILE\n");
		return 2;
	}
	struct load l = { .port = atoi(argv[1]), .recipient = argv[3] };
	read_messages(&l, argv[4]);
	for (int i = 0; i < sessions; i++)
		if (pthread_create(&threads[i], NULL, session, &l))
			die("a thread");
	for (int i = 0; i < sessions; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < l.n; i++)
		printf("%ld %d\n", l.messages[i].us, l.messages[i].code);
	return 0;
}
