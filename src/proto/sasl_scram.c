/*
 * The server's side of SCRAM (RFC 5802 §5 and §7). Messages are lists of "letter=value" with
 * commas, in a fixed order; extensions may follow in the first message and stand before the proof
 * in the last one, and are passed over, save for "m", which exists to be refused.
 */
#include "proto/sasl.h"

#include "base/base64.h"
#include "base/utf8.h"

static bool fail(const char **out_error, const char *value)
{
	*out_error = value;
	return false;
}

/* A copy, or a slice with p == NULL where the arena is full. */
static str keep(struct arena *a, str s)
{
	char *p = arena_try(a, s.n + 1);
	if (!p)
		return (str){ 0 };
	if (s.n)
		memcpy(p, s.p, s.n);
	return str_from(p, s.n);
}

/* Cuts "letter=value" off *rest, up to a comma or the end. */
static bool take_attribute(str *rest, char letter, str *out_value)
{
	str head, tail;
	if (rest->n < 2 || rest->p[0] != letter || rest->p[1] != '=')
		return false;
	if (str_cut(*rest, ',', &head, &tail) && tail.n == 0)
		return false;
	*out_value = str_skip(head, 2);
	*rest = tail;
	return true;
}

/* attr-val ["," attr-val] …: ALPHA "=" 1*value-char. */
static bool extensions_valid(str rest)
{
	while (rest.n) {
		str head, tail;
		bool more = str_cut(rest, ',', &head, &tail);
		if (head.n < 3 || !ascii_is_alpha(head.p[0]) || head.p[1] != '=' ||
			(more && !tail.n))
			return false;
		rest = tail;
	}
	return true;
}

/* saslname: "=2C" is a comma and "=3D" an equals sign; no other "=" may stand there. */
static bool decode_name(str s, struct arena *a, str *out)
{
	char *p = arena_try(a, s.n + 1);
	size_t n = 0;
	if (!p || !utf8_valid(s) || str_find_char(s, '\0') >= 0)
		return false;
	for (; s.n; n++) {
		bool comma = str_starts_nocase(s, STR("=2C"));
		bool equals = str_starts_nocase(s, STR("=3D"));
		if (s.p[0] == '=' && !comma && !equals)
			return false;
		p[n] = comma ? ',' : equals ? '=' : s.p[0];
		s = str_skip(s, comma || equals ? 3 : 1);
	}
	*out = str_from(p, n);
	return n <= SASL_MAX_NAME;
}

static bool is_nonce(str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',')
			return false;
	return s.n > 0 && s.n <= max;
}

/* cb-name = 1*(ALPHA / DIGIT / "." / "-") */
static bool is_binding_name(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-')
			return false;
	return s.n > 0;
}

/* gs2-cbind-flag, without its comma. */
static bool binding_flag(str flag, struct scram_client_first *f)
{
	f->binding_name = STR_EMPTY;
	if (str_equal(flag, STR("n")))
		f->binding = SCRAM_BINDING_NONE;
	else if (str_equal(flag, STR("y")))
		f->binding = SCRAM_BINDING_UNUSED;
	else if (str_starts(flag, STR("p=")))
		f->binding = SCRAM_BINDING_USED;
	else
		return false;
	if (f->binding == SCRAM_BINDING_USED)
		f->binding_name = str_skip(flag, 2);
	return f->binding != SCRAM_BINDING_USED || is_binding_name(f->binding_name);
}

/* gs2-header: flag "," ["a=" authzid] ","; the rest of the message is f->bare. */
static bool gs2_header(
	str message, struct arena *a, struct scram_client_first *f, const char **out_error)
{
	str flag, authzid, rest;
	if (!str_cut(message, ',', &flag, &rest) || !binding_flag(flag, f))
		return fail(out_error, "invalid-encoding");
	if (!str_cut(rest, ',', &authzid, &rest))
		return fail(out_error, "invalid-encoding");
	f->gs2_header = str_first(message, message.n - rest.n);
	f->bare = rest;
	f->authzid = STR_EMPTY;
	if (authzid.n == 0)
		return true;
	if (authzid.n < 3 || !str_starts(authzid, STR("a=")) ||
		!decode_name(str_skip(authzid, 2), a, &f->authzid))
		return fail(out_error, "invalid-username-encoding");
	return true;
}

