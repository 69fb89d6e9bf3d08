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
