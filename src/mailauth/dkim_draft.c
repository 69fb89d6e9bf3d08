#include "mailauth/dkim_sign_internal.h"

#include "base/base64.h"

#include <errno.h>

enum { LINE_MAX_WANTED = 76, TEXT_MAX = 1 << 20 };

void dkim_draft_begin(struct dkim_draft *d, str name)
{
	*d = (struct dkim_draft){ .text = BUF_INIT(TEXT_MAX), .first = true };
	buf_add(&d->text, name);
	buf_add_char(&d->text, ':');
}

void dkim_draft_done(struct dkim_draft *d)
{
	buf_done(&d->text);
}

static void fold(struct dkim_draft *d)
{
	buf_add(&d->text, STR("\r\n "));
	d->line = d->text.n;
}

/* Space for so many characters, on this line or a new one. */
static void separate(struct dkim_draft *d, size_t n)
{
	if (!d->first)
		buf_add_char(&d->text, ';');
	if (d->text.n - d->line + 2 + n > LINE_MAX_WANTED && !d->first)
		fold(d);
	else
		buf_add_char(&d->text, ' ');
	d->first = false;
}

void dkim_draft_tag(struct dkim_draft *d, str name, str value)
{
	separate(d, name.n + 1 + value.n);
	buf_add(&d->text, name);
	buf_add_char(&d->text, '=');
	buf_add(&d->text, value);
}

void dkim_draft_time(struct dkim_draft *d, str name, int64_t value)
{
	if (value <= 0)
		return;
	struct buf number CLEANUP(buf_done) = BUF_INIT(32);
	buf_add_u64(&number, (uint64_t)value);
	dkim_draft_tag(d, name, buf_str(&number));
}

void dkim_draft_list(struct dkim_draft *d, str name, str list)
{
	separate(d, name.n + 1 + MIN(list.n, LINE_MAX_WANTED - 4));
	buf_add(&d->text, name);
	buf_add_char(&d->text, '=');
	for (bool first = true; list.n; first = false) {
		str item;
		(void)str_cut(list, ':', &item, &list);
		if (!first)
			buf_add_char(&d->text, ':');
		if (!first && d->text.n - d->line + item.n + 2 > LINE_MAX_WANTED)
			fold(d);
		buf_add(&d->text, item);
	}
}

void dkim_draft_b(struct dkim_draft *d)
{
	dkim_draft_tag(d, STR("b"), STR_EMPTY);
	d->b = d->text.n;
}

struct header_field dkim_draft_field(const struct dkim_draft *d)
{
	str raw = buf_str(&d->text);
	size_t colon = (size_t)str_find_char(raw, ':');
	return (struct header_field){
		.name = str_first(raw, colon), .value = str_skip(raw, colon + 1), .raw = raw
	};
}

bool dkim_draft_sign(const struct dkim_draft *d, const struct dkim_signs *key,
	const unsigned char hash[DKIM_HASH_SIZE], struct buf *out, struct err *err)
{
	struct buf signature CLEANUP(buf_done) = BUF_INIT(DKIM_SIGNATURE_MAX);
	if (d->text.overflowed) {
		(void)err_set(err, EINVAL, "the signature's field is too long");
		return false;
	}
	if (!key->sign(key->context, str_from(hash, DKIM_HASH_SIZE), &signature, err))
		return false;
	struct buf text CLEANUP(buf_done) = BUF_INIT(4 * DKIM_SIGNATURE_MAX);
	base64_encode(&text, buf_str(&signature));
	buf_add(out, str_first(buf_str(&d->text), d->b));
	for (str rest = buf_str(&text); rest.n; rest = str_skip(rest, LINE_MAX_WANTED - 4)) {
		buf_add(out, STR("\r\n "));
		buf_add(out, str_first(rest, LINE_MAX_WANTED - 4));
	}
	buf_add(out, str_skip(buf_str(&d->text), d->b));
	buf_add(out, STR("\r\n"));
	return true;
}
