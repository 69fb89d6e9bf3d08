/*
 * check_local.c: lists of our own: who is blocked and who is allowed (postern block, allow).
 *
 * The directory is asked about client and envelope sender with the envelope, and about the authors
 * when the message is there. Anybody can claim to be an allowed sender: that counts where SPF, DKIM
 * or DMARC show it. What the entries mean differs by destination: audience.c.
 */
#include "directory/domain.h"
#include "filter/check.h"
#include "mailauth/domain.h"
#include "proto/smtp_path.h"

enum { AUTHORS_MAX = 10 };

/* What a match is about: things of the message's own question follow those of the envelope's. */
enum { THING_CLIENT, THING_SENDER, THING_AUTHOR };

/* ── Who gets it ──────────────────────────────────────────────────────────────────────────── */

static str domain_of(str recipient, struct arena *a)
{
	char domain[DOMAIN_TEXT_SIZE];
	ptrdiff_t at = str_find_last_char(recipient, '@');
	if (at < 0 || !domain_normalize(str_skip(recipient, (size_t)at + 1), domain))
		return STR_EMPTY;
	return arena_str(a, str_from_z(domain));
}

static void make_readers(
	const struct judge_facts *facts, struct arena *a, struct envelope_result *out)
{
	size_t n = facts->destination_count;
	struct local_reader *readers = arena_array(a, struct local_reader, MAX(n, (size_t)1));
	readers[0] = (struct local_reader){ STR_EMPTY, arena_str(a, facts->domain) };
	for (size_t i = 0; i < n; i++) {
		const struct judge_destination *d = &facts->destinations[i];
		char scope[DIRECTORY_SCOPE_SIZE];
		bool same = i > 0 && str_equal(d->recipient, d[-1].recipient);
		readers[i].domain = same ? readers[i - 1].domain : domain_of(d->recipient, a);
		readers[i].account =
			d->account ? arena_str(a, directory_account_scope(d->account, scope))
				   : STR_EMPTY;
	}
	out->readers = readers;
	out->reader_count = MAX(n, (size_t)1);
}

/* ── Asking ───────────────────────────────────────────────────────────────────────────────── */

/* Each scope once, where one follows the other. */
static size_t scopes_of(const struct envelope_result *e, struct arena *a, str **out)
{
	str *scopes = arena_array(a, str, 2 * e->reader_count + 1);
	size_t n = 0;
	scopes[n++] = STR_EMPTY;
	for (size_t i = 0; i < e->reader_count; i++) {
		const struct local_reader *r = &e->readers[i];
		if (r->domain.n && (i == 0 || !str_equal(r->domain, r[-1].domain)))
			scopes[n++] = r->domain;
		if (r->account.n)
			scopes[n++] = r->account;
	}
	*out = scopes;
	return n;
}

static int ask(const struct judge_facts *facts, const struct envelope_result *e,
	const struct ip *client, const str *senders, size_t sender_count, struct arena *a,
	struct local_answer *out)
{
	str *scopes;
	size_t n = scopes_of(e, a, &scopes);
	struct local_query query = { .client = client,
		.senders = senders,
		.sender_count = sender_count,
		.scopes = scopes,
		.scope_count = n };
	return facts->local->find(facts->local->context, &query, a, out);
}

void local_ask(const struct judge_facts *facts, struct arena *a, struct envelope_result *out)
{
	make_readers(facts, a, out);
	if (facts->local)
		out->local_failed =
			ask(facts, out, facts->no_client ? NULL : &facts->client, &facts->sender,
				facts->sender.n > 0, a, &out->local) < 0;
}

/* The addresses in From, as an envelope would have them. */
static size_t authors_of(const struct judgement *j, str out[static AUTHORS_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < j->mail.from.n && n < AUTHORS_MAX; i++) {
		const struct address *from = &j->mail.from.list[i];
		if (from->kind != ADDRESS_MAILBOX || from->host.n == 0)
			continue;
		struct buf text CLEANUP(buf_done) = BUF_INIT(2048);
		smtp_mailbox_format(from->mailbox, from->host, &text);
		if (!text.overflowed)
			out[n++] = arena_str(j->arena, buf_str(&text));
	}
	return n;
}

