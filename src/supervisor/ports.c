#include "supervisor/ports.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

/* What is served, by whom, and where the configuration says so. */
#define SERVICES(X)                                                                                \
	X("smtp", "smtpd", smtp.listen)                                                            \
	X("lmtp", "smtpd", lmtp.listen)                                                            \
	X("imap", "mailbox", imap.listen)                                                          \
	X("imaps", "mailbox", imap.listen_tls)

static void port_free(struct port *p)
{
	close_fd(&p->fd);
	free(p->name);
	free(p->path);
	free(p);
}

void ports_close(struct port *ports)
{
	while (ports) {
		struct port *next = ports->next;
		if (ports->path)
			unlink(ports->path);
		port_free(ports);
		ports = next;
	}
}

const struct port *ports_find(const struct port *ports, const char *name)
{
	while (ports && strcmp(ports->name, name) != 0)
		ports = ports->next;
	return ports;
}

/* ── Binding ──────────────────────────────────────────────────────────────────────────────── */

static bool bound_to(int fd, const struct endpoint *e)
{
	struct endpoint own = { 0 };
	own.size = sizeof own.address;
	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
		getsockname(fd, &own.address.any, &own.size) < 0 ||
		own.address.any.sa_family != e->address.any.sa_family)
		return false;
	switch (own.address.any.sa_family) {
	case AF_INET:
		return own.address.v4.sin_port == e->address.v4.sin_port &&
		       own.address.v4.sin_addr.s_addr == e->address.v4.sin_addr.s_addr;
	case AF_INET6:
		return own.address.v6.sin6_port == e->address.v6.sin6_port &&
		       memcmp(&own.address.v6.sin6_addr, &e->address.v6.sin6_addr, 16) == 0;
	default:
		return strcmp(own.address.local.sun_path, e->address.local.sun_path) == 0;
	}
}

/* A socket that was passed to us, as a copy: a reload may need it again. */
static int inherited(const struct endpoint *e)
{
	int n = sd_listen_fds(0);
	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++)
		if (bound_to(fd, e))
			return fcntl(fd, F_DUPFD_CLOEXEC, 10);
	return -1;
}

/* A Unix socket that nobody listens on any more is in the way of the next server. */
static void remove_stale(const struct endpoint *e)
{
	/* Non-blocking: one that is busy says EAGAIN, and is not stale. */
	int fd CLEANUP(close_fd) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	if (fd >= 0 && stat(e->address.local.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
		connect(fd, &e->address.any, e->size) < 0 && errno == ECONNREFUSED)
		unlink(e->address.local.sun_path);
}

static int bind_endpoint(const struct endpoint *e, struct err *err)
{
	int one = 1, only = e->v6_only;
	int family = e->address.any.sa_family;
	if (family == AF_UNIX)
		remove_stale(e);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, errno, "listening on %.*s", STR_ARG(e->text));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
	mode_t mask = umask(0); /* anyone on the machine may hand in mail for local mailboxes */
	int rc = bind(fd, &e->address.any, e->size) < 0 || listen(fd, BACKLOG) < 0 ? -errno : 0;
	umask(mask);
	if (rc == 0)
		return fd;
	close(fd);
	return err_errno(err, -rc, "listening on %.*s", STR_ARG(e->text));
}

/* ── All of them ──────────────────────────────────────────────────────────────────────────── */

static int port_open(const char *service, const char *role, const struct endpoint *e,
	const struct port *old, struct port **out, struct err *err)
{
	char name[512];
	snprintf(name, sizeof name, "%s %.*s", service, STR_ARG(e->text));
	const struct port *kept = ports_find(old, name);
	int fd = kept ? fcntl(kept->fd, F_DUPFD_CLOEXEC, 10) : inherited(e);
	if (fd < 0)
		fd = bind_endpoint(e, err);
	if (fd < 0)
		return fd;
	/* Inherited by the connections. Replies are collected before they are written: Nagle's
	 * algorithm would only make their ends wait for the client's delayed acknowledgement. */
	int one = 1;
	if (e->address.any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct port *p = xcalloc(1, sizeof *p);
	*p = (struct port){
		.next = *out, .role = role, .name = str_dup_z(str_from_z(name)), .fd = fd
	};
	if (e->address.any.sa_family == AF_UNIX)
		p->path = str_dup_z(str_from_z(e->address.local.sun_path));
	*out = p;
	return 0;
}

static int open_service(const char *service, const char *role, const struct endpoints *list,
	const struct port *old, struct port **out, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < list->n && rc == 0; i++)
		rc = port_open(service, role, &list->items[i], old, out, err);
	return rc;
}

/* Frees those of `ports` without removing the Unix sockets that `kept` goes on using. */
static void drop(struct port *ports, const struct port *kept)
{
	while (ports) {
		struct port *next = ports->next;
		if (ports->path && !ports_find(kept, ports->name))
			unlink(ports->path);
		port_free(ports);
		ports = next;
	}
}

int ports_open(const struct config *config, struct port **old, struct port **out, struct err *err)
{
	struct port *ports = NULL;
	int rc = 0;
#define X(service, role, list)                                                                     \
	if (rc == 0)                                                                               \
		rc = open_service(service, role, &config->list, *old, &ports, err);
	SERVICES(X)
#undef X
	if (rc < 0) {
		drop(ports, *old);
		return rc;
	}
	drop(*old, ports);
	*old = NULL;
	*out = ports;
	return 0;
}
