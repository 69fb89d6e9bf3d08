#include "mail/confusable.h"

#include "base/utf8.h"

#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/uscript.h>
#include <unicode/uspoof.h>

enum { LABEL_MAX = 63, TEXT_MAX = 4 * LABEL_MAX + 1 };

/* The label as people see it; 0 where it is none. */
static size_t to_unicode(str label, char out[static TEXT_MAX])
{
	UErrorCode error = U_ZERO_ERROR;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UIDNA *idna = uidna_openUTS46(UIDNA_DEFAULT, &error);
	int32_t n = uidna_labelToUnicodeUTF8(
		idna, label.p, (int32_t)label.n, out, TEXT_MAX, &info, &error);
	uidna_close(idna);
	return U_SUCCESS(error) && n > 0 && n < TEXT_MAX ? (size_t)n : 0;
}

/* "аррӏе" in Cyrillic has the skeleton "apple". */
static bool looks_ascii(const USpoofChecker *checker, str label)
{
	UErrorCode error = U_ZERO_ERROR;
	char skeleton[TEXT_MAX];
	int32_t n = uspoof_getSkeletonUTF8(
		checker, 0, label.p, (int32_t)label.n, skeleton, TEXT_MAX, &error);
	return U_SUCCESS(error) && n < TEXT_MAX && ascii_only(str_from(skeleton, (size_t)n));
}

static bool label_is_confusable(USpoofChecker *checker, str label)
{
	char text[TEXT_MAX];
	UErrorCode error = U_ZERO_ERROR;
	if (label.n > LABEL_MAX || !str_starts_nocase(label, STR("xn--")))
		return false;
	size_t n = to_unicode(label, text);
	str seen = str_from(text, n);
	if (n == 0 || ascii_only(seen))
		return false;
	int32_t found = uspoof_checkUTF8(checker, seen.p, (int32_t)seen.n, NULL, &error);
	return (U_SUCCESS(error) && found != 0) || looks_ascii(checker, seen);
}

bool host_is_confusable(str host)
{
	UErrorCode error = U_ZERO_ERROR;
	if (str_find_nocase(host, STR("xn--")) < 0)
		return false;
	USpoofChecker *checker = uspoof_open(&error);
	uspoof_setChecks(checker,
		USPOOF_RESTRICTION_LEVEL | USPOOF_INVISIBLE | USPOOF_MIXED_NUMBERS, &error);
	uspoof_setRestrictionLevel(checker, USPOOF_HIGHLY_RESTRICTIVE);
	bool found = false;
	str rest = host, label;
	while (U_SUCCESS(error) && rest.n && !found) {
		str_cut(rest, '.', &label, &rest);
		found = label_is_confusable(checker, label);
	}
	uspoof_close(checker);
	return found;
}

enum { LATIN = 1, GREEK_OR_CYRILLIC = 2 };

static unsigned script_of(uint32_t c)
{
	UErrorCode error = U_ZERO_ERROR;
	switch (uscript_getScript((UChar32)c, &error)) {
	case USCRIPT_LATIN:
		return LATIN;
	case USCRIPT_GREEK:
	case USCRIPT_CYRILLIC:
		return GREEK_OR_CYRILLIC;
	default:
		return 0;
	}
}

bool text_mixes_scripts(str text)
{
	unsigned scripts = 0;
	while (text.n) {
		uint32_t c;
		size_t n = utf8_decode(text, &c);
		if (n == 0)
			return false;
		scripts = u_isalnum((UChar32)c) ? scripts | script_of(c) : 0;
		if (scripts == (LATIN | GREEK_OR_CYRILLIC))
			return true;
		text = str_skip(text, n);
	}
	return false;
}
