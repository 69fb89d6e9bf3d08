/*
 * judge.c: runs the checks over a message.
 */
#include "filter/judge.h"

#include "base/clock.h"
#include "filter/check.h"
#include "io/task.h"
#include "mail/header.h"
#include "mailauth/domain.h"

/* Later ones look at what earlier ones found. To add one, see check.h. */
static const struct check *const checks[] = {
	/* cheap */
	&check_results, &check_client, &check_spf, &check_header, &check_html, &check_mime,
	&check_pattern,
	/* costly */
	&check_dkim, &check_arc, &check_dmarc, &check_allow, &check_local, &check_author,
	&check_bulk, &check_uri,
	&check_attachment,          /* the lists are asked about what documents lead to */
	&check_lists, &check_virus, /* what it waits for would be lost for the DNS */
};

enum {
	BLOCK = 256 * 1024, /* of a body, between two yields */
	FROM_MAX = 64 * 1024,
	/* SPF, DKIM, ARC, DMARC, lists, findings, and as much as the header for the cuts. */
	SCRATCH_MAX = 16 * 1024 * 1024,
};

/* ── Look-ups that end in time ────────────────────────────────────────────────────────────── */

/* The caller's DNS, until the time is up; remembers what failed first. */
struct timed_dns {
	struct dns dns;
	const struct dns *inner;
	struct arena *arena; /* of the name */
	int64_t deadline;
	str failed;
};

static int64_t now_of(const struct dns *dns)
{
	return dns->now ? dns->now(dns->context) : 0;
}

static void timed_lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct timed_dns *d = context;
	if (now_of(d->inner) > d->deadline)
		*out = (struct dns_answer){ .status = DNS_TEMPORARY,
			.why = STR("the time for this message is up") };
	else
		dns_lookup(d->inner, type, name, a, out);
	if (dns_failed(out->status) && d->failed.n == 0)
		d->failed = arena_printf(d->arena, "%s %.*s (%.*s)",
			dns_type_name(type) ? dns_type_name(type) : "?",
			STR_ARG(str_first(name, DNS_NAME_MAX)), STR_ARG(str_first(out->why, 100)));
}

static int64_t timed_now(void *context)
{
	struct timed_dns *d = context;
	return now_of(d->inner);
}

static void timed_init(
	struct timed_dns *d, const struct dns *inner, int64_t timeout, struct arena *a)
{
	*d = (struct timed_dns){
		.inner = inner, .arena = a, .deadline = now_of(inner) + timeout, .failed = STR_EMPTY
	};
	d->dns = (struct dns){ timed_lookup, inner->now ? timed_now : NULL, d };
}

/* ── The envelope ─────────────────────────────────────────────────────────────────────────── */

static str host_of(str address)
{
	ptrdiff_t at = str_find_last_char(address, '@');
	return at < 0 ? address : str_skip(address, (size_t)at + 1);
}

static void without_client(struct envelope_result *out)
{
	struct spf_outcome none = { .result = SPF_NONE,
		.domain = STR_EMPTY,
		.record = STR_EMPTY,
		.mechanism = STR_EMPTY,
		.mechanism_domain = STR_EMPTY,
		.explanation = STR_EMPTY,
		.problem = STR_EMPTY,
		.worthless_term = STR_EMPTY };
	*out = (struct envelope_result){ .no_client = true,
		.rdns = { .result = RDNS_NONE,
			.helo = HELO_NOT_ASKED,
			.name = STR_EMPTY,
			.why = STR_EMPTY },
		.spf = none,
		.spf_helo = none,
		.dns_failed = STR_EMPTY };
}

/* The client's address is asked about while the rest is found out. */
enum { LIST_SCRATCH_MAX = 128 * 1024 };

