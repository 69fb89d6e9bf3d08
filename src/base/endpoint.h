/*
 * endpoint.h: where a server listens, as the configuration writes it:
 *
 *   127.0.0.1:2525     one IPv4 address
 *   [2001:db8::1]:25   one IPv6 address
 *   [::]:25 or *:25    every address of the machine, IPv6 and IPv4 with one socket
 *   0.0.0.0:25         every IPv4 address
 *   unix:/run/x.sock   a Unix socket
 *
 * Names are not accepted: what a server listens on does not depend on a resolver. What is connected
 * to can have one, for instance.test:3310.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct endpoint {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} address;
	socklen_t size; /* of the member in use, for bind(); 0: a name, which has its address
			   elsewhere */
	bool v6_only;   /* IPV6_V6ONLY: set where the same list also has 0.0.0.0 with this port */
	str text;       /* as written; belongs to whoever gave it to endpoint_parse() */
};

struct endpoints {
	const struct endpoint *items;
	size_t n;
};

/* -EINVAL, and what is wrong and what was meant in err. Sets v6_only to false. */
int endpoint_parse(str text, struct endpoint *out, struct err *err) MUST_USE;

/* The same for another server's: a name can stand there, of which only the shape is looked at. */
int endpoint_parse_peer(str text, struct endpoint *out, struct err *err) MUST_USE;

/* The name of one that has no address; else empty. And one that has this address. */
str endpoint_name(const struct endpoint *e);
struct endpoint endpoint_at(const struct endpoint *e, const struct ip *ip);

/* True where both could not be bound together. Regards v6_only. */
bool endpoint_conflicts(const struct endpoint *a, const struct endpoint *b);

/* True where it stands for every address: nothing to connect to. */
bool endpoint_is_wildcard(const struct endpoint *e);

/* True where both are the same socket. */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* True for Unix sockets and addresses of the loopback interface. */
bool endpoint_is_local(const struct endpoint *e);
