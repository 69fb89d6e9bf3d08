#include "main/message_show.h"

#include "mail/inspect.h"
#include "mail/mail.h"
#include "main/why_text.h"

#include <stdio.h>

static const char *const wheres[] = { "text", "hidden", "header", "link", "form", "image", "other",
	"attachment" };
static const char *const uri_flags[] = { "hxxp", "defanged", "invisible", "fullwidth", "backslash",
	"space", "percent-host", "ipv4", "ipv4-odd", "ipv6", "punycode", "userinfo", "port",
	"no-scheme", "nested", "bad-host", "long" };
static const char *const name_flags[] = { "path", "trailing", "override", "invisible", "double",
	"padded", "long", "differs" };
static const char *const hidings[] = { "display", "visibility", "font", "opacity", "color",
	"offscreen", "indent", "box", "clip", "attribute" };
static const char *const defects[] = { "stray-line", "nul", "bare-cr", "eight-bit-header",
	"repeated-field", "no-from", "no-date", "no-boundary", "odd-encoding", "wrong-charset",
	"long-line", "no-closing" };

struct writer {
	struct buf b;
	bool comma;                  /* before the next value */
	struct inspector *inspector; /* NULL: attachments are not looked into */
};

static void add_string(struct writer *w, str s)
{
	buf_add_char(&w->b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(&w->b, '\\');
		if ((unsigned char)s.p[i] < ' ')
			buf_printf(&w->b, "\\u%04x", s.p[i]);
		else
			buf_add_char(&w->b, s.p[i]);
	}
	buf_add_char(&w->b, '"');
}

/* "name": where there is one. */
static void begin(struct writer *w, const char *name)
{
	if (w->comma)
		buf_add_char(&w->b, ',');
	if (name)
		buf_printf(&w->b, "\"%s\":", name);
	w->comma = true;
}

static void put(struct writer *w, const char *name, str value)
{
	begin(w, name);
	add_string(w, value);
}

static void put_number(struct writer *w, const char *name, uint64_t value)
{
	begin(w, name);
	buf_add_u64(&w->b, value);
}

static void open(struct writer *w, const char *name, char c)
{
	begin(w, name);
	buf_add_char(&w->b, c);
	w->comma = false;
}

static void close(struct writer *w, char c)
{
	buf_add_char(&w->b, c);
	w->comma = true;
}

static void put_bits(
	struct writer *w, const char *name, uint32_t bits, const char *const *names, size_t n)
{
	open(w, name, '[');
	for (size_t i = 0; i < n; i++)
		if (bits & 1u << i)
			put(w, NULL, str_from_z(names[i]));
	close(w, ']');
}

static void put_addresses(
	struct writer *w, const char *name, struct mail *m, struct address_list list)
{
	open(w, name, '[');
	for (size_t i = 0; i < list.n; i++) {
		if (list.list[i].kind != ADDRESS_MAILBOX)
			continue;
		open(w, NULL, '{');
		put(w, "name", mail_decode_value(m, list.list[i].name));
		put(w, "local", mail_decode_value(m, list.list[i].mailbox));
		put(w, "domain", mail_decode_value(m, list.list[i].host));
		close(w, '}');
	}
	close(w, ']');
}

static void put_text(struct writer *w, const struct mail_text *t)
{
	open(w, NULL, '{');
	put_number(w, "part", t->part);
	put(w, "type", t->html ? STR("html") : STR("plain"));
	put(w, "charset", t->charset.charset);
	put(w, "source", t->source);
	put(w, "visible", t->visible);
	put(w, "invisible", t->invisible);
	if (t->document)
		put_bits(w, "hiding", t->document->hiding, hidings, ARRAY_LEN(hidings));
	close(w, '}');
}

static void put_flags(struct writer *w, const char *name, uint32_t flags)
{
	const char *flag;
	open(w, name, '[');
	for (unsigned bit = 0; (flag = inspect_flag_name(bit)); bit++)
		if (flags & 1u << bit)
			put(w, NULL, str_from_z(flag));
	close(w, ']');
}

