/*
 * smtp_path.h: reverse paths, forward paths and mailboxes (RFC 5321 §4.1.2, RFC 6531 §3.3).
 *
 * A local part is handed out as what it means, not as how it was quoted: "a b"@d has the local part
 * `a b`, "a\b"@d and ab@d have the same one. smtp_mailbox_format() quotes again only where it must,
 * so parse and format make one spelling of equal mailboxes. Its case is left alone.
 *
 * Accepted beyond the grammar, because real senders do it: dots at the ends of a local part or
 * doubled (they set `odd_dots`), paths without angle brackets, blanks around the path. Percent
 * hacks and bang paths are ordinary local parts here (`routed` is set); source routes are checked,
 * reported, and have no influence on local and domain.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "proto/smtp_host.h"
#include "proto/smtp_syntax.h"

enum { SMTP_LOCAL_MAX = 64, SMTP_PATH_MAX = 256 }; /* octets; a path counts its angle brackets */

struct smtp_path {
	str raw;    /* as sent, without the angle brackets, with a source route */
	str route;  /* "@a,@b" of a source route, as sent; empty where there is none */
	str local;  /* unquoted; in the arena where that changed it, else a slice of the input */
	str domain; /* without a final dot; with brackets where it is a literal; as sent otherwise
		     */
	enum smtp_host_kind domain_kind; /* DOMAIN, IPV4, IPV6, GENERAL; NONE with the next two */
	bool is_null;                    /* <> */
	bool is_postmaster;              /* <Postmaster>, in any case, without a domain */
	bool quoted;                     /* the local part was a quoted string */
	bool odd_dots;                   /* ".a", "a." or "a..b" stood unquoted */
	bool routed;                     /* '%', '!' or '@' within the local part */
	bool utf8;                       /* non-ASCII in local part, domain or route */
	bool unbracketed;                /* the angle brackets were missing */
};

/*
 * Reads a path at the start of s: <> (where allow_null), <Postmaster> (where allow_postmaster),
 * <[@route:]local@domain>, or local@domain without brackets up to the next blank. On success
 * *out_rest is what follows. On failure *out_syntax says what is wrong (`at` counted from s.p;
 * NEEDS_UTF8 for non-ASCII without allow_utf8) and the other results are untouched.
 */
struct smtp_path_options {
	bool allow_null;
	bool allow_postmaster;
	bool allow_utf8;
	/* As long as the path may be: SRS and VERP make senders that are longer than SMTP_LOCAL_MAX
	 * (RFC 5321 §4.5.3.1 asks for no limits where there need be none). */
	bool allow_long_local;
};
bool smtp_path_parse(str s, const struct smtp_path_options *options, struct arena *arena,
	struct smtp_path *out, str *out_rest, struct smtp_syntax *out_syntax) MUST_USE;

/* The whole of s is one local@domain without brackets, route or blanks around it, as people write
 * it on the command line and in alias files. Same results; out_syntax may be NULL. */
bool smtp_mailbox_parse(str s, bool allow_utf8, struct arena *arena, struct smtp_path *out,
	struct smtp_syntax *out_syntax) MUST_USE;

/* Appends local@domain, the local part quoted only where the grammar demands it; the local part
 * alone where domain is empty; nothing where both are. */
void smtp_mailbox_format(str local, str domain, struct buf *out);
