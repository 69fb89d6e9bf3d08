/* Any bytes as a record and its deliveries: a story and a row, in valid UTF-8, nothing in them that
 * a terminal obeys. */
#include "base/utf8.h"
#include "main/why_story.h"
#include "store/record_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static str nobody(void *context, uint64_t id)
{
	return STR_EMPTY;
}

static void assert_harmless(const struct buf *b)
{
	ASSERT(utf8_valid(buf_str(b)));
	for (size_t i = 0; i < b->n; i++)
		ASSERT((unsigned char)b->p[i] >= ' ' || b->p[i] == '\n');
	ASSERT(str_find(buf_str(b), STR("\xc2\x9b")) < 0);
	ASSERT(str_find(buf_str(b), STR("\xe2\x80\xae")) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT(1024 * 1024);
	const struct why_names names = { nobody, NULL };
	struct record record = { .time = (int64_t)size };
	struct record_fields fields;
	struct why w;
	str_cut(str_from(data, size), '\0', &record.json, &record.deliveries);
	record_fields(record.json, &fields);
	why_read(&record, &w);
	why_story(&w, &names, &out);
	assert_harmless(&out);
	buf_clear(&out);
	why_row(&w, &out);
	assert_harmless(&out);
	(void)why_matches(&w, STR("a@b"), STR("c@d"));
	why_free(&w);
	buf_done(&out);
	return 0;
}
