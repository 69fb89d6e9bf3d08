#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 40 };

struct scene {
	struct loop *loop;
	struct sockaddr_storage address;
	socklen_t size;
	int listening; /* a copy: to look at after it was given away */
	int clients[CLIENTS], accepted[CLIENTS];
	size_t client_count, accepted_count, wanted;
	struct ip peer;
	uint16_t port;
	struct event enough;
};

static const struct log no_log;

static void accepted(void *arg, int fd, const struct ip *peer, uint16_t port)
{
	struct scene *s = arg;
	ASSERT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	s->accepted[s->accepted_count++] = fd;
	s->peer = *peer;
	s->port = port;
	if (s->accepted_count == s->wanted)
		event_set(&s->enough);
}

static void connect_one(struct scene *s)
{
	int fd = socket(s->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(fd >= 0);
	ASSERT(connect(fd, (struct sockaddr *)&s->address, s->size) == 0);
	s->clients[s->client_count++] = fd;
}

static void await(struct task *t, struct scene *s, size_t n)
{
	s->wanted = n;
	if (s->accepted_count < n)
		ASSERT(event_wait(t, &s->enough, task_deadline(t, SECONDS(20))) == 0);
	ASSERT(s->accepted_count == n);
}

static void use(struct task *t, void *arg)
{
	struct scene *s = arg;
	connect_one(s);
	await(t, s, 1);
	while (s->client_count < CLIENTS)
		connect_one(s);
	await(t, s, CLIENTS);
	loop_stop(s->loop);
}

/* No descriptor is left for a while: nothing spins, nothing is lost. */
static void run_short(struct task *t, void *arg)
{
	struct scene *s = arg;
	struct rlimit before, none;
	ASSERT(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = before;
	connect_one(s);
	connect_one(s);
	none.rlim_cur = 3;
	ASSERT(setrlimit(RLIMIT_NOFILE, &none) == 0);
	ASSERT(task_sleep(t, MILLISECONDS(150)) == 0);
	ASSERT(s->accepted_count == 0);
	ASSERT(setrlimit(RLIMIT_NOFILE, &before) == 0);
	await(t, s, 2);
	loop_stop(s->loop);
}

static void play(struct scene *s, task_fn *fn)
{
	struct listener *li;
	s->loop = loop_new(&no_log);
	int fd = socket(s->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&s->address, s->size), 0);
	assert_int_equal(listen(fd, 100), 0);
	s->size = sizeof s->address;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&s->address, &s->size), 0);
	s->listening = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(listener_open(s->loop, fd, accepted, s, &li), 0);
	assert_int_equal(task_start(s->loop, fn, s, NULL), 0);
	loop_run(s->loop);
	listener_close(li);
	loop_finish(s->loop);
	assert_true(fcntl(fd, F_GETFD) < 0);
	loop_free(s->loop);
	close(s->listening);
	for (size_t i = 0; i < s->client_count; i++)
		close(s->clients[i]);
	for (size_t i = 0; i < s->accepted_count; i++)
		close(s->accepted[i]);
}

static struct scene on_loopback(void)
{
	struct scene s = { .size = sizeof(struct sockaddr_in) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	memcpy(&s.address, &v4, sizeof v4);
	return s;
}

static void connections_are_handed_over(void **state)
{
	struct scene s = on_loopback();
	struct ip loopback;
	play(&s, use);
	assert_true(ip_parse(STR("127.0.0.1"), &loopback));
	assert_true(ip_equal(&s.peer, &loopback));
	assert_true(s.port > 0);
}

static void a_unix_socket_counts_as_this_machine(void **state)
{
	struct scene s = { .size = sizeof(sa_family_t) }; /* the kernel finds a name */
	s.address.ss_family = AF_UNIX;
	play(&s, use);
	assert_true(ip_is_loopback(&s.peer));
	assert_int_equal(s.port, 0);
}

static void running_out_of_descriptors(void **state)
{
	struct scene s = on_loopback();
	play(&s, run_short);
	assert_int_equal(s.accepted_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_handed_over),
		cmocka_unit_test(a_unix_socket_counts_as_this_machine),
		cmocka_unit_test(running_out_of_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
