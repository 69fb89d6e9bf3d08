/*
 * A whole judgement: the first byte picks policies, the second when the DNS fails; then the HELO
 * name, the sender, what the DNS answers (lines, taken in turn), and behind an empty line the
 * message.
 *
 * Whatever comes: one verdict that holds together, fields that are whole lines, cuts that lie in
 * order in the header, a record that is one JSON object within its bound.
 */
#include "filter/judge.h"
#include "filter/list_testing.h"
#include "io/task_sync.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	str all, rest;
	unsigned questions;
	uint8_t mood;
	int64_t now;
};

static str next_line(struct source *s)
{
	str line;
	if (s->rest.n == 0)
		s->rest = s->all;
	(void)str_cut(s->rest, '\n', &line, &s->rest);
	return str_first(line, 4096);
}

/* A list that works when it is checked, and then says what the input has. */
static bool lookup_in_list(struct source *s, str name, struct arena *a, struct dns_answer *out)
{
	if (!str_ends(name, STR("list.test")))
		return false;
	str line = str_starts(name, STR("test.")) ? STR("2") : next_line(s);
	if (str_starts(name, STR("invalid.")))
		line = STR_EMPTY;
	*out = (struct dns_answer){ .why = STR_EMPTY, .status = line.n ? DNS_FOUND : DNS_NXDOMAIN };
	struct dns_record *records = arena_array(a, struct dns_record, line.n + 1);
	for (size_t i = 0; i < line.n && i < 20; i++) {
		bool good = ip_parse(STR("127.0.0.0"), &records[i].ip);
		ASSERT(good);
		records[i].ip.bytes[15] = (unsigned char)line.p[i];
		records[i].ip.bytes[14] = line.p[i] == '!' ? 255 : 0;
		out->n++;
	}
	out->records = records;
	return true;
}

static void lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct source *s = context;
	ASSERT(dns_name_is_askable(name));
	s->now += NSEC_PER_MSEC * 10 * (s->mood & 15);
	if (type == DNS_TYPE_A && lookup_in_list(s, name, a, out))
		return;
	unsigned choice = (s->mood * ++s->questions + (unsigned)name.n) % 16;
	*out = (struct dns_answer){ .why = STR("fuzz"), .status = DNS_NODATA };
	if (choice < 3)
		out->status = (enum dns_status)(DNS_NXDOMAIN + choice);
	if (choice < 4)
		return;
	struct dns_record *record = arena_new(a, struct dns_record);
	record->name = record->text = arena_str(a, next_line(s));
	bool good = ip_parse(
		type == DNS_TYPE_AAAA ? STR("2001:db8::1") : STR("192.0.2.1"), &record->ip);
	ASSERT(good);
	out->status = DNS_FOUND;
	out->records = record;
	out->n = 1;
}

static int64_t now(void *context)
{
	return ((struct source *)context)->now;
}

/* Any outcome; its texts are lines of the input as well. */
static void scan(void *context, str digest, struct arena *a, struct scan_outcome *out)
{
	struct source *s = context;
	ASSERT(digest.n == 32);
	*out = (struct scan_outcome){ .result = (enum scan_result)(s->mood >> 4 & 3),
		.signature = STR_EMPTY,
		.server = STR("unix:/clamd"),
		.why = STR_EMPTY,
		.cached = s->mood & 1 };
	if (out->result == SCAN_INFECTED)
		out->signature = next_line(s);
	else
		out->why = next_line(s);
}

static const char *const configs[] = {
	"hostname = \"mx.test\";",
	"hostname = \"mx.test\"; auth: { spf_fail = \"reject\"; honour_dmarc = \"junk\"; "
	"received_spf = true; };",
	"hostname = \"mx.test\"; auth: { dns_failure = \"tempfail\"; organization = "
	"\"public-suffix\"; }; antivirus: { infected = \"junk\"; unavailable = \"tempfail\"; "
	"max_size = \"64K\"; };",
	"hostname = \"mx.test\"; auth: { allow_domains = [ \"a.test\", \"com\" ]; arc_trusted = "
	"[ \"a.test\" ]; }; filter: { findings = ( { name = \"DKIM_NONE\"; mode = \"reject\"; } ); "
	"};",
};

