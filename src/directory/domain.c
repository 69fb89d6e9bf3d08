#include "directory/domain.h"

#include "base/utf8.h"
#include "proto/smtp_path.h"

#include <unicode/uidna.h>

static bool is_label(str s)
{
	if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return true;
}

static bool is_domain(str s)
{
	str label;
	bool more = true;
	while (more) {
		more = str_cut(s, '.', &label, &s);
		if (!is_label(label))
			return false;
	}
	return true;
}

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
	if (str_ends(domain, STR(".")))
		domain.n--;
	if (domain.n == 0 || domain.n > DOMAIN_TEXT_SIZE * 4)
		return false;
	bool copied = ascii_only(domain) ? str_copy_z(domain, ascii, sizeof ascii)
					 : utf8_valid(domain) && to_ascii(domain, ascii);
	if (!copied || strlen(ascii) > 253 || !is_domain(str_from_z(ascii)))
		return false;
	size_t n = strlen(ascii);
	for (size_t i = 0; i <= n; i++)
		out[i] = ascii_lower(ascii[i]);
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
