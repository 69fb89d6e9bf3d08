#include "mail/mime.h"

#include "mail/content.h"
#include "mail/param.h"

#include "base/arena.h"

#include <stdlib.h>

/*
 * One pass over the lines. Open parts stand on a stack: the message, the part in it that is being
 * read, a part of that, and so on. A line can be a delimiter of any multipart on the stack (then
 * all above it end, and a new part is pushed or the multipart goes on with its epilogue), or the
 * empty line that ends the header of the topmost part (then it is seen what that is), or nothing of
 * interest.
 */

struct boundary {
	str text;     /* as written in the parameter; p is NULL where none is open */
	bool escaped; /* holds backslashes or folding */
};

struct level {
	uint32_t part;
	bool in_header;
	size_t header_at, body_at; /* offsets in the message */
	size_t lines_before;       /* line feeds before body_at */
	struct boundary boundary;
	bool closed; /* its closing delimiter was seen */
};

/* Where a part ends: before the line end that belongs to a delimiter. */
struct end {
	size_t at, lines;           /* line feeds before `at` */
	size_t line_at, line_lines; /* the beginning of the delimiter line itself */
};

struct scan {
	struct mime_tree *tree;
	struct mime_limits limits;
	uint32_t capacity;
	size_t lines; /* line feeds so far */
	bool full;    /* no more parts: the last one goes on to the end */
	struct level levels[MIME_DEPTH_MAX];
	uint32_t level_n;
	struct arena decoded; /* boundaries in an RFC 2231 form */
};

/* Enough for all that are open in any message that is not made to be hostile. */
enum { DECODED_MAX = 64 * 1024, BOUNDARY_MAX = 1024 };

static struct level *top(struct scan *s)
{
	return &s->levels[s->level_n - 1];
}

static struct mime_part *part_of(struct scan *s, const struct level *level)
{
	return &s->tree->parts[level->part];
}

static str slice(struct scan *s, size_t from, size_t to)
{
	return str_first(str_skip(s->tree->message, from), to - from);
}

static bool has_room(const struct scan *s)
{
	return s->tree->n < s->limits.parts && s->level_n < s->limits.depth;
}

/* Adds a part at the end of the parent's children; the parent may be MIME_NONE. */
static struct mime_part *add_part(struct scan *s, uint32_t parent)
{
	struct mime_tree *t = s->tree;
	if (t->n == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 4;
		t->parts = xrealloc(t->parts, s->capacity * sizeof *t->parts);
	}
	uint32_t index = t->n++;
	struct mime_part *part = &t->parts[index];
	*part = (struct mime_part){ .parent = parent,
		.first_child = MIME_NONE,
		.last_child = MIME_NONE,
		.next = MIME_NONE,
		.number = 1 };
	if (parent == MIME_NONE)
		return part;
	struct mime_part *above = &t->parts[parent];
	part->depth = above->depth + 1;
	if (above->first_child == MIME_NONE)
		above->first_child = index;
	if (above->last_child != MIME_NONE) {
		t->parts[above->last_child].next = index;
		part->number = t->parts[above->last_child].number + 1;
	}
	above->last_child = index;
	return part;
}

static void push_part(struct scan *s, uint32_t parent, size_t at)
{
	add_part(s, parent);
	s->levels[s->level_n++] =
		(struct level){ .part = s->tree->n - 1, .in_header = true, .header_at = at };
}

/* boundary*=us-ascii''x, boundary*0=x (RFC 2231): few write that, but readers take it. */
static struct boundary read_encoded_boundary(struct scan *s, str params)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(BOUNDARY_MAX);
	if (str_find_nocase(params, STR("boundary*")) < 0 ||
		!param_decode(&text, params, STR("boundary")))
		return (struct boundary){ 0 };
	str trimmed = str_trim(buf_str(&text));
	char *kept = trimmed.n ? arena_try(&s->decoded, trimmed.n) : NULL;
	if (!kept)
		return (struct boundary){ 0 };
	memcpy(kept, trimmed.p, trimmed.n);
	return (struct boundary){ .text = str_from(kept, trimmed.n) };
}