static void check_fields(str rest)
{
	struct header_field field;
	size_t at = 0, n = 0;
	for (; header_next(rest, &at, &field); n++)
		ASSERT(str_equal(field.name, STR("Authentication-Results")) ||
			str_equal(field.name, STR("Received-SPF")) ||
			str_starts(field.name, STR("ARC-")) ||
			str_starts(field.name, STR("X-Spam-")) ||
			str_equal(field.name, STR("X-Virus-Status")));
	ASSERT(at == rest.n && n > 0 && str_ends(rest, STR("\r\n")));
}

static void check_verdict(const struct verdict *v, str message)
{
	size_t at = 0;
	for (size_t i = 0; i < v->cut_count; i++) {
		ASSERT(v->cuts[i].offset >= at && v->cuts[i].n > 0);
		at = v->cuts[i].offset + v->cuts[i].n;
	}
	ASSERT(at <= header_length(message));
	bool refuses = v->action == JUDGE_REJECT || v->action == JUDGE_TEMPFAIL;
	ASSERT(refuses == (v->reply.code != 0));
	ASSERT(v->record.n <= JUDGE_RECORD_MAX && str_starts(v->record, STR("{\"id\":")) &&
		str_ends(v->record, STR("}")));
	check_fields(v->fields);
}

/* As the directory does, or does not. */
static bool sign(void *context, str hash, struct buf *out, struct err *err)
{
	ASSERT(hash.n == 32);
	if (hash.p[0] & 1)
		buf_add(out, hash);
	buf_add(out, hash);
	return hash.p[1] & 15;
}

static void judge_one(
	const struct config *config, const struct dns *dns, struct judge_message *message)
{
	struct testing_lists lists;
	testing_lists_init(&lists, dns, config);
	message->lists = &lists.access;
	struct arena a CLEANUP(arena_done) = ARENA_INIT(ENVELOPE_ARENA_MAX);
	struct arena b CLEANUP(arena_done) = ARENA_INIT(JUDGE_ARENA_MAX);
	struct task *t = task_sync_new(&(struct task_sync_options){ 0 });
	const struct dkim_signing how = { .domain = STR("mx.test"),
		.selector = STR("s"),
		.time = message->received,
		.key = { .algorithm = DKIM_ED25519_SHA256, .sign = sign } };
	message->seal = message->content.n % 2 ? &how : NULL;
	struct envelope_result envelope;
	struct verdict verdict;
	judge_envelope(config, dns, message->lists, &message->facts, &a, &envelope);
	(void)judge_early(config, &message->facts, &envelope, &b);
	judge_message(t, config, dns, message, &envelope, &b, &verdict);
	check_verdict(&verdict, message->content);
	testing_lists_done(&lists);
	task_sync_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct err err;
	const char *text = configs[data[0] % ARRAY_LEN(configs)];
	const struct config *config = config_parse(str_from_z(text), STR("f"), STR("/"), &err);
	struct source source = { .mood = data[1] };
	struct judge_message message = { .facts = { .id = STR("0123456789"),
						 .door = STR("smtp"),
						 .client_name = STR_EMPTY,
						 .tls = STR_EMPTY,
						 .utf8 = data[0] & 16,
						 .domain = STR_EMPTY },
		.received = 1700000000 };
	str rest = str_from(data + 2, size - 2);
	(void)str_cut(rest, '\n', &message.facts.helo, &rest);
	(void)str_cut(rest, '\n', &message.facts.sender, &rest);
	ptrdiff_t end = str_find(rest, STR("\n\n"));
	source.all = end < 0 ? STR_EMPTY : str_first(rest, (size_t)end);
	message.content = end < 0 ? rest : str_skip(rest, (size_t)end + 2);
	bool good = ip_parse(
		data[0] & 32 ? STR("2001:db8::1") : STR("192.0.2.1"), &message.facts.client);
	ASSERT(good && config);
	struct dns dns = { lookup, now, &source };
	struct scanner scanner = { scan, &source };
	message.scanner = source.mood & 64 ? &scanner : NULL;
	judge_one(config, &dns, &message);
	config_unref(config);
	return 0;
}
