#include "proto/smtp_data.h"

#include "base/utf8.h"

/*
 * States are what the last bytes were, for a split can fall anywhere:
 *
 *	LINE_START --'.'--> DOT --CR--> DOT_CR --LF--> END
 *	    |                |            |
 *	    v                v            v (bare CR)
 *	   TEXT --CR--> CR --LF--> LINE_START
 *
 * The only way into LINE_START is CR LF, whatever the policy.
 */
enum {
	LINE_START,
	TEXT,
	CR,     /* held back */
	DOT,    /* at a line start; never given out */
	DOT_CR, /* the dot dropped, the CR held back */
};

/*
 * How far one search for a line end looks. Both CR and LF are searched for, and a sender of only
 * one of them must not make us scan the whole input again for each.
 */
enum { WINDOW = 1024 };

void smtp_data_init(struct smtp_data *d, enum smtp_framing framing, enum smtp_bare_policy policy)
{
	*d = (struct smtp_data){
		.framing = framing, .policy = policy, .state = LINE_START, .line = 1
	};
}

bool smtp_data_refused(const struct smtp_data *d)
{
	return d->policy == SMTP_BARE_REFUSE && (d->cr.count || d->lf.count);
}

bool smtp_data_at_line_start(const struct smtp_data *d)
{
	return d->column == 0 && d->state != CR;
}

static void note_bare(struct smtp_data *d, struct smtp_bare *bare, uint64_t offset)
{
	if (bare->count++ == 0) {
		bare->offset = offset;
		bare->line = d->line;
	}
}

/* Accounts for a span that goes out, the line columns excepted. */
static str give(struct smtp_data *d, str span)
{
	d->bytes += span.n;
	d->eight_bit = d->eight_bit || !ascii_only(span);
	d->nul = d->nul || memchr(span.p, 0, span.n);
	return span;
}

static void take(struct smtp_data *d, str *in, size_t n)
{
	d->taken += n;
	*in = str_skip(*in, n);
}

static void add_columns(struct smtp_data *d, size_t n)
{
	d->column += n;
	d->max_line = MAX(d->max_line, d->column);
}

/* What a held back CR turned out to be when no LF followed. */
static str give_bare_cr(struct smtp_data *d)
{
	note_bare(d, &d->cr, d->taken - 1);
	d->state = TEXT;
	add_columns(d, 1);
	return give(d, d->policy == SMTP_BARE_NORMALIZE ? STR(" ") : STR("\r"));
}

static void end_line(struct smtp_data *d)
{
	d->line++;
	d->column = 0;
	d->state = LINE_START;
}

/* A held back CR, and the byte that follows. */
static str resolve_cr(struct smtp_data *d, str *in)
{
	if (in->p[0] != '\n')
		return give_bare_cr(d);
	take(d, in, 1);
	end_line(d);
	return give(d, STR("\r\n"));
}

static str give_normal_lf(struct smtp_data *d, str *in)
{
	note_bare(d, &d->lf, d->taken);
	take(d, in, 1);
	d->column = 0;
	d->state = TEXT;
	return give(d, STR("\r\n"));
}

/* The position of the first CR or LF in [p, end), or `end`. */
static const char *find_break(const char *p, const char *end)
{
	while (p < end) {
		size_t n = MIN((size_t)(end - p), (size_t)WINDOW);
		const char *lf = memchr(p, '\n', n);
		const char *cr = memchr(p, '\r', lf ? (size_t)(lf - p) : n);
		if (cr || lf)
			return cr ? cr : lf;
		p += n;
	}
	return end;
}

/*
 * What to do with the CR or LF that `rest` begins with: how many bytes the run goes on over, or 0
 * where it must end before it: at what the policy changes, and at a CR that is the last byte of the
 * input.
 */
static size_t pass_break(struct smtp_data *d, str rest, uint64_t offset)
{
	bool lf = rest.p[0] == '\n';
	if (!lf && rest.n == 1)
		return 0;
	if (!lf && rest.p[1] == '\n') {
		end_line(d);
		return 2;
	}
	if (d->policy == SMTP_BARE_NORMALIZE)
		return 0;
	note_bare(d, lf ? &d->lf : &d->cr, offset);
	add_columns(d, 1);
	return 1;
}

/* The longest run from the start of *in that goes out unchanged, over however many lines. */
static str give_run(struct smtp_data *d, str *in)
{
	const char *begin = in->p, *p = begin, *end = begin + in->n;
	bool dots = d->framing == SMTP_FRAMING_DOT;
	size_t passed = 1;
	while (p < end && passed) {
		if (d->state == LINE_START && dots && *p == '.')
			break;
		d->state = TEXT;
		const char *stop = find_break(p, end);
		add_columns(d, (size_t)(stop - p));
		p = stop;
		if (p == end)
			break;
		passed = pass_break(
			d, str_from(p, (size_t)(end - p)), d->taken + (uint64_t)(p - begin));
		p += passed;
	}
	size_t n = (size_t)(p - begin);
	take(d, in, n);
	return give(d, str_from(begin, n));
}

/* In TEXT or LINE_START. */
static str start_text(struct smtp_data *d, str *in)
{
	char c = in->p[0];
	if (c == '\n' && d->policy == SMTP_BARE_NORMALIZE)
		return give_normal_lf(d, in);
	bool cr = c == '\r' && (in->n == 1 || in->p[1] != '\n');
	bool dot = c == '.' && d->state == LINE_START && d->framing == SMTP_FRAMING_DOT;
	if (!cr && !dot)
		return give_run(d, in);
	take(d, in, 1);
	d->state = cr ? CR : DOT;
	return STR_EMPTY;
}

/* One step; it may give nothing and only change the state. */
static str step(struct smtp_data *d, str *in)
{
	bool cr = in->p[0] == '\r', lf = in->p[0] == '\n';
	switch (d->state) {
	case CR:
		return resolve_cr(d, in);
	case DOT:
		d->state = cr ? DOT_CR : TEXT;
		if (cr)
			take(d, in, 1);
		return STR_EMPTY;
	case DOT_CR:
		if (!lf)
			return give_bare_cr(d);
		take(d, in, 1);
		d->ended = true;
		return STR_EMPTY;
	default:
		return start_text(d, in);
	}
}

bool smtp_data_next(struct smtp_data *d, str *in, str *out_span)
{
	while (in->n && !d->ended) {
		str span = step(d, in);
		if (span.n) {
			*out_span = span;
			return true;
		}
	}
	return false;
}

str smtp_data_finish(struct smtp_data *d)
{
	ASSERT(d->framing == SMTP_FRAMING_CHUNK && !d->ended);
	str span = d->state == CR ? give_bare_cr(d) : STR_EMPTY;
	d->ended = true;
	return span;
}
