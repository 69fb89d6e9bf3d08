/*
 * The role as a process, in its sandbox, driven as the supervisor does it; and what its callers see
 * when it dies.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/resolver_dns.h"
#include "resolver/resolver_role.h"
#include "resolver/resolver_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static const struct log no_log;

struct stage {
	struct fake_server fake;
	struct loop *loop;
	struct ipc_client *control, *client;
	struct resolver_calls calls;
	pid_t pid;
	void (*act)(struct task *t, struct stage *s);
	unsigned left;
};

/* On the stack of the process, which the child keeps. */
static void role_start(void *arg)
{
	struct stage *s = arg;
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		int control = fcntl(pair[1], F_DUPFD, ROLE_CONTROL_FD + 1);
		/* What a program that is executed would not have. */
		bool good = dup2(control, ROLE_CONTROL_FD) == ROLE_CONTROL_FD &&
			    close_range(ROLE_CONTROL_FD + 1, UINT32_MAX, 0) == 0;
		_exit(good ? role_main(&resolver_role) : 99);
	}
	close(pair[1]);
	assert_int_equal(ipc_client_attach(s->control, pair[0]), 0);
}

/* "" or why it refused. */
static void configure(struct task *t, struct stage *s, const char *settings, char out[static 512])
{
	struct role_calls role = role_over(s->control);
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	char text[1024];
	struct role_configure_request request = { .text = fake_config_text(
							  &s->fake, settings, text, sizeof text),
		.file = STR("test.conf"),
		.directory = STR("/"),
		.census = -1 };
	struct role_configure_reply reply = { 0 };
	assert_int_equal(role_configure(t, &role, &request, &a, &reply), 0);
	snprintf(out, 512, "%.*s", STR_ARG(reply.refused));
}

static void connect_to_role(struct task *t, struct stage *s)
{
	struct role_calls role = role_over(s->control);
	struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct role_attach_request request = { .peer = STR("filter"), .socket = pair[1] };
	struct role_attach_reply reply;
	assert_int_equal(role_attach(t, &role, &request, &a, &reply), 0);
	close(pair[1]);
	assert_int_equal(ipc_client_attach(s->client, pair[0]), 0);
}

static void begin(struct task *t, struct stage *s, const char *settings)
{
	char refused[512];
	task_outside(t, role_start, s);
	configure(t, s, settings, refused);
	assert_string_equal(refused, "");
	connect_to_role(t, s);
}

/* Its exit: 0 when it was let go, or minus the signal. */
static int end_of_role(struct task *t, struct stage *s)
{
	int status;
	while (waitpid(s->pid, &status, WNOHANG) == 0)
		assert_int_equal(task_sleep(t, MILLISECONDS(1)), 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void ask(struct task *t, struct stage *s, enum dns_type type, const char *name,
	struct arena *a, struct dns_answer *out)
{
	struct resolver_asker asker = { .t = t, .calls = &s->calls, .deadline = NEVER };
	struct dns dns = resolver_dns(&asker);
	dns_lookup(&dns, type, str_from_z(name), a, out);
}

static void run_act(struct task *t, void *arg)
{
	struct stage *s = arg;
	s->act(t, s);
	loop_stop(s->loop);
}

static void play(void (*act)(struct task *t, struct stage *s))
{
	struct stage s = { .act = act };
	/* Threads do not survive a fork: the name server starts first, and the child has no need of
	 * its thread. */
	fake_start(&s.fake);
	s.loop = loop_new(&no_log);
	s.control = ipc_client_new(s.loop, SECONDS(60));
	s.client = ipc_client_new(s.loop, SECONDS(60));
	s.calls = resolver_over(s.client);
	assert_int_equal(task_start(s.loop, run_act, &s, NULL), 0);
	loop_run(s.loop);
	loop_finish(s.loop);
	ipc_client_free(s.client);
	ipc_client_free(s.control);
	loop_free(s.loop);
	fake_stop(&s.fake);
}

/* ── Scenes ───────────────────────────────────────────────────────────────────────────────── */

static void look_up(struct task *t, struct stage *s)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct dns_answer answer;
	begin(t, s, "records = [ \"here.example MX 10 mx.here.example\" ];");
	ask(t, s, DNS_TYPE_MX, "here.example", &a, &answer);
	assert_int_equal(answer.status, DNS_FOUND);
	assert_int_equal(answer.records[0].priority, 10);
	assert_true(str_equal(answer.records[0].name, STR("mx.here.example")));
	/* Through its sandbox to the network. */
	ask(t, s, DNS_TYPE_A, "www.example.org", &a, &answer);
	assert_int_equal(answer.status, DNS_FOUND);
	ask(t, s, DNS_TYPE_TXT, "www.example.org", &a, &answer);
	assert_int_equal(answer.status, DNS_NODATA);
	ask(t, s, DNS_TYPE_A, "fail.example.org", &a, &answer);
	assert_int_equal(answer.status, DNS_TEMPORARY);
	ipc_client_detach(s->control);
	assert_int_equal(end_of_role(t, s), 0);
}

struct asking {
	struct stage *stage;
	struct event *done;
	enum dns_status status;
};

static void ask_held(struct task *t, void *arg)
{
	struct asking *a = arg;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(65536);
	struct dns_answer answer;
	ask(t, a->stage, DNS_TYPE_A, "held.example.org", &arena, &answer);
	a->status = answer.status;
	a->stage->left--;
	event_set(a->done);
}

static void start_asking(struct task *t, struct stage *s, struct asking *asks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		s->left++;
		assert_int_equal(task_start(s->loop, ask_held, &asks[i], NULL), 0);
	}
	/* They are on their way when a later call has come back. */
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct dns_answer answer;
	ask(t, s, DNS_TYPE_A, "www.example.org", &a, &answer);
	assert_int_equal(answer.status, DNS_FOUND);
}

