#include "resolver/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ANCHORS_MAX = 64 * 1024, LINE_MAX_SIZE = 8192 };

/* The root's keys of 2017 and 2024 (https://data.iana.org/root-anchors/root-anchors.xml). */
static const char root_keys[] =
	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
	". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";

/* ── Writing ──────────────────────────────────────────────────────────────────────────────── */

static int read_anchors(str path, const struct log *log, struct buf *out, struct err *err)
{
	int fd CLEANUP(close_fd) = open(path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && errno == ENOENT) {
		log_info(log, "there is no trust anchor, the built-in one serves",
			F_STR("file", path));
		buf_add(out, str_from_z(root_keys));
		return 0;
	}
	if (fd < 0)
		return err_errno(err, errno, "resolver.trust_anchor: %s", path.p);
	for (;;) {
		char *at = buf_reserve(out, 4096);
		ssize_t n = at ? read(fd, at, 4096) : 0;
		if (!at)
			return err_set(
				err, EFBIG, "resolver.trust_anchor: %s is too large", path.p);
		if (n < 0)
			return err_errno(err, errno, "resolver.trust_anchor: %s", path.p);
		if (n == 0)
			return 0;
		out->n += (size_t)n;
	}
}

/* The owner's name, without its final dot; empty: of the root. */
static str anchor_name(str line)
{
	ptrdiff_t end = str_find_any(line, STR(" \t"));
	str name = str_first(line, end < 0 ? line.n : (size_t)end);
	return str_ends(name, STR(".")) ? str_first(name, name.n - 1) : name;
}

/* Whether the anchors hold a key for the zone, or for one below it. */
static bool is_anchored(str anchors, str zone)
{
	str line;
	zone = anchor_name(zone);
	while (anchors.n) {
		str_cut(anchors, '\n', &line, &anchors);
		str name = anchor_name(str_trim(line));
		if (name.n && str_ends_nocase(name, zone) &&
			(name.n == zone.n || name.p[name.n - zone.n - 1] == '.'))
			return true;
	}
	return false;
}

/* NAME [TTL] [IN] DS|DNSKEY and at least four words: libunbound takes more than that for a key. */
static bool is_anchor(str line)
{
	str word;
	bool typed = false;
	size_t behind = 0;
	str_cut(line, ' ', &word, &line);
	while (line.n) {
		str_cut(line, ' ', &word, &line);
		behind += typed && word.n;
		typed |= str_equal_nocase(word, STR("DS")) || str_equal_nocase(word, STR("DNSKEY"));
	}
	return behind >= 4;
}

static int write_anchor(
	const struct config *config, unsigned number, str line, struct buf *out, struct err *err)
{
	size_t start = out->n;
	buf_printf(out, "anchor ");
	size_t from = out->n;
	buf_add(out, line);
	for (size_t i = from; i < out->n; i++)
		if (out->p[i] == '\t')
			out->p[i] = ' ';
	if (!out->overflowed && str_find_char(line, '\0') < 0 &&
		is_anchor(str_skip(buf_str(out), from))) {
		buf_add_char(out, '\n');
		return 0;
	}
	out->n = start;
	return err_set(err, EINVAL, "resolver.trust_anchor: %s:%u: no DNSKEY or DS record",
		config->resolver.trust_anchor.p, number);
}

static int write_anchors(const struct config *config, str anchors, struct buf *out, struct err *err)
{
	str line, comment;
	unsigned count = 0;
	for (unsigned number = 1; anchors.n; number++) {
		str_cut(anchors, '\n', &line, &anchors);
		str_cut(line, ';', &line, &comment);
		line = str_trim(line);
		int rc = line.n ? write_anchor(config, number, line, out, err) : 0;
		if (rc < 0)
			return rc;
		count += line.n > 0;
	}
	if (count == 0)
		return err_set(err, EINVAL, "resolver.trust_anchor: %s holds no key",
			config->resolver.trust_anchor.p);
	return 0;
}

static void write_server(const struct dns_server *server, const char *kind, struct buf *out)
{
	char ip[IP_TEXT_SIZE];
	ip_format(&server->ip, ip);
	buf_printf(out, "%s %.*s%s%s@%u\n", kind, STR_ARG(server->zone), server->zone.n ? " " : "",
		ip, server->port);
}

static void write_lines(const char *kind, const str *items, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s %.*s\n", kind, STR_ARG(items[i]));
}

/* Nothing on this machine is asked unless the configuration names it: who may write what an NS
 * record says must not choose a service here. */
static bool names_loopback(const struct config *config)
{
	const struct dns_servers *lists[] = { &config->resolver.forward, &config->resolver.stub };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t j = 0; j < lists[i]->n; j++)
			if (ip_is_loopback(&lists[i]->items[j].ip))
				return true;
	return false;
}

static void write_options(const struct config *config, struct buf *out)
{
	uint64_t cache = config->resolver.cache_size;
	buf_printf(out, "set module-config: %s\n",
		config->resolver.dnssec ? "validator iterator" : "iterator");
	buf_printf(out, "set msg-cache-size: %llu\n", (unsigned long long)(cache / 4));
	buf_printf(out, "set rrset-cache-size: %llu\n", (unsigned long long)(cache / 2));
	buf_printf(out, "set key-cache-size: %llu\n", (unsigned long long)(cache / 8));
	buf_printf(out, "set neg-cache-size: %llu\n", (unsigned long long)(cache / 8));
	/* So many sockets at a time; questions beyond wait for one. */
	buf_printf(out, "set outgoing-range: 512\nset outgoing-num-tcp: 64\n");
	buf_printf(out, "set do-not-query-localhost: %s\n", names_loopback(config) ? "no" : "yes");
	/* A resolver inside a network knows the names of its addresses. */
	if (config->resolver.forward.n || config->resolver.stub.n)
		buf_printf(out, "set unblock-lan-zones: yes\n");
}

