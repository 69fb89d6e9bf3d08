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

static str reverse_labels(const struct ip *ip, struct arena *a)
{
	const unsigned char *b = ip->bytes;
	if (ip_is_v4(ip))
		return arena_printf(a, "%u.%u.%u.%u.", b[15], b[14], b[13], b[12]);
	char out[64];
	for (size_t i = 0; i < 32; i++) {
		out[2 * i] = "0123456789abcdef"[b[15 - i / 2] >> (i % 2 ? 4 : 0) & 15];
		out[2 * i + 1] = '.';
	}
	return arena_str(a, str_from(out, sizeof out));
}

str dns_reverse_name(const struct ip *ip, str suffix, struct arena *a)
{
	if (!suffix.n)
		suffix = ip_is_v4(ip) ? STR("in-addr.arpa") : STR("ip6.arpa");
	return arena_join(a, reverse_labels(ip, a), suffix);
}

bool dns_name_is_askable(str name)
{
	if (!name.n || name.n > DNS_NAME_MAX)
		return false;
	size_t label = 0;
	for (size_t i = 0; i < name.n; i++) {
		/* A backslash is an escape for those who turn text into names. */
		if (name.p[i] < 0x20 || name.p[i] > 0x7e || name.p[i] == '\\')
			return false;
		label = name.p[i] == '.' ? 0 : label + 1;
		if (label > 63 || (label == 0 && (i == 0 || name.p[i - 1] == '.')))
			return false;
	}
	return label > 0;
}