bool scram_client_first_parse(
	str message, struct arena *a, struct scram_client_first *out, const char **out_error)
{
	struct scram_client_first f;
	if (message.n > SASL_MAX_MESSAGE)
		return fail(out_error, "other-error");
	message = keep(a, message);
	if (!message.p)
		return fail(out_error, "no-resources");
	if (!gs2_header(message, a, &f, out_error))
		return false;
	str rest = f.bare, name;
	if (str_starts(rest, STR("m=")))
		return fail(out_error, "extensions-not-supported");
	if (!take_attribute(&rest, 'n', &name) || name.n == 0 || !decode_name(name, a, &f.login))
		return fail(out_error, "invalid-username-encoding");
	if (!take_attribute(&rest, 'r', &f.nonce) || !is_nonce(f.nonce, SASL_MAX_NONCE))
		return fail(out_error, "invalid-encoding");
	if (!extensions_valid(rest))
		return fail(out_error, "invalid-encoding");
	*out = f;
	return true;
}

void scram_server_first_format(struct buf *b, const struct scram_client_first *first,
	str server_nonce, str salt, unsigned iterations)
{
	ASSERT(is_nonce(server_nonce, 128));
	buf_add(b, STR("r="));
	buf_add(b, first->nonce);
	buf_add(b, server_nonce);
	buf_add(b, STR(",s="));
	base64_encode(b, salt);
	buf_printf(b, ",i=%u", iterations);
}

/* c= must encode the GS2 header of the first message and, where bound, the channel's data. */
static bool binding_matches(str c, const struct scram_client_first *first, str server_binding)
{
	struct buf expected CLEANUP(buf_done) = BUF_INIT(4 * SASL_MAX_MESSAGE);
	struct buf encoded CLEANUP(buf_done) = BUF_INIT(6 * SASL_MAX_MESSAGE);
	buf_add(&expected, first->gs2_header);
	if (first->binding == SCRAM_BINDING_USED)
		buf_add(&expected, server_binding);
	base64_encode(&encoded, buf_str(&expected));
	return !expected.overflowed && !encoded.overflowed && str_equal(c, buf_str(&encoded));
}

/* The nonce as server_first has it: both halves. */
static str whole_nonce(str server_first)
{
	str nonce = STR_EMPTY;
	return take_attribute(&server_first, 'r', &nonce) ? nonce : STR_EMPTY;
}

static bool decode_proof(str encoded, struct arena *a, str *out)
{
	struct buf raw CLEANUP(buf_done) = BUF_INIT(SASL_MAX_PROOF);
	if (!base64_decode(&raw, encoded) || raw.n == 0)
		return false;
	*out = keep(a, buf_str(&raw));
	return out->p != NULL;
}

static str join_auth_message(
	struct arena *a, str client_first_bare, str server_first, str without_proof)
{
	size_t n = client_first_bare.n + server_first.n + without_proof.n + 2;
	char *p = arena_try(a, n);
	if (!p)
		return (str){ 0 };
	struct buf b = { .p = p, .cap = n, .max = n };
	buf_add(&b, client_first_bare);
	buf_add_char(&b, ',');
	buf_add(&b, server_first);
	buf_add_char(&b, ',');
	buf_add(&b, without_proof);
	return str_from(p, n);
}

bool scram_client_final_parse(str message, const struct scram_client_first *first, str server_first,
	str binding_data, struct arena *a, struct scram_client_final *out, const char **out_error)
{
	struct scram_client_final f;
	if (message.n > SASL_MAX_MESSAGE)
		return fail(out_error, "other-error");
	ptrdiff_t last_comma = str_find_last_char(message, ',');
	str without_proof = str_first(message, last_comma < 0 ? 0 : (size_t)last_comma);
	str proof = str_skip(message, without_proof.n + 1), rest = without_proof, c, nonce;
	if (!take_attribute(&rest, 'c', &c) || !binding_matches(c, first, binding_data))
		return fail(out_error, "channel-bindings-dont-match");
	if (!take_attribute(&rest, 'r', &nonce) || nonce.n == 0 ||
		!str_equal(nonce, whole_nonce(server_first)))
		return fail(out_error, "other-error");
	if (!extensions_valid(rest) || str_starts(rest, STR("m=")))
		return fail(out_error, "extensions-not-supported");
	str encoded;
	if (!take_attribute(&proof, 'p', &encoded) || !decode_proof(encoded, a, &f.proof))
		return fail(out_error, "invalid-encoding");
	f.auth_message = join_auth_message(a, first->bare, server_first, without_proof);
	if (!f.auth_message.p)
		return fail(out_error, "no-resources");
	*out = f;
	return true;
}

void scram_server_final_format(struct buf *b, str signature)
{
	buf_add(b, STR("v="));
	base64_encode(b, signature);
}

void scram_server_error_format(struct buf *b, str error)
{
	buf_add(b, STR("e="));
	buf_add(b, error);
}
