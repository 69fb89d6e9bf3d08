#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/stream.h"
#include "io/tls_testing.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static const struct log no_log;

/* ── A scene: a server's task on a loop, a client on a thread ─────────────────────────────── */
/* Both check with ASSERT: cmocka cannot leave their stacks. */

struct scene {
	struct loop *loop;
	struct tls_context *tls;
	struct stream *stream;
	int fd;
	void (*serve)(struct task *t, struct scene *s);
	int result;
	const char *why;
	struct buf got; /* by the client */
	str send;       /* by either */
	bool flag;
	size_t stack;
	char version[16], cipher[64];
};

static void serve(struct task *t, void *arg)
{
	struct scene *s = arg;
	ASSERT(stream_open(s->loop, s->fd, &s->stream) == 0);
	s->serve(t, s);
	loop_stop(s->loop);
}

static void play(struct scene *s, struct testing_client *c)
{
	s->loop = loop_new(&no_log);
	s->got = BUF_INIT(64 * 1024 * 1024);
	c->arg = s;
	s->fd = testing_client_start(c);
	assert_int_equal(task_start(s->loop, serve, s, NULL), 0);
	loop_run(s->loop);
	loop_free(s->loop);
	testing_client_join(c);
}

static int64_t soon(struct task *t)
{
	return task_deadline(t, SECONDS(30));
}

static struct testing_certificate certificate; /* made once: RSA keys take long */

static int make_certificate(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	certificate = testing_certificate_new(0);
	return 0;
}

static int drop_certificate(void **state)
{
	testing_certificate_done(&certificate);
	return 0;
}

/* ── Talking ──────────────────────────────────────────────────────────────────────────────── */

/* Plain until "STARTTLS", then TLS, and each line comes back. */
static void echo(struct task *t, struct scene *s)
{
	str line;
	ASSERT(stream_line(t, s->stream, 100, soon(t), &line) == 0);
	stream_put(t, s->stream, STR("go\r\n"));
	ASSERT(!stream_is_tls(s->stream));
	s->result = stream_start_tls(t, s->stream, s->tls, soon(t));
	ASSERT(s->result == 0);
	ASSERT(stream_is_tls(s->stream));
	ASSERT(stream_tls_bits(s->stream) == 256);
	snprintf(s->version, sizeof s->version, "%s", stream_tls_version(s->stream));
	while (stream_line(t, s->stream, 1000, soon(t), &line) == 0)
		stream_put(t, s->stream, line);
	stream_finish(t, s->stream, false);
}

static void talk(struct testing_client *c)
{
	struct scene *s = c->arg;
	/* What came together with the command is thrown away: it was not protected. */
	testing_client_write(c, c->piece ? STR("STARTTLS\r\n") : STR("STARTTLS\r\nin plain\r\n"));
	ASSERT(testing_client_await(c, &s->got, "go\r\n"));
	buf_clear(&s->got);
	ASSERT(testing_client_handshake(c));
	testing_client_write(c, STR("one\r\ntwo\r\nthr"));
	testing_client_write(c, STR("ee\r\n"));
	s->flag = testing_client_await(c, &s->got, "three\r\n");
}

static void lines_come_back_through_tls(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const size_t pieces[] = { 0, 1, 3, 100 };
	for (size_t i = 0; i < ARRAY_LEN(versions) * ARRAY_LEN(pieces); i++) {
		struct scene s = { .serve = echo,
			.tls = testing_tls_context(&certificate, TLS_1_2) };
		struct testing_client c = { .act = talk,
			.version = versions[i % 2],
			.piece = pieces[i / 2],
			.ciphers = i % 2 ? NULL : "ECDHE-ECDSA-CHACHA20-POLY1305" };
		play(&s, &c);
		assert_true(s.flag);
		assert_string_equal(s.version, i % 2 ? "TLSv1.3" : "TLSv1.2");
		assert_true(str_equal(buf_str(&s.got), STR("one\r\ntwo\r\nthree\r\n")));
		buf_done(&s.got);
		tls_context_unref(s.tls);
	}
}

static void pour(struct task *t, struct scene *s)
{
	struct buf all CLEANUP(buf_done) = BUF_INIT(16 * 1024 * 1024);
	str bytes;
	ASSERT(stream_start_tls(t, s->stream, s->tls, soon(t)) == 0);
	while (all.n < s->send.n) {
		ASSERT(stream_peek(t, s->stream, soon(t), &bytes) == 0);
		buf_add(&all, bytes);
		stream_consume(s->stream, bytes.n);
	}
	ASSERT(str_equal(buf_str(&all), s->send));
	for (size_t i = 0, n; i < s->send.n; i += n) {
		n = MIN(s->send.n - i, i / 3 + 1);
		ASSERT(stream_put(t, s->stream, str_first(str_skip(s->send, i), n)) == 0);
	}
	stream_finish(t, s->stream, false);
}

static void pour_too(struct testing_client *c)
{
	struct scene *s = c->arg;
	ASSERT(testing_client_handshake(c));
	testing_client_write(c, s->send);
	testing_client_read(c, &s->got, SIZE_MAX);
	/* A clean end: not cut off by someone on the way. */
	s->flag = SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN;
}