void judge_envelope(const struct config *config, const struct dns *dns,
	const struct list_access *lists, const struct judge_facts *facts, struct arena *a,
	struct envelope_result *out)
{
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(LIST_SCRATCH_MAX);
	struct list_batch batch;
	if (facts->no_client) {
		without_client(out);
		local_ask(facts, a, out);
		return;
	}
	list_batch_init(&batch, lists, config, &scratch);
	list_add_ip(&batch, CONFIG_OF_CLIENT, &facts->client);
	list_batch_begin(&batch);
	struct timed_dns timed;
	timed_init(&timed, dns, config->filter.timeout, a);
	*out = (struct envelope_result){ .dns_failed = STR_EMPTY };
	str helo = arena_str(a, str_first(facts->helo, 1024));
	str sender = arena_str(a, str_first(facts->sender, 1024));
	int64_t started = clock_monotonic();
	rdns_check(&timed.dns, &facts->client, helo, a, &out->rdns);
	out->took[0] = clock_monotonic() - started;
	struct spf_query query = { .identity = SPF_MAILFROM,
		.client = facts->client,
		.helo = helo,
		.sender = sender,
		.receiver = arena_str(a, config->hostname),
		.time = clock_wall() / NSEC_PER_SEC };
	spf_check(&timed.dns, &query, a, &out->spf);
	out->has_spf_helo = out->rdns.syntax == HELO_SYNTAX_FQDN;
	query.identity = SPF_HELO;
	query.sender = STR_EMPTY;
	if (out->has_spf_helo && sender.n && str_equal_nocase(host_of(sender), helo)) {
		/* One question for both. */
		out->spf_helo = out->spf;
		out->spf_helo.identity = SPF_HELO;
	} else if (out->has_spf_helo && sender.n) {
		spf_check(&timed.dns, &query, a, &out->spf_helo);
	}
	out->took[1] = clock_monotonic() - started - out->took[0];
	out->dns_failed = timed.failed;
	local_ask(facts, a, out);
	started = clock_monotonic();
	list_batch_finish(&batch, a, &out->lists);
	out->took[2] = clock_monotonic() - started;
}

/* ── The message ──────────────────────────────────────────────────────────────────────────── */

void judgement_find(struct judgement *j, enum finding_name name, const char *format, ...)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(8 * 1024);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	finding_add(&j->findings, name, buf_str(&text));
}

bool names_contain(const struct config_names *names, str name, str *out_domain)
{
	for (size_t i = 0; i < names->n && name.n; i++) {
		if (!domain_is_within(name, names->items[i]))
			continue;
		if (out_domain)
			*out_domain = names->items[i];
		return true;
	}
	return false;
}

/* The values of all From fields. */
static str authors(str header, struct arena *a)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(FROM_MAX);
	struct header_field field;
	for (size_t at = 0; header_next(header, &at, &field);) {
		if (!str_equal_nocase(field.name, STR("From")))
			continue;
		if (text.n)
			buf_add(&text, STR(", "));
		header_unfold(&text, field.value);
	}
	return text.n ? arena_str(a, buf_str(&text)) : STR_EMPTY;
}

str judgement_author_domain(const struct judgement *j)
{
	const struct address_list *from = &j->mail.from;
	str domain;
	for (size_t i = 0; i < from->n; i++)
		if (from->list[i].kind == ADDRESS_MAILBOX &&
			domain_ascii(from->list[i].host, j->arena, &domain))
			return domain;
	return STR_EMPTY;
}

bool judgement_is_aligned(const struct judgement *j)
{
	return j->has_dmarc && j->dmarc.result == DMARC_PASS;
}

bool same_organization(str a, str b)
{
	return str_equal(dmarc_organization_psl(a), dmarc_organization_psl(b));
}

/* ── Running the checks ───────────────────────────────────────────────────────────────────── */

static void run_one(struct judgement *j, void (*step)(struct judgement *j), struct check_run *run)
{
	int64_t started = clock_monotonic();
	j->findings.source = run->check->name;
	if (step)
		step(j);
	run->took += clock_monotonic() - started;
}

static void run_cheap(struct judgement *j, struct check_run runs[])
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		if (checks[i]->cost != CHECK_CHEAP)
			continue;
		run_one(j, checks[i]->begin, &runs[i]);
		run_one(j, checks[i]->report, &runs[i]);
	}
}

static void run_body(struct judgement *j, struct check_run runs[])
{
	str body = str_skip(j->message->content, j->header.n);
	while (body.n) {
		str block = str_first(body, BLOCK);
		for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
			int64_t started = clock_monotonic();
			if (checks[i]->body)
				checks[i]->body(j, block);
			runs[i].took += clock_monotonic() - started;
		}
		body = str_skip(body, block.n);
		if (body.n) /* a cancelled one goes on to its end: that is near */
			(void)!task_yield(j->task);
	}
}