static void write_stubs(const struct config *config, str anchors, struct buf *out)
{
	for (size_t i = 0; i < config->resolver.stub.n; i++) {
		const struct dns_server *server = &config->resolver.stub.items[i];
		write_server(server, "stub", out);
		/* libunbound answers for some zones itself, such as test: not for this one. */
		buf_printf(out, "set local-zone: %.*s transparent\n", STR_ARG(server->zone));
		/* The world outside knows nothing of it, or something else. */
		if (config->resolver.dnssec && !is_anchored(anchors, server->zone))
			buf_printf(out, "set domain-insecure: %.*s\n", STR_ARG(server->zone));
	}
}

int setup_write(
	const struct config *config, const struct log *log, struct buf *out, struct err *err)
{
	struct buf anchors = BUF_INIT(ANCHORS_MAX);
	int rc = 0;
	write_options(config, out);
	if (config->resolver.dnssec)
		rc = read_anchors(config->resolver.trust_anchor, log, &anchors, err);
	if (rc == 0) {
		write_stubs(config, buf_str(&anchors), out);
		if (config->resolver.dnssec)
			rc = write_anchors(config, buf_str(&anchors), out, err);
	}
	for (size_t i = 0; i < config->resolver.forward.n; i++)
		write_server(&config->resolver.forward.items[i], "forward", out);
	write_lines(
		"zone", config->resolver.local_zones.items, config->resolver.local_zones.n, out);
	write_lines("data", config->resolver.records.items, config->resolver.records.n, out);
	buf_done(&anchors);
	if (rc == 0 && out->overflowed)
		rc = err_set(err, EFBIG, "resolver: more settings than fit");
	return rc;
}

/* ── Applying ─────────────────────────────────────────────────────────────────────────────── */

/* Cuts z at its first space; returns what stands behind, or "". */
static char *cut(char *z)
{
	char *space = strchr(z, ' ');
	if (!space)
		return z + strlen(z);
	*space = '\0';
	return space + 1;
}

static int apply_set(struct ub_ctx *ctx, char *value)
{
	char *rest = cut(value);
	return ub_ctx_set_option(ctx, value, rest);
}

static int apply_anchor(struct ub_ctx *ctx, char *value)
{
	return ub_ctx_add_ta(ctx, value);
}

static int apply_forward(struct ub_ctx *ctx, char *value)
{
	return ub_ctx_set_fwd(ctx, value);
}

static int apply_stub(struct ub_ctx *ctx, char *value)
{
	char *server = cut(value);
	return ub_ctx_set_stub(ctx, value, server, 0);
}

static int apply_zone(struct ub_ctx *ctx, char *value)
{
	return ub_ctx_zone_add(ctx, value, "static");
}

static int apply_data(struct ub_ctx *ctx, char *value)
{
	return ub_ctx_data_add(ctx, value);
}

/* In the order in which they must come: the first zone or record makes the context final. */
static const struct {
	const char *name;
	int (*apply)(struct ub_ctx *ctx, char *value);
} kinds[] = { { "set", apply_set }, { "anchor", apply_anchor }, { "forward", apply_forward },
	{ "stub", apply_stub }, { "zone", apply_zone }, { "data", apply_data } };

static int apply_line(struct ub_ctx *ctx, str line, struct err *err)
{
	char text[LINE_MAX_SIZE];
	if (!str_copy_z(line, text, sizeof text))
		return err_set(err, EINVAL, "resolver: a setting is too long");
	char *value = cut(text);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(text, kinds[i].name) != 0)
			continue;
		int rc = kinds[i].apply(ctx, value);
		return rc ? err_set(err, EINVAL, "resolver: \"%.*s\" is refused: %s",
				    STR_ARG(str_first(line, 200)), ub_strerror(rc))
			  : 0;
	}
	ASSERT(!"a line that setup_write() does not write");
	return -EINVAL;
}

static int apply(struct ub_ctx *ctx, str settings, struct err *err)
{
	str line;
	int rc = 0;
	while (settings.n && rc == 0) {
		str_cut(settings, '\n', &line, &settings);
		rc = apply_line(ctx, line, err);
	}
	/* Makes it final, in case nothing has: what is wrong with the keys shows now. */
	if (rc == 0 && (rc = ub_ctx_zone_remove(ctx, "none.invalid")) != 0)
		rc = err_set(err, EINVAL,
			"resolver: libunbound refuses the settings: %s; is "
			"resolver.trust_anchor a list of DNSKEY or DS records?",
			ub_strerror(rc));
	return rc;
}

struct ub_ctx *setup_context(
	str settings, struct ub_event_base *base, FILE *log_out, struct err *err)
{
	struct ub_ctx *ctx = ub_ctx_create_ub_event(base);
	ASSERT(ctx);
	ub_ctx_debugout(ctx, log_out);
	if (apply(ctx, settings, err) == 0)
		return ctx;
	ub_ctx_debugout(ctx, NULL);
	ub_ctx_delete(ctx);
	return NULL;
}
