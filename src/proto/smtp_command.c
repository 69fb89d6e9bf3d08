#include "proto/smtp_command.h"
#include "base/utf8.h"

/* What the readers of arguments share. */
struct parse {
	str line;     /* without its line end */
	str argument; /* = command->argument */
	const struct smtp_parse_options *options;
	struct arena *arena;
	struct smtp_command *command;
};

static bool fail(struct parse *p, enum smtp_syntax_kind kind, size_t at, const char *why)
{
	return smtp_syntax_fail(&p->command->syntax, kind, at, why);
}

static size_t offset(const struct parse *p, str s)
{
	return (size_t)(s.p - p->line.p);
}

static bool fail_argument(struct parse *p, enum smtp_syntax_kind kind, const char *why)
{
	return fail(p, kind, offset(p, p->argument), why);
}

/* The part parsers count from where they began. */
static bool fail_shifted(struct parse *p, str part)
{
	p->command->syntax.at += offset(p, part);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static str skip_blanks(str s)
{
	while (s.n && is_blank(s.p[0]))
		s = str_skip(s, 1);
	return s;
}

/* Cuts off everything before the first blank. */
static str cut_word(str *s)
{
	size_t n = 0;
	while (n < s->n && !is_blank(s->p[n]))
		n++;
	str word = str_first(*s, n);
	*s = skip_blanks(str_skip(*s, n));
	return word;
}

static bool parse_nothing(struct parse *p)
{
	return p->argument.n == 0 ||
	       fail_argument(p, SMTP_SYNTAX_EXTRA_ARGUMENT, "this command takes no argument");
}

static bool parse_anything(struct parse *p)
{
	return true;
}

/* U-labels do not belong here even with SMTPUTF8 (RFC 6531 §3.7.1). */
static bool parse_host(struct parse *p)
{
	struct smtp_host *host = &p->command->host;
	if (smtp_host_parse(p->argument, false, host) == SMTP_HOST_NONE)
		return fail_argument(
			p, SMTP_SYNTAX_NO_ARGUMENT, "the client's host name is missing");
	if (host->kind == SMTP_HOST_INVALID && p->options->strict_helo)
		return fail_argument(p, SMTP_SYNTAX_BAD_ARGUMENT, host->why);
	return true;
}

/* "FROM:" or "TO:" with the blanks that some senders put around the colon. */
static bool skip_keyword(struct parse *p, str keyword, const char *why, str *out_rest)
{
	str s = p->argument;
	if (s.n == 0)
		return fail_argument(p, SMTP_SYNTAX_NO_ARGUMENT, why);
	if (!str_starts_nocase(s, keyword))
		return fail_argument(p, SMTP_SYNTAX_BAD_ARGUMENT, why);
	s = skip_blanks(str_skip(s, keyword.n));
	if (s.n == 0 || s.p[0] != ':')
		return fail(p, SMTP_SYNTAX_BAD_ARGUMENT, offset(p, s), why);
	*out_rest = skip_blanks(str_skip(s, 1));
	return true;
}

static bool parse_path(struct parse *p, str s, const struct smtp_path_options *options,
	struct smtp_path *out, str *out_rest)
{
	if (!smtp_path_parse(s, options, p->arena, out, out_rest, &p->command->syntax))
		return fail_shifted(p, s);
	if (out_rest->n && !is_blank(out_rest->p[0]))
		return fail(p, SMTP_SYNTAX_ADDRESS, offset(p, *out_rest),
			"something stands directly behind the address");
	return true;
}

static bool parse_mail(struct parse *p)
{
	struct smtp_mail *mail = &p->command->mail;
	struct smtp_path_options options = { .allow_null = true,
		.allow_long_local = true,
		.allow_postmaster = true,
		.allow_utf8 = (p->options->extensions & SMTP_EXT_SMTPUTF8) != 0 };
	str path, rest;
	*mail = (struct smtp_mail){ .envid = STR_EMPTY, .auth = STR_EMPTY };
	if (!skip_keyword(p, STR("FROM"), "the syntax is MAIL FROM:<sender>", &path) ||
		!parse_path(p, path, &options, &mail->path, &rest))
		return false;
	if (!smtp_mail_parameters_parse(
		    rest, p->options->extensions, p->arena, mail, &p->command->syntax))
		return fail_shifted(p, rest);
	if (mail->path.utf8 && !mail->utf8)
		return fail(p, SMTP_SYNTAX_NEEDS_UTF8, offset(p, path),
			"a non-ASCII address needs the SMTPUTF8 parameter");
	return true;
}

static bool parse_rcpt(struct parse *p)
{
	struct smtp_rcpt *rcpt = &p->command->rcpt;
	struct smtp_path_options options = { .allow_postmaster = true,
		.allow_utf8 = p->options->utf8 };
	str path, rest;
	*rcpt = (struct smtp_rcpt){
		.orcpt_type = STR_EMPTY, .orcpt_address = STR_EMPTY, .orcpt = STR_EMPTY
	};
	if (!skip_keyword(p, STR("TO"), "the syntax is RCPT TO:<recipient>", &path) ||
		!parse_path(p, path, &options, &rcpt->path, &rest))
		return false;
	if (!smtp_rcpt_parameters_parse(rest, p->options->extensions, p->options->utf8, p->arena,
		    rcpt, &p->command->syntax))
		return fail_shifted(p, rest);
	return true;
}

static bool parse_bdat(struct parse *p)
{
	str rest = p->argument, size = cut_word(&rest), last = cut_word(&rest);
	struct smtp_bdat bdat = { .last = str_equal_nocase(last, STR("LAST")) };
	if (size.n == 0)
		return fail_argument(p, SMTP_SYNTAX_NO_ARGUMENT, "BDAT needs a size");
	if (!str_to_u64(size, INT64_MAX, &bdat.size))
		return fail(p, SMTP_SYNTAX_BAD_ARGUMENT, offset(p, size),
			"BDAT takes a number of bytes");
	if (last.n && !bdat.last)
		return fail(p, SMTP_SYNTAX_BAD_ARGUMENT, offset(p, last),
			"only LAST may follow the size");
	if (rest.n)
		return fail(p, SMTP_SYNTAX_EXTRA_ARGUMENT, offset(p, rest),
			"only LAST may follow the size");
	p->command->bdat = bdat;
	return true;
}

static bool parse_string(struct parse *p)
{
	struct smtp_query query = { .text = p->argument, .utf8 = p->options->utf8 };
	str flag = STR(" SMTPUTF8");
	if ((p->options->extensions & SMTP_EXT_SMTPUTF8) && str_ends_nocase(query.text, flag)) {
		query.utf8 = true;
		query.text = str_trim(str_first(query.text, query.text.n - flag.n));
	}
	if (query.text.n == 0)
		return fail_argument(
			p, SMTP_SYNTAX_NO_ARGUMENT, "this command needs a name or an address");
	if (!ascii_only(query.text) && !query.utf8)
		return fail_argument(
			p, SMTP_SYNTAX_NEEDS_UTF8, "a non-ASCII name needs the SMTPUTF8 parameter");
	if (!utf8_valid(query.text))
		return fail_argument(p, SMTP_SYNTAX_BAD_ARGUMENT, "the name is not valid UTF-8");
	p->command->query = query;
	return true;
}

/* RFC 4422 §3.1: 1 to 20 letters, digits, hyphens, underscores. */
static bool is_mechanism(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= 20;
}

static bool parse_auth(struct parse *p)
{
	str rest = p->argument, mechanism = cut_word(&rest), initial = cut_word(&rest);
	if (mechanism.n == 0)
		return fail_argument(p, SMTP_SYNTAX_NO_ARGUMENT, "AUTH needs a mechanism");
	if (!is_mechanism(mechanism))
		return fail_argument(
			p, SMTP_SYNTAX_BAD_ARGUMENT, "that is not the name of a mechanism");
	if (rest.n)
		return fail(p, SMTP_SYNTAX_EXTRA_ARGUMENT, offset(p, rest),
			"AUTH takes a mechanism and one initial response");
	bool empty = str_equal(initial, STR("="));
	p->command->auth = (struct smtp_auth){ .mechanism = mechanism,
		.has_initial = initial.n > 0,
		.initial = empty ? STR_EMPTY : initial };
	return true;
}

static bool parse_xclient(struct parse *p)
{
	return smtp_xclient_parse(
		       p->argument, p->arena, &p->command->xclient, &p->command->syntax) ||
	       fail_shifted(p, p->argument);
}

static const struct verb {
	str name;
	const char *usage;
	bool (*parse)(struct parse *);
} verbs[SMTP_VERB_COUNT] = {
	[SMTP_VERB_UNKNOWN] = { { "", 0 }, "", NULL },
#define SMTP_VERB(id, how, usage)                                                                  \
	[SMTP_VERB_##id] = { { #id, sizeof #id - 1 }, usage, parse_##how },
#include "proto/smtp_verb.def"
#undef SMTP_VERB
	[SMTP_VERB_NOT_SMTP] = { { "", 0 }, "", NULL },
};

const char *smtp_verb_name(enum smtp_verb verb)
{
	return verbs[verb].name.p;
}

const char *smtp_verb_usage(enum smtp_verb verb)
{
	return verbs[verb].usage;
}

static enum smtp_verb find_verb(str word)
{
	for (int i = 0; i < SMTP_VERB_COUNT; i++)
		if (verbs[i].name.n && str_equal_nocase(word, verbs[i].name))
			return (enum smtp_verb)i;
	return SMTP_VERB_UNKNOWN;
}

/* Browsers made to post mail (cross-protocol scripting), scanners, and clients that expect TLS from
 * the first byte. A TLS record begins 22, 3. */
static const char *recognise_foreign(str line)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS",
		"DELETE", "TRACE", "PATCH", "PRI" };
	if (str_starts(line, STR("\x16\x03")))
		return "a TLS handshake, but this port begins in plain text: use STARTTLS";
	if (str_starts(line, STR("SSH-")))
		return "this is a mail server, not SSH";
	str rest = line, word = cut_word(&rest);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_equal(word, str_from_z(methods[i])))
			return "this is a mail server, not HTTP";
	return NULL;
}

