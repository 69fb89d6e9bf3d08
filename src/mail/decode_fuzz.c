/* The first byte chooses a decoder, the second where the input is split; pieces and the whole give
 * the same, and what is text is valid UTF-8. */

#include "mail/charset.h"
#include "mail/param.h"
#include "mail/transfer.h"
#include "mail/word.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_transfer(enum transfer_encoding encoding, str in, size_t split)
{
	struct buf whole = BUF_INIT(SIZE_MAX), pieces = BUF_INIT(SIZE_MAX);
	transfer_decode(encoding, in, &whole);
	struct transfer t;
	transfer_init(&t, encoding);
	transfer_feed(&t, str_first(in, split), &pieces);
	transfer_feed(&t, str_skip(in, split), &pieces);
	transfer_finish(&t, &pieces);
	ASSERT(str_equal(buf_str(&whole), buf_str(&pieces)) && whole.n <= in.n);
	buf_done(&whole);
	buf_done(&pieces);
}

static void check_charset(str name, str in, size_t split)
{
	struct buf whole = BUF_INIT(SIZE_MAX), pieces = BUF_INIT(SIZE_MAX);
	charset_to_utf8(name, in, &whole);
	struct charset *c = charset_new(name);
	charset_feed(c, str_first(in, split), &pieces);
	charset_feed(c, str_skip(in, split), &pieces);
	charset_finish(c, &pieces);
	ASSERT(str_equal(buf_str(&whole), buf_str(&pieces)) && utf8_valid(buf_str(&whole)));
	charset_free(c);
	buf_done(&whole);
	buf_done(&pieces);
}

static void check_word(str in)
{
	struct buf b = BUF_INIT(SIZE_MAX);
	word_decode(&b, in);
	ASSERT(utf8_valid(buf_str(&b)) && str_find_any(buf_str(&b), STR("\r\n")) < 0);
	buf_done(&b);
}

static void check_param(str in)
{
	struct buf b = BUF_INIT(SIZE_MAX);
	str rest = in;
	for (struct param p; param_next(&rest, &p);) {
		ASSERT(p.name.n > 0 && p.value.p >= in.p && p.value.p + p.value.n <= in.p + in.n);
		param_text(&b, &p);
	}
	buf_clear(&b);
	if (param_decode(&b, in, STR("name")))
		ASSERT(utf8_valid(buf_str(&b)));
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const charsets[] = { "", "utf-8", "iso-8859-1", "iso-2022-jp", "gb18030",
		"utf-7", "big5", "utf-16", "hz-gb-2312", "euc-jp", "iso-2022-kr", "koi8-r" };
	if (size < 2)
		return 0;
	str in = str_from(data + 2, size - 2);
	size_t split = MIN((size_t)data[1], in.n);
	switch (data[0] % 5) {
	case 0:
		check_transfer(TRANSFER_BASE64, in, split);
		break;
	case 1:
		check_transfer(TRANSFER_QUOTED_PRINTABLE, in, split);
		break;
	case 2:
		check_charset(str_from_z(charsets[data[0] / 5 % ARRAY_LEN(charsets)]), in, split);
		break;
	case 3:
		check_word(in);
		break;
	default:
		check_param(in);
	}
	return 0;
}
