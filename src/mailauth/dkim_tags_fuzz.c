/* Tags are slices of the list, in order, with valid and different names. */

#include "mailauth/dkim_tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_slice(str inner, str outer)
{
	ASSERT(inner.n == 0 || (inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = str_from(data, size);
	struct dkim_tags tags;
	const char *wrong = dkim_tags_parse(text, &tags);
	ASSERT(tags.n <= DKIM_TAGS_MAX);
	for (size_t i = 0; i < tags.n; i++) {
		const struct dkim_tag *tag = &tags.list[i];
		ASSERT(tag->name.n && dkim_tags_find(&tags, tag->name) == tag);
		ASSERT(tag->span.p[-1] == '=' && str_find_char(tag->span, ';') < 0);
		ASSERT(str_equal(str_trim(tag->span), tag->value));
		check_slice(tag->name, text);
		check_slice(tag->value, tag->span);
		check_slice(tag->span, text);
	}
	ASSERT(wrong || tags.n == 0 || str_find_char(text, '\0') < 0);
	return 0;
}
