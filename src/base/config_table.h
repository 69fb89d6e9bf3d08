/*
 * config_table.h: the rows of config.def, and how one value is read; for config*.c only.
 */
#pragma once

#include "base/arena.h"
#include "base/config.h"

enum config_type {
	CONFIG_HOSTNAME,
	CONFIG_STRING,
	CONFIG_DIRECTORY,
	CONFIG_FILE,
	CONFIG_BOOL,
	CONFIG_INT,
	CONFIG_SIZE,
	CONFIG_DURATION,
	CONFIG_CHOICE,
	CONFIG_ENDPOINTS,
	CONFIG_PEERS,
	CONFIG_NETWORKS,
	CONFIG_NUMBER,
	CONFIG_NAMES,
	CONFIG_FINDINGS,
	CONFIG_DOMAINS,
	CONFIG_LISTS,
	CONFIG_SERVERS,
	CONFIG_RECORDS,
	CONFIG_ZONES,
};

struct config_key {
	const char *section; /* NULL: stands at the top */
	const char *name;    /* NULL: this row begins the section */
	enum config_type type;
	const char *value; /* default */
	const char *range;
	const char *doc;
	size_t offset; /* in struct config */
	bool policy;   /* can stand in domains = ( … ), too */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* NULL where there is none; section NULL is the top. */
const struct config_key *config_key_find(const char *section, str name);
const struct config_key *config_section_find(str name);

/* Room for "section.name". */
enum { CONFIG_PATH_SIZE = 64 };
const char *config_key_path(const struct config_key *key, char out[static CONFIG_PATH_SIZE]);

/* Appends what may have been meant by an unknown name: the nearest name there, the section where
 * that name exists, or the list of what is known. */
void config_suggest(struct buf *out, const char *section, str written);

/* As is known of what may stand in a group of a list: the nearest of these names, or all of them.
 */
void config_suggest_of(struct buf *out, const char *const *names, size_t count, str written);

/* True for the types whose value in the file is a list of groups: config_groups.h. */
bool config_type_is_groups(enum config_type type);
/* True for the types whose value in the file is a list: of strings, or of groups. */
bool config_type_is_list(enum config_type type);
/* True for the types whose value stands without quotes. */
bool config_type_is_bare(enum config_type type);
/* True for a HOSTNAME without default. */
bool config_key_is_required(const struct config_key *key);

/* A value as text: a default, or what stands in the file. */
enum { CONFIG_LIST_MAX = 256 };
struct config_value {
	const str *items; /* one, save for lists */
	size_t n;
};

/* Writes the value into its field of *config; memory comes from the arena. Rows are set in their
 * order, as relative paths need data_dir. -EINVAL with what is wrong in err. */
int config_value_set(const struct config_key *key, const struct config_value *value,
	struct config *config, struct arena *arena, struct err *err) MUST_USE;
int config_default_set(const struct config_key *key, struct config *config, struct arena *arena,
	struct err *err) MUST_USE;
/* The name of a domain, in lower case, into the arena. */
int config_domain_set(str s, str *out, struct arena *arena, struct err *err) MUST_USE;
