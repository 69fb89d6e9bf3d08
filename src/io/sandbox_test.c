/*
 * Each case is a child process that enters a sandbox, tries one thing, and says by its exit status
 * what came of it: 0, or an errno.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

enum { NO_LANDLOCK = 250, NOT_ENTERED = 251 };

/* ── A folder with one of each kind ───────────────────────────────────────────────────────── */

static int setup(void **state)
{
	static const char *const below[] = { "read", "create", "write", "other" };
	char path[512], name[600];
	const char *base = getenv("TMPDIR");
	snprintf(path, sizeof path, "%s/postern-sandbox.XXXXXX", base ? base : P_tmpdir);
	if (!mkdtemp(path))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(below); i++) {
		snprintf(name, sizeof name, "%s/%s", path, below[i]);
		mkdir(name, 0700);
		snprintf(name, sizeof name, "%s/%s/file", path, below[i]);
		close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	}
	*state = str_dup_z(str_from_z(path));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

/* ── In the child ─────────────────────────────────────────────────────────────────────────── */

static int try_open(const char *below, int flags)
{
	return open(below, flags | O_CLOEXEC, 0600) < 0 ? errno : 0;
}

static int read_in_read(void)
{
	return try_open("read/file", O_RDONLY);
}
static int write_in_read(void)
{
	return try_open("read/file", O_WRONLY);
}
static int make_in_read(void)
{
	return try_open("read/new", O_CREAT | O_WRONLY);
}
static int nameless_in_create(void)
{
	return try_open("create", O_TMPFILE | O_RDWR);
}
static int make_in_create(void)
{
	return try_open("create/new", O_CREAT | O_RDWR);
}
static int make_in_write(void)
{
	return try_open("write/new", O_CREAT | O_RDWR);
}
static int remove_in_write(void)
{
	return unlink("write/file") < 0 ? errno : 0;
}
static int remove_in_read(void)
{
	return unlink("read/file") < 0 ? errno : 0;
}
static int read_other(void)
{
	return try_open("other/file", O_RDONLY);
}
static int read_system(void)
{
	return try_open("/etc/passwd", O_RDONLY);
}

static void *idle(void *arg)
{
	return arg;
}

static int thread(void)
{
	pthread_t id;
	int rc = pthread_create(&id, NULL, idle, NULL);
	return rc ? rc : pthread_join(id, NULL);
}

static int talk(void)
{
	int pair[2];
	return pipe2(pair, O_CLOEXEC) < 0 || write(pair[1], "x", 1) != 1 ? errno : 0;
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}
static int run_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}
static int make_process(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}
static int become_other(void)
{
	return setuid(65534) < 0 ? errno : 0;
}

/* Two ports of loopback and a Unix socket; the sandbox lets the first be connected to, or the last,
 * or both. */
static struct endpoint near, other, local;
enum { ALLOW_TCP = 1, ALLOW_LOCAL = 2 };

static int try_connect(const struct endpoint *e, int type)
{
	int fd CLEANUP(close_fd) = socket(e->address.any.sa_family, type | SOCK_CLOEXEC, 0);
	return fd < 0 || connect(fd, &e->address.any, e->size) < 0 ? errno : 0;
}
static int connect_near(void)
{
	return try_connect(&near, SOCK_STREAM);
}
static int connect_other(void)
{
	return try_connect(&other, SOCK_STREAM);
}
static int connect_local(void)
{
	return try_connect(&local, SOCK_STREAM);
}
static int send_to_near(void)
{
	return try_connect(&near, SOCK_DGRAM);
}

static _Noreturn void connect_in_sandbox(int allow, int (*try)(void))
{
	struct sandbox s = { 0 };
	struct err err;
	const char *partial;
	if (allow & ALLOW_TCP)
		sandbox_connect(&s, &near);
	if (allow & ALLOW_LOCAL)
		sandbox_connect(&s, &local);
	if (sandbox_enter(&s, &partial, &err) < 0)
		_exit(NOT_ENTERED);
	_exit(partial ? NO_LANDLOCK : try());
}

static _Noreturn void in_sandbox(const char *dir, bool files, int (*try)(void))
{
	struct sandbox s = { 0 };
	struct err err;
	const char *partial;
	if (chdir(dir) < 0)
		_exit(NOT_ENTERED);
	if (files) {
		sandbox_allow(&s, str_from_z(dir), "read", SANDBOX_READ);
		sandbox_allow(&s, str_from_z(dir), "create", SANDBOX_CREATE);
		sandbox_allow(&s, str_from_z(dir), "write", SANDBOX_WRITE);
	}
	if (sandbox_enter(&s, &partial, &err) < 0)
		_exit(NOT_ENTERED);
	_exit(partial ? NO_LANDLOCK : try());
}

static int status_of(const char *dir, bool files, int (*try)(void))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		in_sandbox(dir, files, try);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void no_landlock(void)
{
	printf("# this kernel has no Landlock\n");
	skip();
}

/* ── Tests ────────────────────────────────────────────────────────────────────────────────── */

