/*
 * config_groups.h: keys whose value is a list of groups; for config*.c only.
 */
#pragma once

#include "base/config_table.h"

#include <libconfig.h>

struct config_parse {
	struct config *config;
	struct arena *arena;
	struct buf *problems;  /* one a line; so many as are shown */
	size_t *problem_count; /* of all */
};

/* Notes what is wrong; line 0: nowhere in particular. */
void config_problem(struct config_parse *p, unsigned line, const char *format, ...) PRINTF(3, 4);

/* The value of one key, into p->config. */
void config_read_key(
	struct config_parse *p, const struct config_key *key, config_setting_t *setting);
/* The same for a key with config_type_is_groups(). All others were read before. */
void config_read_groups(
	struct config_parse *p, const struct config_key *key, config_setting_t *setting);

/* filter.lists (config_lists.c); the setting is a list of groups. */
void config_read_lists(struct config_parse *p, config_setting_t *setting, struct config_lists *out);

/* For what stands in a group. The place of a name, or count; notes that a name is unknown; the
 * same for each member whose name is not among these. */
size_t config_index_of(const char *const *names, size_t count, str name);
void config_unknown_name(struct config_parse *p, unsigned line, const char *what, str written,
	const char *const *names, size_t count);
void config_find_unknown(struct config_parse *p, config_setting_t *group, const char *what,
	const char *const *names, size_t count);
/* A number, whole or not, without quotes. */
bool config_number(config_setting_t *s, double *out);
