/*
 * config_groups.h: keys whose value is a list of groups; for config*.c only.
 */
#pragma once

#include "base/config_table.h"

#include <libconfig.h>

struct config_parse {
	struct config *config;
	struct arena *arena;
	struct buf *problems; /* one a line */
};

/* Notes what is wrong; line 0: nowhere in particular. */
void config_problem(struct config_parse *p, unsigned line, const char *format, ...) PRINTF(3, 4);

/* The value of one key, into p->config. */
void config_read_key(
	struct config_parse *p, const struct config_key *key, config_setting_t *setting);
/* The same for a key with config_type_is_groups(). All others were read before. */
void config_read_groups(
	struct config_parse *p, const struct config_key *key, config_setting_t *setting);
