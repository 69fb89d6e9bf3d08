#include "mail/date.h"

#include "mail/lex.h"

static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
	"Sep", "Oct", "Nov", "Dec" };
static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

/* RFC 5322 §4.3, and what else is seen. Letters of the military zones mean nothing (their signs
 * were published wrongly), as does every other name. */
static const struct {
	char name[5];
	int minutes;
} zone_names[] = {
	{ "EST", -300 },
	{ "EDT", -240 },
	{ "CST", -360 },
	{ "CDT", -300 },
	{ "MST", -420 },
	{ "MDT", -360 },
	{ "PST", -480 },
	{ "PDT", -420 },
	{ "WET", 0 },
	{ "WEST", 60 },
	{ "CET", 60 },
	{ "MET", 60 },
	{ "CEST", 120 },
	{ "MEST", 120 },
	{ "EET", 120 },
	{ "EEST", 180 },
	{ "BST", 60 },
	{ "MSK", 180 },
	{ "JST", 540 },
	{ "KST", 540 },
};

struct reading {
	int64_t year, month, day, hour, minute, second; /* -1: not seen */
	int zone;
	bool zone_seen;
};

/* Days since 1970-01-01 in the Gregorian calendar; month from 1. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = year / 400, of_era = year % 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;
	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = y + era * 400 + (*month <= 2);
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	if (month == 2)
		return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static int64_t month_from_name(str word)
{
	for (size_t i = 0; i < ARRAY_LEN(month_names); i++)
		if (str_starts_nocase(word, str_from(month_names[i], 3)))
			return (int64_t)i + 1;
	return -1;
}

static bool is_day_name(str word)
{
	for (size_t i = 0; i < ARRAY_LEN(day_names); i++)
		if (str_starts_nocase(word, str_from(day_names[i], 3)))
			return true;
	return false;
}

static void read_word(struct reading *r, str word)
{
	int64_t month = month_from_name(word);
	if (r->month < 0 && month > 0 && word.n >= 3) {
		r->month = month;
		return;
	}
	if (r->zone_seen || r->hour < 0 || is_day_name(word))
		return;
	for (size_t i = 0; i < ARRAY_LEN(zone_names); i++)
		if (str_equal_nocase(word, str_from_z(zone_names[i].name)))
			r->zone = zone_names[i].minutes;
	r->zone_seen = true;
}

static int64_t full_year(uint64_t year, size_t digits)
{
	if (digits >= 4)
		return (int64_t)year;
	return (int64_t)year + (digits == 3 || year >= 50 ? 1900 : 2000);
}

static void read_number(struct reading *r, str digits)
{
	uint64_t value;
	if (!str_to_u64(digits, 9999, &value))
		return;
	if (r->day < 0 && digits.n <= 2)
		r->day = (int64_t)value;
	else if (r->year < 0 && digits.n >= 2)
		r->year = full_year(value, digits.n);
}

/* "+hhmm" or "-hhmm", also "+hh:mm". The sign is at s.p[0]. */
static void read_zone(struct reading *r, str s)
{
	int value = 0;
	for (size_t i = 1; i < s.n; i++)
		if (ascii_is_digit(s.p[i]) && value < 10000)
			value = value * 10 + (s.p[i] - '0');
	if (value % 100 > 59 || value > 2400 || r->zone_seen)
		return;
	value = value / 100 * 60 + value % 100;
	r->zone = s.p[0] == '-' ? -value : value;
	r->zone_seen = true;
}

static size_t skip_while(str s, size_t at, bool (*is)(char))
{
	while (at < s.n && is(s.p[at]))
		at++;
	return at;
}

static bool is_zone_char(char c)
{
	return ascii_is_digit(c) || c == ':';
}

/* "hh:mm" or "hh:mm:ss", perhaps with white space and comments around the colons. A fraction is not
 * kept. Returns the offset after what was read, or `at` where no time begins. */
static size_t read_time(struct reading *r, str s, size_t at)
{
	static const uint64_t max[3] = { 24, 59, 60 };
	uint64_t value[3] = { 0 };
	size_t n = 0, next = at, end;
	do {
		end = skip_while(s, next, ascii_is_digit);
		if (!str_to_u64(str_first(str_skip(s, next), end - next), max[n], &value[n]))
			return at;
		next = lex_skip_cfws(s, end);
		n++;
		if (n == 3 || next == s.n || s.p[next] != ':')
			break;
		next = lex_skip_cfws(s, next + 1);
	} while (true);
	if (n < 2)
		return at;
	r->hour = (int64_t)value[0];
	r->minute = (int64_t)value[1];
	r->second = (int64_t)value[2];
	return end < s.n && s.p[end] == '.' ? skip_while(s, end + 1, ascii_is_digit) : end;
}

static size_t read_digits(struct reading *r, str s, size_t at)
{
	size_t end = r->hour < 0 ? read_time(r, s, at) : at;
	if (end == at) {
		end = skip_while(s, at, ascii_is_digit);
		read_number(r, str_first(str_skip(s, at), end - at));
	}
	return end;
}

static size_t read_token(struct reading *r, str s, size_t at)
{
	char c = s.p[at];
	if (ascii_is_digit(c))
		return read_digits(r, s, at);
	size_t end = at + 1;
	if (ascii_is_alpha(c)) {
		end = skip_while(s, end, ascii_is_alpha);
		read_word(r, str_first(str_skip(s, at), end - at));
	} else if ((c == '+' || c == '-') && r->hour >= 0) {
		end = skip_while(s, end, is_zone_char);
		read_zone(r, str_first(str_skip(s, at), end - at));
	}
	return end;
}

bool date_parse(str value, struct mail_date *out)
{
	struct reading r = { -1, -1, -1, -1, -1, -1, 0, false };
	for (size_t at = lex_skip_cfws(value, 0); at < value.n; at = lex_skip_cfws(value, at))
		at = read_token(&r, value, at);
	if (r.month < 0 || r.day < 1 || r.year < 1900 || r.day > days_in_month(r.year, r.month))
		return false;
	int64_t days = days_from_civil(r.year, r.month, r.day);
	int64_t seconds = r.hour < 0 ? 0 : r.hour * 3600 + r.minute * 60 + r.second;
	out->zone = r.zone;
	out->seconds = days * 86400 + seconds - (int64_t)r.zone * 60;
	return true;
}

static void put_two(char *at, int value)
{
	at[0] = (char)('0' + value / 10);
	at[1] = (char)('0' + value % 10);
}

void date_format(struct buf *b, struct mail_date date)
{
	int64_t local = date.seconds + (int64_t)date.zone * 60;
	int64_t days = local / 86400 - (local % 86400 < 0);
	int seconds = (int)(local - days * 86400);
	int64_t year, month, day;
	civil_from_days(days, &year, &month, &day);
	int year_shown = (int)MAX(INT64_C(0), MIN(year, INT64_C(9999)));
	int zone = date.zone < 0 ? -date.zone : date.zone;

	char text[] = "Thu, 01 Jan 1970 00:00:00 +0000";
	memcpy(text, day_names[((days + 4) % 7 + 7) % 7], 3);
	put_two(text + 5, (int)day);
	memcpy(text + 8, month_names[month - 1], 3);
	put_two(text + 12, year_shown / 100);
	put_two(text + 14, year_shown % 100);
	put_two(text + 17, seconds / 3600);
	put_two(text + 20, seconds / 60 % 60);
	put_two(text + 23, seconds % 60);
	text[26] = date.zone < 0 ? '-' : '+';
	put_two(text + 27, zone / 60);
	put_two(text + 29, zone % 60);
	buf_add(b, str_from(text, sizeof text - 1));
}