static void much_goes_both_ways_and_ends_cleanly(void **state)
{
	size_t n = 3 * 1000 * 1000;
	char *bytes = xmalloc(n);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 31 + i / 4099);
	struct scene s = { .serve = pour,
		.send = str_from(bytes, n),
		.tls = testing_tls_context(&certificate, TLS_1_2) };
	struct testing_client c = { .act = pour_too };
	play(&s, &c);
	assert_true(str_equal(buf_str(&s.got), s.send));
	assert_true(s.flag);
	buf_done(&s.got);
	tls_context_unref(s.tls);
	free(bytes);
}

/* ── Handshakes that fail ─────────────────────────────────────────────────────────────────── */

static void try_handshake(struct task *t, struct scene *s)
{
	int64_t deadline = task_deadline(t, s->flag ? MILLISECONDS(20) : SECONDS(30));
	s->result = stream_start_tls(t, s->stream, s->tls, deadline);
	s->why = stream_tls_failure(s->stream, s->result);
	/* Nothing more is said, least of all in plain. */
	ASSERT(stream_put(t, s->stream, STR("secret")) == s->result);
	ASSERT(stream_flush(t, s->stream) == s->result);
	stream_finish(t, s->stream, false);
}

static void garbage(struct testing_client *c)
{
	struct scene *s = c->arg;
	testing_client_write(c, STR("EHLO this is not TLS at all, but long enough\r\n"));
	testing_client_read(c, &s->got, SIZE_MAX);
}

static void hang_up(struct testing_client *c)
{
	testing_client_write(c, STR("\x16\x03\x01"));
}

static void silence(struct testing_client *c)
{
	struct scene *s = c->arg;
	testing_client_write(c, STR("\x16\x03\x01"));
	testing_client_read(c, &s->got, SIZE_MAX);
}

static void old_version(struct testing_client *c)
{
	ASSERT(!testing_client_handshake(c));
}

