/*
 * config_value.c: from the text of a value to its field. Ranges in config.def are read with the
 * same functions as what the administrator wrote.
 */
#include "base/clock.h"
#include "base/config_table.h"
#include "base/utf8.h"

#include <errno.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "K", 1 << 10 },
	{ "M", 1 << 20 },
	{ "G", 1 << 30 },
	{ "", 1 },
};

static const struct unit duration_units[] = {
	{ "ms", NSEC_PER_MSEC },
	{ "s", NSEC_PER_SEC },
	{ "m", NSEC_PER_SEC * 60 },
	{ "h", NSEC_PER_SEC * 3600 },
	{ "d", NSEC_PER_SEC * 86400 },
};

static const struct unit no_units[] = { { "", 1 } };

struct quantity {
	const struct unit *units;
	size_t unit_count;
	const char *example;
};

static const struct quantity quantities[] = {
	[CONFIG_INT] = { no_units, ARRAY_LEN(no_units), "a whole number, as 10" },
	[CONFIG_SIZE] = { size_units, ARRAY_LEN(size_units),
		"a size, as 50M (K, M, G; a bare number is bytes)" },
	[CONFIG_DURATION] = { duration_units, ARRAY_LEN(duration_units),
		"a duration with its unit, as 5m (ms, s, m, h, d)" },
};

static bool quantity_parse(const struct quantity *q, str s, uint64_t *out)
{
	size_t digits = 0;
	while (digits < s.n && ascii_is_digit(s.p[digits]))
		digits++;
	str unit = str_skip(s, digits);
	for (size_t i = 0; i < q->unit_count; i++) {
		uint64_t n;
		if (!str_equal(unit, str_from_z(q->units[i].name)))
			continue;
		if (!str_to_u64(str_first(s, digits), INT64_MAX / q->units[i].factor, &n))
			return false;
		*out = n * q->units[i].factor;
		return true;
	}
	return false;
}

static int quantity_set(const struct config_key *key, str s, uint64_t *out, struct err *err)
{
	const struct quantity *q = &quantities[key->type];
	str range = str_from_z(key->range);
	ptrdiff_t dots = str_find(range, STR(".."));
	ASSERT(dots > 0);
	str least_text = str_first(range, (size_t)dots),
	    most_text = str_skip(range, (size_t)dots + 2);
	uint64_t least, most, n;
	bool range_is_right =
		quantity_parse(q, least_text, &least) && quantity_parse(q, most_text, &most);
	ASSERT(range_is_right);
	if (!quantity_parse(q, s, &n))
		return err_set(err, EINVAL, "\"%.*s\" is not %s", STR_ARG(s), q->example);
	if (n < least || n > most)
		return err_set(err, EINVAL, "%.*s is too %s: from %.*s to %.*s is possible",
			STR_ARG(s), n < least ? "small" : "large", STR_ARG(least_text),
			STR_ARG(most_text));
	*out = n;
	return 0;
}

/* Digits with at most one point among them, and perhaps a sign: no exponent, whatever the locale.
 */
