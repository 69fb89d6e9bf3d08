/*
 * dns_testing.h: a struct dns made from a table of text, for unit tests, fuzzers and benchmarks.
 *
 * One record a line: name, type, data. Names are compared without regard to case.
 *
 *	example.org A 192.0.2.1
 *	example.org MX 10 mail.example.org
 *	example.org TXT v=spf1 mx -all
 *	bytes.example.org TXT \x00, \\ and what else a line cannot hold
 *	www.example.org CNAME example.org
 *	*.any.example.org A 192.0.2.2
 *	slow.example.org TXT !timeout
 *	down.example.org * !servfail
 *	forged.example.org * !bogus
 *
 * A space in a name is written \x20. "*" as the type stands for every type. A name is there
 *(nodata, not nxdomain) when it or a name below it has a line. A wildcard answers for names that
 * have no line of their own. Eight CNAMEs in a row, and a loop, are temporary, as from a resolver.
 *Types: A, AAAA, NS, CNAME, PTR, MX, TXT.
 */
#pragma once

#include "mailauth/dns.h"

struct dns_table {
	struct dns dns; /* what the code under test gets */
	str text;
	bool secure;                /* every answer says that it was validated */
	unsigned questions;         /* how many were asked; set it to 0 as you like */
	unsigned address_questions; /* of them A and AAAA */
	int64_t now, step;          /* the clock, and by how much each question advances it */
};

enum { DNS_TABLE_CNAMES_MAX = 8 };

struct dns_table_line {
	str name, type, data;
};

static inline bool dns_table_line_next(str *rest, struct dns_table_line *out)
{
	str line;
	while (rest->n) {
		(void)str_cut(*rest, '\n', &line, rest);
		if (str_trim(line).n == 0)
			continue;
		str tail;
		(void)str_cut(line, ' ', &out->name, &tail);
		(void)str_cut(tail, ' ', &out->type, &out->data);
		return true;
	}
	return false;
}

static inline bool dns_table_type_is(str type, enum dns_type wanted)
{
	static const struct {
		enum dns_type type;
		const char *name;
	} names[] = { { DNS_TYPE_A, "A" }, { DNS_TYPE_AAAA, "AAAA" }, { DNS_TYPE_NS, "NS" },
		{ DNS_TYPE_CNAME, "CNAME" }, { DNS_TYPE_PTR, "PTR" }, { DNS_TYPE_MX, "MX" },
		{ DNS_TYPE_TXT, "TXT" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_equal(type, str_from_z(names[i].name)))
			return names[i].type == wanted;
	}
	ASSERT(str_equal(type, STR("*")));
	return true;
}

/* Whether the line stands for this name: itself, or as a wildcard. */
static inline bool dns_table_owns(str owner, str name, bool wildcard)
{
	if (!wildcard)
		return str_equal_nocase(owner, name);
	return str_starts(owner, STR("*.")) && name.n > owner.n - 1 &&
	       str_ends_nocase(name, str_skip(owner, 1));
}

/* Whether the name, or one below it, has a line. */
static inline bool dns_table_has(str text, str name)
{
	struct dns_table_line line;
	while (dns_table_line_next(&text, &line)) {
		if (str_equal_nocase(line.name, name))
			return true;
		if (line.name.n > name.n && line.name.p[line.name.n - name.n - 1] == '.' &&
			str_ends_nocase(line.name, name))
			return true;
	}
	return false;
}

static inline enum dns_status dns_table_word(str word)
{
	if (str_equal(word, STR("!timeout")) || str_equal(word, STR("!servfail")))
		return DNS_TEMPORARY;
	ASSERT(str_equal(word, STR("!bogus")));
	return DNS_BOGUS;
}

/* The data of a TXT record, with \xHH and \\ undone. Where the arena is full: empty. */
static inline str dns_table_text(str data, struct arena *a)
{
	char *out = arena_try(a, data.n + 1);
	size_t n = 0;
	for (size_t i = 0; out && i < data.n; i++) {
		if (data.p[i] != '\\') {
			out[n++] = data.p[i];
		} else if (i + 1 < data.n && data.p[i + 1] == '\\') {
			out[n++] = data.p[i++];
		} else {
			ASSERT(i + 3 < data.n && data.p[i + 1] == 'x');
			out[n++] = (char)(ascii_hex(data.p[i + 2]) * 16 + ascii_hex(data.p[i + 3]));
			i += 3;
		}
	}
	return str_from(out ? out : "", n);
}

