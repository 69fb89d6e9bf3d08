#include "mail/guess.h"

#include "mail/charset.h"

#include "base/utf8.h"

#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>

enum { DETECTED_MAX = 8192, META_MAX = 1024, CONFIDENCE_MIN = 30, NAME_SIZE = 64 };

static const struct {
	const char *mark;
	size_t n;
	const char *charset;
} marks[] = {
	{ "\xef\xbb\xbf", 3, "utf-8" },
	{ "\xff\xfe\0\0", 4, "utf-32le" },
	{ "\0\0\xfe\xff", 4, "utf-32be" },
	{ "\xff\xfe", 2, "utf-16le" },
	{ "\xfe\xff", 2, "utf-16be" },
};

static bool is_utf7(str label)
{
	return str_find_nocase(label, STR("utf-7")) >= 0 ||
	       str_find_nocase(label, STR("utf7")) >= 0;
}

static bool is_known(str label)
{
	char z[NAME_SIZE];
	if (label.n == 0 || !str_copy_z(label, z, sizeof z) || str_find_char(label, ',') >= 0 ||
		str_find_char(label, '/') >= 0)
		return false;
	UErrorCode error = U_ZERO_ERROR;
	UConverter *c = ucnv_open(z, &error);
	if (U_SUCCESS(error))
		ucnv_close(c);
	return U_SUCCESS(error);
}

static bool says_little(str label)
{
	return str_equal_nocase(label, STR("us-ascii")) || str_equal_nocase(label, STR("ascii"));
}

/* ISO-8859-1 and its like: any bytes are valid, so the label may be a habit. */
static bool is_single_byte(str label)
{
	return str_starts_nocase(label, STR("iso-8859-")) ||
	       str_starts_nocase(label, STR("windows-125")) ||
	       str_starts_nocase(label, STR("latin")) || str_starts_nocase(label, STR("cp125"));
}

/* The name in <meta charset=…> or <meta … content="text/html; charset=…">. */
static str meta_charset(str text)
{
	text = str_first(text, META_MAX);
	ptrdiff_t at = str_find_nocase(text, STR("charset="));
	if (at < 0)
		return STR_EMPTY;
	text = str_skip(text, (size_t)at + 8);
	if (text.n && (text.p[0] == '"' || text.p[0] == '\''))
		text = str_skip(text, 1);
	ptrdiff_t end = str_find_any(text, STR("\"'>/; \t\r\n"));
	return end < 0 ? STR_EMPTY : str_first(text, (size_t)end);
}

/* Static, as ICU's names are. */
static str detect(str text)
{
	UErrorCode error = U_ZERO_ERROR;
	UCharsetDetector *d = ucsdet_open(&error);
	str found = STR_EMPTY;
	if (U_FAILURE(error))
		return found;
	text = str_first(text, DETECTED_MAX);
	ucsdet_setText(d, text.p, (int32_t)text.n, &error);
	const UCharsetMatch *match = ucsdet_detect(d, &error);
	if (U_SUCCESS(error) && match && ucsdet_getConfidence(match, &error) >= CONFIDENCE_MIN) {
		const char *name = ucsdet_getName(match, &error);
		/* UTF-16 without a mark is what binary data look like to it. */
		if (U_SUCCESS(error) && !str_starts_nocase(str_from_z(name), STR("utf-")))
			found = str_from_z(name);
	}
	ucsdet_close(d);
	return found;
}

static struct guess without_label(str text, bool html)
{
	str meta = html ? meta_charset(text) : STR_EMPTY;
	if (meta.n && !is_utf7(meta) && !str_starts_nocase(meta, STR("utf-")) && is_known(meta))
		return (struct guess){ meta, 0, GUESS_META };
	bool shifts = str_find(text, STR("\x1b$")) >= 0; /* ISO-2022-JP and its like */
	if (ascii_only(text) && !shifts)
		return (struct guess){ STR("us-ascii"), 0, GUESS_DEFAULT };
	str found = detect(text);
	if (found.n)
		return (struct guess){ found, 0, GUESS_DETECTED };
	return (struct guess){ STR("windows-1252"), 0, GUESS_DEFAULT };
}

struct guess charset_guess(str label, str text, bool html)
{
	label = str_trim(label);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (str_starts(text, str_from(marks[i].mark, marks[i].n)))
			return (struct guess){ str_from_z(marks[i].charset), marks[i].n,
				GUESS_BOM };
	bool believed = !says_little(label) && !(html && is_utf7(label)) && is_known(label);
	bool utf8 = (!believed || is_single_byte(label)) && !ascii_only(text) && utf8_valid(text);
	if (utf8)
		return (struct guess){ STR("utf-8"), 0, GUESS_UTF8 };
	bool claims_utf8 =
		str_equal_nocase(label, STR("utf-8")) || str_equal_nocase(label, STR("utf8"));
	if (believed && !(claims_utf8 && !utf8_valid(text)))
		return (struct guess){ label, 0, GUESS_LABEL };
	struct guess g = without_label(text, html);
	/* Broken UTF-8 stays what it says, unless its letters tell otherwise. */
	if (claims_utf8 && g.from != GUESS_DETECTED)
		return (struct guess){ label, 0, GUESS_LABEL };
	return g;
}
