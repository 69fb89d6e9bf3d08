/*
 * The records: fetched, checked as a whole, evaluated term by term. The stack of records is a list,
 * so that nesting costs no stack.
 */
#include "mailauth/spf_internal.h"

enum { SHOWN_TERM = 512, SHOWN_RECORD = 4096 };

/* The one SPF record among the TXT records (§4.5). */
static enum spf_result select_record(const struct dns_answer *answer, str *out)
{
	size_t n = 0;
	for (size_t i = 0; i < answer->n; i++) {
		if (spf_record_is(answer->records[i].text)) {
			*out = answer->records[i].text;
			n++;
		}
	}
	return n == 0 ? SPF_NONE : n == 1 ? SPF_PASS : SPF_PERMERROR;
}

/* Fetches the record of a domain into the frame. SPF_PASS, or how this ends: with SPF_NONE nothing
 * is said yet, since that depends on who asked. */
static enum spf_result fetch(struct spf_check *c, str domain, str term, struct spf_frame *f)
{
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(SPF_ANSWER_MAX);
	struct dns_answer answer;
	spf_ask(c, DNS_TYPE_TXT, domain, &scratch, &answer);
	str text = STR_EMPTY;
	if (dns_failed(answer.status)) {
		spf_stop(c, SPF_TEMPERROR, term, "TXT %.*s: %s", STR_ARG(domain),
			dns_status_name(answer.status));
		return SPF_TEMPERROR;
	}
	enum spf_result selected = select_record(&answer, &text);
	if (selected == SPF_PERMERROR)
		spf_stop(c, SPF_PERMERROR, term, "%.*s has several SPF records", STR_ARG(domain));
	if (selected != SPF_PASS)
		return selected;
	if (text.n > SPF_RECORD_MAX) {
		spf_stop(c, SPF_PERMERROR, term, "the record of %.*s is too long", STR_ARG(domain));
		return SPF_PERMERROR;
	}
	f->domain = domain;
	f->record.text = arena_str(&c->work, text);
	return SPF_PASS;
}

/* Makes the record of a domain the top frame; `instead` of the one that is there, or above it. */
static enum spf_result enter(struct spf_check *c, str domain, str term, bool instead)
{
	struct spf_frame *f = arena_new(&c->work, struct spf_frame);
	enum spf_result result = fetch(c, domain, term, f);
	if (result != SPF_PASS)
		return result;
	if (!c->out->record.n)
		c->out->record = spf_shown(c, f->record.text, SHOWN_RECORD);
	f->up = instead ? c->top->up : c->top;
	if (instead)
		f->cover = c->top->cover;
	else
		f->cover.term = STR_EMPTY;
	c->top = f;
	str wrong_term;
	const char *wrong = spf_record_parse(f->record.text, &f->record, &wrong_term);
	if (wrong) {
		spf_stop(c, SPF_PERMERROR, wrong_term, "%s", wrong);
		return SPF_PERMERROR;
	}
	f->rest = f->record.terms;
	spf_step(c, domain, f->record.text, "its record");
	return SPF_PASS;
}

/* An include or a redirect must lead to a record (§5.2, §6.1). */
static enum spf_match follow(struct spf_check *c, str spec, str term, bool instead)
{
	str target = spf_target(c, spec);
	switch (enter(c, target, term, instead)) {
	case SPF_PASS:
		return SPF_ENTER;
	case SPF_NONE:
		return spf_stop(c, SPF_PERMERROR, term, "%.*s has no SPF record", STR_ARG(target));
	default:
		return SPF_STOP;
	}
}

static enum spf_match redirect(struct spf_check *c)
{
	str spec = c->top->record.redirect;
	struct spf_term term = { .kind = SPF_TERM_REDIRECT,
		.domain = spec,
		.text = arena_join(&c->work, STR("redirect="), spec) };
	if (spf_count_term(c, &term) == SPF_STOP)
		return SPF_STOP;
	return follow(c, spec, term.text, true);
}

static void remember(struct spf_check *c, str term)
{
	c->out->mechanism = spf_shown(c, term, SHOWN_TERM);
	c->out->mechanism_domain = spf_shown(c, c->top->domain, DNS_NAME_MAX);
}

/* The top record is done; what that means for the one that includes it. True: the term with the
 * include matches. */
static bool leave(struct spf_check *c, enum spf_result result)
{
	struct spf_frame *done = c->top, *f = done->up;
	spf_cover_rest(c, done);
	c->top = f;
	bool pass = result == SPF_PASS;
	spf_step(c, f->domain, f->include.text, "%s there: %s", spf_result_name(result),
		pass ? "match" : "no match");
	spf_cover_include(&f->cover, &done->cover, f->include.result == SPF_PASS, f->include.text);
	return pass;
}

/* A term of the top record matched, or none did: goes down through the includes that this decides.
 * True: the check has its result. */
static bool conclude(struct spf_check *c, enum spf_result result)
{
	while (c->top->up) {
		if (!leave(c, result))
			return false;
		result = c->top->include.result;
	}
	c->out->result = result;
	return true;
}

/* The next thing in the top record. True: the check has its result. */
static bool advance(struct spf_check *c)
{
	struct spf_frame *f = c->top;
	struct spf_term term;
	if (!spf_term_next(&f->rest, &term)) {
		if (f->record.redirect.n)
			return redirect(c) == SPF_STOP;
		remember(c, STR("default"));
		spf_step(c, f->domain, STR_EMPTY, "no term matches: neutral");
		return conclude(c, SPF_NEUTRAL);
	}
	if (term.kind >= SPF_TERM_REDIRECT)
		return false;
	switch (spf_match(c, &term)) {
	case SPF_MATCH:
		remember(c, term.text);
		return conclude(c, term.result);
	case SPF_NO_MATCH:
		return false;
	case SPF_ENTER:
		f->include = term;
		return follow(c, term.domain, term.text, false) == SPF_STOP;
	case SPF_STOP:
		break;
	}
	return true;
}

static void judge_worth(struct spf_check *c)
{
	struct spf_frame *f = c->top;
	spf_cover_rest(c, f);
	f->record.redirect = STR_EMPTY; /* nothing is to come from it */
	c->out->worthless = f->cover.term.n > 0;
	c->out->worthless_term = spf_shown(c, f->cover.term, SHOWN_TERM);
}

void spf_evaluate(struct spf_check *c)
{
	enum spf_result first = enter(c, c->macros.origin, STR_EMPTY, false);
	if (first == SPF_NONE)
		spf_step(c, c->out->domain, STR_EMPTY, "no SPF record");
	if (first != SPF_PASS)
		return;
	while (!advance(c))
		;
	if (c->out->result != SPF_TEMPERROR && c->out->result != SPF_PERMERROR)
		judge_worth(c);
	else
		c->out->mechanism = c->out->mechanism_domain = STR_EMPTY;
}