static inline str dns_table_lower(str name, struct arena *a)
{
	char *out = arena_try(a, name.n + 1);
	for (size_t i = 0; out && i < name.n; i++)
		out[i] = ascii_lower(name.p[i]);
	return out ? str_from(out, name.n) : STR_EMPTY;
}

static inline void dns_table_record(
	enum dns_type type, str data, struct arena *a, struct dns_record *out)
{
	*out = (struct dns_record){ .name = STR_EMPTY, .text = STR_EMPTY };
	str priority;
	uint64_t number;
	switch (type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
		ASSERT(ip_parse(data, &out->ip));
		break;
	case DNS_TYPE_TXT:
		out->text = dns_table_text(data, a);
		break;
	case DNS_TYPE_MX:
		(void)str_cut(data, ' ', &priority, &data);
		ASSERT(str_to_u64(priority, UINT16_MAX, &number));
		out->priority = (uint16_t)number;
		out->name = str_equal(data, STR(".")) ? STR_EMPTY : dns_table_lower(data, a);
		break;
	default:
		out->name = dns_table_lower(data, a);
	}
}

/* The lines of one name and type. False, with the status set, where the answer is final. */
static inline void dns_table_collect(str text, enum dns_type type, str name, bool wildcard,
	struct arena *a, struct dns_answer *out)
{
	size_t n = 0;
	struct dns_table_line line;
	for (str rest = text; dns_table_line_next(&rest, &line);) {
		if (!dns_table_owns(line.name, name, wildcard) ||
			!dns_table_type_is(line.type, type))
			continue;
		if (line.data.n && line.data.p[0] == '!') {
			out->status = dns_table_word(line.data);
			out->why = line.data;
			return;
		}
		n++;
	}
	struct dns_record *records = n ? arena_try(a, n * sizeof *records) : NULL;
	if (!records) {
		out->status = n ? DNS_TEMPORARY : DNS_NODATA;
		return;
	}
	for (str rest = text; dns_table_line_next(&rest, &line);) {
		if (dns_table_owns(line.name, name, wildcard) && dns_table_type_is(line.type, type))
			dns_table_record(type, line.data, a, &records[out->n++]);
	}
	out->records = records;
	out->status = DNS_FOUND;
}

/* The name as it stands in a table: a space in it as \x20. */
static inline str dns_table_escaped(str name, struct arena *a)
{
	str out = STR_EMPTY, head;
	if (str_find_char(name, ' ') < 0)
		return name;
	while (str_cut(name, ' ', &head, &name))
		out = arena_join(a, out, arena_join(a, head, STR("\\x20")));
	return arena_join(a, out, head);
}

static inline void dns_table_lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct dns_table *t = context;
	t->questions++;
	t->address_questions += type == DNS_TYPE_A || type == DNS_TYPE_AAAA;
	t->now += t->step;
	name = dns_table_escaped(name, a);
	for (int i = 0; i < DNS_TABLE_CNAMES_MAX; i++) {
		*out = (struct dns_answer){
			.secure = t->secure, .ttl = 3600, .why = STR_EMPTY, .status = DNS_NODATA
		};
		bool wildcard = !dns_table_has(t->text, name);
		dns_table_collect(t->text, type, name, wildcard, a, out);
		if (out->status != DNS_NODATA || type == DNS_TYPE_CNAME)
			break;
		struct dns_answer alias = { .why = STR_EMPTY };
		dns_table_collect(t->text, DNS_TYPE_CNAME, name, wildcard, a, &alias);
		if (alias.status != DNS_FOUND) {
			out->status = wildcard ? DNS_NXDOMAIN : DNS_NODATA;
			return;
		}
		name = alias.records[0].name;
		*out = (struct dns_answer){ .status = DNS_TEMPORARY, .why = STR("CNAME loop") };
	}
}

static inline int64_t dns_table_now(void *context)
{
	return ((struct dns_table *)context)->now;
}

/* The text must outlive the table. Nothing is to be freed. */
static inline void dns_table_init(struct dns_table *t, str text)
{
	*t = (struct dns_table){ .text = text };
	t->dns = (struct dns){ .lookup = dns_table_lookup, .now = dns_table_now, .context = t };
}
