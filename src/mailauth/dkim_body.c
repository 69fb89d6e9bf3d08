#include "mailauth/dkim_body.h"

#include "mailauth/dkim_bytes.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum {
	BLOCK = 128,         /* looked at as one, as long as that is clean */
	RUN_MAX = 16 * 1024, /* found clean before it is hashed: it is near by then */
	SLOW_STEP = 64,      /* bytes taken one by one before the next try */
	SLOW_ROOM = 2 * SLOW_STEP + 2,
	STAGE = 1024,
};

struct wanted {
	enum dkim_canon canon;
	uint64_t length;
	bool done;
	unsigned char hash[DKIM_HASH_SIZE];
};

/* One canonicalization. Line ends and white space are held back until content follows. */
struct pass {
	bool wanted;
	EVP_MD_CTX *md; /* owned; NULL until it begins */
	uint64_t total; /* hashed so far, and staged */
	uint64_t next;  /* the nearest length that somebody wants */
	uint64_t line_ends;
	bool space, cr;
	size_t staged;
	char stage[STAGE];
};

/* What is large is not cleared: most of it is never used. */
struct dkim_body {
	EVP_MD *own_sha256; /* owned; NULL: not asked for */
	const EVP_MD *sha256;
	struct pass passes[2];
	struct wanted wanted[DKIM_BODY_HASHES_MAX];
	int n;
	bool finished;
};

struct dkim_body *dkim_body_new(void)
{
	struct dkim_body *b = xmalloc(sizeof *b);
	b->own_sha256 = NULL;
	b->sha256 = NULL;
	b->n = 0;
	b->finished = false;
	for (size_t i = 0; i < ARRAY_LEN(b->passes); i++)
		memset(&b->passes[i], 0, offsetof(struct pass, stage));
	return b;
}

void dkim_body_free(struct dkim_body *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < ARRAY_LEN(b->passes); i++)
		EVP_MD_CTX_free(b->passes[i].md);
	EVP_MD_free(b->own_sha256);
	free(b);
}

void dkim_body_use_sha256(struct dkim_body *b, const EVP_MD *sha256)
{
	b->sha256 = sha256;
}

static const EVP_MD *sha256_of(struct dkim_body *b)
{
	if (!b->sha256)
		b->sha256 = b->own_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	return b->sha256;
}

/* Whether somebody wants it; it has then begun. */
static bool begun(struct dkim_body *b, enum dkim_canon canon)
{
	struct pass *pass = &b->passes[canon];
	if (!pass->wanted || pass->md)
		return pass->wanted;
	pass->md = EVP_MD_CTX_new();
	ASSERT(pass->md && EVP_DigestInit_ex2(pass->md, sha256_of(b), NULL));
	return true;
}

int dkim_body_want(struct dkim_body *b, enum dkim_canon canon, uint64_t length)
{
	for (int i = 0; i < b->n; i++)
		if (b->wanted[i].canon == canon && b->wanted[i].length == length)
			return i;
	if (b->n == DKIM_BODY_HASHES_MAX)
		return -1;
	struct pass *pass = &b->passes[canon];
	pass->next = pass->wanted ? MIN(pass->next, length) : length;
	pass->wanted = true;
	b->wanted[b->n] = (struct wanted){ .canon = canon, .length = length };
	return b->n++;
}

/* Everybody who wants what was hashed so far gets it. */
static void snapshot(struct dkim_body *b, enum dkim_canon canon, uint64_t length)
{
	struct pass *pass = &b->passes[canon];
	unsigned char hash[DKIM_HASH_SIZE];
	EVP_MD_CTX *copy = NULL;
	if (length != DKIM_BODY_WHOLE) {
		copy = EVP_MD_CTX_new();
		ASSERT(copy && EVP_MD_CTX_copy_ex(copy, pass->md));
	}
	ASSERT(EVP_DigestFinal_ex(copy ? copy : pass->md, hash, NULL));
	EVP_MD_CTX_free(copy);
	pass->next = DKIM_BODY_WHOLE;
	for (int i = 0; i < b->n; i++) {
		struct wanted *w = &b->wanted[i];
		if (w->canon != canon || w->done)
			continue;
		if (w->length == length) {
			memcpy(w->hash, hash, sizeof hash);
			w->done = true;
		} else {
			pass->next = MIN(pass->next, w->length);
		}
	}
}

