#include "resolver/answer.h"

enum {
	HEADER_SIZE = 12,
	NAME_SIZE = 255,
	RCODE_NXDOMAIN = 3,
};

/* A name on the wire, uncompressed, in lower case. */
struct name {
	unsigned char bytes[NAME_SIZE];
	size_t n;
};

struct reader {
	str message;
	size_t at;
	bool bad; /* sticky */
};

static uint32_t number(struct reader *r, size_t bytes)
{
	uint32_t n = 0;
	r->bad |= bytes > r->message.n - r->at;
	for (size_t i = 0; i < bytes && !r->bad; i++)
		n = n << 8 | (unsigned char)r->message.p[r->at++];
	return n;
}

static void add_label(struct reader *r, size_t length, struct name *out)
{
	r->bad |= length > 63 || out->n + length + 1 > NAME_SIZE || length > r->message.n - r->at;
	if (r->bad)
		return;
	out->bytes[out->n++] = (unsigned char)length;
	for (size_t i = 0; i < length; i++)
		out->bytes[out->n++] = (unsigned char)ascii_lower(r->message.p[r->at++]);
}

/* Each pointer must lead to before the one that was followed last: so they end. */
static void read_name(struct reader *r, struct name *out)
{
	struct reader in = *r;
	size_t limit = r->at, end = 0;
	out->n = 0;
	for (;;) {
		size_t length = number(&in, 1);
		if (in.bad)
			break;
		if (length >= 0xc0) {
			size_t to = (length & 0x3f) << 8 | number(&in, 1);
			end = end ? end : in.at;
			in.bad |= to >= limit;
			in.at = limit = in.bad ? in.at : to;
			continue;
		}
		add_label(&in, length, out);
		if (in.bad || length == 0)
			break;
	}
	r->at = end ? end : in.at;
	r->bad |= in.bad;
}

