/*
 * param.h: the parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).
 */
#pragma once

#include "base/buf.h"

/* Those beyond are not looked at. */
enum { PARAM_MAX = 100 };

struct param {
	str name;  /* as written: "charset", "filename*0*" */
	str value; /* as written; what is between the quotes where quoted */
	bool quoted;
};

/* Takes the next parameter off *rest, which begins as all that follows the type ("; a=b; c=d").
 * Skips what is no parameter. False at the end. */
bool param_next(str *rest, struct param *out);

/* The first parameter with exactly that name (ASCII case ignored). */
bool param_find(str params, str name, struct param *out);

/* Appends the value with quoting and folding undone. */
void param_text(struct buf *b, const struct param *p);

/* Appends the value in UTF-8: RFC 2231 continuations joined, percent-encoding and charset undone;
 * also the encoded words that many mailers write there. An RFC 2231 form is preferred to a plain
 * one. False where there is no such parameter. */
bool param_decode(struct buf *b, str params, str name);
