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

static void add(struct findings *f, struct finding found, str evidence)
{
	if (found.mode == CONFIG_MODE_OFF || f->n == FINDINGS_MAX)
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

static double weight(const struct finding *f)
{
	return f->mode == CONFIG_MODE_OBSERVE ? 0 : f->score;
}

double findings_score(const struct findings *f)
{
	double sum = 0;
	for (size_t i = 0; i < f->n; i++)
		sum += weight(&f->list[i]);
	return sum;
}

static double heaviness(const struct finding *f)
{
	double w = weight(f);
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
