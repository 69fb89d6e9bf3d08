#include "filter/finding.h"

#define NO false
#define DECISIVE true
#define FINDING(name, mode, alone, network, learned, both, decisive, text)                         \
	{ #name, CONFIG_MODE_##mode, { alone, network, learned, both }, decisive, text },
const struct finding_info finding_infos[FINDING_COUNT] = {
#include "rules/findings.def"
};
#undef FINDING
#undef NO
#undef DECISIVE

void findings_init(struct findings *f, const struct config_findings *overrides, struct arena *arena)
{
	*f = (struct findings){ .arena = arena,
		.overrides = overrides,
		.evidence = EVIDENCE_NETWORK,
		.source = "",
		.list = arena_array(arena, struct finding, FINDINGS_MAX) };
}

double finding_weight(const struct finding *f)
{
	return f->mode == CONFIG_MODE_OBSERVE || f->absent ? 0 : f->score;
}

/* What was found before and weighs something: what speaks for it now is added to its evidence. */
static bool add_evidence(struct findings *f, const struct finding *found, str evidence)
{
	for (size_t i = 0; i < f->n; i++) {
		struct finding *known = &f->list[i];
		if (known->name != found->name || !str_equal(known->label, found->label) ||
			finding_weight(known) == 0)
			continue;
		size_t room =
			FINDING_EVIDENCE_MAX - MIN(known->evidence.n, (size_t)FINDING_EVIDENCE_MAX);
		if (evidence.n && evidence.n + 2 <= room)
			known->evidence =
				arena_printf(f->arena, "%.*s%s%.*s", STR_ARG(known->evidence),
					known->evidence.n ? "; " : "", STR_ARG(evidence));
		return true;
	}
	return false;
}

static void add(struct findings *f, struct finding found, str evidence)
{
	if (found.mode == CONFIG_MODE_OFF || add_evidence(f, &found, evidence) ||
		f->n == FINDINGS_MAX)
		return;
	evidence = str_first(evidence, FINDING_EVIDENCE_MAX);
	found.evidence = evidence.n ? arena_str(f->arena, evidence) : STR_EMPTY;
	found.source = f->source;
	f->list[f->n++] = found;
}

static struct finding as_configured(const struct findings *f, enum finding_name name)
{
	const struct finding_info *info = &finding_infos[name];
	struct finding found = { .name = name,
		.label = STR_EMPTY,
		.score = info->scores[f->evidence],
		.mode = info->mode };
	for (size_t i = 0; i < f->overrides->n; i++) {
		const struct config_finding *own = &f->overrides->items[i];
		if (own->index != (unsigned)name)
			continue;
		found.fixed = own->has_score;
		found.score = own->has_score ? own->score : found.score;
		found.mode = own->has_mode ? own->mode : found.mode;
	}
	return found;
}

void finding_add(struct findings *f, enum finding_name name, str evidence)
{
	add(f, as_configured(f, name), evidence);
}

void finding_add_labelled(
	struct findings *f, enum finding_name name, str label, double score, str evidence)
{
	struct finding found = as_configured(f, name);
	found.label = label;
	found.score = score;
	found.fixed = true;
	add(f, found, evidence);
}

enum config_mode finding_mode(const struct config_findings *overrides, enum finding_name name)
{
	const struct findings f = { .overrides = overrides };
	return as_configured(&f, name).mode;
}

str finding_label(const struct finding *f)
{
	return f->label.n ? f->label : str_from_z(finding_infos[f->name].name);
}

void findings_weigh(struct findings *f, unsigned evidence)
{
	f->evidence = evidence;
	for (size_t i = 0; i < f->n; i++)
		if (!f->list[i].fixed)
			f->list[i].score = finding_infos[f->list[i].name].scores[evidence];
}

void finding_waive(struct findings *f, enum finding_name name, const char *why)
{
	for (size_t i = 0; i < f->n; i++) {
		struct finding *found = &f->list[i];
		if (found->name != name || found->mode == CONFIG_MODE_OBSERVE)
			continue;
		found->mode = CONFIG_MODE_OBSERVE;
		found->evidence = arena_printf(f->arena, "%.*s%snot counted: %s",
			STR_ARG(found->evidence), found->evidence.n ? "; " : "", why);
	}
}

bool finding_has(const struct findings *f, enum finding_name name)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].name == name)
			return true;
	return false;
}

bool finding_is_absent(const struct findings *f, enum finding_name name)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].name == name && f->list[i].absent)
			return true;
	return false;
}

/* In whole hundredths, as people are told: binary fractions would make 4.9999999999999991 of what
 * adds up to 5.00, and that is less than a threshold of 5. */
double findings_score(const struct findings *f)
{
	int64_t hundredths = 0;
	for (size_t i = 0; i < f->n; i++) {
		double w = finding_weight(&f->list[i]);
		hundredths += (int64_t)(w * 100 + (w < 0 ? -0.5 : 0.5));
	}
	return (double)hundredths / 100;
}

/* Of the scores that it can come to have. */
static double lowest(const struct finding *f)
{
	const double *scores = finding_infos[f->name].scores;
	double least = f->score;
	for (size_t i = 0; i < EVIDENCE_KINDS && !f->fixed; i++)
		least = MIN(least, scores[i]);
	return f->mode == CONFIG_MODE_OBSERVE || f->mode == CONFIG_MODE_OFF ? 0 : least;
}

static bool is_of_our_lists(enum finding_name name)
{
	return name == FINDING_LOCAL_ALLOW_IP || name == FINDING_LOCAL_ALLOW_ADDRESS ||
	       name == FINDING_LOCAL_ALLOW_DOMAIN;
}

double findings_least(const struct findings *f, double listed)
{
	double sum = listed;
	for (size_t i = 0; i < f->n; i++)
		sum += lowest(&f->list[i]);
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		enum finding_name name = (enum finding_name)i;
		struct finding possible = as_configured(f, name);
		if (!is_of_our_lists(name) && !finding_has(f, name))
			sum += MIN(lowest(&possible), 0.0);
	}
	return sum;
}

static double heaviness(const struct finding *f)
{
	double w = finding_weight(f);
	return w < 0 ? -w : w;
}

str findings_main(const struct findings *f, size_t max, struct arena *a)
{
	bool told[FINDINGS_MAX] = { false };
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
	for (size_t n = 0; n < max; n++) {
		const struct finding *best = NULL;
		for (size_t i = 0; i < f->n; i++)
			if (!told[i] && heaviness(&f->list[i]) > (best ? heaviness(best) : 0))
				best = &f->list[i];
		if (!best)
			break;
		told[best - f->list] = true;
		buf_printf(&text, "%s%.*s %.2f", n ? ", " : "", STR_ARG(finding_label(best)),
			best->score);
	}
	return text.n ? arena_str(a, buf_str(&text)) : STR_EMPTY;
}

size_t findings_names(const struct findings *f, struct arena *a, const str **out)
{
	str *names = arena_array(a, str, f->n + 1);
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		str name = finding_label(&f->list[i]);
		size_t k = 0;
		while (k < n && !str_equal(names[k], name))
			k++;
		if (k == n)
			names[n++] = arena_str(a, name);
	}
	*out = names;
	return n;
}
