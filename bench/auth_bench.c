/*
 * auth_bench.c: what the checks of sender authentication cost, one thread, DNS answers at hand.
 *
 *	auth_bench [SECONDS]
 *
 * One line a measurement: name, checks a second, microseconds each (CPU), separated by tabs. To add
 * one, add a function that does it once, and a line in `measurements`.
 */
#include "mailauth/dns_testing.h"
#include "mailauth/rdns.h"
#include "mailauth/spf.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What a large domain publishes: 3 includes, 60 networks; the client is in the last of them. */
static const char zones[] =
	"example.org TXT v=spf1 include:_spf.a.example include:_spf.b.example "
	"include:_spf.c.example ip4:198.51.100.0/24 -all\n"
	"_spf.a.example TXT v=spf1 ip4:10.0.0.0/20 ip4:10.1.0.0/20 ip4:10.2.0.0/20 "
	"ip4:10.3.0.0/20 ip4:10.4.0.0/20 ip4:10.5.0.0/20 ip4:10.6.0.0/20 ip4:10.7.0.0/20 "
	"ip4:10.8.0.0/20 ip4:10.9.0.0/20 ip4:10.10.0.0/20 ip4:10.11.0.0/20 ip4:10.12.0.0/20 "
	"ip4:10.13.0.0/20 ip4:10.14.0.0/20 ip4:10.15.0.0/20 ip6:2001:db8:1::/48 ~all\n"
	"_spf.b.example TXT v=spf1 ip4:10.16.0.0/20 ip4:10.17.0.0/20 ip4:10.18.0.0/20 "
	"ip4:10.19.0.0/20 ip4:10.20.0.0/20 ip4:10.21.0.0/20 ip4:10.22.0.0/20 ip4:10.23.0.0/20 "
	"ip4:10.24.0.0/20 ip4:10.25.0.0/20 ip4:10.26.0.0/20 ip4:10.27.0.0/20 ip4:10.28.0.0/20 "
	"ip4:10.29.0.0/20 ip4:10.30.0.0/20 ip4:10.31.0.0/20 ip6:2001:db8:2::/48 ~all\n"
	"_spf.c.example TXT v=spf1 ip4:10.32.0.0/20 ip4:10.33.0.0/20 ip4:10.34.0.0/20 "
	"ip4:10.35.0.0/20 ip4:10.36.0.0/20 ip4:10.37.0.0/20 ip4:10.38.0.0/20 ip4:10.39.0.0/20 "
	"ip4:10.40.0.0/20 ip4:10.41.0.0/20 ip4:10.42.0.0/20 ip4:10.43.0.0/20 ip4:10.44.0.0/20 "
	"ip4:10.45.0.0/20 ip6:2001:db8:3::/48 ip4:192.0.2.0/24 ~all\n"
	"small.example TXT v=spf1 ip4:192.0.2.0/24 -all\n"
	"macro.example TXT v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d2} -all\n"
	"1.2.0.192.user._spf.macro.example A 127.0.0.2\n"
	"mail.example.org A 192.0.2.1\n"
	"1.2.0.192.in-addr.arpa PTR mail.example.org\n";

enum { CACHE_MAX = 16 };

/* Answers that were looked up once. */
struct cache {
	struct dns_table table;
	struct arena a;
	struct {
		enum dns_type type;
		str name;
		struct dns_answer answer;
	} entries[CACHE_MAX];
	size_t n;
};

static void cached(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct cache *c = context;
	size_t i = 0;
	while (i < c->n && !(c->entries[i].type == type && str_equal(c->entries[i].name, name)))
		i++;
	if (i == c->n) {
		ASSERT(c->n < CACHE_MAX);
		c->entries[c->n].type = type;
		c->entries[c->n].name = arena_str(&c->a, name);
		dns_lookup(&c->table.dns, type, name, &c->a, &c->entries[c->n++].answer);
	}
	*out = c->entries[i].answer;
}

static void spf(const struct dns *dns, str sender)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX);
	struct spf_query query = { .helo = STR("mail.example.org"), .sender = sender };
	ASSERT(ip_parse(STR("192.0.2.1"), &query.client));
	struct spf_outcome out;
	spf_check(dns, &query, &a, &out);
	ASSERT(out.result == SPF_PASS);
}

static void spf_includes(const struct dns *dns)
{
	spf(dns, STR("user@example.org"));
}

static void spf_small(const struct dns *dns)
{
	spf(dns, STR("user@small.example"));
}

static void spf_macro(const struct dns *dns)
{
	spf(dns, STR("user@macro.example"));
}

static void rdns(const struct dns *dns)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(RDNS_ARENA_MAX);
	struct ip ip;
	ASSERT(ip_parse(STR("192.0.2.1"), &ip));
	struct rdns_outcome out;
	rdns_check(dns, &ip, STR("mail.example.org"), &a, &out);
	ASSERT(out.helo_is_name);
}

static const struct {
	const char *name;
	void (*once)(const struct dns *dns);
} measurements[] = {
	{ "SPF: one network", spf_small },
	{ "SPF: three includes, 50 networks", spf_includes },
	{ "SPF: exists with macros", spf_macro },
	{ "reverse DNS and HELO", rdns },
};

static double cpu_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	struct cache c = { .a = ARENA_INIT(1 << 20) };
	dns_table_init(&c.table, str_from_z(zones));
	struct dns dns = { .lookup = cached, .context = &c };
	for (size_t i = 0; i < ARRAY_LEN(measurements); i++) {
		size_t n = 0;
		measurements[i].once(&dns); /* fills the cache */
		double start = cpu_now(), used;
		do {
			for (int k = 0; k < 100; k++)
				measurements[i].once(&dns);
			n += 100;
		} while ((used = cpu_now() - start) < seconds);
		printf("%s\t%.0f\t%.2f\n", measurements[i].name, (double)n / used,
			used / (double)n * 1e6);
	}
	arena_done(&c.a);
	return 0;
}