static void put_entry(struct writer *w, const struct inspect_entry *e)
{
	open(w, NULL, '{');
	put(w, "name", e->name);
	put_number(w, "in", e->parent);
	if (e->sized)
		put_number(w, "size", e->size);
	put(w, "real_type", e->type);
	put(w, "class", str_from_z(inspect_class_name(e->class)));
	put(w, "named", str_from_z(inspect_class_name(e->named)));
	put_flags(w, "flags", e->flags);
	put_bits(w, "odd", e->odd, name_flags, ARRAY_LEN(name_flags));
	close(w, '}');
}

static void put_inspection(struct writer *w, const struct inspection *i)
{
	put(w, "real_type", i->type);
	put(w, "class", str_from_z(inspect_class_name(i->class)));
	put(w, "named", str_from_z(inspect_class_name(i->named)));
	put(w, "declared", str_from_z(inspect_class_name(i->declared)));
	put_flags(w, "flags", i->flags);
	open(w, "entries", '[');
	for (size_t j = 0; j < i->entries_n; j++)
		put_entry(w, &i->entries[j]);
	close(w, ']');
	open(w, "uris", '[');
	for (size_t j = 0; j < i->uris_n; j++)
		put(w, NULL, i->uris[j]);
	close(w, ']');
}

static void put_attachment(struct writer *w, struct mail *m, const struct mail_attachment *a)
{
	str content = mail_attachment_content(m, a);
	open(w, NULL, '{');
	put_number(w, "part", a->part);
	put(w, "name", a->name.name);
	put(w, "type", a->declared);
	put_number(w, "size", content.n);
	put_bits(w, "odd", a->name.flags, name_flags, ARRAY_LEN(name_flags));
	if (w->inspector) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(INSPECT_ARENA_MAX);
		struct inspection i;
		inspect(w->inspector, &arena, content, a->name.name, a->declared, &i);
		put_inspection(w, &i);
	}
	close(w, '}');
}

static void put_uri(struct writer *w, const struct uri_found *f)
{
	open(w, NULL, '{');
	put(w, "scheme", f->uri.scheme);
	put(w, "userinfo", f->uri.userinfo);
	put(w, "host", f->uri.host);
	put_number(w, "port", f->uri.port);
	put(w, "path", f->uri.path);
	put(w, "query", f->uri.query);
	put(w, "text", f->text);
	put_bits(w, "where", f->where, wheres, ARRAY_LEN(wheres));
	put_bits(w, "odd", f->uri.flags, uri_flags, ARRAY_LEN(uri_flags));
	close(w, '}');
}

static void put_lists(struct writer *w, struct mail *m)
{
	open(w, "texts", '[');
	for (size_t i = 0; i < m->texts_n; i++)
		put_text(w, &m->texts[i]);
	close(w, ']');
	open(w, "attachments", '[');
	for (size_t i = 0; i < m->attachments_n; i++)
		put_attachment(w, m, &m->attachments[i]);
	close(w, ']');
	open(w, "uris", '[');
	for (size_t i = 0; i < m->uris.n; i++)
		put_uri(w, &m->uris.list[i]);
	close(w, ']');
}

static void show_json(struct mail *m, struct inspector *in)
{
	struct writer w = { .b = BUF_INIT(SIZE_MAX), .inspector = in };
	open(&w, NULL, '{');
	put(&w, "subject", m->subject);
	put(&w, "message_id", m->message_id);
	if (m->has_date)
		put_number(&w, "date", (uint64_t)MAX(m->date.seconds, (int64_t)0));
	put_addresses(&w, "from", m, m->from);
	put_addresses(&w, "reply_to", m, m->reply_to);
	put_addresses(&w, "to", m, m->to);
	put_addresses(&w, "cc", m, m->cc);
	put_lists(&w, m);
	put_number(&w, "parts", m->shape.parts);
	put_number(&w, "depth", m->shape.depth);
	put_number(&w, "visible_length", m->shape.visible_length);
	put_number(&w, "invisible_length", m->shape.invisible_length);
	put_bits(&w, "defects", m->shape.defects, defects, ARRAY_LEN(defects));
	put_number(&w, "truncated", m->truncated);
	close(&w, '}');
	buf_add_char(&w.b, '\n');
	fwrite(w.b.p, 1, w.b.n, stdout);
	buf_done(&w.b);
}

