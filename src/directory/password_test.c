#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/clock.h"
#include "directory/password.h"
#include "directory/scram.h"

#include <errno.h>
#include <time.h>

static void test_check(void **state)
{
	char longest[PASSWORD_MAX + 1];
	memset(longest, 'x', sizeof longest);
	struct err err;
	assert_int_equal(password_check(STR("alice"), &err), 0);
	assert_int_equal(password_check(STR("p\xc3\xa4ss w\xc3\xb6rd"), &err), 0);
	assert_int_equal(password_check(str_from(longest, PASSWORD_MAX), &err), 0);
	assert_int_equal(password_check(str_from(longest, PASSWORD_MAX + 1), &err), -EINVAL);
	assert_int_equal(password_check(STR(""), &err), -EINVAL);
	assert_int_equal(password_check(STR("a\0b"), &err), -EINVAL);
	assert_int_equal(password_check(STR("a\nb"), &err), -EINVAL);
	assert_int_equal(password_check(STR("a\x7f"), &err), -EINVAL);
	assert_int_equal(password_check(STR("\xff"), &err), -EINVAL);
}

static void test_hash(void **state)
{
	char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE];
	struct err err;
	assert_int_equal(password_hash(STR("correct horse"), hash, &err), 0);
	assert_int_equal(password_hash(STR("correct horse"), again, &err), 0);
	assert_true(str_starts(str_from_z(hash), STR("$y$")));
	assert_string_not_equal(hash, again);
	assert_true(password_verify(str_from_z(hash), STR("correct horse")));
	assert_false(password_verify(str_from_z(hash), STR("correct hors")));
	assert_false(password_verify(str_from_z(hash), STR("correct horse ")));
	assert_false(password_verify(str_from_z(hash), STR("Correct horse")));
	assert_false(password_verify(str_from_z(hash), STR("")));
	char longest[PASSWORD_MAX];
	memset(longest, 'x', sizeof longest);
	assert_int_equal(password_hash(str_from(longest, sizeof longest), again, &err), 0);
	assert_true(password_verify(str_from_z(again), str_from(longest, sizeof longest)));
	/* What crypt(3) would not see does not match either. */
	assert_false(password_verify(str_from_z(hash), STR("correct horse\0x")));
	assert_int_equal(password_hash(STR(""), hash, &err), -EINVAL);
}

static void test_other_schemes(void **state)
{
	/* SHA-512-crypt, and bcrypt from the vectors of crypt_blowfish. */
	assert_true(password_verify(STR("$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
					"O817G3uBnIFNjnQJuesI68u4OTLiBF"
					"dcbYEdFCoEOfaS35inz1"),
		STR("Hello world!")));
	assert_true(password_verify(
		STR("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"), STR("U*U")));
	assert_false(password_verify(
		STR("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"), STR("U*V")));
}

static void test_malformed_hash_fails_closed(void **state)
{
	char hash[PASSWORD_HASH_SIZE];
	struct err err;
	assert_int_equal(password_hash(STR("alice"), hash, &err), 0);
	str good = str_from_z(hash);
	for (size_t n = 0; n < good.n; n += n < 30 ? 3 : 11)
		assert_false(password_verify(str_first(good, n), STR("alice")));
	static const char *const rows[] = { "", "*", "*0", "*1", "!", "x", "alice", "$", "$y$",
		"$y$$", "$y$j9T$", "$y$j9T$salt", "$y$j9T$salt$", "$9$x$y", "$6$$", "$plain$alice",
		"ab01FAX.bQRSU", "{PLAIN}alice" };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_false(password_verify(str_from_z(rows[i]), STR("alice")));
		assert_false(password_verify(str_from_z(rows[i]), STR("")));
	}
	char longer[PASSWORD_HASH_SIZE + 8];
	memset(longer, 'a', sizeof longer);
	memcpy(longer, hash, good.n);
	assert_false(password_verify(str_from(longer, sizeof longer), STR("alice")));
	assert_false(password_verify(str_from(longer, good.n + 1), STR("alice")));
}

