#include "directory/domain.h"

#include "base/utf8.h"
#include "proto/smtp_host.h"
#include "proto/smtp_path.h"

#include <unicode/uidna.h>

/* RFC 1035 §3.1: 255 octets with the length of each label and the root's. */
enum { DOMAIN_TEXT_MAX = 253 };

static bool to_ascii(str domain, char out[static DOMAIN_TEXT_SIZE])
{
	UErrorCode status = U_ZERO_ERROR;
	UIDNA *idna = uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
					      UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_USE_STD3_RULES,
		&status);
	if (U_FAILURE(status))
		return false;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	int32_t n = uidna_nameToASCII_UTF8(
		idna, domain.p, (int32_t)domain.n, out, DOMAIN_TEXT_SIZE - 1, &info, &status);
	uidna_close(idna);
	bool good = U_SUCCESS(status) && info.errors == 0 && n > 0 && n < DOMAIN_TEXT_SIZE;
	out[good ? n : 0] = '\0';
	return good;
}

bool domain_normalize(str domain, char out[static DOMAIN_TEXT_SIZE])
{
	char ascii[DOMAIN_TEXT_SIZE];
	if (domain.n == 0 || domain.n > DOMAIN_TEXT_SIZE * 4)
		return false;
	bool copied = ascii_only(domain) ? str_copy_z(domain, ascii, sizeof ascii)
					 : utf8_valid(domain) && to_ascii(domain, ascii);
	/* Judged in this form, as what is read back will be: U-labels may become digits, which end
	 * no domain, and full stops. */
	struct smtp_host host;
	if (!copied || smtp_host_parse(str_from_z(ascii), false, &host) != SMTP_HOST_DOMAIN ||
		host.text.n > DOMAIN_TEXT_MAX)
		return false;
	for (size_t i = 0; i < host.text.n; i++)
		out[i] = ascii_lower(host.text.p[i]);
	out[host.text.n] = '\0';
	return true;
}

bool mailbox_split(
	str address, struct arena *arena, str *out_local, char out_domain[static DOMAIN_TEXT_SIZE])
{
	struct smtp_path path;
	if (!smtp_mailbox_parse(address, true, arena, &path, NULL) ||
		path.domain_kind != SMTP_HOST_DOMAIN || path.local.n == 0 ||
		!domain_normalize(path.domain, out_domain))
		return false;
	/* A-labels are longer than U-labels: what fitted may do so no more. */
	if (mailbox_text(path.local, str_from_z(out_domain), arena).n > SMTP_PATH_MAX - 2)
		return false;
	*out_local = path.local;
	return true;
}

str mailbox_text(str local, str domain, struct arena *arena)
{
	struct buf text = BUF_INIT(4096);
	smtp_mailbox_format(local, domain, &text);
	str copy = arena_str(arena, buf_str(&text));
	buf_done(&text);
	return copy;
}
