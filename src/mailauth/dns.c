#include "mailauth/dns.h"

void dns_lookup(const struct dns *dns, enum dns_type type, str name, struct arena *a,
	struct dns_answer *out)
{
	*out = (struct dns_answer){ .status = DNS_TEMPORARY };
	dns->lookup(dns->context, type, name, a, out);
}

const char *dns_status_name(enum dns_status status)
{
	static const char *const names[] = { "found", "nodata", "nxdomain", "temporary", "bogus" };
	return names[status];
}

static const struct {
	enum dns_type type;
	const char *name;
} types[] = { { DNS_TYPE_A, "A" }, { DNS_TYPE_AAAA, "AAAA" }, { DNS_TYPE_MX, "MX" },
	{ DNS_TYPE_TXT, "TXT" }, { DNS_TYPE_PTR, "PTR" }, { DNS_TYPE_CNAME, "CNAME" },
	{ DNS_TYPE_NS, "NS" }, { DNS_TYPE_SOA, "SOA" }, { DNS_TYPE_SRV, "SRV" },
	{ DNS_TYPE_TLSA, "TLSA" } };

const char *dns_type_name(enum dns_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}

enum dns_type dns_type_parse(str name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_equal_nocase(name, str_from_z(types[i].name)))
			return types[i].type;
	return (enum dns_type)0;
}

/* ── Records on the wire (RFC 1035 §3.3, 2782, 3596, 6698) ────────────────────────────────── */

/* What is left of the RDATA. After the first piece that is not there, `bad` stays set. */
struct wire {
	str rest;
	struct arena *arena;
	bool bad;
};

static str take(struct wire *w, size_t n)
{
	w->bad |= n > w->rest.n;
	str piece = w->bad ? STR_EMPTY : str_first(w->rest, n);
	w->rest = str_skip(w->rest, piece.n);
	return piece;
}

static uint32_t take_number(struct wire *w, size_t bytes)
{
	str piece = take(w, bytes);
	uint32_t n = 0;
	for (size_t i = 0; i < piece.n; i++)
		n = n << 8 | (unsigned char)piece.p[i];
	return n;
}

static char *room(struct wire *w, size_t n)
{
	char *p = w->bad ? NULL : arena_try(w->arena, n + 1);
	w->bad |= !p;
	return p;
}

static bool label_is_text(str label)
{
	for (size_t i = 0; i < label.n; i++)
		if (label.p[i] < 0x20 || label.p[i] > 0x7e || label.p[i] == '.')
			return false;
	return true;
}

static str take_name(struct wire *w)
{
	char text[DNS_NAME_MAX + 1];
	size_t n = 0;
	for (;;) {
		size_t length = take_number(w, 1);
		str label = take(w, length);
		/* Each label but the first takes a dot too. */
		size_t dot = n > 0;
		if (length == 0)
			break;
		w->bad |= length > 63 || n + dot + length > DNS_NAME_MAX || !label_is_text(label);
		if (w->bad)
			break;
		if (dot)
			text[n++] = '.';
		for (size_t i = 0; i < length; i++)
			text[n++] = ascii_lower(label.p[i]);
	}
	char *copy = room(w, n);
	if (!copy)
		return STR_EMPTY;
	memcpy(copy, text, n);
	return str_from(copy, n);
}

static str take_bytes(struct wire *w, size_t n)
{
	str piece = take(w, n);
	char *copy = room(w, piece.n);
	if (!copy)
		return STR_EMPTY;
	memcpy(copy, piece.p, piece.n);
	return str_from(copy, piece.n);
}

/* At least one string of a length byte and its content each. */
static str take_strings(struct wire *w)
{
	char *joined = room(w, w->rest.n);
	size_t n = 0;
	do {
		str piece = take(w, take_number(w, 1));
		if (joined && piece.n)
			memcpy(joined + n, piece.p, piece.n);
		n += piece.n;
	} while (w->rest.n && !w->bad);
	return w->bad ? STR_EMPTY : str_from(joined, n);
}