/* The boundary parameter; its text is NULL where there is none, or none that could be used. */
static struct boundary read_boundary(struct scan *s, str params)
{
	struct param p;
	struct boundary b = { 0 };
	if (!param_find(params, STR("boundary"), &p))
		return read_encoded_boundary(s, params);
	str text = str_trim(p.value); /* RFC 2046 §5.1.1: no white space at its end */
	if (text.n == 0)
		return b;
	b.text = text;
	b.escaped = p.quoted && str_find_any(text, STR("\\\r\n")) >= 0;
	return b;
}

/* The length of the boundary at the beginning of s, or 0. */
static size_t match_escaped(str boundary, str s)
{
	size_t n = 0;
	for (size_t i = 0; i < boundary.n; i++) {
		if (boundary.p[i] == '\\' && i + 1 < boundary.n)
			i++;
		if (boundary.p[i] == '\r' || boundary.p[i] == '\n')
			continue;
		if (n == s.n || s.p[n] != boundary.p[i])
			return 0;
		n++;
	}
	return n;
}

/* Is the line, which begins with "--", a delimiter of this boundary? */
static bool is_delimiter(struct boundary b, str line, bool *out_closing)
{
	str rest = str_skip(line, 2);
	size_t n = b.escaped                  ? match_escaped(b.text, rest)
		   : str_starts(rest, b.text) ? b.text.n
					      : 0;
	if (n == 0)
		return false;
	rest = str_trim(str_skip(rest, n));
	*out_closing = str_equal(rest, STR("--"));
	return rest.n == 0 || *out_closing;
}

/* The innermost multipart that the line delimits, as its place on the stack from 1; 0 if none. */
static uint32_t find_delimited(struct scan *s, str line, bool *out_closing)
{
	if (!str_starts(line, STR("--")) || s->full)
		return 0;
	for (uint32_t i = s->level_n; i > 0; i--)
		if (s->levels[i - 1].boundary.text.p &&
			is_delimiter(s->levels[i - 1].boundary, line, out_closing))
			return i;
	return 0;
}

static void make_opaque(struct scan *s, struct mime_part *part)
{
	s->tree->truncated = true;
	part->kind = MIME_LEAF;
	part->type = STR("application");
	part->subtype = STR("octet-stream");
	part->type_params = STR_EMPTY;
}

/* The header of the topmost part is complete, and its body begins. */
static void begin_body(struct scan *s, size_t at, size_t lines)
{
	struct level *level = top(s);
	struct mime_part *part = part_of(s, level);
	struct mime_part *above = part->parent == MIME_NONE ? NULL : &s->tree->parts[part->parent];
	level->in_header = false;
	level->body_at = at;
	level->lines_before = lines;
	part->header = slice(s, level->header_at, at);
	content_read(part, above && mime_is(above, STR("multipart"), STR("digest")));

	bool multipart = mime_is(part, STR("multipart"), STR_EMPTY);
	bool message = mime_is(part, STR("message"), STR("rfc822")) ||
		       mime_is(part, STR("message"), STR("global"));
	if (!multipart && !message)
		return;
	if (!has_room(s)) {
		make_opaque(s, part);
		return;
	}
	part->kind = multipart ? MIME_MULTIPART : MIME_MESSAGE;
	if (multipart)
		level->boundary = read_boundary(s, part->type_params);
	else
		push_part(s, level->part, at);
}

/* A multipart without parts shows its whole body as text, or nothing where it says that it is
 * empty. */
static void add_implicit_part(struct scan *s, uint32_t parent, bool empty)
{
	struct mime_part *part = add_part(s, parent);
	const struct mime_part *above = &s->tree->parts[parent];
	part->header = str_first(above->body, 0);
	part->body = str_first(above->body, empty ? 0 : above->body.n);
	part->lines = empty ? 0 : above->lines;
	content_read(part, false);
}

/* A part never ends before what is in it: an empty part behind the last delimiter begins after the
 * line end that would be cut off. */
