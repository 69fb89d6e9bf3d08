#include "supervisor/seal_key.h"

#include "io/sandbox.h"
#include "mailauth/dkim_sign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int pem_read(str path, struct buf *out, struct err *err)
{
	int fd CLEANUP(close_fd) = open(path.p, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "%s", path.p);
	for (;;) {
		char *at = buf_reserve(out, 4096);
		if (!at)
			return err_set(
				err, EFBIG, "%s: too large for a certificate or key", path.p);
		ssize_t n = read(fd, at, 4096);
		if (n < 0)
			return err_errno(err, errno, "%s", path.p);
		if (n == 0)
			return 0;
		out->n += (size_t)n;
	}
}

void pem_wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

/* NULL: it is one to seal with. */
static const char *look(str pem, struct err *why)
{
	struct dkim_private_key *key = dkim_private_key_parse(pem, why);
	if (!key)
		return why->text;
	bool rsa = dkim_private_key_signs(key).algorithm == DKIM_RSA_SHA256;
	bool weak = rsa && dkim_private_key_bits(key) < DKIM_KEY_BITS_GOOD;
	dkim_private_key_free(key);
	return weak ? "too weak: RSA below 2048 bits" : NULL;
}

/* The domain and selector that the seal names must be able to stand there. */
static const char *look_at_names(const struct config *config, const char **out_key)
{
	*out_key = "arc.selector";
	if (!dkim_name_valid(config->arc.selector))
		return "not a selector: labels of letters, digits and hyphens";
	*out_key = "arc.domain";
	if (config->arc.domain.n && !dkim_name_valid(config->arc.domain))
		return "not a domain";
	return NULL;
}

static int refuse(const struct config *config, const char *key, const char *why, struct err *err)
{
	char line[16] = "";
	unsigned number = config_line(config, STR_EMPTY, key);
	if (number)
		snprintf(line, sizeof line, "%u:", number);
	return err_set(err, EINVAL, "%s:%s %s: %s", config->file.p, line, key, why);
}

int seal_key_load(const struct config *config, struct buf *out, struct err *err)
{
	*out = BUF_INIT(PEM_MAX);
	if (!config->arc.seal)
		return 0;
	const char *key, *wrong = look_at_names(config, &key);
	if (wrong)
		return refuse(config, key, wrong, err);
	struct err why;
	if (pem_read(config->arc.key, out, &why) < 0) {
		pem_wipe(out);
		return refuse(config, "arc.key", why.text, err);
	}
	wrong = look(buf_str(out), &why);
	if (!wrong)
		return 0;
	pem_wipe(out);
	char text[2 * sizeof err->text];
	snprintf(text, sizeof text, "%.480s: %s", config->arc.key.p, wrong);
	return refuse(config, "arc.key", text, err);
}

bool seal_key_is_open(const struct config *config)
{
	struct stat st;
	return stat(config->arc.key.p, &st) == 0 && st.st_mode & 077;
}