static void take_ip(struct wire *w, size_t size, struct ip *out)
{
	static const struct ip mapped = { .bytes = { [10] = 0xff, [11] = 0xff } };
	*out = mapped;
	str piece = take(w, size);
	memcpy(out->bytes + sizeof out->bytes - piece.n, piece.p, piece.n);
}

static void take_soa(struct wire *w, struct dns_record *out)
{
	out->name = take_name(w);
	out->text = take_name(w);
	out->serial = take_number(w, 4);
	take(w, 12); /* refresh, retry, expire */
	out->minimum = take_number(w, 4);
}

static void take_tlsa(struct wire *w, struct dns_record *out)
{
	for (size_t i = 0; i < ARRAY_LEN(out->tlsa); i++)
		out->tlsa[i] = (uint8_t)take_number(w, 1);
	out->text = take_bytes(w, w->rest.n);
}

static void take_srv(struct wire *w, struct dns_record *out)
{
	out->priority = (uint16_t)take_number(w, 2);
	out->weight = (uint16_t)take_number(w, 2);
	out->port = (uint16_t)take_number(w, 2);
	out->name = take_name(w);
}

bool dns_record_parse(enum dns_type type, str rdata, struct arena *a, struct dns_record *out)
{
	struct wire w = { .rest = rdata, .arena = a };
	struct dns_record r = { .name = STR_EMPTY, .text = STR_EMPTY };
	switch (type) {
	case DNS_TYPE_A:
		take_ip(&w, 4, &r.ip);
		break;
	case DNS_TYPE_AAAA:
		take_ip(&w, 16, &r.ip);
		break;
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
		r.name = take_name(&w);
		break;
	case DNS_TYPE_MX:
		r.priority = (uint16_t)take_number(&w, 2);
		r.name = take_name(&w);
		break;
	case DNS_TYPE_TXT:
		r.text = take_strings(&w);
		break;
	case DNS_TYPE_SRV:
		take_srv(&w, &r);
		break;
	case DNS_TYPE_TLSA:
		take_tlsa(&w, &r);
		break;
	case DNS_TYPE_SOA:
		take_soa(&w, &r);
		break;
	default:
		w.bad = true;
	}
	if (w.bad || w.rest.n)
		return false;
	*out = r;
	return true;
}

/* ── Names ────────────────────────────────────────────────────────────────────────────────── */

static str reverse_labels(const struct ip *ip, struct arena *a)
{
	const unsigned char *b = ip->bytes;
	if (ip_is_v4(ip))
		return arena_printf(a, "%u.%u.%u.%u.", b[15], b[14], b[13], b[12]);
	char out[64];
	for (size_t i = 0; i < 32; i++) {
		out[2 * i] = "0123456789abcdef"[b[15 - i / 2] >> (i % 2 ? 4 : 0) & 15];
		out[2 * i + 1] = '.';
	}
	return arena_str(a, str_from(out, sizeof out));
}

str dns_reverse_name(const struct ip *ip, str suffix, struct arena *a)
{
	if (!suffix.n)
		suffix = ip_is_v4(ip) ? STR("in-addr.arpa") : STR("ip6.arpa");
	return arena_join(a, reverse_labels(ip, a), suffix);
}

bool dns_name_is_askable(str name)
{
	if (!name.n || name.n > DNS_NAME_MAX)
		return false;
	size_t label = 0;
	for (size_t i = 0; i < name.n; i++) {
		/* A backslash is an escape for those who turn text into names. */
		if (name.p[i] < 0x20 || name.p[i] > 0x7e || name.p[i] == '\\')
			return false;
		label = name.p[i] == '.' ? 0 : label + 1;
		if (label > 63 || (label == 0 && (i == 0 || name.p[i - 1] == '.')))
			return false;
	}
	return label > 0;
}