static void end(struct judgement *j)
{
	struct envelope_result again = *j->envelope, *e = &again;
	struct local_answer about_authors = { 0 };
	str *authors = arena_array(j->arena, str, AUTHORS_MAX);
	if (again.local_failed)
		local_ask(j->facts, j->arena, &again);
	j->local = e->local;
	j->local_failed = e->local_failed;
	j->authors = authors;
	if (!j->facts->local || e->local_failed || !e->local.senders)
		return;
	j->author_count = authors_of(j, authors);
	if (j->author_count == 0)
		return;
	j->local_failed =
		ask(j->facts, e, NULL, authors, j->author_count, j->arena, &about_authors) < 0;
	size_t n = e->local.n, more = j->local_failed ? 0 : about_authors.n;
	struct local_match *all = arena_array(j->arena, struct local_match, n + more + 1);
	for (size_t i = 0; i < n; i++)
		all[i] = e->local.matches[i];
	for (size_t i = 0; i < more; i++) {
		all[n + i] = about_authors.matches[i];
		all[n + i].thing += THING_AUTHOR - 1;
	}
	j->local.matches = all;
	j->local.n = n + more;
}

str local_thing(const struct judgement *j, const struct local_match *m, const char **out_what)
{
	if (m->thing == THING_CLIENT) {
		char client[IP_TEXT_SIZE];
		ip_format(&j->facts->client, client);
		*out_what = "client";
		return arena_str(j->arena, str_from_z(client));
	}
	*out_what = m->thing == THING_SENDER ? "sender" : "from";
	size_t author = m->thing - THING_AUTHOR;
	if (m->thing == THING_SENDER)
		return j->facts->sender;
	return author < j->author_count ? j->authors[author] : STR_EMPTY;
}

/* ── Is it the one? ───────────────────────────────────────────────────────────────────────── */

/* Whether a domain that is shown to have sent it speaks for this one. */
static bool speaks_for(str shown, str domain)
{
	return domain_is_within(shown, domain) ||
	       (domain_is_within(domain, shown) && same_organization(domain, shown));
}

/* A signature that leaves room for more, or that does not cover From, shows nothing. */
static bool signed_by(const struct judgement *j, str domain, bool author)
{
	for (size_t i = 0; i < j->dkim.n; i++) {
		const struct dkim_signature *s = &j->dkim.signatures[i];
		if (s->result == DKIM_PASS && !s->unsigned_bytes && (!author || s->author_signed) &&
			speaks_for(s->domain, domain))
			return true;
	}
	return false;
}

static bool is_proven(const struct judgement *j, const struct local_match *m)
{
	const char *what;
	str address = local_thing(j, m, &what), domain;
	bool author = m->thing >= THING_AUTHOR;
	const struct spf_outcome *spf = &j->envelope->spf;
	if (!domain_ascii(str_skip(address, (size_t)(str_find_last_char(address, '@') + 1)),
		    j->arena, &domain))
		return false;
	if (author && str_equal(domain, j->dmarc.author_domain) &&
		(judgement_is_aligned(j) || j->arc_trusted))
		return true;
	if (spf->result == SPF_PASS && !spf->worthless && speaks_for(spf->domain, domain))
		return true;
	return signed_by(j, domain, author);
}

bool local_may_fit(const struct envelope_result *e)
{
	return e->local.n || e->local.senders || e->local_failed;
}

static void report(struct judgement *j)
{
	j->may_waive = false;
	for (size_t i = 0; i < j->local.n; i++) {
		struct local_match *m = &j->local.matches[i];
		if (!m->counts)
			m->counts = is_proven(j, m);
	}
}

