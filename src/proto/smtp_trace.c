#include "proto/smtp_trace.h"
#include "base/utf8.h"

enum {
	NAME_MAX_BYTES = 255,    /* host names and other words */
	MAILBOX_MAX_BYTES = 400, /* a quoted local part and a domain */
	FOLD_BEFORE = 78,
};

/* Which bytes of a value may stand as they are. */
enum alphabet {
	WORD, /* host names, literals, ids, cipher names */
	TEXT, /* anything printable, blanks too */
};

struct folder {
	struct buf *out;
	size_t column;
	bool utf8;
};

static str clip(str s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && (s.p[max] & 0xc0) == 0x80)
		max--;
	return str_first(s, max);
}

static bool is_word_char(char c)
{
	return ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' ||
	       c == ']' || c == '+' || c == '/' || c == '=';
}

static void add_clean(str s, enum alphabet alphabet, bool utf8, struct buf *out)
{
	utf8 = utf8 && utf8_valid(s);
	char *at = s.n ? buf_reserve(out, s.n) : NULL;
	if (!at)
		return;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool fine = (c & 0x80)         ? utf8
			    : alphabet == WORD ? is_word_char(c)
					       : c >= 32 && c <= 126;
		at[i] = fine ? c : '?';
	}
	out->n += s.n;
}

/* A blank or a fold, and then the three parts without a blank between them. */
static void add(
	struct folder *f, const char *before, str value, enum alphabet alphabet, const char *after)
{
	size_t n = strlen(before) + value.n + strlen(after);
	bool fold = f->column + 1 + n >= FOLD_BEFORE;
	buf_add(f->out, fold ? STR("\r\n\t") : STR(" "));
	buf_add(f->out, str_from_z(before));
	add_clean(value, alphabet, f->utf8, f->out);
	buf_add(f->out, str_from_z(after));
	f->column = (fold ? 8 : f->column + 1) + n;
}

static void add_word(struct folder *f, const char *before, str value, const char *after)
{
	if (value.n == 0)
		value = STR("unknown");
	add(f, before, clip(value, NAME_MAX_BYTES), WORD, after);
}

const char *smtp_received_protocol(const struct smtp_received *r)
{
	/* [UTF8][LMTP][TLS][authenticated] */
	static const char *const names[2][2][2][2] = {
		{ { { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
			{ { "LMTP", "LMTPA" }, { "LMTPS", "LMTPSA" } } },
		{ { { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
			{ { "UTF8LMTP", "UTF8LMTPA" }, { "UTF8LMTPS", "UTF8LMTPSA" } } },
	};
	if (!r->extended && !r->lmtp)
		return "SMTP";
	return names[r->utf8][r->lmtp][r->tls][r->authenticated];
}

/* "(name [address])". An IPv6 address has its tag (RFC 5321 §4.1.3). */
static void add_client(struct folder *f, const struct smtp_received *r)
{
	bool addressed = r->client_address.n > 0;
	bool ipv6 = str_find_char(r->client_address, ':') >= 0;
	add_word(f, "(", r->client_name, addressed ? "" : ")");
	if (addressed)
		add_word(f, ipv6 ? "[IPv6:" : "[", r->client_address, "])");
}

static void add_tls(struct folder *f, const struct smtp_received *r)
{
	if (!r->tls || r->tls_version.n == 0)
		return;
	bool cipher = r->tls_cipher.n > 0;
	add_word(f, "(", r->tls_version, cipher ? "," : ")");
	if (cipher)
		add_word(f, "", r->tls_cipher, ")");
}

void smtp_received_format(const struct smtp_received *r, struct buf *out)
{
	str name = STR("Received:");
	struct folder f = { .out = out, .column = name.n, .utf8 = r->utf8 };
	bool single = r->recipient.n > 0;
	str protocol = str_from_z(smtp_received_protocol(r));
	buf_add(out, name);
	add_word(&f, "from ", r->helo, "");
	add_client(&f, r);
	add_word(&f, "by ", r->by, "");
	add_word(&f, "with ", protocol, "");
	add_tls(&f, r);
	add_word(&f, "id ", r->id, single ? "" : ";");
	if (single)
		add(&f, "for <", clip(r->recipient, MAILBOX_MAX_BYTES), TEXT, ">;");
	add(&f, "", clip(r->date, NAME_MAX_BYTES), TEXT, "");
	buf_add(out, STR("\r\n"));
}

void smtp_return_path_format(str mailbox, bool utf8, struct buf *out)
{
	buf_add(out, STR("Return-Path: <"));
	add_clean(clip(mailbox, MAILBOX_MAX_BYTES), TEXT, utf8, out);
	buf_add(out, STR(">\r\n"));
}
