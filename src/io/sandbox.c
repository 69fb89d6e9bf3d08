#include "io/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

void sandbox_allow(struct sandbox *s, str base, const char *below, enum sandbox_access access)
{
	ASSERT(s->path_count < ARRAY_LEN(s->paths));
	struct sandbox_path *path = &s->paths[s->path_count++];
	/* A path that was cut does not exist, and sandbox_enter() says so. */
	snprintf(path->path, sizeof path->path, "%.*s/%s", STR_ARG(base), below);
	path->access = access;
	s->files = true;
}

void sandbox_connect(struct sandbox *s, const struct endpoint *e)
{
	int family = e->address.any.sa_family;
	if (family == AF_UNIX) {
		s->connects_local = true;
		return;
	}
	ASSERT(s->connect_port_count < ARRAY_LEN(s->connect_ports));
	s->connect_ports[s->connect_port_count++] =
		ntohs(family == AF_INET6 ? e->address.v6.sin6_port : e->address.v4.sin_port);
}

/* ── Landlock ─────────────────────────────────────────────────────────────────────────────── */

enum {
	READ_ACCESS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	CREATE_ACCESS = READ_ACCESS | LANDLOCK_ACCESS_FS_WRITE_FILE,
	WRITE_ACCESS = CREATE_ACCESS | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE,
	/* All that version 1 knows: what is not handled would be allowed. */
	ALL_ACCESS = LANDLOCK_ACCESS_FS_EXECUTE | WRITE_ACCESS | LANDLOCK_ACCESS_FS_REMOVE_DIR |
		     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
		     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
		     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
};

static int allow_path(int ruleset, const struct sandbox_path *path, struct err *err)
{
	static const uint64_t access[] = { READ_ACCESS, CREATE_ACCESS, WRITE_ACCESS };
	int fd CLEANUP(close_fd) = open(path->path, O_PATH | O_CLOEXEC | O_DIRECTORY);
	if (fd < 0)
		return err_errno(err, errno, "%s", path->path);
	struct landlock_path_beneath_attr rule = { .allowed_access = access[path->access],
		.parent_fd = fd };
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_errno(err, errno, "Landlock rule for %s", path->path);
	return 0;
}

/* Since version 4 (Linux 6.7), which the headers of Debian 12 do not know. */
enum {
	NET_VERSION = 4,
	NET_BIND_TCP = 1 << 0,
	NET_CONNECT_TCP = 1 << 1,
	RULE_NET_PORT = 2,
};
struct net_ruleset {
	uint64_t files, net;
};
struct net_port {
	uint64_t access, port;
};

static int allow_port(int ruleset, uint16_t port, struct err *err)
{
	struct net_port rule = { NET_CONNECT_TCP, port };
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0)
		return err_errno(err, errno, "Landlock rule for port %u", (unsigned)port);
	return 0;
}

/* -1 where the kernel has none. Those who ask others may ask any port. */
static int make_ruleset(const struct sandbox *s, bool *out_ports)
{
	struct net_ruleset attributes = { .files = ALL_ACCESS };
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	*out_ports = version >= NET_VERSION && !s->asks;
	if (*out_ports)
		attributes.net = NET_BIND_TCP | NET_CONNECT_TCP;
	return (int)syscall(SYS_landlock_create_ruleset, &attributes,
		*out_ports ? sizeof attributes : sizeof attributes.files, 0);
}

/* -EOPNOTSUPP where the kernel has none. */
static int restrict_access(const struct sandbox *s, struct err *err)
{
	bool ports;
	int ruleset CLEANUP(close_fd) = make_ruleset(s, &ports);
	if (ruleset < 0)
		return -EOPNOTSUPP;
	int rc = 0;
	for (size_t i = 0; i < s->path_count && rc == 0; i++)
		rc = allow_path(ruleset, &s->paths[i], err);
	for (size_t i = 0; i < s->connect_port_count && ports && rc == 0; i++)
		rc = allow_port(ruleset, s->connect_ports[i], err);
	if (rc < 0)
		return rc;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_errno(err, errno, "Landlock");
	return 0;
}

/* ── seccomp ──────────────────────────────────────────────────────────────────────────────── */

#define CALL(name) SCMP_SYS(name)