/* Removes the line end from p->line; everything else that could be taken for one is an error. */
static bool check_line(struct parse *p)
{
	str s = p->line;
	bool ended = s.n && s.p[s.n - 1] == '\n';
	bool crlf = ended && s.n > 1 && s.p[s.n - 2] == '\r';
	p->line = str_first(s, s.n - ended - crlf);
	for (size_t i = 0; i < p->line.n; i++) {
		if (s.p[i] > '\r')
			continue;
		if (s.p[i] == '\n')
			return fail(p, SMTP_SYNTAX_BARE_LF, i, "a bare LF; lines end in CRLF");
		if (s.p[i] == '\r')
			return fail(p, SMTP_SYNTAX_BARE_CR, i, "a bare CR; lines end in CRLF");
		if (s.p[i] == '\0')
			return fail(p, SMTP_SYNTAX_NUL, i, "a NUL byte in a command");
	}
	if (!ended)
		return fail(p, SMTP_SYNTAX_UNTERMINATED, s.n, "the line has no end");
	if (!crlf && !p->options->allow_bare_lf)
		return fail(p, SMTP_SYNTAX_BARE_LF, s.n - 1, "a bare LF; lines end in CRLF");
	return true;
}

static void split(struct parse *p)
{
	str rest = p->line;
	p->command->word = cut_word(&rest);
	while (rest.n && is_blank(rest.p[rest.n - 1]))
		rest.n--;
	p->command->argument = p->argument = rest;
	p->command->verb = find_verb(p->command->word);
}