/* Canonical bytes. */
static void hash(struct dkim_body *b, enum dkim_canon canon, const char *p, size_t n)
{
	struct pass *pass = &b->passes[canon];
	while (pass->next - pass->total <= n && pass->next != DKIM_BODY_WHOLE) {
		size_t head = (size_t)(pass->next - pass->total);
		ASSERT(EVP_DigestUpdate(pass->md, p, head));
		p += head;
		n -= head;
		pass->total = pass->next;
		snapshot(b, canon, pass->next);
	}
	ASSERT(EVP_DigestUpdate(pass->md, p, n));
	pass->total += n;
}

static void flush(struct dkim_body *b, enum dkim_canon canon)
{
	struct pass *pass = &b->passes[canon];
	size_t n = pass->staged;
	pass->staged = 0;
	if (n)
		hash(b, canon, pass->stage, n);
}

static void put(struct dkim_body *b, enum dkim_canon canon, char c)
{
	struct pass *pass = &b->passes[canon];
	if (pass->staged == STAGE)
		flush(b, canon);
	pass->stage[pass->staged++] = c;
}

static void release_line_ends(struct dkim_body *b, enum dkim_canon canon)
{
	struct pass *pass = &b->passes[canon];
	for (; pass->line_ends; pass->line_ends--) {
		put(b, canon, '\r');
		put(b, canon, '\n');
	}
}

/* What was held back counts, now that content follows. */
static void release(struct dkim_body *b, enum dkim_canon canon)
{
	struct pass *pass = &b->passes[canon];
	release_line_ends(b, canon);
	if (pass->space)
		put(b, canon, ' ');
	pass->space = false;
}

/* Room for what `slowly` makes of its bytes, line ends that were held back aside. */
static char *room(struct dkim_body *b, enum dkim_canon canon)
{
	struct pass *pass = &b->passes[canon];
	if (pass->staged > STAGE - SLOW_ROOM)
		flush(b, canon);
	return pass->stage + pass->staged;
}

/* Byte by byte; SLOW_STEP of them at most. */
static void slowly(struct dkim_body *b, enum dkim_canon canon, str s)
{
	struct pass *pass = &b->passes[canon];
	char *out = room(b, canon);
	bool cr = pass->cr, space = pass->space;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool blank = canon == DKIM_RELAXED && (c == ' ' || c == '\t');
		if (c == '\n') {
			cr = space = false;
			pass->line_ends++;
			continue;
		}
		if (!cr && (blank || c == '\r')) {
			space |= blank;
			cr = !blank;
			continue;
		}
		if (pass->line_ends) {
			pass->staged = (size_t)(out - pass->stage);
			release_line_ends(b, canon);
			out = room(b, canon);
		}
		if (space)
			*out++ = ' ';
		if (cr)
			*out++ = '\r';
		space = blank;
		cr = c == '\r';
		if (!blank && !cr)
			*out++ = c;
	}
	pass->staged = (size_t)(out - pass->stage);
	pass->cr = cr;
	pass->space = space;
}

/* Whether canonicalization changes nothing in p[0…n], save at the end of the body; n is a multiple
 * of the step. Lines end in CRLF, and there is no other CR or LF; white space is one space between
 * words. */
static bool is_clean(const char *p, size_t n, enum dkim_canon canon)
{
	bytes bad = { 0 };
	for (size_t i = 0; i < n; i += sizeof bad) {
		bytes c = bytes_load(p + i), next = bytes_load(p + i + 1);
		bad |= (bytes)((c == '\r') ^ (next == '\n'));
		if (canon == DKIM_RELAXED)
			bad |= (bytes)((c == '\t') | ((c == ' ') & (next <= ' ')));
	}
	return !bytes_any(bad);
}

