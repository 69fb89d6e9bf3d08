#include "main/secret.h"

#include "main/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { CONTROL_C = 3 };

/* Reads up to a newline, byte by byte so that nothing beyond it is taken. False for a line that
 * does not fit, or nothing at all. */
static bool read_line(int fd, char *out, size_t size)
{
	size_t n = 0;
	char c;
	ssize_t got;
	while ((got = read(fd, &c, 1)) == 1 || (got < 0 && errno == EINTR)) {
		if (got < 0)
			continue;
		if (c == '\n' || c == CONTROL_C) {
			out[n] = '\0';
			return c == '\n';
		}
		if (n + 1 >= size)
			return false;
		/* A NUL would end it unseen; control characters are refused. */
		out[n++] = c ? c : '\1';
	}
	out[n] = '\0';
	return n > 0;
}

/* Without echo. Signals are off meanwhile, so that the terminal is never left silent; Ctrl-C ends
 * the line and is taken as a refusal. */
static bool ask(int tty, const char *question, const char *whose, char *out, size_t size)
{
	struct termios before;
	if (tcgetattr(tty, &before))
		return false;
	struct termios silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	silent.c_cc[VEOL] = CONTROL_C;
	dprintf(tty, "%s %s: ", question, whose);
	if (tcsetattr(tty, TCSAFLUSH, &silent))
		return false;
	bool done = read_line(tty, out, size);
	tcsetattr(tty, TCSAFLUSH, &before);
	dprintf(tty, "\n");
	return done;
}

static int ask_twice(int tty, const char *whose, struct secret *out)
{
	struct secret again = { .generated = false };
	int result = EXIT_FAILED;
	if (!ask(tty, "Password (empty: generate one) of", whose, out->text, sizeof out->text))
		result = cli_error("no password was given");
	else if (!out->text[0])
		result = EXIT_DONE;
	else if (!ask(tty, "The same again, of", whose, again.text, sizeof again.text))
		result = cli_error("no password was given");
	else if (strcmp(out->text, again.text) != 0)
		result = cli_error("the two passwords differ; nothing was changed");
	else
		result = EXIT_DONE;
	password_wipe(&again, sizeof again);
	return result;
}

static int from_stdin(struct secret *out)
{
	if (!read_line(STDIN_FILENO, out->text, sizeof out->text))
		return cli_error("standard input has no password: one line of at most %d bytes is "
				 "expected",
			PASSWORD_MAX);
	size_t n = strlen(out->text);
	if (n && out->text[n - 1] == '\r')
		out->text[n - 1] = '\0';
	return EXIT_DONE;
}

int secret_get(enum secret_source source, const char *whose, struct secret *out)
{
	*out = (struct secret){ .generated = false };
	int result = EXIT_DONE;
	if (source == SECRET_STDIN) {
		result = from_stdin(out);
	} else if (source == SECRET_ASK && isatty(STDIN_FILENO)) {
		CLEANUP(close_fd) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
		result = tty < 0 ? EXIT_DONE : ask_twice(tty, whose, out);
	}
	if (result == EXIT_DONE && source != SECRET_STDIN && !out->text[0]) {
		password_generate(out->text);
		out->generated = true;
	}
	struct err err;
	if (result == EXIT_DONE && password_check(str_from_z(out->text), &err))
		result = cli_err(&err);
	if (result != EXIT_DONE)
		password_wipe(out, sizeof *out);
	return result;
}

void secret_show_and_wipe(struct secret *s)
{
	if (s->generated)
		printf("password (shown only this once): %s\n", s->text);
	password_wipe(s, sizeof *s);
}