static void only_what_is_named_can_be_opened(void **state)
{
	static const struct {
		const char *name;
		int (*try)(void);
		int result;
	} cases[] = { { "read in read", read_in_read, 0 },
		{ "write in read", write_in_read, EACCES },
		{ "make in read", make_in_read, EACCES },
		{ "remove in read", remove_in_read, EACCES },
		{ "nameless in create", nameless_in_create, 0 },
		{ "make in create", make_in_create, EACCES }, { "make in write", make_in_write, 0 },
		{ "remove in write", remove_in_write, 0 }, { "read other", read_other, EACCES },
		{ "read system", read_system, EACCES }, { "thread", thread, 0 },
		{ "talk", talk, 0 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status = status_of(*state, true, cases[i].try);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == NO_LANDLOCK) {
			no_landlock();
			return;
		}
		if (WEXITSTATUS(status) != cases[i].result)
			fail_msg("%s: %d", cases[i].name, WEXITSTATUS(status));
	}
}

static void without_files_nothing_can_be_opened(void **state)
{
	int status = status_of(*state, false, read_in_read);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_LANDLOCK) {
		no_landlock();
		return;
	}
	assert_int_equal(WEXITSTATUS(status), ENOENT);
	assert_int_equal(WEXITSTATUS(status_of(*state, false, thread)), 0);
	assert_int_equal(WEXITSTATUS(status_of(*state, false, talk)), 0);
}

static void unknown_calls_end_the_process(void **state)
{
	int (*const tries[])(void) = { make_socket, run_program, make_process, become_other };
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		int status = status_of(*state, true, tries[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) == NO_LANDLOCK) {
			no_landlock();
			return;
		}
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("call %zu: status %d", i, status);
	}
}

/* ── Connections ──────────────────────────────────────────────────────────────────────────── */

static int listen_at(struct endpoint *e)
{
	int fd = socket(e->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, &e->address.any, e->size), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, &e->address.any, &e->size), 0);
	return fd;
}

static int connect_status(int allow, int (*try)(void))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		connect_in_sandbox(allow, try);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Landlock knows of ports. */
static bool knows_ports(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 4;
}

static void only_to_what_is_named(void **state)
{
	enum { KILLED = -1 };
	const int port_refused = knows_ports() ? EACCES : 0;
#ifdef __SANITIZE_ADDRESS__ /* with it forbidden calls are only logged (sandbox.h) */
	const int refused = 0, tcp_refused = port_refused;
#else
	const int refused = KILLED, tcp_refused = KILLED;
#endif
	const struct {
		int allow;
		int (*try)(void);
		int result;
	} cases[] = {
		{ ALLOW_TCP, connect_near, 0 },
		{ ALLOW_TCP, connect_other, port_refused },
		{ ALLOW_TCP, send_to_near, refused },
		{ ALLOW_TCP, connect_local, refused },
		{ ALLOW_LOCAL, connect_local, 0 },
		{ ALLOW_LOCAL, connect_near, tcp_refused },
		{ ALLOW_TCP | ALLOW_LOCAL, connect_local, 0 },
		{ ALLOW_TCP | ALLOW_LOCAL, connect_near, 0 },
		{ 0, connect_near, tcp_refused },
		{ 0, connect_local, refused },
	};
	char text[600];
	struct err err;
	assert_int_equal(endpoint_parse(STR("127.0.0.1:1"), &near, &err), 0);
	near.address.v4.sin_port = 0; /* any */
	other = near;
	snprintf(text, sizeof text, "unix:%s/socket", (const char *)*state);
	assert_int_equal(endpoint_parse(str_from_z(text), &local, &err), 0);
	int fds[] = { listen_at(&near), listen_at(&other), listen_at(&local) };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status = connect_status(cases[i].allow, cases[i].try);
		int result = WIFEXITED(status) ? WEXITSTATUS(status)
			     : WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? KILLED
										 : NOT_ENTERED;
		if (result != cases[i].result && result != NO_LANDLOCK)
			fail_msg("case %zu: %d", i, result);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

static void a_folder_that_is_not_there(void **state)
{
	struct sandbox s = { 0 };
	struct err err;
	const char *partial;
	sandbox_allow(&s, str_from_z(*state), "missing", SANDBOX_READ);
	pid_t pid = fork();
	if (pid == 0) {
		int rc = sandbox_enter(&s, &partial, &err);
		_exit(rc == -ENOENT && strstr(err.text, "missing") ? 0 : 1 + (partial != NULL));
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2) {
		no_landlock();
		return;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_what_is_named_can_be_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_files_nothing_can_be_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(only_to_what_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_that_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_calls_end_the_process, setup, teardown),
	};
#ifdef __SANITIZE_ADDRESS__ /* with it such calls are only logged (sandbox.h) */
	size_t n = ARRAY_LEN(tests) - 1;
#else
	size_t n = ARRAY_LEN(tests);
#endif
	return _cmocka_run_group_tests("sandbox", tests, n, NULL, NULL);
}
