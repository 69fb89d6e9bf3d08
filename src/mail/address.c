#include "mail/address.h"

#include "mail/lex.h"

/*
 * One pass over the tokens. Until it is seen what a run of words is (a display name before "<", a
 * group's name before ":", or the local part before "@"), it is kept in both readings:
 *
 *	Fred "F." Foo bar . baz @ host
 *	|-- name ---|                    words joined with one space
 *	              |-- local -|       the last words that only dots join, joined without space
 *
 * No reading is longer than the text that was read, so that two areas of value.n bytes hold all.
 */

struct area {
	char *p;
	size_t n;
};

struct reader {
	str s;
	size_t at;
	struct area names, locals; /* bytes kept so far; what follows n is being built */
	struct address_list *out;
	size_t max;
	bool in_group;
};

struct words {
	size_t name_n;   /* of all words, in the area of names */
	size_t before_n; /* of the words before the last run */
	size_t local_n;  /* of the last run, in the area of locals */
	size_t count;
	bool run_open; /* a dot was the last: the next word goes on with the run */
	str comment;   /* the last one, without parentheses */
};

static str area_keep(struct area *a, size_t n)
{
	str kept = n ? str_from(a->p + a->n, n) : STR_EMPTY;
	a->n += n;
	return kept;
}

/* Appends to what is being built at the end of the area. */
static size_t area_add(struct area *a, size_t n, str text)
{
	return n + lex_unescape(text, a->p + a->n + n);
}

/* One entry is held back so that a group can always be closed. */
static bool push(struct reader *r, struct address address)
{
	size_t room = r->in_group && address.kind != ADDRESS_GROUP_END ? 1 : 0;
	if (address.kind == ADDRESS_GROUP_START)
		room++;
	if (r->out->n + room >= r->max) {
		r->out->truncated = true;
		return false;
	}
	r->out->list[r->out->n++] = address;
	return true;
}

static void skip_space(struct reader *r, str *comment)
{
	while (r->at < r->s.n) {
		if (ascii_is_space(r->s.p[r->at])) {
			r->at++;
		} else if (r->s.p[r->at] == '(') {
			size_t end = lex_skip_comment(r->s, r->at);
			*comment = str_first(str_skip(r->s, r->at + 1), end - r->at - 1);
			if (str_ends(*comment, STR(")")))
				comment->n--;
			r->at = end;
		} else {
			break;
		}
	}
}

static bool is_special(char c)
{
	return ascii_is_space(c) || c == '(' || c == ')' || c == '<' || c == '>' || c == '@' ||
	       c == ',' || c == ';' || c == ':' || c == '"' || c == '.';
}

/* The word, quoted string, domain literal or dot at r->at; out without the quotes. */
static str take_word(struct reader *r, bool domain)
{
	size_t start = r->at;
	char c = r->s.p[start];
	if (c == '"') {
		r->at = lex_skip_quoted(r->s, start);
		str word = str_first(str_skip(r->s, start + 1), r->at - start - 1);
		if (str_ends(word, STR("\"")))
			word.n--;
		return word;
	}
	if (c == '[' && domain) {
		r->at = lex_skip_literal(r->s, start);
	} else {
		r->at++;
		while (c != '.' && r->at < r->s.n && !is_special(r->s.p[r->at]))
			r->at++;
	}
	return str_first(str_skip(r->s, start), r->at - start);
}

static void add_word(struct reader *r, struct words *w, bool spaced)
{
	bool dot = r->s.p[r->at] == '.';
	str word = take_word(r, false);
	if (!dot && !w->run_open) {
		w->before_n = w->name_n;
		w->local_n = 0;
	}
	if (spaced && w->name_n)
		r->names.p[r->names.n + w->name_n++] = ' ';
	w->name_n = area_add(&r->names, w->name_n, word);
	w->local_n = area_add(&r->locals, w->local_n, word);
	w->run_open = dot;
	w->count++;
}

/* Words up to a delimiter, which is left at r->at. */
static struct words read_words(struct reader *r)
{
	struct words w = { .comment = STR_EMPTY };
	for (;;) {
		size_t before = r->at;
		skip_space(r, &w.comment);
		if (r->at == r->s.n || str_find_char(STR("<>@,;:"), r->s.p[r->at]) >= 0)
			return w;
		if (r->s.p[r->at] == ')') /* closes nothing */
			r->at++;
		else
			add_word(r, &w, r->at > before);
	}
}

/* The domain behind "@", built in the area of locals. */
static str read_domain(struct reader *r, str *comment)
{
	size_t n = 0;
	bool more = true; /* a word may follow: at the beginning and after a dot */
	for (;;) {
		skip_space(r, comment);
		if (r->at == r->s.n || str_find_char(STR("<>@,;:"), r->s.p[r->at]) >= 0)
			break;
		bool dot = r->s.p[r->at] == '.';
		if (!dot && !more)
			break;
		if (r->s.p[r->at] == ')') {
			r->at++;
			continue;
		}
		n = area_add(&r->locals, n, take_word(r, true));
		more = dot;
	}
	return area_keep(&r->locals, n);
}