static int64_t processor_time(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static int64_t time_of(str hash)
{
	int64_t best = INT64_MAX;
	for (int i = 0; i < 5; i++) {
		int64_t begin = processor_time();
		if (password_verify(hash, STR("wrong")))
			fail();
		best = MIN(best, processor_time() - begin);
	}
	return best;
}

static void test_unknown_takes_as_long(void **state)
{
	char hash[PASSWORD_HASH_SIZE];
	struct err err;
	assert_int_equal(password_hash(STR("alice"), hash, &err), 0);
	int64_t known = time_of(str_from_z(hash)), unknown = time_of(STR_EMPTY);
	/* An early return would be a thousand times faster. */
	assert_true(unknown > known / 4 && known > unknown / 4);
}

static void test_generate(void **state)
{
	char a[PASSWORD_GENERATED_SIZE], b[PASSWORD_GENERATED_SIZE];
	password_generate(a);
	password_generate(b);
	assert_int_equal(strlen(a), PASSWORD_GENERATED_SIZE - 1);
	assert_string_not_equal(a, b);
	struct err err;
	assert_int_equal(password_check(str_from_z(a), &err), 0);
}

/* ---- SCRAM: the example of RFC 7677 §3 ---- */

#define NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define AUTH_MESSAGE                                                                               \
	"n=user,r=rOprNGfwEbeRWgbNEkqO,r=" NONCE                                                   \
	",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=" NONCE

static void decode(str text, unsigned char *out, size_t n)
{
	struct buf b = BUF_INIT(256);
	assert_true(base64_decode(&b, text));
	assert_int_equal(b.n, n);
	memcpy(out, b.p, n);
	buf_done(&b);
}

static struct scram_verifier example(void)
{
	unsigned char salt[16];
	struct scram_verifier v;
	decode(STR("W22ZaJ0SNY7soEsUEjb6gQ=="), salt, sizeof salt);
	assert_int_equal(
		scram_verifier_derive(STR("pencil"), str_from(salt, sizeof salt), 4096, &v, NULL),
		0);
	return v;
}

static void test_scram_example(void **state)
{
	struct scram_verifier v = example();
	unsigned char proof[32], expected[32], signature[32];
	decode(STR("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), proof, 32);
	decode(STR("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), expected, 32);
	assert_true(scram_verify(&v, STR(AUTH_MESSAGE), str_from(proof, 32), signature));
	assert_memory_equal(signature, expected, 32);
	for (size_t i = 0; i < 32; i++) {
		proof[i] ^= 1;
		assert_false(scram_verify(&v, STR(AUTH_MESSAGE), str_from(proof, 32), signature));
		proof[i] ^= 1;
	}
	assert_false(scram_verify(&v, STR(AUTH_MESSAGE "x"), str_from(proof, 32), signature));
	assert_false(scram_verify(&v, STR(AUTH_MESSAGE), str_from(proof, 31), signature));
	assert_false(scram_verify(&v, STR(AUTH_MESSAGE), STR_EMPTY, signature));
}

static void test_scram_text(void **state)
{
	struct scram_verifier v = example(), again;
	struct buf text = BUF_INIT(SCRAM_TEXT_MAX);
	scram_verifier_format(&v, &text);
	assert_true(
		str_starts(buf_str(&text), STR("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")));
	assert_true(scram_verifier_parse(buf_str(&text), &again));
	assert_memory_equal(&v, &again, sizeof v);
	for (size_t n = 0; n < text.n; n++)
		assert_false(scram_verifier_parse(str_first(buf_str(&text), n), &again));
	buf_add_char(&text, 'x');
	assert_false(scram_verifier_parse(buf_str(&text), &again));
	buf_done(&text);
#define KEYS                                                                                       \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"                                            \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	assert_true(scram_verifier_parse(STR("SCRAM-SHA-256$4096:AAAA$" KEYS), &again));
	const str rows[] = {
		STR("SCRAM-SHA-256$"),
		STR("SCRAM-SHA-256$4096:AAAA$AAAA:AAAA"),
		STR("SCRAM-SHA-1$4096:AAAA$" KEYS),
		STR("SCRAM-SHA-256$1:AAAA$" KEYS),
		STR("SCRAM-SHA-256$99999999999:AAAA$" KEYS),
		STR("SCRAM-SHA-256$4096:$" KEYS),
		STR("SCRAM-SHA-256$4096:AAAA$" KEYS "A"),
		STR("SCRAM-SHA-256$4096AAAA$" KEYS),
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_false(scram_verifier_parse(rows[i], &again));
}

static void test_scram_invented(void **state)
{
	unsigned char secret[32] = "secret", other[32] = "other", signature[32];
	struct scram_verifier a, b;
	scram_verifier_invent(secret, STR("a@example.org"), &a);
	scram_verifier_invent(secret, STR("a@example.org"), &b);
	assert_int_equal(a.salt_size, SCRAM_SALT_SIZE);
	assert_int_equal(a.iterations, SCRAM_ITERATIONS);
	assert_memory_equal(a.salt, b.salt, SCRAM_SALT_SIZE);
	scram_verifier_invent(secret, STR("b@example.org"), &b);
	assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT_SIZE);
	scram_verifier_invent(other, STR("a@example.org"), &b);
	assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT_SIZE);
	unsigned char proof[32] = { 0 };
	assert_false(scram_verify(&a, STR("x"), str_from(proof, 32), signature));
	struct scram_verifier real;
	assert_int_equal(scram_verifier_make(STR("pencil"), &real, NULL), 0);
	assert_int_equal(real.salt_size, a.salt_size);
	assert_int_equal(real.iterations, a.iterations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_other_schemes),
		cmocka_unit_test(test_malformed_hash_fails_closed),
		cmocka_unit_test(test_unknown_takes_as_long),
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_scram_example),
		cmocka_unit_test(test_scram_text),
		cmocka_unit_test(test_scram_invented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
