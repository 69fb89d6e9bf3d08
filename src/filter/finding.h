/*
 * finding.h: what the filter can find, and what it did find in one message.
 *
 * A finding is a name, a score, its evidence and its source. Names, default scores and modes stand
 * in rules/findings.def; the configuration can change them (filter.findings).
 */
#pragma once

#include "base/arena.h"
#include "base/config.h"

#define FINDING(name, mode, score, decisive, text) FINDING_##name,
enum finding_name {
#include "rules/findings.def"
	FINDING_COUNT
};
#undef FINDING

struct finding_info {
	const char *name;
	enum config_mode mode;
	double score;
	bool decisive; /* may reach filter.junk_at by itself */
	const char *text;
};
extern const struct finding_info finding_infos[FINDING_COUNT];

enum { FINDINGS_MAX = 128, FINDING_EVIDENCE_MAX = 500 };

struct finding {
	enum finding_name name;
	double score;
	enum config_mode mode; /* never CONFIG_MODE_OFF */
	str evidence;
	const char *source; /* the check */
};

struct findings {
	struct arena *arena;
	const struct config_findings *overrides;
	const char *source; /* of what is added next */
	struct finding *list;
	size_t n;
};

void findings_init(
	struct findings *f, const struct config_findings *overrides, struct arena *arena);

/* Nothing where its mode is off, or with FINDINGS_MAX of them. Evidence is cut at
 * FINDING_EVIDENCE_MAX, and copied. */
void finding_add(struct findings *f, enum finding_name name, str evidence);

/* Those of that name are not counted any more, for this reason. */
void finding_waive(struct findings *f, enum finding_name name, const char *why);

bool finding_has(const struct findings *f, enum finding_name name);

/* What those that count add up to. */
double findings_score(const struct findings *f);

/* "DMARC_REJECT 4.00, SPF_FAIL 1.50": those that weigh most, at most `max`, heaviest first. */
str findings_main(const struct findings *f, size_t max, struct arena *a);
