/*
 * finding.h: what the filter can find, and what it did find in one message.
 *
 * A finding is a name, a score, its evidence and its source. Names, default scores and modes stand
 * in rules/findings.def; the configuration can change them (filter.findings).
 */
#pragma once

#include "base/arena.h"
#include "base/config.h"

#define FINDING(name, mode, alone, network, learned, both, decisive, text) FINDING_##name,
enum finding_name {
#include "rules/findings.def"
	FINDING_COUNT
};
#undef FINDING

/* What else is known about a message: bits, and the index of the score that counts. */
enum evidence { EVIDENCE_NETWORK = 1, EVIDENCE_LEARNED = 2, EVIDENCE_KINDS = 4 };

struct finding_info {
	const char *name;
	enum config_mode mode;
	double scores[EVIDENCE_KINDS];
	bool decisive; /* may reach filter.junk_at by itself */
	const char *text;
};
extern const struct finding_info finding_infos[FINDING_COUNT];

enum { FINDINGS_MAX = 128, FINDING_EVIDENCE_MAX = 500 };

struct finding {
	enum finding_name name;
	str label; /* its own name where it has one (of a list); else empty */
	double score;
	bool fixed;            /* the score is the configuration's */
	bool absent;           /* left out for a moment, to see what would be without it */
	bool pivotal;          /* one of the fewest without which something else would be done */
	enum config_mode mode; /* never CONFIG_MODE_OFF */
	str evidence;
	const char *source; /* the check */
};

struct findings {
	struct arena *arena;
	const struct config_findings *overrides;
	unsigned evidence;  /* enum evidence; until findings_weigh(): the network's */
	const char *source; /* of what is added next */
	struct finding *list;
	size_t n;
};

void findings_init(
	struct findings *f, const struct config_findings *overrides, struct arena *arena);

/* A finding stands and counts once: what is found again only adds to its evidence. Nothing where
 * its mode is off, or with FINDINGS_MAX of them. Evidence is cut at FINDING_EVIDENCE_MAX, and
 * copied. */
void finding_add(struct findings *f, enum finding_name name, str evidence);

/* The same with a name and a score of its own, from the configuration. Slices have to stay. */
void finding_add_labelled(
	struct findings *f, enum finding_name name, str label, double score, str evidence);

/* The mode that the configuration gives it. */
enum config_mode finding_mode(const struct config_findings *overrides, enum finding_name name);

/* The name that people see. */
str finding_label(const struct finding *f);

/* Scores are those for this evidence from now on. */
void findings_weigh(struct findings *f, unsigned evidence);

/* Those of that name are not counted any more, for this reason. */
void finding_waive(struct findings *f, enum finding_name name, const char *why);

bool finding_has(const struct findings *f, enum finding_name name);

/* What those that count add up to; each is rounded to hundredths. */
double findings_score(const struct findings *f);

/* The least that they can still add up to, whatever else is found and known; lists in the DNS may
 * speak for the message with `listed`, which is no more than 0. Lists of our own are known by then.
 */
double findings_least(const struct findings *f, double listed);

/* Whether one of that name is left out. */
bool finding_is_absent(const struct findings *f, enum finding_name name);

/* What it adds to the score. */
double finding_weight(const struct finding *f);

/* "DMARC_REJECT 4.00, SPF_FAIL 1.50": those that weigh most, at most `max`, heaviest first. */
str findings_main(const struct findings *f, size_t max, struct arena *a);

/* The names of all, as people see them, each once; how many. With copies in `a`. */
size_t findings_names(const struct findings *f, struct arena *a, const str **out);
