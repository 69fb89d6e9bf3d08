/*
 * config.h: the configuration, as an immutable snapshot.
 *
 * The file is in libconfig's syntax, without @include (a role gets the text from the supervisor
 * and opens no files). All keys, with defaults and documentation, stand in config.def; the fields
 * of struct config are named as the keys are: config->smtp.max_message_size.
 *
 * An error reads "postern.conf:12: what is wrong and what was meant". A configuration with an
 * error gives no snapshot at all.
 */
#pragma once

#include "base/buf.h"
#include "base/config_lists.h"
#include "base/dns_text.h"
#include "base/endpoint.h"
#include "base/err.h"
#include "base/ip.h"

struct config_owner;

/* Values of the keys of type CHOICE, in the order of their ranges in config.def. LOG_LEVEL_… in
 * log.h are those of log.level. */
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_TEXT, CONFIG_LOG_JSON };
enum config_bare_newline {
	CONFIG_BARE_NEWLINE_REFUSE,    /* the message, with a permanent error */
	CONFIG_BARE_NEWLINE_NORMALIZE, /* to CRLF */
	CONFIG_BARE_NEWLINE_REJECT,    /* the message, and the connection */
};
enum config_tls_minimum { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };

enum config_honour_dmarc { CONFIG_DMARC_REJECT, CONFIG_DMARC_JUNK, CONFIG_DMARC_SCORE };
enum config_spf_fail { CONFIG_SPF_FAIL_SCORE, CONFIG_SPF_FAIL_REJECT };
enum config_dns_failure { CONFIG_DNS_FAILURE_SCORE, CONFIG_DNS_FAILURE_TEMPFAIL };
enum config_infected {
	CONFIG_INFECTED_REJECT,
	CONFIG_INFECTED_JUNK,
	CONFIG_INFECTED_QUARANTINE,
};
enum config_unavailable {
	CONFIG_UNAVAILABLE_TAG,
	CONFIG_UNAVAILABLE_TEMPFAIL,
	CONFIG_UNAVAILABLE_ACCEPT,
};
enum config_organization { CONFIG_TREE_WALK, CONFIG_PUBLIC_SUFFIX };

/* How much a finding counts. */
enum config_mode {
	CONFIG_MODE_OFF,
	CONFIG_MODE_OBSERVE,
	CONFIG_MODE_SCORE,
	CONFIG_MODE_QUARANTINE,
	CONFIG_MODE_REJECT,
	CONFIG_MODE_COUNT,
};

/* What the configuration changes of one row of rules/findings.def. */
struct config_finding {
	unsigned index; /* of the row */
	bool has_score, has_mode;
	double score;
	enum config_mode mode;
	bool decisive; /* the score may reach filter.junk_at by itself */
	unsigned line; /* of the file, where it stands */
};

struct config_findings {
	const struct config_finding *items;
	size_t n;
};

/* Domains in lower case, without the final dot. */
struct config_names {
	const str *items;
	size_t n;
};

struct config_domains {
	const struct config_domain *items;
	size_t n;
};

#define CONFIG_FIELD_HOSTNAME str
#define CONFIG_FIELD_STRING str
#define CONFIG_FIELD_DIRECTORY str
#define CONFIG_FIELD_FILE str
#define CONFIG_FIELD_BOOL bool
#define CONFIG_FIELD_INT int64_t
#define CONFIG_FIELD_SIZE uint64_t
#define CONFIG_FIELD_DURATION int64_t
#define CONFIG_FIELD_CHOICE int
#define CONFIG_FIELD_ENDPOINTS struct endpoints
#define CONFIG_FIELD_PEERS struct endpoints
#define CONFIG_FIELD_NETWORKS struct ip_networks
#define CONFIG_FIELD_NUMBER double
#define CONFIG_FIELD_NAMES struct config_names
#define CONFIG_FIELD_FINDINGS struct config_findings
#define CONFIG_FIELD_DOMAINS struct config_domains
#define CONFIG_FIELD_LISTS struct config_lists
#define CONFIG_FIELD_SERVERS struct dns_servers
#define CONFIG_FIELD_RECORDS struct dns_records
#define CONFIG_FIELD_ZONES struct dns_zones

/* Each str is followed by a NUL, so .p is a C string. */
struct config {
	struct config_owner *owner; /* of all that is pointed to */
	str file;                   /* as the user named it, for messages */
	str text;                   /* what was parsed, to hand to roles */
	str base_dir;               /* absolute; of the file, where relative paths start */

#define CONFIG_TOP(type, name, value, range, doc) CONFIG_FIELD_##type name;
#define CONFIG_SECTION(section, doc) struct config_##section {
#define CONFIG_KEY(type, section, name, value, range, doc) CONFIG_FIELD_##type name;
#define CONFIG_POLICY(type, section, name, value, range, doc) CONFIG_FIELD_##type name;
/* clang-format off */
#define CONFIG_END(section) } section;
/* clang-format on */
#include "base/config.def"
#undef CONFIG_TOP
#undef CONFIG_SECTION
#undef CONFIG_KEY
#undef CONFIG_POLICY
#undef CONFIG_END
};

/* One of our domains that has rules of its own: those of the sections, with its own over them. */
struct config_domain {
	str name;
	struct config_auth auth;
	struct config_filter filter;
	struct config_antivirus antivirus;
};

/* The longest configuration file. */
enum { CONFIG_TEXT_MAX = 1024 * 1024 };

/* Reads and parses; the caller gets one reference. NULL, and in err the first of the errors. */
const struct config *config_load(const char *path, struct err *err) MUST_USE;

/* The same from memory. `file` is what messages call it, `directory` (absolute) where relative
 * paths start; both, and text, are copied. */
const struct config *config_parse(str text, str file, str directory, struct err *err) MUST_USE;

/* As config_load(), but the errors go to *problems, one a line: the first 50, and how many more
 * there are. A file that cannot be read is such an error too. */
const struct config *config_load_all(const char *path, struct buf *problems) MUST_USE;

/* A snapshot is freed with its last reference. Both may be called from any thread. */
const struct config *config_ref(const struct config *config);
void config_unref(const struct config *config); /* NULL is fine */

/* The rules for mail to that domain (any case): its own, or NULL: those of the sections hold. */
const struct config_domain *config_domain_find(const struct config *config, str domain);

/* The line of the file where this stands: "filter.junk_at", in the group of that domain or (empty)
 * outside of any. 0: it is not there. */
unsigned config_line(const struct config *config, str domain, const char *path);

/* Every key with its documentation and default, as a configuration file. */
void config_write_sample(struct buf *out);

/* The manual page postern.conf(5), in man(7) format. */
void config_write_manual(struct buf *out);
