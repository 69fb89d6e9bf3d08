/*
 * uri.h: URIs as people and programs write them in mail (RFC 3986, and what browsers make of worse:
 * WHATWG URL), taken apart so that what they lead to can be compared.
 *
 * Obfuscations are undone and noted. The host is an A-label in lower case where it is a name
 * (UTS #46), the canonical text where it is an address in any of the forms that browsers take.
 * Registered domains are left to others.
 *
 * Time is linear in the text's size. What is found is bounded by URI_MAX and by the arena; beyond,
 * `truncated` is set.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"

enum {
	URI_MAX = 2000,         /* in a set */
	URI_LENGTH_MAX = 16384, /* what of one is read */
	URI_HOST_MAX = 253,
	URI_NESTING_MAX = 3,
};

enum uri_where {
	URI_IN_TEXT,
	URI_IN_HIDDEN_TEXT,
	URI_IN_HEADER,
	URI_IN_LINK, /* a, area, meta refresh */
	URI_IN_FORM,
	URI_IN_IMAGE,
	URI_IN_OTHER, /* what else HTML loads or names */
	URI_IN_ATTACHMENT,
};

enum uri_flag {
	URI_HXXP = 1 << 0,      /* "hxxp", "h**p" */
	URI_DEFANGED = 1 << 1,  /* "[.]", "(dot)", " dot " */
	URI_INVISIBLE = 1 << 2, /* zero-width characters, soft hyphens */
	URI_FULLWIDTH = 1 << 3, /* full-width letters, ideographic dots */
	URI_BACKSLASH = 1 << 4,
	URI_SPACE = 1 << 5, /* tabs, line ends or spaces inside */
	URI_PERCENT_HOST = 1 << 6,
	URI_IPV4 = 1 << 7,
	URI_IPV4_ODD = 1 << 8, /* decimal, octal, hexadecimal or short */
	URI_IPV6 = 1 << 9,
	URI_PUNYCODE = 1 << 10, /* a label of the host is internationalised */
	URI_USERINFO = 1 << 11,
	URI_PORT = 1 << 12,      /* other than the scheme's own */
	URI_NO_SCHEME = 1 << 13, /* "www.example.com", "//example.com" */
	URI_NESTED = 1 << 14,    /* stood in another */
	URI_BAD_HOST = 1 << 15,  /* no name that DNS could have */
	URI_LONG = 1 << 16,      /* longer than URI_LENGTH_MAX */
};

struct uri {
	str scheme;    /* lower case; "http" where none stands; "mailto" for a bare address */
	str userinfo;  /* of a mailto, the local part */
	str host;      /* empty where there is none */
	uint16_t port; /* 0 where none stands */
	str path, query, fragment; /* percent-encoding undone */
	str raw;                   /* as found */
	uint32_t flags;
};

/* Reads one URI, such as a link's target. A relative one is joined with `base`, which may be empty.
 * False where there is no scheme and no host. Slices lie in the arena or in raw. */
bool uri_parse(struct arena *a, str raw, str base, struct uri *out) MUST_USE;

struct uri_found {
	struct uri uri;
	uint32_t where;  /* bits: 1 << enum uri_where */
	uint32_t count;  /* how often */
	uint32_t parent; /* the one that it is nested in, from 1; 0 where none */
	uint32_t nesting;
	str text; /* what stood for the first link to it; empty otherwise */
};

struct uri_set {
	struct arena *arena;
	struct uri_found *list; /* owned; in the order of the message */
	size_t n;
	struct map known; /* by scheme, userinfo, host, port, path, query */
	bool truncated;
};

void uri_set_init(struct uri_set *s, struct arena *a);
void uri_set_done(struct uri_set *s);

/* Adds a link's target and those that stand in its path, query and fragment. `text` is what a
 * reader sees of it. Slices have to stay. */
void uri_set_add(struct uri_set *s, str raw, str base, str text, enum uri_where where);

/* Adds all that stand in plain text (UTF-8), as mail readers would make links of them: with a
 * scheme, "www." in front, host names whose last label is a usual top-level domain, addresses; and
 * the disguises of enum uri_flag. */
void uri_set_add_text(struct uri_set *s, str text, enum uri_where where);
