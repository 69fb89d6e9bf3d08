#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PAUSE MILLISECONDS(100)
enum { BEFORE_YIELD = 16 };

struct listener {
	struct loop *loop;
	int fd;
	struct watch watch;
	listener_fn *accepted;
	void *arg;
	struct task *task;
};

static void hand_over(struct listener *li, int fd, const struct sockaddr_storage *address)
{
	struct ip peer;
	uint16_t port = 0;
	if (!ip_from_sockaddr((const struct sockaddr *)address, &peer, &port))
		peer = (struct ip){ .bytes[15] = 1 };
	li->accepted(li->arg, fd, &peer, port);
}

/* One connection taken, or why not. */
static int accept_one(struct listener *li)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	int fd = accept4(li->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	hand_over(li, fd, &address);
	return 0;
}

static bool out_of_something(int rc)
{
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM;
}

static void accept_all(struct task *t, void *arg)
{
	struct listener *li = arg;
	bool short_of = false;
	for (unsigned taken = 0; !task_cancelled(t);) {
		int rc = accept_one(li);
		if (out_of_something(rc)) {
			if (!short_of)
				log_error(task_log(t), "cannot accept connections for a while",
					F_Z("error", strerrordesc_np(-rc)));
			short_of = true;
			rc = task_sleep(t, PAUSE);
		} else if (rc == -EAGAIN) {
			rc = watch_wait(t, &li->watch, WATCH_READ, NULL, NEVER);
		} else if (rc == 0) {
			short_of = false;
			if (++taken % BEFORE_YIELD == 0)
				rc = task_yield(t);
		}
		/* Anything else is the trouble of one connection that did not come about. */
	}
	watch_stop(&li->watch);
	close_fd(&li->fd);
	free(li);
}

int listener_open(struct loop *l, int fd, listener_fn *accepted, void *arg, struct listener **out)
{
	struct listener *li = xcalloc(1, sizeof *li);
	*li = (struct listener){ .loop = l, .fd = fd, .accepted = accepted, .arg = arg };
	int rc = fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0
			 ? -errno
			 : watch_start(&li->watch, l, fd, WATCH_LISTENER);
	if (rc == 0) {
		rc = task_start(l, accept_all, li, &li->task);
		if (rc < 0)
			watch_stop(&li->watch);
	}
	if (rc < 0) {
		close_fd(&li->fd);
		free(li);
		return rc;
	}
	*out = li;
	return 0;
}

void listener_close(struct listener *li)
{
	if (li)
		task_cancel(li->task);
}
