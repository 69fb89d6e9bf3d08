#include "filter/finding.h"

#define NO false
#define DECISIVE true
#define FINDING(name, mode, score, decisive, text)                                                 \
	{ #name, CONFIG_MODE_##mode, score, decisive, text },
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
		.source = "",
		.list = arena_array(arena, struct finding, FINDINGS_MAX) };
}

void finding_add(struct findings *f, enum finding_name name, str evidence)
{
	const struct finding_info *info = &finding_infos[name];
	struct finding found = { name, info->score, info->mode, STR_EMPTY, f->source };
	for (size_t i = 0; i < f->overrides->n; i++) {
		const struct config_finding *own = &f->overrides->items[i];
		if (own->index != (unsigned)name)
			continue;
		found.score = own->has_score ? own->score : found.score;
		found.mode = own->has_mode ? own->mode : found.mode;
	}
	if (found.mode == CONFIG_MODE_OFF || f->n == FINDINGS_MAX)
		return;
	evidence = str_first(evidence, FINDING_EVIDENCE_MAX);
	found.evidence = evidence.n ? arena_str(f->arena, evidence) : STR_EMPTY;
	f->list[f->n++] = found;
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
		buf_printf(&text, "%s%s %.2f", n ? ", " : "", finding_infos[best->name].name,
			best->score);
	}
	return text.n ? arena_str(a, buf_str(&text)) : STR_EMPTY;
}
