#include "main/server.h"

#include "io/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A server that waits for one of its processes, and for its turn before. */
#define PATIENCE (2 * CONTROL_PATIENCE + SECONDS(4))

struct calling {
	struct loop *loop;
	int fd; /* taken */
	server_call_fn *fn;
	void *arg;
	int rc;
};

static void run(struct task *t, void *arg)
{
	struct calling *c = arg;
	struct ipc_client *client = ipc_client_new(c->loop, PATIENCE);
	struct control_calls calls = control_over(client);
	c->rc = ipc_client_attach(client, c->fd);
	if (c->rc == 0)
		c->rc = c->fn(t, &calls, c->arg);
	ipc_client_free(client);
	loop_stop(c->loop);
}

static int run_loop(struct calling *c)
{
	struct log_sink sink = { .fd = STDERR_FILENO, .level = LOG_LEVEL_WARNING };
	struct log log = { .sink = &sink };
	c->loop = loop_new(&log);
	c->rc = task_start(c->loop, run, c, NULL);
	if (c->rc == 0)
		loop_run(c->loop);
	else
		close_fd(&c->fd);
	loop_finish(c->loop);
	loop_free(c->loop);
	return c->rc;
}

/* By way of its directory's descriptor: data_dir may be longer than the path of a socket. */
static int connect_to(const struct config *config)
{
	char path[4096];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(path, sizeof path, "%s/" CONTROL_DIRECTORY, config->data_dir.p);
	int directory CLEANUP(close_fd) = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -errno;
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" CONTROL_SOCKET,
		directory);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd < 0 ? -errno : fd;
	int rc = -errno;
	close(fd);
	return rc;
}

int server_call(const struct config *config, server_call_fn *fn, void *arg, struct err *err)
{
	const char *dir = config->data_dir.p;
	struct calling c = { .fd = connect_to(config), .fn = fn, .arg = arg };
	if (c.fd == -ENOENT || c.fd == -ECONNREFUSED)
		return err_set(err, ENOENT, "no server is running on %s", dir);
	if (c.fd == -EACCES || c.fd == -EPERM)
		return err_set(err, EACCES,
			"the server can be asked by root and by members of the group that owns "
			"%s/" CONTROL_DIRECTORY "; you are neither",
			dir);
	int rc = c.fd < 0 ? c.fd : run_loop(&c);
	return rc < 0 ? err_errno(err, -rc, "asking the server on %s/" CONTROL_DIRECTORY, dir) : rc;
}