static void failed_handshakes_carry_nothing(void **state)
{
	static const struct {
		void (*act)(struct testing_client *c);
		enum tls_version minimum;
		int result, or ;
		bool hurry;
		const char *why;
	} cases[] = {
		{ garbage, TLS_1_2, -EPROTO, -EPROTO, false, "wrong version number" },
		{ hang_up, TLS_1_2, -EPIPE, -EPROTO, false, "unexpected eof while reading" },
		{ silence, TLS_1_2, -ETIMEDOUT, -ETIMEDOUT, true, "Connection timed out" },
		{ old_version, TLS_1_3, -EPROTO, -EPROTO, false, "unsupported protocol" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scene s = { .serve = try_handshake,
			.flag = cases[i].hurry,
			.tls = testing_tls_context(&certificate, cases[i].minimum) };
		struct testing_client c = { .act = cases[i].act, .version = TLS1_2_VERSION };
		play(&s, &c);
		if (s.result != cases[i].result && s.result != cases[i].or)
			fail_msg("case %zu: %d", i, s.result);
		if (s.result != -EPIPE)
			assert_string_equal(s.why, cases[i].why);
		assert_true(str_find(buf_str(&s.got), STR("secret")) < 0);
		buf_done(&s.got);
		tls_context_unref(s.tls);
	}
}

/* The same key, encrypted. */
static struct buf encrypted_key(void)
{
	BIO *in = BIO_new_mem_buf(certificate.key.p, (int)certificate.key.n);
	BIO *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	assert_int_equal(PEM_write_bio_PrivateKey(out, key, EVP_aes_256_cbc(),
				 (const unsigned char *)"secret", 6, NULL, NULL),
		1);
	struct buf pem;
	testing_take_pem(out, &pem);
	EVP_PKEY_free(key);
	BIO_free(in);
	return pem;
}

static void what_is_no_certificate_is_refused(void **state)
{
	struct buf encrypted CLEANUP(buf_done) = encrypted_key();
	struct testing_certificate other = testing_certificate_new(0);
	struct tls_context *context;
	struct err err;
	str good = buf_str(&certificate.certificate), key = buf_str(&certificate.key);
	const struct {
		str certificate, key;
		const char *why;
	} cases[] = {
		{ STR_EMPTY, key, "no certificate in the certificate file" },
		{ key, key, "no certificate in the certificate file" },
		{ str_first(good, good.n / 2), key, "no certificate in the certificate file" },
		{ good, STR_EMPTY, "no usable private key in the key file" },
		{ good, good, "no usable private key in the key file" },
		{ good, buf_str(&encrypted), "the private key in the key file is encrypted" },
		{ good, buf_str(&other.key), "key" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(tls_context_new(cases[i].certificate, cases[i].key, TLS_1_2,
					 &context, &err),
			-EINVAL);
		if (str_find(str_from_z(err.text), str_from_z(cases[i].why)) < 0)
			fail_msg("case %zu: %s", i, err.text);
		assert_int_equal(ERR_peek_error(), 0);
	}
	struct buf chain CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	buf_add(&chain, good);
	buf_add(&chain, buf_str(&other.certificate));
	assert_int_equal(tls_context_new(buf_str(&chain), key, TLS_1_2, &context, &err), 0);
	tls_context_unref(context);
	testing_certificate_done(&other);
}

/* ── Stack ────────────────────────────────────────────────────────────────────────────────── */

enum { PAGE = 4096, RESERVE = 64 * 1024 };

/* How far down this stack has been touched, whether all between was or not: task_stack_used()
 * counts pages, and a large array may leave some out. */
static size_t depth_below(const void *here)
{
	unsigned char resident;
	uintptr_t page = (uintptr_t)here & ~(uintptr_t)(PAGE - 1);
	size_t depth = 0;
	for (size_t below = PAGE; below < RESERVE; below += PAGE)
		if (mincore((void *)(page - below), PAGE, &resident) == 0 && (resident & 1))
			depth = below;
	return depth + PAGE;
}

static void measure(struct task *t, struct scene *s)
{
	str line;
	ASSERT(stream_start_tls(t, s->stream, s->tls, soon(t)) == 0);
	ASSERT(stream_line(t, s->stream, 100, soon(t), &line) == 0);
	snprintf(s->version, sizeof s->version, "%s", stream_tls_version(s->stream));
	snprintf(s->cipher, sizeof s->cipher, "%s", stream_tls_cipher(s->stream));
	stream_put(t, s->stream, line);
	stream_finish(t, s->stream, false);
	s->stack = MAX(task_stack_used(t), depth_below(&line));
}

static void one_line(struct testing_client *c)
{
	struct scene *s = c->arg;
	ASSERT(testing_client_handshake(c));
	testing_client_write(c, STR("hello\r\n"));
	testing_client_read(c, &s->got, SIZE_MAX);
}

static size_t handshake_stack(
	const struct testing_certificate *own, unsigned bits, const struct testing_client *like)
{
	struct scene s = { .serve = measure, .tls = testing_tls_context(own, TLS_1_2) };
	struct testing_client c = *like;
	c.act = one_line;
	play(&s, &c);
	assert_true(str_equal(buf_str(&s.got), STR("hello\r\n")));
	printf("# stack: %3zu KiB  %s-%u  %s %s %s\n", s.stack / 1024, bits ? "RSA" : "P",
		bits ? bits : 256, s.version, s.cipher, c.groups);
	buf_done(&s.got);
	tls_context_unref(s.tls);
	return s.stack;
}

/* The reserve of 64 KiB is chosen from this (task.c). With sanitizers every frame is larger, and so
 * is the reserve. */
static void a_handshake_leaves_half_of_the_stack(void **state)
{
	static const struct testing_client kinds[] = {
		/* For RSA only: in TLS 1.2 a key on P-256 needs that curve. */
		{ .version = TLS1_2_VERSION, .ciphers = "AES256-GCM-SHA384", .groups = "P-256" },
		{ .version = TLS1_2_VERSION, .ciphers = "ECDHE+AESGCM", .groups = "P-521" },
		{ .version = TLS1_2_VERSION, .ciphers = "ECDHE+AESGCM", .groups = "P-256" },
		{ .version = TLS1_2_VERSION,
			.ciphers = "ECDHE+CHACHA20",
			.groups = "X25519:P-256" },
		{ .version = TLS1_3_VERSION,
			.ciphers = "TLS_AES_256_GCM_SHA384",
			.groups = "X25519" },
		{ .version = TLS1_3_VERSION,
			.ciphers = "TLS_CHACHA20_POLY1305_SHA256",
			.groups = "X25519" },
		{ .version = TLS1_3_VERSION,
			.ciphers = "TLS_AES_128_GCM_SHA256",
			.groups = "P-384" },
		{ .version = TLS1_3_VERSION,
			.ciphers = "TLS_AES_256_GCM_SHA384",
			.groups = "P-521" },
		{ .version = TLS1_3_VERSION,
			.ciphers = "TLS_AES_256_GCM_SHA384",
			.groups = "X448" },
		{ .version = TLS1_3_VERSION,
			.ciphers = "TLS_AES_256_GCM_SHA384",
			.groups = "ffdhe8192" },
	};
	static const unsigned keys[] = { 0, 2048, 4096 };
	size_t most = 0;
	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		struct testing_certificate own = testing_certificate_new(keys[k]);
		for (size_t i = keys[k] ? 0 : 2; i < ARRAY_LEN(kinds); i++) {
			size_t used = handshake_stack(&own, keys[k], &kinds[i]);
			most = MAX(most, used);
		}
		testing_certificate_done(&own);
	}
	printf("# stack: %zu KiB at most\n", most / 1024);
#if !defined(__SANITIZE_ADDRESS__) && defined(__OPTIMIZE__)
	assert_true(most > 0 && most <= 32 * 1024);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_back_through_tls),
		cmocka_unit_test(much_goes_both_ways_and_ends_cleanly),
		cmocka_unit_test(failed_handshakes_carry_nothing),
		cmocka_unit_test(what_is_no_certificate_is_refused),
		cmocka_unit_test(a_handshake_leaves_half_of_the_stack),
	};
	return cmocka_run_group_tests(tests, make_certificate, drop_certificate);
}
