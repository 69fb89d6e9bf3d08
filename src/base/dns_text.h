/*
 * dns_text.h: what the configuration says about the DNS, as text: servers, zones, records.
 */
#pragma once

#include "base/err.h"
#include "base/ip.h"

/* "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353". */
struct dns_server {
	str zone; /* where one belongs to it, else empty; "." is the root */
	struct ip ip;
	uint16_t port;
};

struct dns_servers {
	const struct dns_server *items;
	size_t n;
};

struct dns_zones {
	const str *items;
	size_t n;
};

struct dns_records {
	const str *items;
	size_t n;
};

/* All: -EINVAL, and what is wrong in err. */

/* with_zone: "corp.example 10.0.0.53". The zone is a slice of text. */
int dns_server_parse(str text, bool with_zone, struct dns_server *out, struct err *err) MUST_USE;

/* A name with or without its final dot, of letters, digits, '-' and '_'; or ".". */
int dns_zone_check(str text, struct err *err) MUST_USE;

/* One record in the form of a zone file (RFC 1035 §5.1), with no relative names: name, TTL and
 * class where they are wanted, type, data. Types: A, AAAA, NS, CNAME, PTR, MX, TXT, SOA, SRV, TLSA.
 */
int dns_record_check(str text, struct err *err) MUST_USE;