/* "@a,@b:" at the beginning of an angle address; nothing is taken where no colon ends it. */
static str read_route(struct reader *r)
{
	str rest = str_skip(r->s, r->at);
	/* Ends at "<" also, so that a row of them is not scanned again and again. */
	ptrdiff_t end = str_find_any(rest, STR(":<>\""));
	if (end < 0 || rest.p[end] != ':')
		return STR_EMPTY;
	size_t n = 0;
	for (size_t i = 0; i < (size_t)end; i++)
		if (!ascii_is_space(rest.p[i]))
			r->names.p[r->names.n + n++] = rest.p[i];
	r->at += (size_t)end + 1;
	return area_keep(&r->names, n);
}

/* To the end of an entry: past words that belong to nothing. */
static void skip_to(struct reader *r, str ends)
{
	str comment = STR_EMPTY;
	for (;;) {
		skip_space(r, &comment);
		if (r->at == r->s.n || str_find_char(ends, r->s.p[r->at]) >= 0)
			return;
		if (r->s.p[r->at] == '"')
			r->at = lex_skip_quoted(r->s, r->at);
		else
			r->at++;
	}
}

/* "<...>", of which "<" is at r->at. */
static void read_angle(struct reader *r, struct address *address, str *comment)
{
	r->at++;
	while (r->at < r->s.n && (r->s.p[r->at] == '<' || ascii_is_space(r->s.p[r->at])))
		r->at++;
	if (r->at < r->s.n && r->s.p[r->at] == '@')
		address->adl = read_route(r);
	size_t names_n = r->names.n;
	struct words w = read_words(r);
	r->names.n = names_n;
	address->mailbox = area_keep(&r->locals, w.local_n);
	if (r->at < r->s.n && r->s.p[r->at] == '@') {
		r->at++;
		address->host = read_domain(r, comment);
	}
	skip_to(r, STR(">,;"));
	if (r->at < r->s.n && r->s.p[r->at] == '>')
		r->at++;
}

static str name_from_comment(struct reader *r, str comment)
{
	return area_keep(&r->names, area_add(&r->names, 0, str_trim(comment)));
}

static void read_group_start(struct reader *r, struct words w)
{
	r->at++;
	struct address start = { .kind = ADDRESS_GROUP_START,
		.name = area_keep(&r->names, w.name_n),
		.adl = STR_EMPTY,
		.mailbox = STR_EMPTY,
		.host = STR_EMPTY };
	r->in_group = push(r, start);
}

static void read_group_end(struct reader *r)
{
	if (r->in_group)
		push(r, (struct address){
				ADDRESS_GROUP_END, STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY });
	r->in_group = false;
}

/* The words that came first, and what they turn out to be. */
static void read_mailbox(struct reader *r, struct words w)
{
	struct address address = { ADDRESS_MAILBOX, STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY };
	char c = r->at < r->s.n ? r->s.p[r->at] : ',';
	if (c == '<') {
		address.name = area_keep(&r->names, w.name_n);
		read_angle(r, &address, &w.comment);
	} else if (c == '@') {
		r->at++;
		address.name = area_keep(&r->names, w.before_n);
		address.mailbox = area_keep(&r->locals, w.local_n);
		address.host = read_domain(r, &w.comment);
		if (r->at < r->s.n && r->s.p[r->at] == '<') /* "a@b <a@b>", unquoted */
			read_angle(r, &address, &w.comment);
	} else if (w.before_n) { /* several words and no address: somebody's name */
		address.name = area_keep(&r->names, w.name_n);
	} else if (w.count) {
		address.mailbox = area_keep(&r->locals, w.local_n);
	} else {
		return;
	}
	skip_space(r, &w.comment);
	if (address.name.n == 0)
		address.name = name_from_comment(r, w.comment);
	if (address.name.n || address.mailbox.n || address.host.n)
		push(r, address);
	skip_to(r, STR(",;"));
}

static void read_entry(struct reader *r)
{
	struct words w = read_words(r);
	char c = r->at < r->s.n ? r->s.p[r->at] : '\0';
	if (c == ':' && !r->in_group)
		read_group_start(r, w);
	else
		read_mailbox(r, w);
	if (r->at == r->s.n)
		return;
	c = r->s.p[r->at];
	if (c == ';')
		read_group_end(r);
	if (c == ';' || c == ',' || c == '>' || c == ':')
		r->at++;
}

/* A separator follows each entry but the last; a semicolon may end an address and its group. */
static size_t entries_at_most(str value, size_t max)
{
	size_t n = 3;
	for (size_t i = 0; i < value.n && n < max; i++)
		n += value.p[i] == ',' || value.p[i] == ':' ? 1 : value.p[i] == ';' ? 2 : 0;
	return MIN(n, max);
}

struct address_list address_parse(struct arena *a, str value, size_t max)
{
	struct address_list out = { 0 };
	max = entries_at_most(value, max);
	struct reader r = { .s = value, .out = &out, .max = max };
	out.list = max ? arena_try(a, max * sizeof *out.list) : NULL;
	r.names.p = out.list ? arena_try(a, value.n) : NULL;
	r.locals.p = r.names.p ? arena_try(a, value.n) : NULL;
	if (!r.locals.p) {
		out.truncated = true;
		return out;
	}
	while (r.at < value.n && !out.truncated)
		read_entry(&r);
	read_group_end(&r);
	return out;
}