static void print_bits(const char *before, uint32_t bits, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bits & 1u << i)
			printf("%s%s", before, names[i]);
}

/* Without what a terminal would obey. */
static void print_text(str s)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(SIZE_MAX / 2);
	why_text(&text, s, SIZE_MAX);
	if (text.n)
		fwrite(text.p, 1, text.n, stdout);
}

static void print_line(const char *label, str s)
{
	printf("%s", label);
	print_text(s);
	putchar('\n');
}

static void print_flags(const char *before, uint32_t flags)
{
	const char *flag;
	for (unsigned bit = 0; (flag = inspect_flag_name(bit)); bit++)
		if (flags & 1u << bit)
			printf("%s%s", before, flag);
}

static void print_inspection(const struct inspection *i)
{
	printf("  is: %s ", inspect_class_name(i->class));
	print_text(i->type);
	print_flags(" ", i->flags);
	putchar('\n');
	for (size_t j = 0; j < i->entries_n; j++) {
		const struct inspect_entry *e = &i->entries[j];
		printf("  %*sholds: %s", 2 * (int)e->depth, "", inspect_class_name(e->class));
		print_flags(" ", e->flags);
		print_bits(" ", e->odd, name_flags, ARRAY_LEN(name_flags));
		if (e->sized)
			printf(" %llu", (unsigned long long)e->size);
		print_line(" ", e->name);
	}
	for (size_t j = 0; j < i->uris_n; j++)
		print_line("  leads to: ", i->uris[j]);
}

static void print_attachment(struct mail *m, const struct mail_attachment *a, struct inspector *in)
{
	printf("attachment:");
	print_bits(" ", a->name.flags, name_flags, ARRAY_LEN(name_flags));
	print_line(" ", a->name.name);
	if (!in)
		return;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(INSPECT_ARENA_MAX);
	struct inspection i;
	inspect(in, &arena, mail_attachment_content(m, a), a->name.name, a->declared, &i);
	print_inspection(&i);
}

static void show_text(struct mail *m, struct inspector *in)
{
	print_line("subject: ", m->subject);
	for (size_t i = 0; i < m->texts_n; i++) {
		print_line(m->texts[i].html ? "html: " : "plain: ", m->texts[i].visible);
		if (m->texts[i].invisible.n)
			print_line("hidden: ", m->texts[i].invisible);
	}
	for (size_t i = 0; i < m->uris.n; i++) {
		const struct uri_found *f = &m->uris.list[i];
		printf("uri: ");
		print_text(f->uri.scheme);
		printf("://");
		print_text(f->uri.host);
		print_bits(" in ", f->where, wheres, ARRAY_LEN(wheres));
		print_bits(" ", f->uri.flags, uri_flags, ARRAY_LEN(uri_flags));
		print_line(" ", f->uri.path);
	}
	for (size_t i = 0; i < m->attachments_n; i++)
		print_attachment(m, &m->attachments[i], in);
	print_bits("defect: ", m->shape.defects, defects, ARRAY_LEN(defects));
	if (m->shape.defects)
		putchar('\n');
}

void message_show(str message, bool json)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(message.n));
	struct mail m CLEANUP(mail_done);
	mail_read(&arena, message, &m);
	struct err err;
	struct inspector *in = inspector_new(&err);
	if (!in)
		fprintf(stderr, "postern message: attachments are not looked into: %s\n", err.text);
	if (json)
		show_json(&m, in);
	else
		show_text(&m, in);
	inspector_free(in);
}
