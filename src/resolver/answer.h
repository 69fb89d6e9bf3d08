/*
 * answer.h: from a DNS message (RFC 1035 §4) to what is told about it: the records that were asked
 * for, at the end of the CNAMEs that lead to them.
 *
 * The message comes from libunbound, which has taken it apart and put it together again; its
 * content is of any stranger's making.
 */
#pragma once

#include "mailauth/dns.h"

/* What one answer may hold; whoever has more at one name wants something else than mail. */
enum { ANSWER_RECORDS_MAX = 1000, ANSWER_BYTES_MAX = 65536 };

struct answer {
	enum dns_status status; /* DNS_TEMPORARY where the message is no use */
	uint32_t ttl;           /* the least of all records on the way */
	const str *rdata;       /* of each record, its names uncompressed and in lower case */
	size_t n;
	const char *why; /* DNS_TEMPORARY: a few words; else "" */
};

/* What a response code means to somebody who needed an answer. */
const char *answer_rcode_text(unsigned rcode);

/* `rdata` is in the arena. */
void answer_parse(str message, enum dns_type type, struct arena *a, struct answer *out);
