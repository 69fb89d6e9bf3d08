#include "directory/password.h"

#include "base/base64.h"
#include "base/random.h"
#include "base/utf8.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* yescrypt at the default cost, of a password that nobody knows: what verifying takes for an
 * account that is not there. */
static const char nobody[] = "$y$j9T$VSTnWv9bWcTvXKcqHHv9y.$"
			     "0000000000000000000000000000000000000000000";

_Static_assert(PASSWORD_HASH_SIZE == CRYPT_OUTPUT_SIZE, "crypt(3) output must fit");
_Static_assert(PASSWORD_MAX < CRYPT_MAX_PASSPHRASE_SIZE, "crypt(3) input must fit, with a NUL");

int password_check(str password, struct err *err)
{
	if (password.n == 0)
		return err_set(err, EINVAL, "the password is empty");
	if (password.n > PASSWORD_MAX)
		return err_set(err, EINVAL, "the password is longer than %d bytes", PASSWORD_MAX);
	if (!utf8_valid(password))
		return err_set(err, EINVAL, "the password is not UTF-8");
	for (size_t i = 0; i < password.n; i++)
		if ((unsigned char)password.p[i] < ' ' || password.p[i] == 127)
			return err_set(err, EINVAL, "the password holds a control character");
	return 0;
}

/* crypt(3) with all its memory wiped. `setting` is a salt or a whole hash. */
static bool run_crypt(str password, const char *setting, char out[static CRYPT_OUTPUT_SIZE])
{
	char z[PASSWORD_MAX + 1];
	bool done = false;
	struct crypt_data *data = xcalloc(1, sizeof *data);
	if (str_copy_z(password, z, sizeof z)) {
		const char *hash = crypt_r(z, setting, data);
		/* "*0" and "*1" are how a failure may be told, besides NULL. */
		done = hash && hash[0] == '$' &&
		       str_copy_z(str_from_z(hash), out, CRYPT_OUTPUT_SIZE);
	}
	OPENSSL_cleanse(z, sizeof z);
	OPENSSL_cleanse(data, sizeof *data);
	free(data);
	return done;
}

int password_hash(str password, char out[static PASSWORD_HASH_SIZE], struct err *err)
{
	int r = password_check(password, err);
	if (r)
		return r;
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	unsigned char salt[16];
	random_bytes(salt, sizeof salt);
	if (!crypt_gensalt_rn("$y$", 0, (const char *)salt, sizeof salt, setting, sizeof setting) ||
		!run_crypt(password, setting, out))
		return err_errno(err, errno ? errno : EIO, "the password cannot be hashed");
	return 0;
}

static bool is_usable(const char *hash)
{
	int salt = crypt_checksalt(hash);
	return hash[0] == '$' && (salt == CRYPT_SALT_OK || salt == CRYPT_SALT_METHOD_LEGACY);
}

bool password_verify(str hash, str password)
{
	char stored[CRYPT_OUTPUT_SIZE], computed[CRYPT_OUTPUT_SIZE];
	bool usable = str_copy_z(hash, stored, sizeof stored) && is_usable(stored);
	bool done = run_crypt(password, usable ? stored : nobody, computed);
	bool same = done && usable && strlen(computed) == hash.n &&
		    CRYPTO_memcmp(computed, stored, hash.n) == 0;
	OPENSSL_cleanse(stored, sizeof stored);
	OPENSSL_cleanse(computed, sizeof computed);
	return same;
}

void password_generate(char out[static PASSWORD_GENERATED_SIZE])
{
	enum { GROUPS = 4, EACH = 5 }; /* 100 bits, as xxxxx-xxxxx-xxxxx-xxxxx */
	_Static_assert(GROUPS * (EACH + 1) == PASSWORD_GENERATED_SIZE, "groups must fit");
	unsigned char random[GROUPS * EACH];
	random_bytes(random, sizeof random);
	for (size_t i = 0; i < GROUPS; i++) {
		char *group = out + i * (EACH + 1);
		base32_id(random + i * EACH, EACH, group);
		for (size_t j = 0; j < EACH; j++)
			group[j] = ascii_lower(group[j]);
		group[EACH] = i + 1 < GROUPS ? '-' : '\0';
	}
	OPENSSL_cleanse(random, sizeof random);
}

void password_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
