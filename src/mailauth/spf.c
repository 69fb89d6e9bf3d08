#include "mailauth/domain.h"
#include "mailauth/spf_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SHOWN_DOMAIN = DNS_NAME_MAX,
	SHOWN_RECORD = 4096,
	SHOWN_TERM = 160,
	SHOWN_WHAT = 500,
};

const char *spf_result_name(enum spf_result result)
{
	static const char *const names[] = { "none", "neutral", "pass", "fail", "softfail",
		"temperror", "permerror" };
	return names[result];
}

str spf_shown(struct spf_check *c, str s, size_t max)
{
	s = str_first(s, max);
	char *out = arena_alloc(c->a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		out[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?';
	return str_from(out, s.n);
}

static PRINTF(2, 0) str shown_format(struct spf_check *c, const char *format, va_list args)
{
	char text[SHOWN_WHAT];
	int n = vsnprintf(text, sizeof text, format, args);
	ASSERT(n >= 0);
	return spf_shown(c, str_from(text, MIN((size_t)n, sizeof text - 1)), sizeof text);
}

void spf_step(struct spf_check *c, str domain, str term, const char *format, ...)
{
	if (c->out->step_count == SPF_STEPS_MAX)
		return;
	va_list args;
	va_start(args, format);
	c->steps[c->out->step_count++] = (struct spf_step){
		.domain = spf_shown(c, domain, SHOWN_DOMAIN),
		.term = spf_shown(c, term, SHOWN_TERM),
		.what = shown_format(c, format, args),
	};
	va_end(args);
}

enum spf_match spf_stop(
	struct spf_check *c, enum spf_result result, str term, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	str what = shown_format(c, format, args);
	va_end(args);
	str domain = c->top ? c->top->domain : c->out->domain;
	spf_step(c, domain, term, "%s: %.*s", spf_result_name(result), STR_ARG(what));
	term = spf_shown(c, term, SHOWN_TERM);
	str problem =
		arena_printf(c->a, "%.*s: %.*s%s%.*s", STR_ARG(str_first(domain, SHOWN_DOMAIN)),
			STR_ARG(term), term.n ? ": " : "", STR_ARG(what));
	c->out->problem = spf_shown(c, problem, problem.n);
	c->out->result = result;
	return SPF_STOP;
}

static bool is_late(const struct spf_check *c)
{
	return c->dns->now && c->dns->now(c->dns->context) > c->deadline;
}

void spf_ask(
	struct spf_check *c, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	*out = (struct dns_answer){ .status = DNS_NXDOMAIN, .why = STR_EMPTY };
	if (!dns_name_is_askable(name))
		return;
	if (is_late(c)) {
		out->status = DNS_TEMPORARY;
		out->why = STR("the check takes too long");
		return;
	}
	c->out->questions++;
	dns_lookup(c->dns, type, name, a, out);
}

/* The domain as A-labels, without a final dot; empty if it is no domain of two labels or more. */
static str policy_domain(struct spf_check *c, str domain)
{
	char room[DOMAIN_NAME_MAX + 2];
	if (!domain_alabels(domain, room, &domain) || !dns_name_is_askable(domain) ||
		str_find_char(domain, '.') < 0 || domain.p[0] == '[')
		return STR_EMPTY;
	return arena_str(&c->work, domain);
}

/* Sets the sender's parts (§2.4, §4.3). The local part of a sender without one is "postmaster". */
static void identify(struct spf_check *c)
{
	const struct spf_query *q = c->query;
	bool helo = q->identity == SPF_HELO || !q->sender.n;
	ptrdiff_t at = helo ? -1 : str_find_last_char(q->sender, '@');
	str domain = helo ? q->helo : str_skip(q->sender, (size_t)(at + 1));
	c->macros = (struct spf_macros){
		.local = at > 0 ? str_first(q->sender, (size_t)at) : STR("postmaster"),
		.origin = policy_domain(c, domain),
		.validated = STR_EMPTY,
		.helo = q->helo,
		.receiver = q->receiver,
		.ip = q->client,
		.time = q->time,
	};
	str shown = c->macros.origin.n ? c->macros.origin : domain;
	c->out->domain = spf_shown(c, shown, SHOWN_DOMAIN);
	c->out->identity = helo ? SPF_HELO : SPF_MAILFROM;
}

/* What exp= says. Whatever goes wrong here, there is no explanation (§6.2). */
static str explain(struct spf_check *c)
{
	struct dns_answer answer;
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(SPF_ANSWER_MAX);
	spf_ask(c, DNS_TYPE_TXT, spf_target(c, c->top->record.exp), &scratch, &answer);
	if (answer.status != DNS_FOUND || answer.n != 1)
		return STR_EMPTY;
	str text = answer.records[0].text;
	if (text.n > SPF_RECORD_MAX || spf_macro_check(text, SPF_MACRO_EXPLANATION))
		return STR_EMPTY;
	c->last_question_asked = true;
	/* The names of the client are looked up as the text needs them. */
	if (spf_macro_uses(text, STR("p")))
		(void)spf_target(c, STR("%{p}"));
	return spf_macro_explanation(text, &c->macros, c->a);
}

void spf_check(const struct dns *dns, const struct spf_query *query, struct arena *a,
	struct spf_outcome *out)
{
	*out = (struct spf_outcome){ .result = SPF_NONE,
		.domain = STR_EMPTY,
		.record = STR_EMPTY,
		.mechanism = STR_EMPTY,
		.mechanism_domain = STR_EMPTY,
		.explanation = STR_EMPTY,
		.problem = STR_EMPTY,
		.worthless_term = STR_EMPTY };
	struct spf_check *c = calloc(1, sizeof *c);
	ASSERT(c != NULL);
	c->dns = dns;
	c->query = query;
	c->a = a;
	c->work = ARENA_INIT(SPF_WORK_MAX);
	c->out = out;
	c->deadline = dns->now ? dns->now(dns->context) + INT64_C(1000000000) * SPF_SECONDS_MAX
			       : INT64_MAX;
	out->steps = c->steps = arena_array(a, struct spf_step, SPF_STEPS_MAX);
	identify(c);
	if (c->macros.origin.n)
		spf_evaluate(c);
	else
		spf_step(c, out->domain, STR_EMPTY, "no domain that can have a record");
	if (out->result == SPF_FAIL && c->top->record.exp.n)
		out->explanation = explain(c);
	arena_done(&c->work);
	free(c);
}