static void wait_for_all(struct task *t, struct stage *s, struct event *done)
{
	while (s->left)
		assert_int_equal(event_wait(t, done, NEVER), 0);
}

/* kill -9: whoever asks has a temporary error; the next process answers. */
static void die(struct task *t, struct stage *s)
{
	struct event done = { 0 };
	struct asking asks[20];
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct dns_answer answer;
	for (size_t i = 0; i < ARRAY_LEN(asks); i++)
		asks[i] = (struct asking){ s, &done, DNS_FOUND };
	begin(t, s, "");
	s->fake.held = true;
	start_asking(t, s, asks, ARRAY_LEN(asks));
	assert_int_equal(s->left, ARRAY_LEN(asks));
	kill(s->pid, SIGKILL);
	assert_int_equal(end_of_role(t, s), -SIGKILL);
	wait_for_all(t, s, &done);
	for (size_t i = 0; i < ARRAY_LEN(asks); i++)
		assert_int_equal(asks[i].status, DNS_TEMPORARY);
	ask(t, s, DNS_TYPE_A, "www.example.org", &a, &answer);
	assert_int_equal(answer.status, DNS_TEMPORARY);
	assert_true(str_equal(answer.why, STR("the resolver is not there")));
	begin(t, s, "");
	ask(t, s, DNS_TYPE_A, "www.example.org", &a, &answer);
	assert_int_equal(answer.status, DNS_FOUND);
	ipc_client_detach(s->control);
	assert_int_equal(end_of_role(t, s), 0);
}

/* A new configuration holds at once; what is on its way stays. A wrong one changes nothing. */
static void reconfigure(struct task *t, struct stage *s)
{
	struct event done = { 0 };
	struct asking asks[3];
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct dns_answer answer;
	char refused[512];
	for (size_t i = 0; i < ARRAY_LEN(asks); i++)
		asks[i] = (struct asking){ s, &done, DNS_TEMPORARY };
	begin(t, s, "timeout = \"1m\";");
	s->fake.held = true;
	start_asking(t, s, asks, ARRAY_LEN(asks));
	configure(t, s, "records = [ \"new.example A 192.0.2.7\" ];", refused);
	assert_string_equal(refused, "");
	ask(t, s, DNS_TYPE_A, "new.example", &a, &answer);
	assert_int_equal(answer.status, DNS_FOUND);
	assert_int_equal(answer.records[0].ip.bytes[15], 7);
	configure(t, s, "records = [ \"new.example A 192.0.2.999\" ];", refused);
	assert_non_null(strstr(refused, "test.conf:1"));
	ask(t, s, DNS_TYPE_A, "new.example", &a, &answer);
	assert_int_equal(answer.records[0].ip.bytes[15], 7);
	assert_int_equal(s->left, ARRAY_LEN(asks));
	s->fake.held = false;
	wait_for_all(t, s, &done);
	for (size_t i = 0; i < ARRAY_LEN(asks); i++)
		assert_int_equal(asks[i].status, DNS_FOUND);
	ipc_client_detach(s->control);
	assert_int_equal(end_of_role(t, s), 0);
}

static void it_answers_from_its_sandbox(void **state)
{
	play(look_up);
}
static void its_death_is_a_temporary_error(void **state)
{
	play(die);
}
static void a_new_configuration_loses_no_question(void **state)
{
	play(reconfigure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_answers_from_its_sandbox),
		cmocka_unit_test(its_death_is_a_temporary_error),
		cmocka_unit_test(a_new_configuration_loses_no_question),
	};
	return cmocka_run_group_tests_name("resolver_role", tests, NULL, NULL);
}
