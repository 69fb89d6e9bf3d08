#include "proto/imap_date.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

enum { SECONDS_PER_DAY = 86400 };

/* Days since 1970-01-01, with years that begin in March so that the leap day is the last. */
static int32_t days_from_civil(int year, int month, int day)
{
	year -= month <= 2;
	int era = (year >= 0 ? year : year - 399) / 400;
	int year_of_era = year - era * 400;
	int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int32_t days, int *year, int *month, int *day)
{
	days += 719468;
	int era = (days >= 0 ? days : days - 146096) / 146097;
	int day_of_era = days - era * 146097;
	int year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int shifted = (5 * day_of_year + 2) / 153;
	*day = day_of_year - (153 * shifted + 2) / 5 + 1;
	*month = shifted < 10 ? shifted + 3 : shifted - 9;
	*year = year_of_era + era * 400 + (*month <= 2);
}

static int days_in_month(int year, int month)
{
	int next = month == 12 ? 1 : month + 1;
	return days_from_civil(year + (month == 12), next, 1) - days_from_civil(year, month, 1);
}

/* Exactly n digits, cut off *s; -1 if there are not so many. */
static int take_digits(str *s, size_t n)
{
	uint64_t value;
	if (s->n < n || !str_to_u64(str_first(*s, n), 9999, &value))
		return -1;
	*s = str_skip(*s, n);
	return (int)value;
}

/* One or two digits. */
static int take_day(str *s)
{
	return take_digits(s, s->n > 1 && ascii_is_digit(s->p[1]) ? 2 : 1);
}

static bool take_char(str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_skip(*s, 1);
	return true;
}

static int take_month(str *s)
{
	str all = str_from_z(months);
	for (int i = 0; i < 12; i++) {
		if (str_starts_nocase(*s, str_first(str_skip(all, 3 * (size_t)i), 3))) {
			*s = str_skip(*s, 3);
			return i + 1;
		}
	}
	return -1;
}

/* "-Feb-1994" after the day. */
static bool take_month_year(str *s, int day, int32_t *out_day)
{
	if (day < 1 || !take_char(s, '-'))
		return false;
	int month = take_month(s);
	if (month < 0 || !take_char(s, '-'))
		return false;
	int year = take_digits(s, 4);
	if (year < 1 || day > days_in_month(year, month))
		return false;
	*out_day = days_from_civil(year, month, day);
	return true;
}

bool imap_date_parse(str s, int32_t *out_day)
{
	int32_t result;
	int day = take_day(&s);
	if (!take_month_year(&s, day, &result) || s.n)
		return false;
	*out_day = result;
	return true;
}

/* "21:52:25", in seconds; a leap second counts as the next one. */
static int take_time(str *s)
{
	int hour = take_digits(s, 2);
	if (hour < 0 || hour > 23 || !take_char(s, ':'))
		return -1;
	int minute = take_digits(s, 2);
	if (minute < 0 || minute > 59 || !take_char(s, ':'))
		return -1;
	int second = take_digits(s, 2);
	return second < 0 || second > 60 ? -1 : (hour * 60 + minute) * 60 + second;
}

/* "-0800", in minutes. */
static bool take_zone(str *s, int *out)
{
	bool west = take_char(s, '-');
	if (!west && !take_char(s, '+'))
		return false;
	int hours = take_digits(s, 2), minutes = take_digits(s, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	*out = (west ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

bool imap_date_time_parse(str s, struct imap_date_time *out)
{
	int32_t days;
	int zone;
	/* A day below 10 has a space or a zero before it; some clients write neither. */
	int day = take_char(&s, ' ') ? take_digits(&s, 1) : take_day(&s);
	if (!take_month_year(&s, day, &days) || !take_char(&s, ' '))
		return false;
	int time = take_time(&s);
	if (time < 0 || !take_char(&s, ' ') || !take_zone(&s, &zone) || s.n)
		return false;
	*out = (struct imap_date_time){ (int64_t)days * SECONDS_PER_DAY + time - (int64_t)zone * 60,
		zone };
	return true;
}

/* Seconds on the writer's clock, as if it were UTC, within the years that four digits can show. */
static int64_t local_seconds(struct imap_date_time t)
{
	int64_t least = (int64_t)days_from_civil(1, 1, 1) * SECONDS_PER_DAY;
	int64_t most = ((int64_t)days_from_civil(9999, 12, 31) + 1) * SECONDS_PER_DAY - 1;
	int64_t seconds = MAX(least, MIN(t.seconds, most)) + (int64_t)t.zone_minutes * 60;
	return MAX(least, MIN(seconds, most));
}

static int32_t day_of(int64_t seconds)
{
	return (int32_t)((seconds - (seconds < 0 ? SECONDS_PER_DAY - 1 : 0)) / SECONDS_PER_DAY);
}

int32_t imap_date_time_day(struct imap_date_time t)
{
	return day_of(local_seconds(t));
}

void imap_date_time_format(struct buf *b, struct imap_date_time t)
{
	int64_t local = local_seconds(t);
	int32_t days = day_of(local);
	int second = (int)(local - (int64_t)days * SECONDS_PER_DAY);
	int zone = t.zone_minutes < 0 ? -t.zone_minutes : t.zone_minutes;
	int year, month, day;
	civil_from_days(days, &year, &month, &day);
	buf_printf(b, "\"%2d-%.3s-%04d %02d:%02d:%02d %c%02d%02d\"", day, months + 3 * (month - 1),
		year, second / 3600, second / 60 % 60, second % 60, t.zone_minutes < 0 ? '-' : '+',
		zone / 60 % 24, zone % 60);
}