/* p[0…n] without what is held back at its end. */
static size_t without_held(const char *p, size_t n, enum dkim_canon canon)
{
	while (n && (p[n - 1] == '\r' || p[n - 1] == '\n' ||
			    (canon == DKIM_RELAXED && p[n - 1] == ' ')))
		n--;
	return n;
}

/* From n on, in steps of so many bytes. No step of line ends alone: all that is found clean but for
 * the last one is used. */
static size_t clean_steps(str s, size_t n, size_t step, enum dkim_canon canon)
{
	while (n + step < s.n && n < RUN_MAX && is_clean(s.p + n, step, canon) &&
		without_held(s.p + n, step, canon))
		n += step;
	return n;
}

/* How much of s can go to the hash as it is: ends behind a byte that holds nothing back. */
static size_t clean_run(const struct pass *pass, str s, enum dkim_canon canon)
{
	if (pass->cr || s.n <= sizeof(bytes) || s.p[0] == '\n' || (pass->space && s.p[0] <= ' '))
		return 0;
	size_t n = clean_steps(s, 0, BLOCK, canon);
	n = clean_steps(s, n, sizeof(bytes), canon);
	return without_held(s.p, n, canon);
}

static void canonicalize(struct dkim_body *b, enum dkim_canon canon, str s)
{
	struct pass *pass = &b->passes[canon];
	while (s.n) {
		size_t n = clean_run(pass, s, canon);
		if (n) {
			release(b, canon);
			flush(b, canon);
			hash(b, canon, s.p, n);
			s = str_skip(s, n);
		}
		size_t step = MIN(s.n, SLOW_STEP);
		slowly(b, canon, str_first(s, step));
		s = str_skip(s, step);
	}
}

void dkim_body_feed(struct dkim_body *b, str s)
{
	ASSERT(!b->finished);
	for (int canon = DKIM_SIMPLE; canon <= DKIM_RELAXED; canon++)
		if (begun(b, (enum dkim_canon)canon))
			canonicalize(b, (enum dkim_canon)canon, s);
}

/* Empty lines at the end do not count; the last line ends in CRLF. An empty body is a line end for
 * "simple" (§3.4.3), and nothing for "relaxed" (§3.4.4). */
static void finish(struct dkim_body *b, enum dkim_canon canon)
{
	struct pass *pass = &b->passes[canon];
	if (pass->cr) {
		release(b, canon);
		put(b, canon, '\r');
	}
	pass->line_ends = pass->total + pass->staged || canon == DKIM_SIMPLE;
	pass->space = false;
	release(b, canon);
	flush(b, canon);
	hash(b, canon, "", 0);
	snapshot(b, canon, DKIM_BODY_WHOLE);
}

void dkim_body_finish(struct dkim_body *b)
{
	for (int canon = DKIM_SIMPLE; canon <= DKIM_RELAXED && !b->finished; canon++)
		if (begun(b, (enum dkim_canon)canon))
			finish(b, (enum dkim_canon)canon);
	b->finished = true;
}

const unsigned char *dkim_body_hash(const struct dkim_body *b, int number)
{
	ASSERT(b->finished && number >= 0 && number < b->n);
	const struct wanted *w = &b->wanted[number];
	return w->done ? w->hash : NULL;
}

uint64_t dkim_body_total(const struct dkim_body *b, int number)
{
	ASSERT(b->finished && number >= 0 && number < b->n);
	return b->passes[b->wanted[number].canon].total;
}

void dkim_body_hash_text(struct dkim_body *b, str text, unsigned char out[DKIM_HASH_SIZE])
{
	ASSERT(b->finished);
	struct pass *pass = &b->passes[b->passes[DKIM_SIMPLE].md ? DKIM_SIMPLE : DKIM_RELAXED];
	if (!pass->md) {
		pass->md = EVP_MD_CTX_new();
		ASSERT(pass->md);
	}
	ASSERT(EVP_DigestInit_ex2(pass->md, sha256_of(b), NULL) &&
		EVP_DigestUpdate(pass->md, text.p, text.n) &&
		EVP_DigestFinal_ex(pass->md, out, NULL));
}
