/*
 * ip.h: IP addresses and networks as values.
 *
 * One form for both families: sixteen bytes in network order, an IPv4 address as the mapped IPv6
 * address ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). So a client that reached a dual-stack socket over
 * IPv4 compares equal to the address that the configuration names. No zones (fe80::1%eth0).
 */
#pragma once

#include "base/err.h"

#include <sys/socket.h>

struct ip {
	unsigned char bytes[16];
};

/* Room for any text form with its closing NUL. */
enum { IP_TEXT_SIZE = 46 };

/* "192.0.2.1" or "2001:db8::1"; no brackets, no prefix length, no leading zeros in IPv4. */
bool ip_parse(str s, struct ip *out) MUST_USE;

/* The canonical text (RFC 5952); a mapped address is written as IPv4. Returns its length. */
size_t ip_format(const struct ip *ip, char out[static IP_TEXT_SIZE]);

/* False for families other than AF_INET and AF_INET6. *out_port (may be NULL) is in host order. */
bool ip_from_sockaddr(const struct sockaddr *sa, struct ip *out, uint16_t *out_port) MUST_USE;

bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_is_v4(const struct ip *ip);
bool ip_is_loopback(const struct ip *ip); /* 127.0.0.0/8, ::1 */
/* An address that means nothing to others, or none that a host has: loopback, private (RFC 1918,
 * RFC 6598, RFC 4193), link-local, unspecified, multicast, reserved. */
bool ip_is_private(const struct ip *ip);

/* Addresses whose first `bits` bits, counted over all 128, equal those of base. 10.0.0.0/8 is
 * held as ::ffff:10.0.0.0 with 104 bits. */
struct ip_network {
	struct ip base;
	uint8_t bits;
};

struct ip_networks {
	const struct ip_network *items;
	size_t n;
};

/* "10.0.0.0/8", "2001:db8::/32", or one address. Bits set beyond the prefix are an error, since
 * one of the two halves is then a slip. -EINVAL, and what is wrong in err. */
int ip_network_parse(str s, struct ip_network *out, struct err *err) MUST_USE;

/* The address with all bits beyond the first `bits` cleared. */
struct ip ip_prefix(const struct ip *ip, unsigned bits);

bool ip_network_contains(const struct ip_network *network, const struct ip *ip);
bool ip_networks_contain(const struct ip_networks *networks, const struct ip *ip);

/* What counts as one client for limits: an IPv4 address, an IPv6 /64 (a customer has at least
 * that many addresses). The result serves as a map key of 16 bytes. */
struct ip ip_client(const struct ip *ip);
