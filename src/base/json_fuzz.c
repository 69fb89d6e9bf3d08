/* Input bytes choose what is written; strings are the bytes that follow. The result is one line of
 * valid UTF-8 without control characters, whose brackets and quotes match. */
#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_one(struct json *j, str *in)
{
	unsigned char what = (unsigned char)in->p[0];
	*in = str_skip(*in, 1);
	bool array = j->depth && (j->arrays >> (j->depth - 1) & 1);
	const char *name = j->depth == 0 || array ? NULL : "name";
	str value = str_first(*in, what >> 3);
	double number = 0;
	memcpy(&number, value.p, MIN(value.n, sizeof number));
	switch (what & 7) {
	case 0:
	case 1:
		if (j->depth < JSON_DEPTH_MAX)
			(what & 1 ? json_object : json_array)(j, name);
		return;
	case 2:
		if (j->depth > 1)
			json_end(j);
		return;
	case 3:
		json_decimal(j, name, number);
		break;
	case 4:
		json_i64(j, name, (int64_t)value.n - 8);
		break;
	case 5:
		json_str_max(j, name, value, what >> 4);
		break;
	default:
		json_str(j, name, value);
		break;
	}
	*in = str_skip(*in, value.n);
}

/* Outside strings brackets match; inside, backslashes stand before what they may stand before. */
static bool well_formed(str s)
{
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if ((unsigned char)c < ' ' || c == 127)
			return false;
		if (quoted && c == '\\' &&
			(++i == s.n || str_find_char(STR("\"\\nrtu"), s.p[i]) < 0))
			return false;
		if (c == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (c == '[' || c == '{') - (c == ']' || c == '}');
	}
	return depth == 0 && !quoted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT(size < 100 ? 100 : 100000);
	struct json j = JSON_INIT(&out);
	str in = str_from(data, size);
	json_array(&j, NULL);
	while (in.n)
		write_one(&j, &in);
	while (j.depth)
		json_end(&j);
	if (json_done(&j))
		ASSERT(utf8_valid(buf_str(&out)) && well_formed(buf_str(&out)));
	buf_done(&out);
	return 0;
}
