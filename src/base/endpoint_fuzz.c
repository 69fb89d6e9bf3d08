/* Addresses, networks and listen addresses: what is accepted formats back to the same value. */
#include "base/endpoint.h"
#include "base/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str s = str_from(data, size);
	struct ip ip, again;
	if (ip_parse(s, &ip)) {
		char text[IP_TEXT_SIZE];
		size_t n = ip_format(&ip, text);
		ASSERT(ip_parse(str_from(text, n), &again) && ip_equal(&ip, &again));
	}
	struct ip_network network;
	struct err err;
	if (ip_network_parse(s, &network, &err) == 0)
		ASSERT(ip_network_contains(&network, &network.base));
	struct endpoint e;
	if (endpoint_parse(s, &e, &err) == 0)
		ASSERT(endpoint_conflicts(&e, &e));
	if (endpoint_parse_peer(s, &e, &err) == 0)
		ASSERT(endpoint_equal(&e, &e) && (e.size == 0) == (endpoint_name(&e).n > 0));
	return 0;
}
