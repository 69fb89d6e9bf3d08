/*
 * The first line is a client's first message, the rest its last one, against a server nonce "S".
 */
#include "proto/sasl.h"

#include "base/utf8.h"

static void check_scram(str first_message, str last_message)
{
	struct arena a = ARENA_INIT(65536);
	struct buf server_first CLEANUP(buf_done) = BUF_INIT(65536);
	struct scram_client_first first;
	struct scram_client_final last;
	const char *error = NULL;
	if (scram_client_first_parse(first_message, &a, &first, &error)) {
		ASSERT(first.login.n && first.login.n <= SASL_MAX_NAME && utf8_valid(first.login));
		ASSERT(first.gs2_header.n + first.bare.n == first_message.n);
		scram_server_first_format(&server_first, &first, STR("S"), STR("salt"), 4096);
		if (scram_client_final_parse(last_message, &first, buf_str(&server_first),
			    STR("data"), &a, &last, &error))
			ASSERT(last.proof.n && last.proof.n <= SASL_MAX_PROOF &&
				str_starts(last.auth_message, first.bare));
		else
			ASSERT(error != NULL);
	} else {
		ASSERT(error != NULL);
	}
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_from(data, size), head, tail;
	struct buf decoded CLEANUP(buf_done) = BUF_INIT(65536);
	struct sasl_plain plain;
	if (sasl_initial_decode(in, &decoded) == SASL_LINE_OK)
		ASSERT(decoded.n <= SASL_MAX_MESSAGE);
	if (sasl_plain_parse(in, &plain))
		ASSERT(plain.authzid.n + plain.authcid.n + plain.password.n + 2 == size);
	str_cut(in, '\n', &head, &tail);
	check_scram(head, tail);
	return 0;
}
