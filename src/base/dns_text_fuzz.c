/* Servers, zones and records as an administrator may write them: a verdict on everything. */
#include "base/dns_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str s = str_from(data, size);
	struct dns_server server;
	struct err err;
	if (dns_server_parse(s, false, &server, &err) == 0)
		ASSERT(server.zone.n == 0 && server.port);
	if (dns_server_parse(s, true, &server, &err) == 0)
		ASSERT(dns_zone_check(server.zone, &err) == 0);
	if (dns_record_check(s, &err) == 0)
		ASSERT(size >= sizeof "a A ::" - 1);
	return 0;
}
