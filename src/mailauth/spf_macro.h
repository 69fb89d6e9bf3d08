/*
 * spf_macro.h: macro strings of SPF (RFC 7208 §7): their syntax and what they expand to. Pure.
 */
#pragma once

#include "mailauth/dns.h"

enum {
	SPF_EXPLANATION_MAX = 500, /* longer explanations are cut */
	SPF_MACRO_VALUE_MAX = 512, /* of a local part or a HELO name; what is behind is cut off */
};

enum spf_macro_place {
	SPF_MACRO_DOMAIN, /* domain-spec: ends in a top label or a macro; no %{c}, %{r}, %{t} */
	SPF_MACRO_STRING, /* the value of an unknown modifier */
	SPF_MACRO_EXPLANATION, /* may hold spaces */
};

/* What the letters stand for. */
struct spf_macros {
	str local;     /* l */
	str origin;    /* o: domain of the sender, as A-labels */
	str domain;    /* d: whose record is evaluated */
	str validated; /* p: see spf_macro_uses(); empty: "unknown" */
	str helo;      /* h */
	str receiver;  /* r; empty: "unknown" */
	struct ip ip;  /* i, c, v */
	int64_t time;  /* t */
};

/* NULL, or what is wrong, in a few words. */
const char *spf_macro_check(str text, enum spf_macro_place place);

/* Whether one of these letters (in lower case) stands in the text, which was found correct. */
bool spf_macro_uses(str text, str letters);

/* The name that a domain-spec expands to: without the final dot, shortened from the left to 253
 * characters by whole labels. Not yet a name that can be asked for. */
str spf_macro_domain(str spec, const struct spf_macros *m, struct arena *a);

/* The text that an explanation expands to; empty where it holds anything but printable ASCII. */
str spf_macro_explanation(str text, const struct spf_macros *m, struct arena *a);
