/* What was read as a date is written as one that is read the same. */

#include "mail/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mail_date date, again;
	if (!date_parse(str_from(data, size), &date))
		return 0;
	struct buf b = BUF_INIT(100);
	date_format(&b, date);
	/* A year before 50 or so is written with four digits, and only then not taken for a short
	 * one. */
	ASSERT(date_parse(buf_str(&b), &again));
	ASSERT(again.seconds == date.seconds && again.zone == date.zone);
	buf_done(&b);
	return 0;
}
