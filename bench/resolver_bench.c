/*
 * resolver_bench.c: what a look-up by way of the resolver costs, beside asking in other ways.
 *
 *	resolver_bench [SECONDS [UNBOUND]]
 *
 * The role runs as a process in its sandbox; this process calls it as others do, and is the name
 * server that it forwards to (resolver_testing.h). UNBOUND: the program of Debian's package, which
 * is asked over UDP, and forwards to the same name server.
 *
 * One line a measurement, fields separated by tabs: name; look-ups a second (wall); microseconds of
 * CPU a look-up of the process that answers, and of this one; median and 99th percentile of a
 * look-up in microseconds (wall); KiB of PSS of the process that answers. Medians of rounds, in
 * which all take turns. To add one, add a line in `measurements`.
 */
#include "resolver/resolver_dns.h"
#include "resolver/resolver_role.h"
#include "resolver/resolver_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unbound.h>

enum {
	ROUNDS = 9,
	NAMES = 200,       /* of the cached ones, asked in turn */
	TOGETHER = 64,     /* look-ups at a time, where there are many */
	SAMPLES = 1 << 20, /* of the duration of one, a round */
	PACKET = 512,
};

struct figures {
	double rate, server_cpu, client_cpu, p50, p99, pss;
};

struct stage {
	struct fake_server fake;
	struct loop *loop;
	struct ipc_client *control, *client;
	struct resolver_calls calls;
	pid_t role, unbound;
	const char *unbound_program;
	struct ub_ctx *library;
	int name_server, unbound_socket; /* connected to each */
	double seconds;                  /* a round */
	/* Of the measurement under way. */
	const struct measurement *now;
	double end, *samples;
	size_t done, unique;
	unsigned running;
	struct event finished;
};

struct measurement {
	const char *name;
	void (*look_up)(struct task *t, struct stage *s, const char *name);
	enum { ROLE, LIBRARY, UNBOUND, DIRECT } who;
	bool cached;
	unsigned together;
};

