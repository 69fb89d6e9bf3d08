#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

enum { MAPPED_BITS = 96 };

static struct ip ip_from_v4(const void *four)
{
	struct ip ip;
	memcpy(ip.bytes, mapped, sizeof mapped);
	memcpy(ip.bytes + sizeof mapped, four, 4);
	return ip;
}

bool ip_parse(str s, struct ip *out)
{
	char z[IP_TEXT_SIZE];
	unsigned char four[4];
	if (!str_copy_z(s, z, sizeof z))
		return false;
	if (inet_pton(AF_INET, z, four) == 1) {
		*out = ip_from_v4(four);
		return true;
	}
	struct ip six;
	if (inet_pton(AF_INET6, z, six.bytes) != 1)
		return false;
	*out = six;
	return true;
}

/* inet_ntop() has printf do this. */
static size_t format_v4(const unsigned char four[4], char *out)
{
	char *at = out;
	for (int i = 0; i < 4; i++) {
		unsigned n = four[i];
		if (i > 0)
			*at++ = '.';
		if (n >= 100)
			*at++ = (char)('0' + n / 100);
		if (n >= 10)
			*at++ = (char)('0' + n / 10 % 10);
		*at++ = (char)('0' + n % 10);
	}
	*at = '\0';
	return (size_t)(at - out);
}

size_t ip_format(const struct ip *ip, char out[static IP_TEXT_SIZE])
{
	if (ip_is_v4(ip))
		return format_v4(ip->bytes + sizeof mapped, out);
	const char *z = inet_ntop(AF_INET6, ip->bytes, out, IP_TEXT_SIZE);
	ASSERT(z != NULL);
	return strlen(z);
}

bool ip_from_sockaddr(const struct sockaddr *sa, struct ip *out, uint16_t *out_port)
{
	uint16_t port;
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, sa, sizeof v4);
		*out = ip_from_v4(&v4.sin_addr);
		port = v4.sin_port;
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, sa, sizeof v6);
		memcpy(out->bytes, &v6.sin6_addr, sizeof out->bytes);
		port = v6.sin6_port;
	} else {
		return false;
	}
	if (out_port)
		*out_port = ntohs(port);
	return true;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->bytes, mapped, sizeof mapped) == 0;
}

bool ip_is_loopback(const struct ip *ip)
{
	static const unsigned char one[16] = { [15] = 1 };
	return ip_is_v4(ip) ? ip->bytes[12] == 127 : memcmp(ip->bytes, one, sizeof one) == 0;
}

bool ip_is_private(const struct ip *ip)
{
	static const struct ip_network networks[] = {
#define V4(a, b, bits) { { { [10] = 0xff, 0xff, a, b } }, 96 + (bits) }
		V4(0, 0, 8),
		V4(10, 0, 8),
		V4(100, 64, 10),
		V4(127, 0, 8),
		V4(169, 254, 16),
		V4(172, 16, 12),
		V4(192, 168, 16),
		V4(224, 0, 4),
		V4(240, 0, 4),
#undef V4
		{ { { 0 } }, 127 }, /* :: and ::1 */
		{ { { 0xfc } }, 7 },
		{ { { 0xfe, 0x80 } }, 9 }, /* with the site-local ones of old */
		{ { { 0xff } }, 8 },
	};
	return ip_networks_contain(&(struct ip_networks){ networks, ARRAY_LEN(networks) }, ip);
}

struct ip ip_prefix(const struct ip *ip, unsigned bits)
{
	struct ip out = *ip;
	for (unsigned i = 0; i < sizeof out.bytes; i++) {
		unsigned here = bits > i * 8 ? MIN(bits - i * 8, 8U) : 0;
		out.bytes[i] &= (unsigned char)(0xff00 >> here);
	}
	return out;
}

int ip_network_parse(str s, struct ip_network *out, struct err *err)
{
	str address, length;
	bool has_length = str_cut(s, '/', &address, &length);
	struct ip ip;
	if (!ip_parse(address, &ip))
		return err_set(err, EINVAL, "\"%.*s\" is not an IP address or network", STR_ARG(s));
	bool is_dotted = str_find_char(address, ':') < 0;
	unsigned most = is_dotted ? 32 : 128;
	uint64_t bits = most;
	if (has_length && !str_to_u64(length, most, &bits))
		return err_set(err, EINVAL,
			"\"%.*s\": the prefix length is not a number from 0 to %u", STR_ARG(s),
			most);
	uint8_t total = (uint8_t)(is_dotted ? bits + MAPPED_BITS : bits);
	struct ip base = ip_prefix(&ip, total);
	if (!ip_equal(&base, &ip)) {
		char meant[IP_TEXT_SIZE];
		ip_format(&base, meant);
		return err_set(err, EINVAL,
			"\"%.*s\" has bits set beyond its prefix; did you mean "
			"\"%s/%u\"?",
			STR_ARG(s), meant, (unsigned)bits);
	}
	*out = (struct ip_network){ .base = base, .bits = total };
	return 0;
}

bool ip_network_contains(const struct ip_network *network, const struct ip *ip)
{
	struct ip base = ip_prefix(ip, network->bits);
	return ip_equal(&base, &network->base);
}

bool ip_networks_contain(const struct ip_networks *networks, const struct ip *ip)
{
	for (size_t i = 0; i < networks->n; i++)
		if (ip_network_contains(&networks->items[i], ip))
			return true;
	return false;
}

struct ip ip_client(const struct ip *ip)
{
	return ip_is_v4(ip) ? *ip : ip_prefix(ip, 64);
}