static void run_costly(struct judgement *j, struct check_run runs[])
{
	bool settled = judgement_is_settled(j), begun = !settled;
	for (size_t i = 0; i < ARRAY_LEN(checks) && begun; i++)
		if (checks[i]->cost == CHECK_COSTLY)
			run_one(j, checks[i]->begin, &runs[i]);
	if (begun)
		run_body(j, runs);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		if (checks[i]->cost != CHECK_COSTLY)
			continue;
		runs[i].skipped = settled;
		if (settled)
			continue;
		run_one(j, checks[i]->end, &runs[i]);
		run_one(j, checks[i]->report, &runs[i]);
		settled = judgement_is_settled(j);
	}
}

static void run_checks(struct judgement *j, const struct timed_dns *timed, struct check_run runs[])
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		runs[i] = (struct check_run){ .check = checks[i] };
	run_cheap(j, runs);
	run_costly(j, runs);
	j->dns_failed = timed->failed;
	j->findings.source = "dns";
	str failed = j->envelope->dns_failed.n ? j->envelope->dns_failed : j->dns_failed;
	if (failed.n)
		judgement_find(j, FINDING_DNS_FAILURE, "%.*s", STR_ARG(failed));
	findings_weigh(&j->findings, failed.n ? 0 : EVIDENCE_NETWORK);
}

static void run_done(struct judgement *j)
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		if (checks[i]->done)
			checks[i]->done(j);
}

/* What outlives the judgement. */
static void keep(struct judgement *j, str spam_fields, struct arena *a, struct verdict *out)
{
	struct auth_span *cuts = arena_array(a, struct auth_span, j->cut_count + 1);
	if (j->cut_count && !j->cut_too_far) {
		memcpy(cuts, j->cuts, j->cut_count * sizeof *cuts);
		out->cut_count = j->cut_count;
	}
	out->cuts = cuts;
	out->why = arena_str(a, out->why);
	out->unsealed = arena_str(a, out->unsealed);
	out->reply.text = arena_str(a, out->reply.text);
	const struct rdns_outcome *r = &j->envelope->rdns;
	out->client_name = r->result == RDNS_PASS ? arena_str(a, r->name) : STR_EMPTY;
	out->findings = findings_main(&j->findings, 6, a);
	out->name_count = findings_names(&j->findings, a, &out->names);
	str fields = judgement_fields(j, a);
	out->fields = out->own_count ? fields : arena_join(a, fields, spam_fields);
}

void judge_message(struct task *t, const struct config *config, const struct dns *dns,
	const struct judge_message *message, const struct envelope_result *envelope,
	struct arena *a, struct verdict *out)
{
	const struct config_domain *own = config_domain_find(config, message->facts.domain);
	size_t header_n = header_length(message->content);
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(SCRATCH_MAX + 2 * header_n);
	/* Of its own: it ends with what there is room for, others could not. */
	struct arena content CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(message->content.n));
	struct timed_dns timed;
	timed_init(&timed, dns, config->filter.timeout, &scratch);
	struct judgement j = {
		.task = t,
		.arena = &scratch,
		.config = config,
		.auth = own ? &own->auth : &config->auth,
		.rules = own ? &own->filter : &config->filter,
		.antivirus = own ? &own->antivirus : &config->antivirus,
		.dns = &timed.dns,
		.message = message,
		.facts = &message->facts,
		.header = str_first(message->content, header_n),
		.envelope = envelope,
		.dns_failed = STR_EMPTY,
	};
	struct check_run runs[ARRAY_LEN(checks)];
	findings_init(&j.findings, &j.rules->findings, &scratch);
	j.from = authors(j.header, &scratch);
	mail_read(&content, message->content, &j.mail);
	j.may_waive = j.auth->allow_domains.n || j.auth->arc_trusted.n || local_may_allow(envelope);
	run_checks(&j, &timed, runs);
	struct audiences audiences;
	judgement_decide_all(&j, a, &audiences, out);
	judgement_seal(&j, out);
	keep(&j, audiences.list[0].fields, a, out);
	out->record = judgement_record(&j, out, &audiences, runs, ARRAY_LEN(runs), a);
	run_done(&j);
	mail_done(&j.mail);
}