static double clock_of(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double wall(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

static double cpu_of(pid_t pid)
{
	clockid_t clock;
	return pid && clock_getcpuclockid(pid, &clock) == 0 ? clock_of(clock) : 0;
}

static double pss_of(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	FILE *f = pid ? fopen(path, "r") : NULL;
	while (f && fgets(line, sizeof line, f) && sscanf(line, "Pss: %lu", &kib) != 1)
		;
	if (f)
		fclose(f);
	return (double)kib;
}

/* ── Ways to ask ──────────────────────────────────────────────────────────────────────────── */

static void ask_role(struct task *t, struct stage *s, const char *name)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct dns_answer answer;
	struct resolver_asker asker = { .t = t, .calls = &s->calls, .deadline = NEVER };
	struct dns dns = resolver_dns(&asker);
	dns_lookup(&dns, DNS_TYPE_A, str_from_z(name), &a, &answer);
	ASSERT(answer.status == DNS_FOUND && answer.n == 1);
}

static void ask_library(struct task *t, struct stage *s, const char *name)
{
	struct ub_result *result;
	ASSERT(ub_resolve(s->library, name, DNS_TYPE_A, 1, &result) == 0 && result->havedata);
	ub_resolve_free(result);
}

static size_t write_question(const char *name, unsigned char *p)
{
	static const unsigned char head[12] = { 1, 2, 1, 0, 0, 1 }, tail[4] = { 0, 1, 0, 1 };
	size_t n = sizeof head;
	memcpy(p, head, n);
	for (str rest = str_from_z(name), label; rest.n;) {
		(void)str_cut(rest, '.', &label, &rest);
		p[n++] = (unsigned char)label.n;
		memcpy(p + n, label.p, label.n);
		n += label.n;
	}
	p[n++] = 0;
	memcpy(p + n, tail, sizeof tail);
	return n + sizeof tail;
}

static void ask_over_udp(int fd, const char *name)
{
	unsigned char p[PACKET];
	size_t n = write_question(name, p);
	ASSERT(send(fd, p, n, 0) == (ssize_t)n);
	/* One answer record at least, and no error. */
	ASSERT(recv(fd, p, sizeof p, 0) > 12 && (p[3] & 15) == 0 && p[7]);
}

static void ask_unbound(struct task *t, struct stage *s, const char *name)
{
	ask_over_udp(s->unbound_socket, name);
}

static void ask_name_server(struct task *t, struct stage *s, const char *name)
{
	ask_over_udp(s->name_server, name);
}

static const struct measurement measurements[] = {
	{ "DNS, cached: the resolver role, 64 at a time", ask_role, ROLE, true, TOGETHER },
	{ "DNS, cached: the resolver role", ask_role, ROLE, true, 1 },
	{ "DNS, cached: libunbound in the process", ask_library, LIBRARY, true, 1 },
	{ "DNS, cached: unbound over UDP", ask_unbound, UNBOUND, true, 1 },
	{ "DNS, asked: the resolver role", ask_role, ROLE, false, 1 },
	{ "DNS, asked: libunbound in the process", ask_library, LIBRARY, false, 1 },
	{ "DNS, asked: unbound over UDP", ask_unbound, UNBOUND, false, 1 },
	{ "DNS, asked: the name server itself", ask_name_server, DIRECT, false, 1 },
};

/* ── Measuring ────────────────────────────────────────────────────────────────────────────── */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double part_of(double *values, size_t n, double part)
{
	qsort(values, n, sizeof *values, compare);
	return values[MIN((size_t)((double)n * part), n - 1)];
}

static void next_name(struct stage *s, char out[static 64])
{
	if (s->now->cached)
		snprintf(out, 64, "host%zu.example.org", s->done % NAMES);
	else
		snprintf(out, 64, "new%zu.example.org", s->unique++);
}

/* t: the task that waits; NULL: nothing does. */
static void caller(struct task *t, void *arg)
{
	struct stage *s = arg;
	double start = wall();
	while (start < s->end) {
		char name[64];
		next_name(s, name);
		size_t number = s->done++;
		s->now->look_up(t, s, name);
		double end = wall();
		if (number < SAMPLES)
			s->samples[number] = end - start;
		start = end;
	}
	if (--s->running == 0)
		event_set(&s->finished);
}

/* What blocks, and libunbound, which needs more stack than a task has. */
static void blocking_caller(void *arg)
{
	caller(NULL, arg);
}

static void run_callers(struct task *t, struct stage *s, double seconds)
{
	s->done = 0;
	s->end = wall() + seconds;
	s->running = s->now->together;
	if (s->now->who != ROLE)
		task_outside(t, blocking_caller, s);
	for (unsigned i = 0; s->now->who == ROLE && i < s->now->together; i++)
		ASSERT(task_start(s->loop, caller, s, NULL) == 0);
	ASSERT(event_wait(t, &s->finished, NEVER) == 0);
}

static struct figures measure(struct task *t, struct stage *s, const struct measurement *m)
{
	pid_t server = m->who == ROLE ? s->role : m->who == UNBOUND ? s->unbound : 0;
	s->now = m;
	double start = wall(), server_cpu = cpu_of(server);
	double own = clock_of(CLOCK_THREAD_CPUTIME_ID); /* the name server is another thread */
	run_callers(t, s, s->seconds);
	double took = wall() - start, n = (double)s->done;
	size_t samples = MIN(s->done, (size_t)SAMPLES);
	return (struct figures){
		.rate = n / took,
		.server_cpu = (cpu_of(server) - server_cpu) / n * 1e6,
		.client_cpu = (clock_of(CLOCK_THREAD_CPUTIME_ID) - own) / n * 1e6,
		.p50 = part_of(s->samples, samples, 0.5) * 1e6,
		.p99 = part_of(s->samples, samples, 0.99) * 1e6,
		.pss = pss_of(server),
	};
}

/* Each figure's median over the rounds. */
static void print(const struct measurement *m, const struct figures runs[static ROUNDS])
{
	static const size_t offsets[] = { offsetof(struct figures, rate),
		offsetof(struct figures, server_cpu), offsetof(struct figures, client_cpu),
		offsetof(struct figures, p50), offsetof(struct figures, p99),
		offsetof(struct figures, pss) };
	printf("%s", m->name);
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		double values[ROUNDS];
		for (size_t k = 0; k < ROUNDS; k++)
			memcpy(&values[k], (const char *)&runs[k] + offsets[i], sizeof values[k]);
		printf("\t%.1f", part_of(values, ROUNDS, 0.5));
	}
	printf("\n");
}

static bool possible(const struct stage *s, const struct measurement *m)
{
	return m->who != UNBOUND || s->unbound_program;
}

static void measure_all(struct task *t, struct stage *s)
{
	enum { N = ARRAY_LEN(measurements) };
	struct figures(*runs)[ROUNDS] = xcalloc(N, sizeof *runs);
	s->samples = xcalloc(SAMPLES, sizeof *s->samples);
	/* The first round fills the caches, and does not count. */
	for (int round = -1; round < ROUNDS; round++)
		for (size_t i = 0; i < N; i++) {
			struct figures f = { 0 };
			if (possible(s, &measurements[i]))
				f = measure(t, s, &measurements[i]);
			if (round >= 0)
				runs[i][round] = f;
		}
	for (size_t i = 0; i < N; i++)
		if (possible(s, &measurements[i]))
			print(&measurements[i], runs[i]);
	free(s->samples);
	free(runs);
}

/* ── Those who answer ─────────────────────────────────────────────────────────────────────── */

/* On the stack of the process, which the child keeps. */
static void start_role(void *arg)
{
	struct stage *s = arg;
	int pair[2];
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	s->role = fork();
	ASSERT(s->role >= 0);
	if (s->role == 0) {
		int control = fcntl(pair[1], F_DUPFD, ROLE_CONTROL_FD + 1);
		bool good = dup2(control, ROLE_CONTROL_FD) == ROLE_CONTROL_FD &&
			    close_range(ROLE_CONTROL_FD + 1, UINT32_MAX, 0) == 0;
		_exit(good ? role_main(&resolver_role) : 99);
	}
	close(pair[1]);
	ASSERT(ipc_client_attach(s->control, pair[0]) == 0);
}