static bool parse(struct parse *p)
{
	bool clean = check_line(p);
	/* The verb is of interest even if what follows is not clean. */
	split(p);
	bool known = p->command->verb != SMTP_VERB_UNKNOWN;
	const char *foreign = known ? NULL : recognise_foreign(p->line);
	if (foreign) {
		p->command->verb = SMTP_VERB_NOT_SMTP;
		return fail(p, SMTP_SYNTAX_NOT_SMTP, 0, foreign);
	}
	if (!clean)
		return false;
	if (p->line.n == 0)
		return fail(p, SMTP_SYNTAX_EMPTY, 0, "an empty line is not a command");
	if (p->command->verb == SMTP_VERB_UNKNOWN)
		return fail(p, SMTP_SYNTAX_UNKNOWN_VERB, 0, "that is not a command known here");
	return verbs[p->command->verb].parse(p);
}

bool smtp_command_parse(str line, const struct smtp_parse_options *options, struct arena *arena,
	struct smtp_command *out)
{
	*out = (struct smtp_command){ .word = STR_EMPTY, .argument = STR_EMPTY };
	struct parse p = { .line = line.n ? line : STR_EMPTY,
		.argument = STR_EMPTY,
		.options = options,
		.arena = arena,
		.command = out };
	return parse(&p);
}

static const struct {
	int code;
	struct smtp_status status;
} refusals[] = {
#define SMTP_SYNTAX(id, code, klass, subject, detail) { code, { klass, subject, detail } },
#include "proto/smtp_syntax.def"
#undef SMTP_SYNTAX
};

struct smtp_reply smtp_command_refusal(const struct smtp_command *command)
{
	enum smtp_syntax_kind kind = command->syntax.kind;
	ASSERT(kind != SMTP_SYNTAX_OK && kind < (int)ARRAY_LEN(refusals));
	struct smtp_reply reply = { .code = refusals[kind].code,
		.status = refusals[kind].status,
		.text = str_from_z(command->syntax.why) };
	bool address = kind == SMTP_SYNTAX_ADDRESS || kind == SMTP_SYNTAX_ADDRESS_LONG;
	if (address && command->verb == SMTP_VERB_MAIL)
		reply.status.detail = 7;
	return reply;
}
