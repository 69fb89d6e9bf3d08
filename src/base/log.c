#include "base/log.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <errno.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* Longer values are cut: a line stays below what a pipe writes in one piece. */
enum { VALUE_MAX = 512, LINE_MAX = 4000, LINE_USUAL = 512 };

static const int priority_of[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
static const char *const name_of[] = { "error", "warning", "info", "debug" };

static bool is_plain(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '/' ||
	       c == '@' || c == '+' || c == ',' || c == '*' || c == '<' || c == '>' || c == '[' ||
	       c == ']';
}

static bool all_plain(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_plain(s.p[i]))
			return false;
	return s.n > 0;
}

/* JSON's string syntax serves both forms. What is not valid UTF-8 is written as U+FFFD. */
static void add_quoted(struct buf *b, str s)
{
	buf_add_char(b, '"');
	while (s.n) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);
		if (n == 0)
			buf_add(b, STR("\\ufffd"));
		else if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", (int)c);
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			buf_printf(b, "\\u%04x", c);
		else
			buf_add(b, str_first(s, n));
		s = str_skip(s, n ? n : 1);
	}
	buf_add_char(b, '"');
}

static void add_fields(struct buf *b, bool json, const struct log_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (json)
			buf_add_char(b, ',');
		buf_add_char(b, json ? '"' : ' ');
		buf_add(b, str_from_z(fields[i].key));
		if (json)
			buf_add_char(b, '"');
		buf_add_char(b, json ? ':' : '=');
		str text = str_first(fields[i].text, VALUE_MAX);
		if (fields[i].is_number)
			buf_add_i64(b, fields[i].number);
		else if (!json && all_plain(text))
			buf_add(b, text);
		else
			add_quoted(b, text);
	}
}

static void add_log(struct buf *b, bool json, const struct log *log)
{
	/* At most four deep (process, session, message, step); parents first. */
	const struct log *chain[8];
	size_t n = 0;
	for (; log && n < ARRAY_LEN(chain); log = log->parent)
		chain[n++] = log;
	while (n--)
		add_fields(b, json, chain[n]->fields, chain[n]->field_count);
}

void log_write(const struct log *log, enum log_level level, const char *event,
	const struct log_field *fields, size_t count)
{
	const struct log *root = log;
	while (root->parent)
		root = root->parent;
	const struct log_sink *sink = root->sink;
	if (!sink || level > sink->level)
		return;

	char room[LINE_USUAL];
	struct buf line CLEANUP(buf_done) = BUF_OVER(room, 8 * LINE_MAX);
	if (sink->json) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		struct tm tm;
		gmtime_r(&now.tv_sec, &tm);
		char stamp[40];
		strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
		buf_printf(&line, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"event\":", stamp,
			now.tv_nsec / 1000000, name_of[level]);
		add_quoted(&line, str_from_z(event));
	} else {
		if (sink->priorities)
			buf_printf(&line, "<%d>", priority_of[level]);
		else if (level <= LOG_LEVEL_WARNING)
			buf_printf(&line, "%s: ", name_of[level]);
		buf_add(&line, str_from_z(event));
	}
	add_log(&line, sink->json, log);
	add_fields(&line, sink->json, fields, count);
	buf_add(&line, sink->json ? STR("}\n") : STR("\n"));

	/* One write a line, so that lines of several processes do not mix. */
	str left = buf_str(&line);
	while (left.n) {
		ssize_t n = write(sink->fd, left.p, left.n);
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0)
			left = str_skip(left, (size_t)n);
	}
}
