/* RDATA as it stands on the wire: the first byte chooses the type. A name that is accepted can be
 * asked for, unless it holds what stands for an escape. */
#include "mailauth/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_TYPE_A, DNS_TYPE_NS, DNS_TYPE_CNAME,
		DNS_TYPE_SOA, DNS_TYPE_PTR, DNS_TYPE_MX, DNS_TYPE_TXT, DNS_TYPE_AAAA, DNS_TYPE_SRV,
		DNS_TYPE_TLSA };
	struct arena a CLEANUP(arena_done) = ARENA_INIT(256 * 1024);
	struct dns_record r;
	if (size == 0)
		return 0;
	enum dns_type type = types[data[0] % ARRAY_LEN(types)];
	if (!dns_record_parse(type, str_from(data + 1, size - 1), &a, &r))
		return 0;
	ASSERT(r.name.n <= DNS_NAME_MAX && r.text.n < size);
	if (r.name.n && str_find_char(r.name, '\\') < 0)
		ASSERT(dns_name_is_askable(r.name));
	return 0;
}
