#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/ports.h"

#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A folder for data_dir, and two free TCP ports. Each is kept from others by a socket that is bound
 * to it and does not listen; SO_REUSEADDR lets another one listen there. */
struct fixture {
	char dir[512];
	unsigned one, two;
	int holds_one, holds_two;
};

static int bind_somewhere(unsigned *out_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
		bind(fd, (struct sockaddr *)&a, size) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &size) < 0)
		return -1;
	*out_port = ntohs(a.sin_port);
	return fd;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	const char *base = getenv("TMPDIR");
	snprintf(f->dir, sizeof f->dir, "%s/postern-ports.XXXXXX", base ? base : P_tmpdir);
	if (!mkdtemp(f->dir))
		return -1;
	f->holds_one = bind_somewhere(&f->one);
	f->holds_two = bind_somewhere(&f->two);
	*state = f;
	return f->holds_one < 0 || f->holds_two < 0 ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	close(f->holds_one);
	close(f->holds_two);
	free(f);
	return 0;
}

static const struct config *configure(const struct fixture *f, const char *smtp, const char *lmtp)
{
	char text[2048];
	struct err err = { "" };
	snprintf(text, sizeof text,
		"hostname = \"mx.here.test\"; data_dir = \"%s\"; smtp: { listen = [ %s ]; };"
		"lmtp: { listen = [ %s ]; }; imap: { listen_tls = [ ]; };",
		f->dir, smtp, lmtp);
	const struct config *config = config_parse(str_from_z(text), STR("x"), STR("/"), &err);
	if (!config)
		fail_msg("%s", err.text);
	return config;
}

/* Takes the ports of `old` over. */
static struct port *open_ports(
	const struct fixture *f, const char *smtp, const char *lmtp, struct port *old)
{
	const struct config *config = configure(f, smtp, lmtp);
	struct port *ports = NULL;
	struct err err = { "" };
	if (ports_open(config, &old, &ports, &err) < 0)
		fail_msg("%s", err.text);
	assert_null(old);
	config_unref(config);
	return ports;
}

static const char *tcp(char out[static 64], unsigned port)
{
	snprintf(out, 64, "\"127.0.0.1:%u\"", port);
	return out;
}

static const struct port *find(const struct port *ports, const char *service, unsigned port)
{
	char name[64];
	snprintf(name, sizeof name, "%s 127.0.0.1:%u", service, port);
	return ports_find(ports, name);
}

static bool answers(unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
	close(fd);
	return connected;
}

static struct sockaddr_un local(const struct fixture *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	assert_true(snprintf(a.sun_path, sizeof a.sun_path, "%s/lmtp.sock", f->dir) <
		    (int)sizeof a.sun_path);
	return a;
}

static bool local_answers(const struct fixture *f)
{
	struct sockaddr_un a = local(f);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
	close(fd);
	return connected;
}

static ino_t socket_of(const struct port *p)
{
	struct stat st;
	assert_non_null(p);
	assert_int_equal(fstat(p->fd, &st), 0);
	return st.st_ino;
}

static void what_is_configured_listens(void **state)
{
	struct fixture *f = *state;
	char one[64];
	struct port *ports = open_ports(f, tcp(one, f->one), "\"unix:lmtp.sock\"", NULL);
	assert_true(answers(f->one) && local_answers(f));
	assert_string_equal(find(ports, "smtp", f->one)->role, "smtpd");
	assert_null(find(ports, "lmtp", f->one));
	assert_null(ports_find(ports, "smtp"));
	ports_close(ports);
	assert_false(answers(f->one) || local_answers(f));
	struct sockaddr_un a = local(f);
	assert_true(access(a.sun_path, F_OK) < 0);
}

static void a_reload_keeps_what_stays(void **state)
{
	struct fixture *f = *state;
	char one[64], two[64], both[140];
	tcp(one, f->one);
	tcp(two, f->two);
	snprintf(both, sizeof both, "%s, %s", one, two);
	struct port *ports = open_ports(f, one, "\"unix:lmtp.sock\"", NULL);
	ino_t socket = socket_of(find(ports, "smtp", f->one));
	ports = open_ports(f, both, "\"unix:lmtp.sock\"", ports);
	assert_int_equal(socket_of(find(ports, "smtp", f->one)), socket);
	assert_true(answers(f->one) && answers(f->two) && local_answers(f));
	ports = open_ports(f, two, "", ports);
	assert_false(answers(f->one) || local_answers(f));
	assert_true(answers(f->two));
	ports_close(ports);
}

static void a_port_that_is_taken(void **state)
{
	struct fixture *f = *state;
	char one[64], both[140], taken[64];
	unsigned port;
	int fd = bind_somewhere(&port);
	assert_int_equal(listen(fd, 1), 0);
	snprintf(both, sizeof both, "%s, %s", tcp(one, f->one), tcp(taken, port));
	struct port *ports = open_ports(f, one, "\"unix:lmtp.sock\"", NULL), *more = NULL;
	struct port *before = ports;
	struct err err = { "" };
	const struct config *config = configure(f, both, "\"unix:lmtp.sock\"");
	assert_int_equal(ports_open(config, &ports, &more, &err), -EADDRINUSE);
	snprintf(taken, sizeof taken, "listening on 127.0.0.1:%u: ", port);
	assert_true(str_starts(str_from_z(err.text), str_from_z(taken)));
	assert_ptr_equal(ports, before);
	assert_null(more);
	assert_true(answers(f->one) && local_answers(f));
	config_unref(config);
	ports_close(ports);
	close(fd);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un a = local(f);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 1), 0);
	const struct config *config = configure(f, "", "\"unix:lmtp.sock\"");
	struct port *none = NULL, *ports = NULL;
	struct err err;
	assert_int_equal(ports_open(config, &none, &ports, &err), -EADDRINUSE);
	assert_true(local_answers(f));
	/* Nor is one that has no room for another client. */
	int clients[8];
	size_t n = 0;
	do {
		clients[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	} while (connect(clients[n], (struct sockaddr *)&a, sizeof a) == 0 &&
		 ++n < ARRAY_LEN(clients));
	assert_true(n < ARRAY_LEN(clients) && errno == EAGAIN);
	assert_int_equal(ports_open(config, &none, &ports, &err), -EADDRINUSE);
	assert_int_equal(access(a.sun_path, F_OK), 0);
	for (size_t i = 0; i <= n; i++)
		close(clients[i]);
	close(fd);
	assert_int_equal(ports_open(config, &none, &ports, &err), 0);
	assert_true(local_answers(f));
	ports_close(ports);
	config_unref(config);
}

#define port_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		port_test(what_is_configured_listens),
		port_test(a_reload_keeps_what_stays),
		port_test(a_port_that_is_taken),
		port_test(a_stale_socket_is_replaced_and_a_live_one_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
