#include "proto/proxy.h"

#include <arpa/inet.h>

static enum proxy_result malformed(const char **out_why, const char *why)
{
	*out_why = why;
	return PROXY_MALFORMED;
}

/* True where in is the beginning of s, or s the beginning of in. */
static bool agree(str in, str s)
{
	size_t n = MIN(in.n, s.n);
	return str_equal(str_first(in, n), str_first(s, n));
}

static bool read_port(str s, uint16_t *out)
{
	uint64_t port;
	if (s.n > 5 || (s.n > 1 && s.p[0] == '0') || !str_to_u64(s, UINT16_MAX, &port))
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool read_ip(str s, enum proxy_family family, unsigned char out[16])
{
	char z[INET6_ADDRSTRLEN];
	return str_copy_z(s, z, sizeof z) &&
	       inet_pton(family == PROXY_IPV4 ? AF_INET : AF_INET6, z, out) == 1;
}

/* "TCP4 192.0.2.1 192.0.2.2 56324 25", or "UNKNOWN" and anything. */
static bool read_v1_fields(str s, struct proxy_header *out)
{
	str protocol, source, destination, source_port, destination_port;
	str_cut(s, ' ', &protocol, &s);
	out->family = PROXY_UNKNOWN;
	if (str_equal(protocol, STR("UNKNOWN")))
		return true;
	bool ipv4 = str_equal(protocol, STR("TCP4"));
	if (!ipv4 && !str_equal(protocol, STR("TCP6")))
		return false;
	out->family = ipv4 ? PROXY_IPV4 : PROXY_IPV6;
	return str_cut(s, ' ', &source, &s) && str_cut(s, ' ', &destination, &s) &&
	       str_cut(s, ' ', &source_port, &destination_port) &&
	       read_ip(source, out->family, out->source) &&
	       read_ip(destination, out->family, out->destination) &&
	       read_port(source_port, &out->source_port) &&
	       read_port(destination_port, &out->destination_port);
}

static enum proxy_result parse_v1(
	str in, struct proxy_header *out, size_t *out_consumed, const char **out_why)
{
	str start = STR("PROXY ");
	str line = str_first(in, PROXY_V1_MAX);
	ptrdiff_t lf = str_find_char(line, '\n');
	if (in.n < start.n)
		return PROXY_MORE;
	if (lf < 0)
		return in.n < PROXY_V1_MAX ? PROXY_MORE
					   : malformed(out_why, "a PROXY line that is too long");
	if (line.p[lf - 1] != '\r')
		return malformed(out_why, "a PROXY line that ends in a bare LF");
	struct proxy_header header = { .version = 1 };
	str fields = str_skip(str_first(line, (size_t)lf - 1), start.n);
	if (!read_v1_fields(fields, &header))
		return malformed(out_why, "a PROXY line with malformed addresses");
	*out = header;
	*out_consumed = (size_t)lf + 1;
	return PROXY_DONE;
}

enum {
	V2_HEADER = 16,
	V2_LOCAL = 0x20,
	V2_PROXY = 0x21,
	V2_TLV_SSL = 0x20,
	V2_CLIENT_SSL = 0x01,
};

static size_t get_u16(str s, size_t at)
{
	return (size_t)(unsigned char)s.p[at] << 8 | (unsigned char)s.p[at + 1];
}

/* Address families and their size on the wire. Only streams: SMTP runs on nothing else. */
static const struct v2_family {
	unsigned char code;
	enum proxy_family family;
	size_t address; /* of one address */
	size_t ports;
} v2_families[] = {
	{ 0x00, PROXY_UNKNOWN, 0, 0 },
	{ 0x11, PROXY_IPV4, 4, 4 },
	{ 0x21, PROXY_IPV6, 16, 4 },
	{ 0x31, PROXY_UNKNOWN, 108, 0 },
};

static const struct v2_family *find_v2_family(unsigned char code)
{
	for (size_t i = 0; i < ARRAY_LEN(v2_families); i++)
		if (v2_families[i].code == code)
			return &v2_families[i];
	return NULL;
}

/* type (1 byte), length (2), value, and again to the end. */
static bool read_tlvs(str s, struct proxy_header *out)
{
	while (s.n) {
		if (s.n < 3)
			return false;
		int type = (unsigned char)s.p[0];
		size_t n = get_u16(s, 1);
		s = str_skip(s, 3);
		if (n > s.n)
			return false;
		if (type == V2_TLV_SSL && n >= 5)
			out->tls = (s.p[0] & V2_CLIENT_SSL) != 0;
		s = str_skip(s, n);
	}
	return true;
}

static bool read_v2_body(str body, const struct v2_family *family, struct proxy_header *out)
{
	size_t addresses = 2 * family->address + family->ports;
	if (body.n < addresses)
		return false;
	/* Behind UNSPEC the specification has the receiver ignore everything. */
	if (family->code == 0)
		return true;
	if (family->ports) {
		memcpy(out->source, body.p, family->address);
		memcpy(out->destination, body.p + family->address, family->address);
		out->source_port = (uint16_t)get_u16(body, 2 * family->address);
		out->destination_port = (uint16_t)get_u16(body, 2 * family->address + 2);
	}
	out->family = family->family;
	return read_tlvs(str_skip(body, addresses), out);
}

/* What bytes 12 to 15 say can be judged before the rest has come. */
static const char *check_v2_start(str in)
{
	unsigned char command = in.n > 12 ? (unsigned char)in.p[12] : V2_PROXY;
	if (command != V2_LOCAL && command != V2_PROXY)
		return "a PROXY header of an unknown version or command";
	if (in.n > 13 && command == V2_PROXY && !find_v2_family((unsigned char)in.p[13]))
		return "a PROXY header of an unknown address family";
	if (in.n >= V2_HEADER && V2_HEADER + get_u16(in, 14) > PROXY_V2_MAX)
		return "a PROXY header that is too long";
	return NULL;
}

static enum proxy_result parse_v2(
	str in, struct proxy_header *out, size_t *out_consumed, const char **out_why)
{
	const char *why = check_v2_start(in);
	if (why)
		return malformed(out_why, why);
	size_t whole = in.n >= V2_HEADER ? V2_HEADER + get_u16(in, 14) : 0;
	if (in.n < V2_HEADER || in.n < whole)
		return PROXY_MORE;
	struct proxy_header header = { .version = 2, .family = PROXY_LOCAL };
	str body = str_from(in.p + V2_HEADER, whole - V2_HEADER);
	if ((unsigned char)in.p[12] == V2_PROXY) {
		header.family = PROXY_UNKNOWN;
		if (!read_v2_body(body, find_v2_family((unsigned char)in.p[13]), &header))
			return malformed(out_why, "a PROXY header whose lengths do not add up");
	}
	*out = header;
	*out_consumed = whole;
	return PROXY_DONE;
}

enum proxy_result proxy_parse(
	str in, struct proxy_header *out, size_t *out_consumed, const char **out_why)
{
	if (in.n == 0)
		return PROXY_MORE;
	if (agree(in, STR("PROXY ")))
		return parse_v1(in, out, out_consumed, out_why);
	if (agree(in, STR("\r\n\r\n\0\r\nQUIT\n")))
		return parse_v2(in, out, out_consumed, out_why);
	return malformed(out_why, "no PROXY header");
}