const struct local_match *local_unproven(
	const struct judgement *j, const struct local_reader *reader)
{
	for (size_t i = 0; i < j->local.n; i++) {
		const struct local_match *m = &j->local.matches[i];
		if (!m->counts && (m->scope.n == 0 || str_equal(m->scope, reader->domain) ||
					  str_equal(m->scope, reader->account)))
			return m;
	}
	return NULL;
}

/* ── What it means ────────────────────────────────────────────────────────────────────────── */

enum finding_name local_finding(const struct local_match *m)
{
	static const enum finding_name names[][2] = {
		[DIRECTORY_IP] = { FINDING_LOCAL_BLOCK_IP, FINDING_LOCAL_ALLOW_IP },
		[DIRECTORY_ADDRESS] = { FINDING_LOCAL_BLOCK_ADDRESS, FINDING_LOCAL_ALLOW_ADDRESS },
		[DIRECTORY_DOMAIN] = { FINDING_LOCAL_BLOCK_DOMAIN, FINDING_LOCAL_ALLOW_DOMAIN },
	};
	return names[m->kind][m->list == DIRECTORY_ALLOW];
}

static void find(struct judgement *j, enum finding_name name, const struct local_match *m)
{
	const char *what;
	str thing = local_thing(j, m, &what);
	judgement_find(j, name, "%s %.*s: %.*s%s%.*s", what, STR_ARG(str_first(thing, 200)),
		STR_ARG(m->subject), m->owner.n ? ", for " : "", STR_ARG(m->owner));
}

/* Something that could have shown it had no answer. */
static bool undecided(const struct judgement *j)
{
	for (size_t i = 0; i < j->dkim.n; i++)
		if (j->dkim.signatures[i].result == DKIM_TEMPERROR)
			return true;
	return j->envelope->spf.result == SPF_TEMPERROR || j->dmarc.result == DMARC_TEMPERROR;
}

void local_apply(struct judgement *j, const struct audience *audience)
{
	const struct local_match *m = audience->match;
	size_t before = j->findings.n;
	j->findings.source = check_local.name;
	j->match = m;
	j->allowed = j->open = false;
	if (audience->unproven)
		find(j, FINDING_LOCAL_ALLOW_UNPROVEN, audience->unproven);
	if (!m)
		return;
	size_t unproven = j->findings.n - before;
	find(j, local_finding(m), m);
	bool counts = j->findings.n > before + unproven &&
		      j->findings.list[j->findings.n - 1].mode != CONFIG_MODE_OBSERVE;
	j->allowed = counts && m->list == DIRECTORY_ALLOW;
	j->open = counts && m->list == DIRECTORY_BLOCK && audience->unproven && undecided(j);
	if (j->open)
		finding_waive(&j->findings, local_finding(m),
			"an allowed sender is claimed, and the DNS does not answer");
}

static struct judge_reply refusal(const struct local_match *m, str thing, struct arena *a)
{
	return (struct judge_reply){ 550, 5, 7, 1,
		arena_printf(a, "This %s takes no mail from %.*s",
			m->scope.n ? "recipient" : "server", STR_ARG(str_first(thing, 320))) };
}

struct judge_reply local_refusal(const struct judgement *j, const struct local_match *m)
{
	const char *what;
	return refusal(m, local_thing(j, m, &what), j->arena);
}

struct judge_reply local_early(const struct config_filter *rules, const struct judge_facts *facts,
	const struct envelope_result *e, struct arena *a)
{
	const struct local_match *first = NULL;
	for (size_t i = 0; i < e->reader_count; i++) {
		const struct local_match *m = local_decide_early(&e->local, &e->readers[i]);
		if (!m || finding_mode(&rules->findings, local_finding(m)) != CONFIG_MODE_REJECT)
			return (struct judge_reply){ .text = STR_EMPTY };
		first = first ? first : m;
	}
	char client[IP_TEXT_SIZE];
	ip_format(&facts->client, client);
	return refusal(first, first->thing == THING_CLIENT ? str_from_z(client) : facts->sender, a);
}

const struct check check_local = {
	.name = "local", .stage = CHECK_MESSAGE, .cost = CHECK_COSTLY, .end = end, .report = report
};
