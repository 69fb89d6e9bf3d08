/*
 * log.h: one line an event, as key=value fields or JSON.
 *
 * A struct log carries fields that stand in each of its lines (role, session, message id) and
 * points to a parent whose fields come first; there is no global logger. Values are escaped, so a
 * peer cannot forge a line or a field. Never log a secret: passwords, keys, AUTH exchanges.
 *
 * Text form, as journald and people read it:  <6>accepted role=smtpd id=7K2M9QXA size=4096
 * (the <n> priority only where standard error is the journal). Writing may block on a full pipe.
 */
#pragma once

#include "base/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_field {
	const char *key;
	bool is_number;
	int64_t number;
	str text;
};

#define F_STR(k, s) ((struct log_field){ .key = (k), .text = (s) })
#define F_Z(k, z) ((struct log_field){ .key = (k), .text = str_from_z(z) })
#define F_INT(k, i) ((struct log_field){ .key = (k), .is_number = true, .number = (int64_t)(i) })

struct log_sink {
	int fd;
	bool json;
	bool priorities;      /* prefix "<n>" for the journal */
	enum log_level level; /* lines above this are dropped */
};

struct log {
	const struct log *parent;
	const struct log_sink *sink; /* of the root; children leave it NULL */
	const struct log_field *fields;
	size_t field_count;
};

void log_write(const struct log *log, enum log_level level, const char *event,
	const struct log_field *fields, size_t count);

#define LOG_FIELDS_(...)                                                                           \
	(const struct log_field[])                                                                 \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define LOG_AT_(log, level, event, ...)                                                            \
	log_write((log), (level), (event), LOG_FIELDS_(__VA_ARGS__),                               \
		sizeof(LOG_FIELDS_(__VA_ARGS__)) / sizeof(struct log_field))
/* log_info(log, "accepted", F_STR("id", id), F_INT("size", n)): at least one field. */
#define log_error(log, event, ...) LOG_AT_(log, LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warning(log, event, ...) LOG_AT_(log, LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_info(log, event, ...) LOG_AT_(log, LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(log, event, ...) LOG_AT_(log, LOG_LEVEL_DEBUG, event, __VA_ARGS__)
