/*
 * config_lists.h: lists in the DNS (RFC 5782) as the configuration has them: filter.lists. Those of
 * rules/lists.def can be taken by name and changed.
 */
#pragma once

#include "base/buf.h"

/* What is looked up there: bits. */
enum config_list_kind {
	CONFIG_LIST_IPV4 = 1 << 0,
	CONFIG_LIST_IPV6 = 1 << 1,
	CONFIG_LIST_DOMAIN = 1 << 2, /* the registered domain of a name */
	CONFIG_LIST_HOST = 1 << 3,   /* the name as it stands */
	CONFIG_LIST_HASH = 1 << 4,   /* of a mail address */
};

/* Of which parts of a message: bits. */
enum config_list_of {
	CONFIG_OF_CLIENT = 1 << 0,
	CONFIG_OF_RECEIVED = 1 << 1,
	CONFIG_OF_HELO = 1 << 2,
	CONFIG_OF_RDNS = 1 << 3, /* the client's name, where it leads back to the client */
	CONFIG_OF_SENDER = 1 << 4,
	CONFIG_OF_FROM = 1 << 5,
	CONFIG_OF_REPLY_TO = 1 << 6,
	CONFIG_OF_URI = 1 << 7,
	CONFIG_OF_DKIM = 1 << 8, /* domains of valid signatures */
	CONFIG_OF_COUNT = 9,
	/* What nobody else can write there: what an allow list can be asked about. */
	CONFIG_OF_PROVEN = CONFIG_OF_CLIENT | CONFIG_OF_RDNS | CONFIG_OF_DKIM,
};

enum config_list_hash {
	CONFIG_HASH_MD5,
	CONFIG_HASH_SHA1,
	CONFIG_HASH_SHA256,
	CONFIG_HASH_SHA256_BASE32,
};

/* What answers mean: those with each octet in its range and all bits of the mask. */
struct config_list_reply {
	str name; /* of the finding, behind that of the list; empty: that alone */
	unsigned char low[4], high[4];
	uint32_t mask; /* of the answer as a number */
	double score, received_score;
	bool decisive; /* the score may reach filter.junk_at by itself */
	bool refusal;  /* no listing: the list refuses our questions */
	str text;
	unsigned line; /* of the file, where its score stands, or its list */
};

struct config_list {
	str name;
	str zone;   /* as people see it */
	str suffix; /* as it is asked: with the key, which is secret, before the zone */
	str key;
	unsigned kinds, of;
	enum config_list_hash hash;
	str listed, unlisted; /* names to see whether it works; empty: those of RFC 5782 */
	unsigned max_received;
	const struct config_list_reply *replies;
	size_t reply_count;
	unsigned line; /* of the file */
};

struct config_lists {
	const struct config_list *items;
	size_t n;
};

enum {
	CONFIG_LISTS_MAX = 32,
	CONFIG_LIST_REPLIES_MAX = 32,
	CONFIG_LIST_NAME_MAX = 20,
	CONFIG_LIST_RECEIVED_MAX = 10,
};

/* "client", "received", …: the name of one bit. */
const char *config_list_of_name(enum config_list_of of);

/* Whether a list that is known by name gives its findings such a name ("ZEN_SBL"); what to `use`
 * then, and the name of the reply. */
bool config_list_gives(str name, str *out_use, str *out_reply);

/* Those known by name, as comments of the sample; the section of the manual page. */
void config_lists_write_sample(struct buf *out);
void config_lists_write_manual(struct buf *out);
