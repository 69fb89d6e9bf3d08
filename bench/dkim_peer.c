/*
 * dkim_peer.c: what libopendkim takes for the messages of dkim_bench.c, one thread, key records at
 * hand.
 *
 *	dkim_peer verify|sign STEM SECONDS
 *
 * Reads STEM.eml, STEM.pem and STEM.txt. Prints microseconds (CPU) a message and KiB of heap at the
 * end of the body, separated by a tab. bench/run compiles it: nothing of Postern is in it.
 */
#include <dkim.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

enum { FIELDS_MAX = 32 };

struct message {
	char *text, *body, *key;
	size_t body_n;
	char *fields[FIELDS_MAX];
	size_t field_n[FIELDS_MAX], n;
	bool ed25519, sign;
	size_t heap;
};

/* The library's callback has no context of ours. */
static char *record;

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "dkim_peer: %s\n", what);
	exit(1);
}

static char *read_file(const char *stem, const char *ending, size_t *out_n)
{
	char path[4096];
	snprintf(path, sizeof path, "%s.%s", stem, ending);
	FILE *f = fopen(path, "r");
	need(f, path);
	need(fseek(f, 0, SEEK_END) == 0, path);
	size_t n = (size_t)ftell(f);
	rewind(f);
	char *text = calloc(1, n + 1);
	need(text && fread(text, 1, n, f) == n, path);
	fclose(f);
	*out_n = n;
	return text;
}

/* Fields as the library wants them: folded, without the line end of the last line. */
static void split(struct message *m, size_t n)
{
	char *p = m->text, *end = strstr(p, "\r\n\r\n");
	need(end, "a message without a body");
	while (p < end + 2) {
		char *line_end = strstr(p, "\r\n");
		while (line_end[2] == ' ' || line_end[2] == '\t')
			line_end = strstr(line_end + 2, "\r\n");
		bool own = strncmp(p, "DKIM-Signature:", 15) == 0;
		if (!own || !m->sign) {
			need(m->n < FIELDS_MAX, "too many fields");
			m->fields[m->n] = p;
			m->field_n[m->n++] = (size_t)(line_end - p);
		}
		p = line_end + 2;
	}
	m->body = end + 4;
	m->body_n = n - (size_t)(m->body - m->text);
}

static DKIM_CBSTAT key_lookup(DKIM *dkim, DKIM_SIGINFO *sig, u_char *buf, size_t n)
{
	(void)dkim;
	(void)sig;
	snprintf((char *)buf, n, "%s", record);
	return DKIM_CBSTAT_CONTINUE;
}

static DKIM *new_handle(DKIM_LIB *library, const struct message *m)
{
	DKIM_STAT status;
	const unsigned char *id = (const unsigned char *)"bench";
	DKIM *dkim = m->sign ? dkim_sign(library, id, NULL, (dkim_sigkey_t)m->key,
				       (const unsigned char *)"sel",
				       (const unsigned char *)"example.org", DKIM_CANON_RELAXED,
				       DKIM_CANON_RELAXED,
				       m->ed25519 ? DKIM_SIGN_ED25519SHA256 : DKIM_SIGN_RSASHA256,
				       -1, &status)
			     : dkim_verify(library, id, NULL, &status);
	need(dkim, "no handle");
	return dkim;
}

static void once(DKIM_LIB *library, struct message *m)
{
	size_t before = m->heap ? 0 : mallinfo2().uordblks;
	DKIM *dkim = new_handle(library, m);
	for (size_t i = 0; i < m->n; i++)
		need(dkim_header(dkim, (u_char *)m->fields[i], m->field_n[i]) == DKIM_STAT_OK,
			"dkim_header()");
	need(dkim_eoh(dkim) == DKIM_STAT_OK, "dkim_eoh()");
	need(dkim_body(dkim, (u_char *)m->body, m->body_n) == DKIM_STAT_OK, "dkim_body()");
	if (!m->heap)
		m->heap = mallinfo2().uordblks - before;
	bool testing;
	need(dkim_eom(dkim, &testing) == DKIM_STAT_OK, "dkim_eom(): the signature is not good");
	u_char *field;
	size_t n;
	need(!m->sign || dkim_getsighdr_d(dkim, 16, &field, &n) == DKIM_STAT_OK,
		"dkim_getsighdr_d()");
	dkim_free(dkim);
}

static double cpu_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	need(argc == 4, "usage: dkim_peer verify|sign STEM SECONDS");
	struct message m = { .sign = strcmp(argv[1], "sign") == 0 };
	size_t n, ignored;
	m.text = read_file(argv[2], "eml", &n);
	m.key = read_file(argv[2], "pem", &ignored);
	record = read_file(argv[2], "txt", &ignored);
	m.ed25519 = strstr(record, "k=ed25519");
	split(&m, n);

	DKIM_LIB *library = dkim_init(NULL, NULL);
	need(library, "dkim_init()");
	need(dkim_set_key_lookup(library, key_lookup) == DKIM_STAT_OK, "dkim_set_key_lookup()");
	uint64_t now = 1704110400;
	need(dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME, &now, sizeof now) ==
			DKIM_STAT_OK,
		"dkim_options()");
	size_t rounds = 0;
	double start = cpu_now(), used;
	do {
		for (int i = 0; i < 4; i++, rounds++)
			once(library, &m);
	} while ((used = cpu_now() - start) < atof(argv[3]));
	printf("%.1f\t%.1f\n", used / (double)rounds * 1e6, (double)m.heap / 1024);
	dkim_close(library);
	return 0;
}
