#include "main/input.h"

#include "main/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024 };

static int read_standard(struct input *in)
{
	in->read = BUF_INIT(INPUT_MAX);
	for (;;) {
		char *room = buf_reserve(&in->read, READ_SIZE);
		if (!room)
			return cli_error("standard input is larger than 1 GiB");
		ssize_t n = read(STDIN_FILENO, room, READ_SIZE);
		if (n < 0 && errno != EINTR)
			return cli_error("cannot read standard input: %s", strerrordesc_np(errno));
		if (n == 0)
			break;
		in->read.n += n > 0 ? (size_t)n : 0;
	}
	in->text = buf_str(&in->read);
	return EXIT_DONE;
}

static int map_file(const char *path, str *out)
{
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return cli_error("cannot read %s: %s", path, strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > INPUT_MAX)
		return cli_error("cannot read %s: it is %s", path,
			S_ISREG(st.st_mode) ? "larger than 1 GiB" : "no file");
	if (st.st_size == 0)
		return EXIT_DONE;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return cli_error("cannot read %s: %s", path, strerrordesc_np(errno));
	*out = str_from(p, (size_t)st.st_size);
	return EXIT_DONE;
}

int input_open(const char *path, struct input *out)
{
	*out = (struct input){ .text = STR_EMPTY };
	bool standard = strcmp(path, "-") == 0;
	int status = standard ? read_standard(out) : map_file(path, &out->text);
	if (status != EXIT_DONE)
		input_close(out);
	return status;
}

void input_close(struct input *in)
{
	if (in->text.n && !in->read.p)
		munmap((void *)(uintptr_t)in->text.p, in->text.n);
	buf_done(&in->read);
	*in = (struct input){ .text = STR_EMPTY };
}
