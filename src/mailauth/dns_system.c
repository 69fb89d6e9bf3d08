#include "mailauth/dns_system.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <time.h>

enum { ANSWER_MAX = 65535, NAME_SERVER_PORT = 53, TRIES = 2 };

static int64_t now(void *context)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The strings of a TXT record, joined. */
static bool take_text(const ns_rr *rr, struct arena *a, struct dns_record *out)
{
	const unsigned char *p = ns_rr_rdata(*rr);
	size_t size = ns_rr_rdlen(*rr), n = 0;
	char *text = arena_try(a, size + 1);
	if (!text)
		return false;
	for (size_t at = 0; at < size;) {
		size_t length = p[at++];
		if (length > size - at)
			return false;
		memcpy(text + n, p + at, length);
		n += length;
		at += length;
	}
	out->text = str_from(text, n);
	return true;
}

static bool take_name(
	ns_msg *message, const ns_rr *rr, size_t offset, struct arena *a, struct dns_record *out)
{
	char name[NS_MAXDNAME];
	if (ns_rr_rdlen(*rr) <= offset || dn_expand(ns_msg_base(*message), ns_msg_end(*message),
						  ns_rr_rdata(*rr) + offset, name, sizeof name) < 0)
		return false;
	char *copy = arena_try(a, sizeof name);
	if (!copy)
		return false;
	size_t n = 0;
	for (; name[n]; n++)
		copy[n] = ascii_lower(name[n]);
	out->name = str_from(copy, n);
	return true;
}

static uint16_t number_at(const ns_rr *rr, size_t offset)
{
	return (uint16_t)ns_get16(ns_rr_rdata(*rr) + offset);
}

/* False: malformed, or of a type that is not asked for with this. */
static bool take_record(ns_msg *message, const ns_rr *rr, struct arena *a, struct dns_record *out)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const unsigned char *p = ns_rr_rdata(*rr);
	size_t n = ns_rr_rdlen(*rr);
	*out = (struct dns_record){ .name = STR_EMPTY, .text = STR_EMPTY };
	switch ((enum dns_type)ns_rr_type(*rr)) {
	case DNS_TYPE_A:
		memcpy(out->ip.bytes, mapped, sizeof mapped);
		if (n == 4)
			memcpy(out->ip.bytes + sizeof mapped, p, 4);
		return n == 4;
	case DNS_TYPE_AAAA:
		if (n == sizeof out->ip.bytes)
			memcpy(out->ip.bytes, p, n);
		return n == sizeof out->ip.bytes;
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
		return take_name(message, rr, 0, a, out);
	case DNS_TYPE_MX:
		out->priority = n > 2 ? number_at(rr, 0) : 0;
		return take_name(message, rr, 2, a, out);
	case DNS_TYPE_TXT:
		return take_text(rr, a, out);
	default:
		return false;
	}
}

static void take_answer(
	const unsigned char *p, int n, enum dns_type type, struct arena *a, struct dns_answer *out)
{
	ns_msg message;
	ns_rr rr;
	out->why = STR("malformed answer");
	if (ns_initparse(p, n, &message) < 0)
		return;
	int count = ns_msg_count(message, ns_s_an);
	struct dns_record *records = arena_try(a, ((size_t)count + 1) * sizeof(struct dns_record));
	for (int i = 0; records && i < count; i++) {
		if (ns_parserr(&message, ns_s_an, i, &rr) < 0)
			return;
		if (ns_rr_type(rr) != (ns_type)type)
			continue;
		if (!take_record(&message, &rr, a, &records[out->n]))
			return;
		out->ttl = out->n ? MIN(out->ttl, ns_rr_ttl(rr)) : ns_rr_ttl(rr);
		out->n++;
	}
	out->records = records;
	out->status = !records ? DNS_TEMPORARY : out->n ? DNS_FOUND : DNS_NODATA;
	out->why = records ? STR_EMPTY : STR("answer too long");
}

static void take_failure(int error, struct dns_answer *out)
{
	switch (error) {
	case HOST_NOT_FOUND:
		out->status = DNS_NXDOMAIN;
		break;
	case NO_DATA:
		out->status = DNS_NODATA;
		break;
	default:
		out->why = str_from_z(hstrerror(error));
	}
}

static void lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct __res_state *state = context;
	char question[NS_MAXDNAME];
	*out = (struct dns_answer){ .status = DNS_TEMPORARY,
		.why = STR("no such name can be asked") };
	if (!str_copy_z(name, question, sizeof question))
		return;
	unsigned char *answer CLEANUP(free_pointer) = xmalloc(ANSWER_MAX);
	int n = res_nquery(state, question, ns_c_in, (int)type, answer, ANSWER_MAX);
	out->why = STR_EMPTY;
	if (n < 0)
		take_failure(state->res_h_errno, out);
	else
		take_answer(answer, MIN(n, ANSWER_MAX), type, a, out);
	/* Half an answer is none. */
	if (out->status != DNS_FOUND)
		out->n = 0;
}

static bool set_server(struct __res_state *state, str server)
{
	str address, port;
	uint64_t number = NAME_SERVER_PORT;
	char text[IP_TEXT_SIZE];
	if (str_cut(server, ':', &address, &port) && !str_to_u64(port, UINT16_MAX, &number))
		return false;
	struct sockaddr_in *to = &state->nsaddr_list[0];
	*to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)number) };
	state->nscount = 1;
	return str_copy_z(address, text, sizeof text) &&
	       inet_pton(AF_INET, text, &to->sin_addr) == 1;
}

int dns_system_init(struct dns_system *s, str server)
{
	struct __res_state *state = xcalloc(1, sizeof *state);
	*s = (struct dns_system){ .dns = { .lookup = lookup, .now = now, .context = state },
		.state = state };
	if (res_ninit(state) < 0) {
		free(state);
		s->state = NULL;
		return -EIO;
	}
	state->retry = TRIES;
	state->retrans = DNS_SYSTEM_SECONDS_MAX / TRIES / MAX(state->nscount, 1);
	state->retrans = MAX(state->retrans, 1);
	state->options |= RES_USE_EDNS0;
	state->options &= ~(unsigned long)(RES_DNSRCH | RES_DEFNAMES);
	if (server.n && !set_server(state, server)) {
		dns_system_done(s);
		return -EINVAL;
	}
	return 0;
}

void dns_system_done(struct dns_system *s)
{
	if (s->state) {
		res_nclose(s->state);
		free(s->state);
	}
	s->state = NULL;
}