static void close_top(struct scan *s, struct end *end)
{
	struct level *level = top(s);
	if (level->in_header) { /* no empty line; may push another part */
		begin_body(s, end->line_at, end->line_lines);
		return;
	}
	if (end->at < level->body_at) {
		end->at = level->body_at;
		end->lines = level->lines_before;
	}
	struct mime_part *part = part_of(s, level);
	part->body = slice(s, level->body_at, end->at);
	part->lines = end->lines - level->lines_before;
	s->level_n--;
	if (part->kind == MIME_MULTIPART && part->first_child == MIME_NONE)
		add_implicit_part(s, level->part, level->closed);
}

static void close_down_to(struct scan *s, uint32_t level_n, struct end end)
{
	while (s->level_n > level_n)
		close_top(s, &end);
}

/* The end of what stands before the delimiter line at `at`. */
static struct end end_before(struct scan *s, size_t at)
{
	struct end end = { .at = at, .lines = s->lines, .line_at = at, .line_lines = s->lines };
	const char *p = s->tree->message.p;
	if (end.at && p[end.at - 1] == '\n') {
		end.at--;
		end.lines--;
		if (end.at && p[end.at - 1] == '\r')
			end.at--;
	}
	return end;
}

/* Closing the topmost part can add one: to a multipart without parts, or to what a header without
 * an empty line turns out to begin. All below have their parts already. */
static uint32_t closing_adds(struct scan *s, uint32_t level_n)
{
	if (s->level_n == level_n)
		return 0;
	const struct mime_part *part = part_of(s, top(s));
	bool childless = part->kind == MIME_MULTIPART && part->first_child == MIME_NONE;
	return top(s)->in_header || childless;
}

static void take_delimiter(struct scan *s, uint32_t level_n, bool closing, size_t at, size_t next)
{
	if (!closing && s->tree->n + closing_adds(s, level_n) >= s->limits.parts) {
		s->full = s->tree->truncated = true;
		return;
	}
	close_down_to(s, level_n, end_before(s, at));
	if (closing) {
		top(s)->boundary = (struct boundary){ 0 };
		top(s)->closed = true;
	} else {
		push_part(s, top(s)->part, next);
	}
}

static void take_line(struct scan *s, str line, size_t at)
{
	bool closing;
	bool ended = line.p[line.n - 1] == '\n';
	uint32_t delimited = find_delimited(s, line, &closing);
	if (delimited)
		take_delimiter(s, delimited, closing, at, at + line.n);
	s->lines += ended;
	if (!delimited && top(s)->in_header &&
		(str_equal(line, STR("\n")) || str_equal(line, STR("\r\n"))))
		begin_body(s, at + line.n, s->lines);
}

/* Only the body of the message is open, and no delimiter can end it. */
static bool is_settled(struct scan *s)
{
	return s->level_n == 1 && !top(s)->in_header && !top(s)->boundary.text.p;
}

void mime_parse(str message, struct mime_limits limits, struct mime_tree *out)
{
	ASSERT(limits.parts >= 1 && limits.depth >= 1 && limits.depth <= MIME_DEPTH_MAX);
	if (!message.p)
		message = STR_EMPTY;
	*out = (struct mime_tree){ .message = message };
	struct scan s = { .tree = out, .limits = limits, .decoded = ARENA_INIT(DECODED_MAX) };
	push_part(&s, MIME_NONE, 0);
	size_t at = 0;
	while (at < message.n && !is_settled(&s)) {
		str rest = str_skip(message, at);
		ptrdiff_t end = str_find_char(rest, '\n');
		str line = end < 0 ? rest : str_first(rest, (size_t)end + 1);
		take_line(&s, line, at);
		at += line.n;
	}
	s.lines += str_count_char(str_skip(message, at), '\n');
	close_down_to(&s, 0, (struct end){ message.n, s.lines, message.n, s.lines });
	arena_done(&s.decoded);
}

void mime_done(struct mime_tree *t)
{
	free(t->parts);
	*t = (struct mime_tree){ 0 };
}

bool mime_is(const struct mime_part *p, str type, str subtype)
{
	return str_equal_nocase(p->type, type) &&
	       (subtype.n == 0 || str_equal_nocase(p->subtype, subtype));
}
