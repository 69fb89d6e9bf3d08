/*
 * check_html.c: what a message shows to its reader, and what it only shows to filters.
 */
#include "base/utf8.h"
#include "filter/check.h"

enum {
	HIDDEN_MIN = 300,     /* bytes: preview texts and fallbacks are shorter */
	IMAGE_TEXT_MAX = 100, /* bytes of text beside an image */
	IMAGE_MIN = 300,      /* pixels each way */
	WORDS_MIN = 20,       /* for a comparison of two texts */
	WORD_MIN = 4,
	WORD_BITS = 12,
	INVISIBLE_MIN = 3,
};

/* Beside the preview text of newsletters: hidden by what is no part of a layout. */
static void by_hiding(struct judgement *j, const struct mail_text *t)
{
	const uint32_t sly = HTML_HIDDEN_FONT | HTML_HIDDEN_COLOR | HTML_HIDDEN_OFFSCREEN |
			     HTML_HIDDEN_INDENT | HTML_HIDDEN_CLIP;
	size_t hidden = t->invisible.n;
	bool much = hidden >= HIDDEN_MIN && hidden > t->visible.n;
	if (much || ((t->document->hiding & sly) && hidden >= HIDDEN_MIN))
		judgement_find(j, FINDING_HTML_HIDDEN, "%zu bytes beside %zu that are seen", hidden,
			t->visible.n);
}

static bool is_large(const struct html_image *i)
{
	return (i->width < 0 || i->width >= IMAGE_MIN) && (i->height < 0 || i->height >= IMAGE_MIN);
}

static void by_images(struct judgement *j, const struct mail_text *t)
{
	size_t large = 0;
	for (size_t i = 0; i < t->document->images_n; i++)
		large += is_large(&t->document->images[i]);
	if (large && t->visible.n < IMAGE_TEXT_MAX)
		judgement_find(j, FINDING_HTML_IMAGE_ONLY, "%zu images, %zu bytes of text", large,
			t->visible.n);
}

static bool has_refresh(const struct html *h)
{
	for (size_t i = 0; i < h->links_n; i++)
		if (h->links[i].kind == HTML_LINK_REFRESH)
			return true;
	return false;
}

static void by_elements(struct judgement *j, const struct html *h)
{
	if (h->passwords)
		judgement_find(j, FINDING_HTML_PASSWORD, "%s", "");
	else if (h->forms)
		judgement_find(j, FINDING_HTML_FORM, "%u", h->forms);
	if (h->script_tags || h->handlers)
		judgement_find(
			j, FINDING_HTML_SCRIPT, "%u, %u handlers", h->script_tags, h->handlers);
	if (h->frames)
		judgement_find(j, FINDING_HTML_FRAME, "%u", h->frames);
	if (has_refresh(h))
		judgement_find(j, FINDING_HTML_REFRESH, "%s", "");
}

/* ── Both texts of an alternative ─────────────────────────────────────────────────────────── */

struct words {
	uint64_t seen[(1 << WORD_BITS) / 64];
	size_t n;
};

static bool next_word(str *text, uint32_t *hash)
{
	size_t n = 0;
	*hash = 2166136261U;
	while (text->n) {
		char c = ascii_lower(text->p[0]);
		bool letter = ascii_is_alnum(c) || (unsigned char)c >= 0x80;
		*text = str_skip(*text, 1);
		if (letter) {
			*hash = (*hash ^ (unsigned char)c) * 16777619U;
			n++;
		} else if (n >= WORD_MIN) {
			return true;
		} else {
			n = 0;
			*hash = 2166136261U;
		}
	}
	return n >= WORD_MIN;
}

static void collect(struct words *w, str text)
{
	uint32_t hash;
	while (next_word(&text, &hash)) {
		hash >>= 32 - WORD_BITS;
		w->seen[hash / 64] |= 1ULL << hash % 64;
		w->n++;
	}
}

/* How many of its words are among the others, in percent. */
static unsigned common(const struct words *others, str text, size_t *out_n)
{
	size_t n = 0, found = 0;
	uint32_t hash;
	while (next_word(&text, &hash)) {
		hash >>= 32 - WORD_BITS;
		n++;
		found += others->seen[hash / 64] >> hash % 64 & 1;
	}
	*out_n = n;
	return n ? (unsigned)(100 * found / n) : 100;
}

static bool is_alternative(const struct mail *m, uint32_t part)
{
	uint32_t parent = m->tree.parts[part].parent;
	return mime_is(&m->tree.parts[parent], STR("multipart"), STR("alternative"));
}

static void by_alternative(struct judgement *j)
{
	const struct mail *m = &j->mail;
	struct words html = { .n = 0 };
	size_t n = 0;
	for (size_t i = 0; i < m->texts_n; i++)
		if (m->texts[i].html)
			collect(&html, m->texts[i].visible);
	for (size_t i = 0; i < m->texts_n && html.n >= WORDS_MIN; i++) {
		const struct mail_text *t = &m->texts[i];
		if (t->html || !is_alternative(m, t->part))
			continue;
		unsigned percent = common(&html, t->visible, &n);
		if (n >= WORDS_MIN && percent < 20) {
			judgement_find(
				j, FINDING_TEXT_DIFFERS, "%u in 100 words are in both", percent);
			return;
		}
	}
}

/* ── Characters between letters ───────────────────────────────────────────────────────────── */

/* Preview texts are padded with them, but not inside of words. */
static size_t count_in_words(str text)
{
	size_t found = 0;
	uint32_t c, before = 0;
	bool unseen = false;
	if (ascii_only(text))
		return 0;
	while (text.n) {
		size_t n = utf8_decode(text, &c);
		if (n == 0)
			break;
		if (utf8_is_unseen(c)) {
			unseen = before && ascii_is_alpha((char)(before < 0x80 ? before : 0));
		} else {
			found += unseen && c < 0x80 && ascii_is_alpha((char)c);
			before = c;
			unseen = false;
		}
		text = str_skip(text, n);
	}
	return found;
}

static void report(struct judgement *j)
{
	size_t invisible = 0;
	for (size_t i = 0; i < j->mail.texts_n; i++) {
		const struct mail_text *t = &j->mail.texts[i];
		invisible += count_in_words(t->visible);
		if (!t->document)
			continue;
		const struct html *h = t->document;
		if (t->attached) {
			if (h->forms || h->passwords || h->script_tags || has_refresh(h))
				judgement_find(j, FINDING_HTML_ATTACHED_FORM, "%s", "");
			continue;
		}
		by_hiding(j, t);
		by_images(j, t);
		by_elements(j, h);
	}
	if (invisible >= INVISIBLE_MIN)
		judgement_find(j, FINDING_TEXT_INVISIBLE, "%zu", invisible);
	by_alternative(j);
}

const struct check check_html = {
	.name = "html", .stage = CHECK_MESSAGE, .cost = CHECK_CHEAP, .report = report
};