static bool number_parse(str s, double *out)
{
	bool negative = str_starts(s, STR("-"));
	double value = 0, unit = 1;
	bool point = false, digits = false;
	for (size_t i = negative; i < s.n; i++) {
		if (s.p[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (!ascii_is_digit(s.p[i]) || i > 24)
			return false;
		digits = true;
		value = value * 10 + (s.p[i] - '0');
		unit *= point ? 10 : 1;
	}
	*out = (negative ? -value : value) / unit;
	return digits;
}

static int number_set(const struct config_key *key, str s, double *out, struct err *err)
{
	str range = str_from_z(key->range);
	ptrdiff_t dots = str_find(range, STR(".."));
	ASSERT(dots > 0);
	str least_text = str_first(range, (size_t)dots),
	    most_text = str_skip(range, (size_t)dots + 2);
	double least, most, n;
	bool range_is_right = number_parse(least_text, &least) && number_parse(most_text, &most);
	ASSERT(range_is_right);
	if (!number_parse(s, &n))
		return err_set(err, EINVAL, "\"%.*s\" is not a number, as 2.5", STR_ARG(s));
	if (n < least || n > most)
		return err_set(err, EINVAL, "%.*s is too %s: from %.*s to %.*s is possible",
			STR_ARG(s), n < least ? "small" : "large", STR_ARG(least_text),
			STR_ARG(most_text));
	*out = n;
	return 0;
}

static int bool_set(str s, bool *out, struct err *err)
{
	if (!str_equal(s, STR("true")) && !str_equal(s, STR("false")))
		return err_set(err, EINVAL, "write true or false, without quotes");
	*out = str_equal(s, STR("true"));
	return 0;
}

static int choice_set(const struct config_key *key, str s, int *out, struct err *err)
{
	str rest = str_from_z(key->range), name;
	for (int i = 0; rest.n; i++) {
		str_cut(rest, '|', &name, &rest);
		if (str_equal(name, s)) {
			*out = i;
			return 0;
		}
	}
	struct buf names = BUF_INIT(256);
	for (rest = str_from_z(key->range); rest.n;) {
		str_cut(rest, '|', &name, &rest);
		buf_printf(&names, "%s\"%.*s\"",
			names.n == 0 ? ""
			: rest.n     ? ", "
				     : " or ",
			STR_ARG(name));
	}
	int r = err_set(err, EINVAL, "\"%.*s\" is not %.*s", STR_ARG(s), STR_ARG(buf_str(&names)));
	buf_done(&names);
	return r;
}

static bool is_label(str s)
{
	if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

static bool is_hostname(str s)
{
	str rest = s, label;
	bool good = s.n > 0 && s.n <= 253;
	while (good && rest.n) {
		bool more = str_cut(rest, '.', &label, &rest);
		good = is_label(label) && (!more || rest.n);
	}
	struct ip ip;
	return good && !ip_parse(s, &ip);
}

static int hostname_set(str s, str *out, struct arena *arena, struct err *err)
{
	if (!is_hostname(s))
		return err_set(err, EINVAL,
			"\"%.*s\" is not the name of a host, as mx1.example.org", STR_ARG(s));
	*out = arena_str(arena, s);
	return 0;
}

/* Relative paths start at base. */
static str path_resolve(str path, str base, struct arena *arena)
{
	if (str_starts(path, STR("/")) || base.n == 0)
		return arena_str(arena, path);
	while (str_starts(path, STR("./")))
		path = str_skip(path, 2);
	return arena_printf(arena, "%.*s%s%.*s", STR_ARG(base), str_ends(base, STR("/")) ? "" : "/",
		STR_ARG(path));
}

static int path_set(str s, str base, str *out, struct arena *arena, struct err *err)
{
	if (s.n == 0)
		return err_set(err, EINVAL, "a path is missing");
	*out = path_resolve(s, base, arena);
	return 0;
}

static int string_set(
	const struct config_key *key, str s, str *out, struct arena *arena, struct err *err)
{
	uint64_t most = 1024;
	bool range_is_right = !*key->range || str_to_u64(str_from_z(key->range), 1024, &most);
	ASSERT(range_is_right);
	if (s.n > most)
		return err_set(err, EINVAL, "\"%.*s\" is too long: at most %u character%s",
			STR_ARG(s), (unsigned)most, most == 1 ? "" : "s");
	*out = s.n ? arena_str(arena, s) : STR_EMPTY;
	return 0;
}

/* [::] shares its port with 0.0.0.0 in the same list by leaving IPv4 to it. */
static void divide_wildcards(struct endpoint *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct endpoint *e = &items[i];
		if (e->address.any.sa_family != AF_INET6 ||
			!IN6_IS_ADDR_UNSPECIFIED(&e->address.v6.sin6_addr))
			continue;
		for (size_t j = 0; j < n; j++)
			if (items[j].address.any.sa_family == AF_INET &&
				items[j].address.v4.sin_addr.s_addr == INADDR_ANY &&
				items[j].address.v4.sin_port == e->address.v6.sin6_port)
				e->v6_only = true;
	}
}

/* The text of an endpoint; the path of a Unix socket starts at data_dir. */
static str local_resolved(str text, str data_dir, struct arena *arena)
{
	if (str_starts(text, STR("unix:")) && text.n > 5)
		return arena_printf(arena, "unix:%.*s",
			STR_ARG(path_resolve(str_skip(text, 5), data_dir, arena)));
	return text.n ? arena_str(arena, text) : STR_EMPTY;
}

static int endpoints_set(const struct config_value *value, struct endpoints *out, str data_dir,
	struct arena *arena, struct err *err)
{
	struct endpoint *items = arena_array(arena, struct endpoint, MAX(value->n, (size_t)1));
	for (size_t i = 0; i < value->n; i++) {
		str text = local_resolved(value->items[i], data_dir, arena);
		int r = endpoint_parse(text, &items[i], err);
		if (r)
			return r;
	}
	divide_wildcards(items, value->n);
	for (size_t i = 0; i < value->n; i++)
		for (size_t j = 0; j < i; j++)
			if (endpoint_conflicts(&items[j], &items[i]))
				return err_set(err, EINVAL,
					"\"%.*s\" and \"%.*s\" cannot both be served",
					STR_ARG(items[j].text), STR_ARG(items[i].text));
	*out = (struct endpoints){ items, value->n };
	return 0;
}

/* An address, or a name and a port; a name does not end in a number, or it would be a mistake in an
 * address. */
static bool peer_parse(str text, struct endpoint *out)
{
	struct err ignored;
	if (endpoint_parse_peer(text, out, &ignored) < 0 || endpoint_is_wildcard(out))
		return false;
	str name = endpoint_name(out);
	str last = str_skip(name, (size_t)(str_find_last_char(name, '.') + 1));
	uint64_t number;
	return name.n == 0 || (is_hostname(name) && !str_to_u64(last, UINT64_MAX, &number));
}

/* Of other servers, to connect to: one address each, and none twice. */
static int peers_set(const struct config_key *key, const struct config_value *value,
	struct endpoints *out, str data_dir, struct arena *arena, struct err *err)
{
	uint64_t most;
	bool range_is_right = str_to_u64(str_from_z(key->range), CONFIG_LIST_MAX, &most);
	ASSERT(range_is_right);
	if (value->n > most)
		return err_set(err, EINVAL, "at most %u are possible", (unsigned)most);
	struct endpoint *items = arena_array(arena, struct endpoint, MAX(value->n, (size_t)1));
	for (size_t i = 0; i < value->n; i++) {
		str text = local_resolved(value->items[i], data_dir, arena);
		if (!peer_parse(text, &items[i]))
			return err_set(err, EINVAL,
				"\"%.*s\" is not the address of a server: write 127.0.0.1:3310, "
				"[2001:db8::1]:3310, clamd.example.org:3310 or unix:/path",
				STR_ARG(text));
		for (size_t j = 0; j < i; j++)
			if (endpoint_conflicts(&items[j], &items[i]))
				return err_set(
					err, EINVAL, "\"%.*s\" stands there twice", STR_ARG(text));
	}
	*out = (struct endpoints){ items, value->n };
	return 0;
}

static int networks_set(const struct config_value *value, struct ip_networks *out,
	struct arena *arena, struct err *err)
{
	struct ip_network *items = arena_array(arena, struct ip_network, MAX(value->n, (size_t)1));
	for (size_t i = 0; i < value->n; i++) {
		int r = ip_network_parse(value->items[i], &items[i], err);
		if (r)
			return r;
	}
	*out = (struct ip_networks){ items, value->n };
	return 0;
}

int config_domain_set(str s, str *out, struct arena *arena, struct err *err)
{
	if (!is_hostname(s))
		return err_set(err, EINVAL,
			"\"%.*s\" is not the name of a domain, as example.org (one with other "
			"letters than a to z in its xn-- form)",
			STR_ARG(str_first(s, 300)));
	char *copy = arena_str_z(arena, s);
	for (size_t i = 0; i < s.n; i++)
		copy[i] = ascii_lower(copy[i]);
	*out = str_from(copy, s.n);
	return 0;
}

static int names_set(const struct config_value *value, struct config_names *out,
	struct arena *arena, struct err *err)
{
	str *items = arena_array(arena, str, MAX(value->n, (size_t)1));
	for (size_t i = 0; i < value->n; i++) {
		int r = config_domain_set(value->items[i], &items[i], arena, err);
		if (r)
			return r;
	}
	*out = (struct config_names){ items, value->n };
	return 0;
}

static int servers_set(const struct config_key *key, const struct config_value *value,
	struct dns_servers *out, struct arena *arena, struct err *err)
{
	struct dns_server *items = arena_array(arena, struct dns_server, MAX(value->n, (size_t)1));
	for (size_t i = 0; i < value->n; i++) {
		int r = dns_server_parse(
			arena_str(arena, value->items[i]), *key->range, &items[i], err);
		if (r)
			return r;
	}
	*out = (struct dns_servers){ items, value->n };
	return 0;
}

/* Each is checked by `check` and kept as it stands. */
static int texts_set(const struct config_value *value, int (*check)(str, struct err *),
	const str **out, size_t *out_n, struct arena *arena, struct err *err)
{
	str *items = arena_array(arena, str, MAX(value->n, (size_t)1));
	for (size_t i = 0; i < value->n; i++) {
		int r = check(value->items[i], err);
		if (r)
			return r;
		items[i] = arena_str(arena, value->items[i]);
	}
	*out = items;
	*out_n = value->n;
	return 0;
}

static int records_set(const struct config_value *value, struct dns_records *out,
	struct arena *arena, struct err *err)
{
	return texts_set(value, dns_record_check, &out->items, &out->n, arena, err);
}

static int zones_set(const struct config_value *value, struct dns_zones *out, struct arena *arena,
	struct err *err)
{
	return texts_set(value, dns_zone_check, &out->items, &out->n, arena, err);
}

static int check_text(const struct config_value *value, struct err *err)
{
	for (size_t i = 0; i < value->n; i++) {
		str s = value->items[i];
		if (s.n > 4000 || !utf8_valid(s))
			return err_set(err, EINVAL, "the text is not UTF-8, or too long");
		for (size_t j = 0; j < s.n; j++)
			if ((unsigned char)s.p[j] < ' ' || s.p[j] == 127)
				return err_set(err, EINVAL, "the text holds a control character");
	}
	return 0;
}

int config_value_set(const struct config_key *key, const struct config_value *value,
	struct config *config, struct arena *arena, struct err *err)
{
	ASSERT(config_type_is_list(key->type) || value->n == 1);
	int r = check_text(value, err);
	if (r)
		return r;
	void *out = (char *)config + key->offset;
	str s = value->n ? value->items[0] : STR_EMPTY;
	switch (key->type) {
	case CONFIG_HOSTNAME:
		return hostname_set(s, out, arena, err);
	case CONFIG_STRING:
		return string_set(key, s, out, arena, err);
	case CONFIG_DIRECTORY:
		return path_set(s, config->base_dir, out, arena, err);
	case CONFIG_FILE:
		return path_set(s, config->data_dir, out, arena, err);
	case CONFIG_BOOL:
		return bool_set(s, out, err);
	case CONFIG_INT:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		/* int64_t and uint64_t alike: nothing above INT64_MAX passes. */
		return quantity_set(key, s, out, err);
	case CONFIG_CHOICE:
		return choice_set(key, s, out, err);
	case CONFIG_ENDPOINTS:
		return endpoints_set(value, out, config->data_dir, arena, err);
	case CONFIG_PEERS:
		return peers_set(key, value, out, config->data_dir, arena, err);
	case CONFIG_NETWORKS:
		return networks_set(value, out, arena, err);
	case CONFIG_NUMBER:
		return number_set(key, s, out, err);
	case CONFIG_NAMES:
		return names_set(value, out, arena, err);
	case CONFIG_FINDINGS:
	case CONFIG_DOMAINS:
	case CONFIG_LISTS:
		ASSERT(value->n == 0); /* their defaults; the file's come through config_groups.c */
		return 0;
	case CONFIG_SERVERS:
		return servers_set(key, value, out, arena, err);
	case CONFIG_RECORDS:
		return records_set(value, out, arena, err);
	case CONFIG_ZONES:
		return zones_set(value, out, arena, err);
	}
	ASSERT(!"a type without a parser");
	return -EINVAL;
}

int config_default_set(
	const struct config_key *key, struct config *config, struct arena *arena, struct err *err)
{
	enum { MOST = 8 };
	str items[MOST] = { str_from_z(key->value) };
	struct config_value value = { items, 1 };
	if (config_type_is_list(key->type)) {
		str rest = str_from_z(key->value);
		for (value.n = 0; rest.n; value.n++) {
			ASSERT(value.n < MOST);
			str_cut(rest, ' ', &items[value.n], &rest);
		}
	}
	return config_value_set(key, &value, config, arena, err);
}

bool config_type_is_list(enum config_type type)
{
	return type == CONFIG_ENDPOINTS || type == CONFIG_PEERS || type == CONFIG_NETWORKS ||
	       type == CONFIG_NAMES || type == CONFIG_SERVERS || type == CONFIG_RECORDS ||
	       type == CONFIG_ZONES || config_type_is_groups(type);
}

bool config_type_is_groups(enum config_type type)
{
	return type == CONFIG_FINDINGS || type == CONFIG_DOMAINS || type == CONFIG_LISTS;
}

bool config_type_is_bare(enum config_type type)
{
	return type == CONFIG_BOOL || type == CONFIG_INT || type == CONFIG_NUMBER;
}

bool config_key_is_required(const struct config_key *key)
{
	return strcmp(key->range, "required") == 0;
}
