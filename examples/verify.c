/*
 * verify.c: SPF, DKIM and DMARC of a message in a file, as an Authentication-Results field.
 *
 *     cc verify.c $(pkg-config --cflags --libs postern-mailauth) -o verify
 *     ./verify message.eml 192.0.2.1 mail.example.org sender@example.org [DNS-SERVER]
 */
#include <mail/header.h>
#include <mailauth/auth_results.h>
#include <mailauth/dns_system.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct buf file = BUF_INIT(64 << 20), field = BUF_INIT(64 << 10);
	struct arena arena = ARENA_INIT(64 << 20);
	struct dns_system system;
	struct ip client;
	FILE *in = argc >= 5 ? fopen(argv[1], "rb") : NULL;
	if (!in || !ip_parse(str_from_z(argv[2]), &client) ||
		dns_system_init(&system, str_from_z(argv[5])) < 0) {
		fprintf(stderr, "usage: verify FILE IP HELO SENDER [DNS-SERVER]\n");
		return 2;
	}
	for (char *p; !feof(in) && !ferror(in) && (p = buf_reserve(&file, 65536));)
		file.n += fread(p, 1, 65536, in);
	str message = buf_str(&file), header = str_first(message, header_length(message));

	struct dkim_outcome dkim;
	struct dkim_verifier *verifier = dkim_verifier_new(header, time(NULL));
	dkim_verifier_feed(verifier, str_skip(message, header.n));
	dkim_verifier_finish(verifier, &system.dns, &arena, &dkim);

	struct spf_outcome spf;
	struct spf_query spf_query = { .client = client,
		.receiver = STR("verify.invalid"),
		.helo = str_from_z(argv[3]),
		.sender = str_from_z(argv[4]),
		.time = time(NULL) };
	spf_check(&system.dns, &spf_query, &arena, &spf);

	struct dmarc_outcome dmarc;
	struct dmarc_query dmarc_query = { .from = dmarc_from(header, &arena),
		.spf = &spf,
		.dkim = &dkim,
		.sample = (uint32_t)(time(NULL) % 100) };
	dmarc_check(&system.dns, &dmarc_query, &arena, &dmarc);

	struct auth_results results = { .authserv_id = STR("verify.invalid"),
		.client = client,
		.helo = spf_query.helo,
		.sender = spf_query.sender,
		.spf = &spf,
		.dkim = &dkim,
		.dmarc = &dmarc };
	auth_results_format(&results, &field);
	fwrite(field.p, 1, field.n, stdout);

	dkim_verifier_free(verifier);
	dns_system_done(&system);
	buf_done(&field);
	buf_done(&file);
	arena_done(&arena);
	return dmarc.result == DMARC_PASS ? 0 : 1;
}