static bool same_name(const struct name *a, const struct name *b)
{
	return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

/* ── Records ──────────────────────────────────────────────────────────────────────────────── */

struct record {
	struct name owner;
	unsigned type, class;
	uint32_t ttl;
	struct reader data; /* ends with the RDATA; names in it may point to before */
};

static void read_record(struct reader *r, struct record *out)
{
	read_name(r, &out->owner);
	out->type = number(r, 2);
	out->class = number(r, 2);
	out->ttl = number(r, 4);
	size_t size = number(r, 2);
	r->bad |= size > r->message.n - r->at;
	if (r->bad)
		return;
	out->data = (struct reader){ str_first(r->message, r->at + size), r->at, false };
	r->at += size;
}

/* How the RDATA of a type is made: so many bytes, so many names, and the rest as it is. */
struct layout {
	unsigned type;
	uint8_t bytes, names;
};

static const struct layout *layout_of(unsigned type)
{
	static const struct layout layouts[] = { { DNS_TYPE_NS, 0, 1 }, { DNS_TYPE_CNAME, 0, 1 },
		{ DNS_TYPE_PTR, 0, 1 }, { DNS_TYPE_MX, 2, 1 }, { DNS_TYPE_SRV, 6, 1 },
		{ DNS_TYPE_SOA, 0, 2 } };
	static const struct layout plain = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
		if (layouts[i].type == type)
			return &layouts[i];
	return &plain;
}

static void append(struct reader *r, char *out, size_t *n, const void *p, size_t size)
{
	if (size && !r->bad)
		memcpy(out + *n, p, size);
	*n += size;
}

/* The RDATA without compression. NULL data: malformed, or too much for the arena. */
static str expand(const struct record *record, struct arena *a)
{
	const struct layout *layout = layout_of(record->type);
	struct reader r = record->data;
	struct name names[2];
	size_t n = 0, start = r.at, size = r.message.n - r.at;
	r.bad |= layout->bytes > size;
	r.at += r.bad ? 0 : layout->bytes;
	for (size_t i = 0; i < layout->names; i++)
		read_name(&r, &names[i]);
	char *out = arena_try(a, size + sizeof names);
	if (r.bad || !out)
		return (str){ NULL, 0 };
	append(&r, out, &n, r.message.p + start, layout->bytes);
	for (size_t i = 0; i < layout->names; i++)
		append(&r, out, &n, names[i].bytes, names[i].n);
	append(&r, out, &n, r.message.p + r.at, r.message.n - r.at);
	return str_from(out, n);
}

/* ── The answer ───────────────────────────────────────────────────────────────────────────── */

struct collector {
	enum dns_type type;
	struct name current; /* asked for, or where the last CNAME led */
	struct arena *arena;
	str *rdata;
	size_t n, bytes;
	uint32_t ttl;
	const char *why; /* it cannot be used */
};

static void collect(struct collector *c, const struct record *record)
{
	if (record->class != 1 || !same_name(&record->owner, &c->current))
		return;
	if (record->type == c->type) {
		if (c->n == ANSWER_RECORDS_MAX || c->bytes > ANSWER_BYTES_MAX) {
			c->why = "more records than are looked at";
			return;
		}
		str rdata = expand(record, c->arena);
		c->rdata[c->n++] = rdata;
		c->bytes += rdata.n;
		if (!rdata.p)
			c->why = "a malformed record";
	} else if (record->type == DNS_TYPE_CNAME) {
		struct reader r = record->data;
		read_name(&r, &c->current);
		if (r.bad)
			c->why = "a malformed CNAME";
	} else {
		return;
	}
	c->ttl = MIN(c->ttl, record->ttl);
}

/* How long it may be remembered that there is nothing (RFC 2308 §5). */
static uint32_t negative_ttl(struct reader *r, size_t count)
{
	for (; count && !r->bad; count--) {
		struct record record;
		read_record(r, &record);
		if (r->bad || record.type != DNS_TYPE_SOA || record.data.message.n < 4)
			continue;
		struct reader minimum = record.data;
		minimum.at = minimum.message.n - 4;
		uint32_t seconds = number(&minimum, 4);
		return MIN(record.ttl, seconds);
	}
	return 0;
}

const char *answer_rcode_text(unsigned rcode)
{
	switch (rcode) {
	case 1:
		return "FORMERR";
	case 4:
		return "NOTIMP";
	case 5:
		return "REFUSED";
	default:
		return "SERVFAIL: no name server gives a usable answer";
	}
}

void answer_parse(str message, enum dns_type type, struct arena *a, struct answer *out)
{
	struct reader r = { .message = message };
	*out = (struct answer){ .status = DNS_TEMPORARY, .why = "a malformed answer" };
	number(&r, 2); /* id */
	unsigned flags = number(&r, 2), questions = number(&r, 2), answers = number(&r, 2);
	size_t authorities = number(&r, 2);
	number(&r, 2); /* additional */
	struct collector c = { .type = type, .arena = a, .ttl = UINT32_MAX };
	read_name(&r, &c.current);
	number(&r, 4); /* type, class */
	size_t most = MIN(answers, (unsigned)ANSWER_RECORDS_MAX);
	c.rdata = arena_try(a, (most + 1) * sizeof *c.rdata);
	if (r.bad || questions != 1 || !c.rdata)
		return;
	for (; answers && !r.bad && !c.why; answers--) {
		struct record record;
		read_record(&r, &record);
		if (!r.bad)
			collect(&c, &record);
	}
	/* A failure that libunbound remembers comes as a message, not as a code beside it. */
	unsigned rcode = flags & 15;
	bool failed = !r.bad && rcode && rcode != RCODE_NXDOMAIN;
	if (c.why || failed)
		out->why = c.why ? c.why : answer_rcode_text(rcode);
	if (r.bad || c.why || failed)
		return;
	out->why = "";
	out->status = c.n ? DNS_FOUND : rcode ? DNS_NXDOMAIN : DNS_NODATA;
	out->rdata = c.rdata;
	out->n = c.n;
	uint32_t negative = c.n ? UINT32_MAX : negative_ttl(&r, authorities);
	out->ttl = MIN(c.ttl, negative);
}
