/*
 * proxy.h: the header of the PROXY protocol, versions 1 and 2 (HAProxy doc/proxy-protocol.txt), by
 * which a trusted load balancer says who the client is. Only to be believed from configured
 * sources.
 */
#pragma once

#include "base/str.h"

enum {
	PROXY_V1_MAX = 107,       /* whole line with CRLF, as specified */
	PROXY_V2_MAX = 16 + 4096, /* whole header; what is there beyond addresses are TLVs */
};

enum proxy_result {
	PROXY_MORE, /* right so far: call again with more bytes */
	PROXY_DONE,
	PROXY_MALFORMED, /* no PROXY header, or a broken one: close the connection */
};

enum proxy_family {
	PROXY_LOCAL,   /* v2 LOCAL: the balancer speaks for itself; the connection's own addresses
			  hold */
	PROXY_UNKNOWN, /* UNKNOWN, UNSPEC, Unix sockets: no address known; the connection's own hold
			*/
	PROXY_IPV4,
	PROXY_IPV6,
};

struct proxy_header {
	int version; /* 1 or 2 */
	enum proxy_family family;
	unsigned char source[16], destination[16]; /* 4 or 16 bytes in network order, else zero */
	uint16_t source_port, destination_port;
	bool tls; /* v2 TLV: the client used TLS to the balancer (PP2_CLIENT_SSL) */
};

/*
 * Looks at all bytes received so far, from the very first. DONE fills *out, and *out_consumed says
 * where the client's own bytes begin; MALFORMED is said at the first byte that cannot be right, and
 * *out_why is a constant sentence. Never wants more than PROXY_V2_MAX bytes. TLVs are checked for
 * length and skipped (also a CRC32C: the transport has its own).
 */
enum proxy_result proxy_parse(
	str in, struct proxy_header *out, size_t *out_consumed, const char **out_why);