/* Talking over descriptors that it has; memory, threads, time. */
static const int basic_calls[] = { CALL(accept4), CALL(brk), CALL(clock_getres),
	CALL(clock_gettime), CALL(clock_nanosleep), CALL(close), CALL(dup), CALL(epoll_create1),
	CALL(epoll_ctl), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(epoll_wait), CALL(eventfd2),
	CALL(exit), CALL(exit_group), CALL(fcntl), CALL(fstat), CALL(futex), CALL(getegid),
	CALL(geteuid), CALL(getgid), CALL(getpeername), CALL(getpid), CALL(getrandom),
	CALL(getrlimit), CALL(getrusage), CALL(getsockname), CALL(getsockopt), CALL(gettid),
	CALL(gettimeofday), CALL(getuid), CALL(lseek), CALL(madvise), CALL(memfd_create),
	CALL(mincore), CALL(mmap), CALL(mprotect), CALL(mremap), CALL(munmap), CALL(nanosleep),
	CALL(pipe2), CALL(poll), CALL(ppoll), CALL(pread64), CALL(preadv), CALL(prlimit64),
	CALL(pwrite64), CALL(pwritev), CALL(read), CALL(readv), CALL(recvfrom), CALL(recvmsg),
	CALL(restart_syscall), CALL(rseq), CALL(rt_sigaction), CALL(rt_sigprocmask),
	CALL(rt_sigreturn), CALL(sched_getaffinity), CALL(sched_yield), CALL(sendmsg), CALL(sendto),
	CALL(set_robust_list), CALL(setsockopt), CALL(shutdown), CALL(sigaltstack), CALL(sysinfo),
	CALL(tgkill), CALL(time), CALL(uname), CALL(write), CALL(writev), CALL(ftruncate) };

/* Opening files, below the paths that Landlock allows. */
static const int file_calls[] = { CALL(access), CALL(faccessat), CALL(faccessat2), CALL(fallocate),
	CALL(fchmod), CALL(fchown), CALL(fdatasync), CALL(flock), CALL(fstatfs), CALL(fsync),
	CALL(getcwd), CALL(getdents64), CALL(lstat), CALL(mknod), CALL(mknodat), CALL(newfstatat),
	CALL(open), CALL(openat), CALL(readlink), CALL(readlinkat), CALL(rename), CALL(renameat2),
	CALL(stat), CALL(statfs), CALL(statx), CALL(unlink), CALL(unlinkat) };

static int allow_calls(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

/* Sockets that ask. accept4() is let through for those who get a listening socket: nobody here can
 * make one. */
static int allow_asking(scmp_filter_ctx filter)
{
	static const int calls[] = { CALL(bind), CALL(connect), CALL(sendmmsg), CALL(recvmmsg) };
	static const unsigned families[] = { AF_INET, AF_INET6 },
			      types[] = { SOCK_STREAM, SOCK_DGRAM };
	const unsigned flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int rc = allow_calls(filter, calls, ARRAY_LEN(calls));
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		for (size_t j = 0; j < ARRAY_LEN(types) && rc == 0; j++)
			rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				SCMP_A0(SCMP_CMP_EQ, families[i]),
				SCMP_A1(SCMP_CMP_MASKED_EQ, ~(uint64_t)flags, types[j]));
	return rc;
}

/* Stream sockets of the families that it has to do with. */
static int allow_connecting(scmp_filter_ctx filter, const struct sandbox *s)
{
	const int families[] = { s->connects_local ? AF_UNIX : -1,
		s->connect_port_count ? AF_INET : -1, s->connect_port_count ? AF_INET6 : -1 };
	const unsigned flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
	for (size_t i = 0; i < ARRAY_LEN(families) && rc == 0; i++)
		if (families[i] >= 0)
			rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				SCMP_A0(SCMP_CMP_EQ, (unsigned)families[i]),
				SCMP_A1(SCMP_CMP_MASKED_EQ, ~(uint64_t)flags, SOCK_STREAM));
	return rc;
}

static int build_filter(scmp_filter_ctx filter, const struct sandbox *s)
{
	int rc = allow_calls(filter, basic_calls, ARRAY_LEN(basic_calls));
	if (rc == 0 && s->files)
		rc = allow_calls(filter, file_calls, ARRAY_LEN(file_calls));
	else if (rc == 0) /* libraries look for files that they do without */
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(openat), 0);
	if (rc == 0 && s->asks)
		rc = allow_asking(filter);
	if (rc == 0 && (s->connects_local || s->connect_port_count))
		rc = allow_connecting(filter, s);
	/* Threads, but no processes. clone3 hides its flags in memory: glibc then takes clone. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	return rc;
}

static int restrict_calls(const struct sandbox *s, struct err *err)
{
#ifdef __SANITIZE_ADDRESS__
	uint32_t otherwise = SCMP_ACT_LOG;
#else
	uint32_t otherwise = SCMP_ACT_KILL_PROCESS;
#endif
	scmp_filter_ctx filter = seccomp_init(otherwise);
	if (!filter)
		return err_set(err, ENOMEM, "seccomp");
	int rc = build_filter(filter, s);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc < 0 ? err_errno(err, -rc, "seccomp") : 0;
}

int sandbox_enter(const struct sandbox *s, const char **out_partial, struct err *err)
{
	*out_partial = NULL;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "no-new-privs");
	int rc = restrict_access(s, err);
	if (rc == -EOPNOTSUPP) {
		*out_partial = "Landlock";
		rc = 0;
	}
	return rc < 0 ? rc : restrict_calls(s, err);
}
