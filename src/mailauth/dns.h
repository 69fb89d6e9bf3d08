/*
 * dns.h: what the library asks of the DNS, and what it gets: the caller supplies the look-up.
 *
 * Names are ASCII (A-labels), without the final dot; the root is the empty name. Answers come
 * with CNAMEs followed. An answer that could not be had, or did not validate, is temporary in
 * everything that follows from it: never "there is no such name".
 */
#pragma once

#include "base/arena.h"
#include "base/ip.h"

/* The numbers of RFC 1035 §3.2.2 and later. */
enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_TLSA = 52,
};

enum dns_status {
	DNS_FOUND,     /* at least one record */
	DNS_NODATA,    /* the name is there, records of this type are not */
	DNS_NXDOMAIN,  /* no such name */
	DNS_TEMPORARY, /* no answer now: time-out, SERVFAIL, over a limit */
	DNS_BOGUS,     /* an answer that fails DNSSEC validation: to be treated as temporary */
};

static inline bool dns_failed(enum dns_status status)
{
	return status == DNS_TEMPORARY || status == DNS_BOGUS;
}

/* One record; which fields are set depends on the type. */
struct dns_record {
	struct ip ip; /* A, AAAA */
	str name;     /* NS, CNAME, PTR, MX, SRV: the target; SOA: the primary. Lower case */
	str text;     /* TXT: its strings, joined; TLSA: the association data; SOA: the mailbox */
	uint16_t priority; /* MX, SRV */
	uint16_t weight;   /* SRV */
	uint16_t port;     /* SRV */
	uint8_t tlsa[3];   /* TLSA: usage, selector, matching type */
	uint32_t serial;   /* SOA */
	uint32_t minimum;  /* SOA: how long a negative answer may be kept */
};

struct dns_answer {
	enum dns_status status;
	bool secure;                      /* validated with DNSSEC, also where nothing was found */
	uint32_t ttl;                     /* seconds for which it may be kept */
	const struct dns_record *records; /* in the arena of the call */
	size_t n;
	str why; /* where it failed: a few words for a person, else empty */
};

/* How a caller looks things up. Each look-up ends within a time that the caller chooses, may wait
 * (on a fiber, say), and may be called again from another thread with another context. */
struct dns {
	void (*lookup)(void *context, enum dns_type type, str name, struct arena *a,
		struct dns_answer *out);
	/* Nanoseconds on a monotonic clock, for limits over several look-ups; NULL: no such limits.
	 */
	int64_t (*now)(void *context);
	void *context;
};

void dns_lookup(const struct dns *dns, enum dns_type type, str name, struct arena *a,
	struct dns_answer *out);

enum { DNS_NAME_MAX = 253 };

/* Whether a lookup may be asked for it: labels of 1 to 63 characters, 253 in all, in printable
 * ASCII without a backslash. Others do not exist, whoever made them up. */
bool dns_name_is_askable(str name);

/* "found", "nodata", "nxdomain", "temporary", "bogus"; "TXT", or NULL for a type not listed here.
 */
const char *dns_status_name(enum dns_status status);
const char *dns_type_name(enum dns_type type);
/* The type of that name, in any case; 0: none of ours. */
enum dns_type dns_type_parse(str name);

/* Decodes the RDATA of one record as it stands on the wire, its names uncompressed. False where it
 * is malformed. Names with a dot or a control character inside a label are malformed for us. */
bool dns_record_parse(
	enum dns_type type, str rdata, struct arena *a, struct dns_record *out) MUST_USE;

/* The name under which the PTR record of an address stands: "1.2.0.192.in-addr.arpa". A list in
 * the DNS has the same form with its own zone: suffix "zen.example.net". */
str dns_reverse_name(const struct ip *ip, str suffix, struct arena *a);
