/*
 * verify.c: SPF, DKIM, ARC and DMARC of a message in a file, as an Authentication-Results field.
 *
 *     cc verify.c $(pkg-config --cflags --libs postern-mailauth) -o verify
 *     ./verify message.eml 192.0.2.1 mail.example.org sender@example.org [DNS-SERVER]
 */
#include <mailauth/auth.h>
#include <mailauth/dns_system.h>

#include <stdio.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct buf file = BUF_INIT(64 << 20), field = BUF_INIT(64 << 10);
	struct arena arena = ARENA_INIT(64 << 20);
	struct auth_message message = { .authserv_id = STR("verify.invalid"), .time = time(NULL) };
	struct auth_outcome outcome;
	struct dns_system system;
	FILE *in = argc >= 5 ? fopen(argv[1], "rb") : NULL;
	if (!in || !ip_parse(str_from_z(argv[2]), &message.client) ||
		dns_system_init(&system, str_from_z(argv[5])) < 0) {
		fprintf(stderr, "usage: verify FILE IP HELO SENDER [DNS-SERVER]\n");
		return 2;
	}
	for (char *p; !feof(in) && !ferror(in) && (p = buf_reserve(&file, 65536));)
		file.n += fread(p, 1, 65536, in);
	message.text = buf_str(&file);
	message.helo = str_from_z(argv[3]);
	message.sender = str_from_z(argv[4]);
	auth_check(&system.dns, &message, &arena, &outcome);
	auth_results_format(&outcome.results, &field);
	fwrite(field.p, 1, field.n, stdout);

	dns_system_done(&system);
	buf_done(&field);
	buf_done(&file);
	arena_done(&arena);
	return outcome.dmarc.result == DMARC_PASS ? 0 : 1;
}