static void connect_role(struct task *t, struct stage *s)
{
	struct role_calls role = role_over(s->control);
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	char text[1024];
	struct role_configure_request configure = { .file = STR("bench.conf"),
		.text = fake_config_text(&s->fake, "", text, sizeof text),
		.directory = STR("/"),
		.census = -1 };
	struct role_configure_reply configured = { 0 };
	ASSERT(role_configure(t, &role, &configure, &a, &configured) == 0 && !configured.refused.n);
	int pair[2];
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	struct role_attach_request attach = { .peer = STR("filter"), .socket = pair[1] };
	struct role_attach_reply attached;
	ASSERT(role_attach(t, &role, &attach, &a, &attached) == 0);
	close(pair[1]);
	ASSERT(ipc_client_attach(s->client, pair[0]) == 0);
}

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
}

static int connected(unsigned port)
{
	struct sockaddr_in address = loopback(port);
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	ASSERT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
	return fd;
}

static unsigned free_port(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT(bind(fd, (struct sockaddr *)&address, size) == 0);
	ASSERT(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void write_unbound_config(const struct stage *s, unsigned port, const char *path)
{
	FILE *f = fopen(path, "w");
	ASSERT(f);
	fprintf(f,
		"server:\n interface: 127.0.0.1@%u\n do-not-query-localhost: no\n chroot: \"\"\n"
		" username: \"\"\n pidfile: \"\"\n use-syslog: no\n module-config: iterator\n"
		" do-ip6: no\n directory: \"/\"\n verbosity: 0\n"
		"remote-control:\n control-enable: no\n"
		"forward-zone:\n name: \".\"\n forward-addr: 127.0.0.1@%u\n",
		port, s->fake.port);
	ASSERT(fclose(f) == 0);
}

/* Answers come once it is up: questions before that are refused. */
static void wait_for_unbound(int fd)
{
	unsigned char p[PACKET];
	struct timespec pause = { .tv_nsec = 10000000 };
	size_t n = write_question("up.example.org", p);
	for (int i = 0; i < 1000; i++) {
		if (send(fd, p, n, 0) == (ssize_t)n && recv(fd, p, sizeof p, 0) > 12)
			return;
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "resolver_bench: unbound does not start\n");
	exit(1);
}

static void start_unbound(struct stage *s)
{
	char path[] = "/tmp/resolver_bench.XXXXXX";
	unsigned port = free_port();
	int fd = mkstemp(path);
	ASSERT(fd >= 0);
	close(fd);
	write_unbound_config(s, port, path);
	s->unbound = fork();
	ASSERT(s->unbound >= 0);
	if (s->unbound == 0) {
		execl(s->unbound_program, "unbound", "-d", "-p", "-c", path, (char *)NULL);
		_exit(99);
	}
	s->unbound_socket = connected(port);
	wait_for_unbound(s->unbound_socket);
	unlink(path);
}

static void start_library(struct stage *s)
{
	char address[64];
	snprintf(address, sizeof address, "127.0.0.1@%u", s->fake.port);
	s->library = ub_ctx_create();
	ASSERT(s->library && ub_ctx_set_fwd(s->library, address) == 0);
	ASSERT(ub_ctx_set_option(s->library, "do-not-query-localhost:", "no") == 0);
	ASSERT(ub_ctx_set_option(s->library, "module-config:", "iterator") == 0);
	ASSERT(ub_ctx_set_option(s->library, "do-ip6:", "no") == 0);
}

static void play(struct task *t, void *arg)
{
	struct stage *s = arg;
	task_outside(t, start_role, s);
	connect_role(t, s);
	measure_all(t, s);
	ipc_client_detach(s->control);
	loop_stop(s->loop);
}

int main(int argc, char **argv)
{
	static const struct log no_log;
	struct stage s = { .seconds = (argc > 1 ? atof(argv[1]) : 5) / ROUNDS,
		.unbound_program = argc > 2 ? argv[2] : NULL };
	fake_start(&s.fake);
	s.name_server = connected(s.fake.port);
	start_library(&s);
	if (s.unbound_program)
		start_unbound(&s);
	s.loop = loop_new(&no_log);
	s.control = ipc_client_new(s.loop, SECONDS(60));
	s.client = ipc_client_new(s.loop, SECONDS(60));
	s.calls = resolver_over(s.client);
	ASSERT(task_start(s.loop, play, &s, NULL) == 0);
	loop_run(s.loop);
	loop_finish(s.loop);
	ipc_client_free(s.client);
	ipc_client_free(s.control);
	loop_free(s.loop);
	waitpid(s.role, NULL, 0);
	if (s.unbound)
		kill(s.unbound, SIGTERM);
	ub_ctx_delete(s.library);
	fake_stop(&s.fake);
	return 0;
}
