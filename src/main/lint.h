/*
 * lint.h: what a configuration may say, and hardly means: scores that decide alone, scores of what
 * is never found, thresholds in the wrong order, extensions that no name has, lists that never
 * match. Names that are not known are errors of the configuration itself.
 */
#pragma once

#include "base/config.h"
#include "main/stats_findings.h"

/* A sentence, with the line that it is about; 0: none in particular. */
typedef void lint_fn(void *arg, unsigned line, str text);

void lint_config(const struct config *config, lint_fn *report, void *arg);

/* The same of what was counted in so many days. */
enum { LINT_DAYS = 30, LINT_MESSAGES = 500 /* fewer say nothing */ };
void lint_counts(
	const struct config *config, const struct stats_findings *all, lint_fn *report, void *arg);
