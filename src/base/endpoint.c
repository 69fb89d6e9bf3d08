#include "base/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>

static const char forms[] =
	"write 127.0.0.1:25, [2001:db8::1]:25, *:25 or unix:/path (brackets around IPv6, no names)";

static int local_parse(str path, struct endpoint *out, struct err *err)
{
	if (path.n == 0 || path.p[0] != '/')
		return err_set(
			err, EINVAL, "a Unix socket needs an absolute path: unix:/run/x.sock");
	if (!str_copy_z(path, out->address.local.sun_path, sizeof out->address.local.sun_path))
		return err_set(err, EINVAL, "the path of a Unix socket has at most %zu bytes",
			sizeof out->address.local.sun_path - 1);
	out->address.local.sun_family = AF_UNIX;
	out->size = sizeof out->address.local;
	return 0;
}

/* Cuts "[v6]:port" or "v4:port"; false where the shape is neither. */
static bool split(str text, str *out_host, str *out_port, bool *out_bracketed)
{
	*out_bracketed = str_starts(text, STR("["));
	if (*out_bracketed) {
		ptrdiff_t close = str_find(text, STR("]:"));
		if (close < 0)
			return false;
		*out_host = str_skip(str_first(text, (size_t)close), 1);
		*out_port = str_skip(text, (size_t)close + 2);
		return true;
	}
	return str_cut(text, ':', out_host, out_port) && str_find_char(*out_port, ':') < 0;
}

static void set_v6(struct endpoint *out, const struct ip *ip, uint16_t port)
{
	out->address.v6.sin6_family = AF_INET6;
	out->address.v6.sin6_port = htons(port);
	memcpy(&out->address.v6.sin6_addr, ip->bytes, sizeof ip->bytes);
	out->size = sizeof out->address.v6;
}

static void set_v4(struct endpoint *out, const struct ip *ip, uint16_t port)
{
	out->address.v4.sin_family = AF_INET;
	out->address.v4.sin_port = htons(port);
	memcpy(&out->address.v4.sin_addr, ip->bytes + 12, 4);
	out->size = sizeof out->address.v4;
}

static int parse(str text, bool names, struct endpoint *out, struct err *err)
{
	struct endpoint e = { .text = text };
	if (str_starts(text, STR("unix:"))) {
		int r = local_parse(str_skip(text, 5), &e, err);
		if (r == 0)
			*out = e;
		return r;
	}
	str host, port_text;
	bool bracketed;
	uint64_t port;
	if (!split(text, &host, &port_text, &bracketed))
		return err_set(
			err, EINVAL, "\"%.*s\" is not a listen address: %s", STR_ARG(text), forms);
	if (!str_to_u64(port_text, UINT16_MAX, &port) || port == 0)
		return err_set(err, EINVAL, "\"%.*s\": the port is not a number from 1 to 65535",
			STR_ARG(text));
	struct ip ip = { 0 };
	bool any = !bracketed && str_equal(host, STR("*"));
	if (names && !bracketed && !any && host.n && !ip_parse(host, &ip)) {
		e.address.v4.sin_port = htons((uint16_t)port); /* of the family AF_UNSPEC */
		*out = e;
		return 0;
	}
	if (!any && (!ip_parse(host, &ip) || (str_find_char(host, ':') >= 0) != bracketed))
		return err_set(
			err, EINVAL, "\"%.*s\" is not a listen address: %s", STR_ARG(text), forms);
	if (any || bracketed)
		set_v6(&e, &ip, (uint16_t)port);
	else
		set_v4(&e, &ip, (uint16_t)port);
	*out = e;
	return 0;
}

int endpoint_parse(str text, struct endpoint *out, struct err *err)
{
	return parse(text, false, out, err);
}

int endpoint_parse_peer(str text, struct endpoint *out, struct err *err)
{
	return parse(text, true, out, err);
}

str endpoint_name(const struct endpoint *e)
{
	str name, port;
	if (e->size || !str_cut(e->text, ':', &name, &port))
		return STR_EMPTY;
	return name;
}

struct endpoint endpoint_at(const struct endpoint *e, const struct ip *ip)
{
	struct endpoint at = { .text = e->text };
	uint16_t port = ntohs(e->address.v4.sin_port);
	if (ip_is_v4(ip))
		set_v4(&at, ip, port);
	else
		set_v6(&at, ip, port);
	return at;
}

/* The port in network order (0 for Unix sockets) and the address of an endpoint. */
static struct ip address_of(const struct endpoint *e, uint16_t *out_port)
{
	struct ip ip = { 0 };
	if (!ip_from_sockaddr(&e->address.any, &ip, out_port))
		*out_port = 0;
	return ip;
}

bool endpoint_conflicts(const struct endpoint *a, const struct endpoint *b)
{
	bool a_local = a->address.any.sa_family == AF_UNIX;
	bool b_local = b->address.any.sa_family == AF_UNIX;
	if (a_local || b_local)
		return a_local && b_local &&
		       strcmp(a->address.local.sun_path, b->address.local.sun_path) == 0;
	if (a->size == 0 || b->size == 0)
		return endpoint_equal(a, b);
	static const struct ip zero = { 0 };
	uint16_t a_port, b_port;
	struct ip a_ip = address_of(a, &a_port), b_ip = address_of(b, &b_port);
	if (a_port != b_port)
		return false;
	if (ip_equal(&a_ip, &b_ip))
		return true;
	bool a_four = ip_is_v4(&a_ip), b_four = ip_is_v4(&b_ip);
	struct ip_network every_v4 = { .bits = 128 };
	if (!ip_parse(STR("0.0.0.0"), &every_v4.base))
		return false;
	/* A wildcard holds the port on each address of the families that it serves. */
	if (ip_equal(&a_ip, &zero))
		return !a->v6_only || !b_four;
	if (ip_equal(&b_ip, &zero))
		return !b->v6_only || !a_four;
	return a_four && b_four &&
	       (ip_equal(&a_ip, &every_v4.base) || ip_equal(&b_ip, &every_v4.base));
}

bool endpoint_is_wildcard(const struct endpoint *e)
{
	static const struct in6_addr any = IN6ADDR_ANY_INIT;
	int family = e->address.any.sa_family;
	return (family == AF_INET && e->address.v4.sin_addr.s_addr == INADDR_ANY) ||
	       (family == AF_INET6 && memcmp(&e->address.v6.sin6_addr, &any, sizeof any) == 0);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	if (a->size == 0 && b->size == 0)
		return str_equal_nocase(a->text, b->text);
	return a->size == b->size && memcmp(&a->address, &b->address, a->size) == 0;
}

bool endpoint_is_local(const struct endpoint *e)
{
	struct ip ip;
	return e->address.any.sa_family == AF_UNIX ||
	       (ip_from_sockaddr(&e->address.any, &ip, NULL) && ip_is_loopback(&ip));
}
