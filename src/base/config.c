/*
 * config.c: libconfig reads the syntax; config.def says what may stand there.
 *
 * The table is walked in its order, so that data_dir is known before the paths below it; then the
 * file is walked for what the table does not know. Every error is collected, each with its line.
 */
#include "base/config.h"

#include "base/config_groups.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The text, its values and at most CONFIG_LIST_MAX items a list, of 4000 bytes each. */
enum { ARENA_MAX = 64 * 1024 * 1024, PROBLEMS_MAX = 64 * 1024 };

enum {
	PROBLEMS_SHOWN = 50,
	/* libconfig compares the name of a setting with all before it in the same group. There are
	 * far fewer names to know. */
	NAMES_MAX = 256,
	DEPTH_MAX = 16,
};

struct config_owner {
	atomic_uint references;
	struct arena arena; /* holds the struct config too */
};

void config_problem(struct config_parse *p, unsigned line, const char *format, ...)
{
	if (++*p->problem_count > PROBLEMS_SHOWN)
		return;
	buf_printf(p->problems, "%.*s:", STR_ARG(p->config->file));
	if (line)
		buf_printf(p->problems, "%u:", line);
	buf_add_char(p->problems, ' ');
	va_list args;
	va_start(args, format);
	buf_vprintf(p->problems, format, args);
	va_end(args);
	buf_add_char(p->problems, '\n');
}

/* The text of a value that is no list; false where its type is wrong. */
static bool scalar_text(
	const struct config_key *key, config_setting_t *setting, struct arena *arena, str *out)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		*out = str_from_z(config_setting_get_string(setting));
		return !config_type_is_bare(key->type);
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		*out = arena_printf(arena, "%lld", config_setting_get_int64(setting));
		return key->type == CONFIG_INT || key->type == CONFIG_SIZE ||
		       key->type == CONFIG_DURATION || key->type == CONFIG_NUMBER;
	case CONFIG_TYPE_FLOAT:
		*out = arena_printf(arena, "%.6f", config_setting_get_float(setting));
		return key->type == CONFIG_NUMBER;
	case CONFIG_TYPE_BOOL:
		*out = config_setting_get_bool(setting) ? STR("true") : STR("false");
		return key->type == CONFIG_BOOL;
	default:
		return false;
	}
}

static const char *expected(const struct config_key *key)
{
	switch (key->type) {
	case CONFIG_BOOL:
		return "true or false, without quotes";
	case CONFIG_INT:
	case CONFIG_NUMBER:
		return "a number, without quotes";
	case CONFIG_SIZE:
		return "a size: \"50M\"";
	case CONFIG_DURATION:
		return "a duration: \"5m\"";
	case CONFIG_ENDPOINTS:
		return "a list of addresses: [ \"[::]:25\", \"unix:/run/x.sock\" ]";
	case CONFIG_PEERS:
		return "a list of addresses: [ \"127.0.0.1:3310\", \"unix:/run/x.sock\" ]";
	case CONFIG_NETWORKS:
		return "a list of networks: [ \"127.0.0.0/8\", \"::1\" ]";
	case CONFIG_NAMES:
		return "a list of domains: [ \"example.org\" ]";
	case CONFIG_SERVERS:
		return "a list of name servers: [ \"192.0.2.53\", \"[2001:db8::53]:5353\" ]";
	case CONFIG_RECORDS:
		return "a list of records: [ \"mx.example.org A 192.0.2.1\" ]";
	case CONFIG_ZONES:
		return "a list of zones: [ \"example.org\" ]";
	default:
		return "a text in quotes";
	}
}

/* Collects the items of [ … ] or ( … ), or the one string that stands for itself. False where
 * they are not strings, or too many. */
static bool list_items(config_setting_t *setting, str items[static CONFIG_LIST_MAX], size_t *out_n)
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
		items[0] = str_from_z(config_setting_get_string(setting));
		*out_n = 1;
		return true;
	}
	if (!config_setting_is_array(setting) && !config_setting_is_list(setting))
		return false;
	int n = config_setting_length(setting);
	for (int i = 0; i < n; i++) {
		const char *z = config_setting_get_string_elem(setting, i);
		if (!z || i >= CONFIG_LIST_MAX)
			return false;
		items[i] = str_from_z(z);
	}
	*out_n = (size_t)n;
	return true;
}

void config_read_key(
	struct config_parse *p, const struct config_key *key, config_setting_t *setting)
{
	if (config_type_is_groups(key->type)) {
		config_read_groups(p, key, setting);
		return;
	}
	char path[CONFIG_PATH_SIZE];
	config_key_path(key, path);
	unsigned line = config_setting_source_line(setting);
	str items[CONFIG_LIST_MAX];
	struct config_value value = { items, 1 };
	bool right = config_type_is_list(key->type)
			     ? list_items(setting, items, &value.n)
			     : scalar_text(key, setting, p->arena, &items[0]);
	struct err err;
	if (!right)
		config_problem(p, line, "%s: expected %s", path, expected(key));
	else if (config_value_set(key, &value, p->config, p->arena, &err))
		config_problem(p, line, "%s: %s", path, err.text);
}

/* Where the key stands in the file, or NULL. */
static config_setting_t *find_setting(config_setting_t *root, const struct config_key *key)
{
	config_setting_t *level =
		key->section ? config_setting_get_member(root, key->section) : root;
	return level && config_setting_is_group(level) ? config_setting_get_member(level, key->name)
						       : NULL;
}

static void read_keys(struct config_parse *p, config_setting_t *root)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (!key->name)
			continue;
		config_setting_t *setting = find_setting(root, key);
		struct err err;
		/* The default also stands in for a wrong value, so that what follows has one. */
		int r = config_default_set(key, p->config, p->arena, &err);
		ASSERT(r == 0);
		if (setting)
			config_read_key(p, key, setting);
		else if (config_key_is_required(key))
			config_problem(p, 0, "%s is missing, as in: %s = \"%s\";", key->name,
				key->name, key->value);
	}
}

static void unknown(struct config_parse *p, const char *section, config_setting_t *setting)
{
	str name = str_from_z(config_setting_name(setting));
	struct buf hint = BUF_INIT(1024);
	config_suggest(&hint, section, name);
	config_problem(p, config_setting_source_line(setting), "unknown key \"%s%s%.*s\"; %.*s",
		section ? section : "", section ? "." : "", STR_ARG(str_first(name, 100)),
		STR_ARG(buf_str(&hint)));
	buf_done(&hint);
}

static void find_unknown_in_section(
	struct config_parse *p, const char *section, config_setting_t *group)
{
	if (!config_setting_is_group(group)) {
		config_problem(p, config_setting_source_line(group),
			"%s is a section: write %s: { … };", section, section);
		return;
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		if (!config_key_find(section, str_from_z(config_setting_name(s))))
			unknown(p, section, s);
	}
}

static void find_unknown(struct config_parse *p, config_setting_t *root)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		config_setting_t *s = config_setting_get_elem(root, (unsigned)i);
		str name = str_from_z(config_setting_name(s));
		const struct config_key *section = config_section_find(name);
		if (section)
			find_unknown_in_section(p, section->section, s);
		else if (!config_key_find(NULL, name))
			unknown(p, NULL, s);
	}
}

/* What the text is made of, as far as that takes to know where a string or comment ends, and how
 * many names a group has. */
struct scan {
	str rest;
	unsigned line;
	unsigned depth, names[DEPTH_MAX]; /* of the groups that are open */
};

static char advance(struct scan *s)
{
	char c = s->rest.p[0];
	s->line += c == '\n';
	s->rest = str_skip(s->rest, 1);
	return c;
}

/* Past the closing quote; false where there is none. */
static bool skip_string(struct scan *s)
{
	advance(s);
	while (s->rest.n) {
		char c = advance(s);
		if (c == '"')
			return true;
		if (c == '\\' && s->rest.n)
			advance(s);
	}
	return false;
}

static bool skip_comment(struct scan *s, str end)
{
	while (s->rest.n && !str_starts(s->rest, end))
		advance(s);
	if (!str_starts(s->rest, end))
		return false;
	s->rest = str_skip(s->rest, end.n == 2 ? 2 : 0);
	return true;
}

/* False with a problem noted. */
static bool count_name(struct config_parse *p, struct scan *s)
{
	char c = s->rest.p[0];
	if (c == '{' && s->depth + 1 == DEPTH_MAX) {
		config_problem(p, s->line, "groups in more than %d groups", DEPTH_MAX - 1);
		return false;
	}
	if (c == '{')
		s->names[++s->depth] = 0;
	else if (c == '}' && s->depth)
		s->depth--;
	else if ((c == '=' || c == ':') && ++s->names[s->depth] > NAMES_MAX) {
		config_problem(p, s->line, "more than %d settings in one group", NAMES_MAX);
		return false;
	}
	return true;
}

/* What libconfig would report badly, take very long over, or do although a sandboxed role cannot:
 * @include opens the named file. False with a problem noted. */
static bool scan_text(struct config_parse *p, str text)
{
	struct scan s = { text, 1, 0, { 0 } };
	while (s.rest.n) {
		unsigned line = s.line;
		if (str_starts(s.rest, STR("#")) || str_starts(s.rest, STR("//"))) {
			if (!skip_comment(&s, STR("\n")))
				return true;
		} else if (str_starts(s.rest, STR("/*"))) {
			s.rest = str_skip(s.rest, 2);
			if (!skip_comment(&s, STR("*/"))) {
				config_problem(p, line, "a comment begins here, and no */ ends it");
				return false;
			}
		} else if (str_starts(s.rest, STR("\""))) {
			if (!skip_string(&s)) {
				config_problem(p, line, "a text begins here, and no \" ends it");
				return false;
			}
		} else if (str_starts(s.rest, STR("@include"))) {
			config_problem(p, line, "@include is not supported: put all into one file");
			return false;
		} else {
			if (!count_name(p, &s))
				return false;
			advance(&s);
		}
	}
	return true;
}

/* A listen address that two services name can be served by neither. */
static void find_conflicts(struct config_parse *p)
{
	const struct endpoint *seen[4 * CONFIG_LIST_MAX];
	const struct config_key *owner[4 * CONFIG_LIST_MAX];
	size_t n = 0;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (!key->name || key->type != CONFIG_ENDPOINTS)
			continue;
		const void *field = (const char *)p->config + key->offset;
		const struct endpoints *list = field;
		for (size_t j = 0; j < list->n; j++) {
			for (size_t k = 0; k < n; k++) {
				char a[CONFIG_PATH_SIZE], b[CONFIG_PATH_SIZE];
				if (owner[k] != key && endpoint_conflicts(seen[k], &list->items[j]))
					config_problem(p, 0,
						"%s \"%.*s\" and %s \"%.*s\" cannot both be served",
						config_key_path(owner[k], a),
						STR_ARG(seen[k]->text), config_key_path(key, b),
						STR_ARG(list->items[j].text));
			}
			ASSERT(n < ARRAY_LEN(seen));
			seen[n] = &list->items[j];
			owner[n++] = key;
		}
	}
}

static void parse_text(struct config_parse *p)
{
	str text = p->config->text;
	if (str_find_char(text, '\0') >= 0) {
		config_problem(p, 0, "holds a NUL byte: not a text file");
		return;
	}
	if (!scan_text(p, text))
		return;
	config_t file;
	config_init(&file);
	if (config_read_string(&file, text.p) == CONFIG_TRUE) {
		read_keys(p, config_root_setting(&file));
		find_unknown(p, config_root_setting(&file));
		find_conflicts(p);
	} else {
		config_problem(p, (unsigned)config_error_line(&file),
			"%s near here: settings are written "
			"name = value; and section: { … };",
			config_error_text(&file));
	}
	config_destroy(&file);
}

static const struct config *parse_all(
	str text, str file, str directory, struct buf *problems, size_t *out_count)
{
	/* Some editors put a mark of UTF-8 there. */
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_skip(text, 3);
	struct config_owner *owner = xcalloc(1, sizeof *owner);
	atomic_init(&owner->references, 1);
	owner->arena = ARENA_INIT(ARENA_MAX);
	struct config *config = arena_new(&owner->arena, struct config);
	config->owner = owner;
	config->file = arena_str(&owner->arena, file);
	config->base_dir = arena_str(&owner->arena, directory);
	/* Not arena_str(): libconfig needs the closing NUL even of nothing. */
	config->text = str_from(arena_str_z(&owner->arena, text), text.n);
	struct config_parse p = { config, &owner->arena, problems, out_count };
	*out_count = 0;
	if (text.n > CONFIG_TEXT_MAX)
		config_problem(&p, 0, "is larger than 1 MiB");
	else
		parse_text(&p);
	if (*out_count == 0)
		return config;
	if (*out_count > PROBLEMS_SHOWN)
		buf_printf(problems, "%.*s: and %zu more\n", STR_ARG(file),
			*out_count - PROBLEMS_SHOWN);
	config_unref(config);
	return NULL;
}

/* The first problem, and how many more there are. */
static void first_problem(const struct buf *problems, size_t count, struct err *err)
{
	str first, rest;
	str_cut(buf_str(problems), '\n', &first, &rest);
	first = str_first(first, sizeof err->text - 40);
	if (count > 1)
		err_set(err, EINVAL, "%.*s (and %zu more)", STR_ARG(first), count - 1);
	else
		err_set(err, EINVAL, "%.*s", STR_ARG(first));
}

const struct config *config_parse(str text, str file, str directory, struct err *err)
{
	struct buf problems = BUF_INIT(PROBLEMS_MAX);
	size_t count;
	const struct config *config = parse_all(text, file, directory, &problems, &count);
	if (!config && err)
		first_problem(&problems, count, err);
	buf_done(&problems);
	return config;
}

/* Reads the whole file, at most one byte more than is allowed. */
static int read_file(const char *path, struct buf *out)
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	for (;;) {
		size_t room = out->max - out->n;
		char *at = room ? buf_reserve(out, MIN(room, (size_t)16384)) : NULL;
		ssize_t n = at ? read(fd, at, MIN(room, (size_t)16384)) : 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		out->n += n > 0 ? (size_t)n : 0;
	}
}

/* The absolute directory of the file, symbolic links to the file left alone. */
static int directory_of(const char *path, char out[static PATH_MAX])
{
	str p = str_from_z(path);
	ptrdiff_t slash = str_find_last_char(p, '/');
	char directory[PATH_MAX] = ".";
	if (slash >= 0 &&
		!str_copy_z(str_first(p, MAX((size_t)slash, (size_t)1)), directory, PATH_MAX))
		return -ENAMETOOLONG;
	return realpath(directory, out) ? 0 : -errno;
}

static const struct config *load_all(const char *path, struct buf *problems, size_t *out_count)
{
	struct buf text = BUF_INIT(CONFIG_TEXT_MAX + 1);
	char directory[PATH_MAX];
	const struct config *config = NULL;
	int r = read_file(path, &text);
	if (r == 0)
		r = directory_of(path, directory);
	if (r == 0)
		config = parse_all(buf_str(&text), str_from_z(path), str_from_z(directory),
			problems, out_count);
	else
		buf_printf(problems, "%s: cannot be read: %s\n", path, strerrordesc_np(-r));
	buf_done(&text);
	return config;
}

const struct config *config_load_all(const char *path, struct buf *problems)
{
	size_t count;
	return load_all(path, problems, &count);
}

const struct config *config_load(const char *path, struct err *err)
{
	struct buf problems = BUF_INIT(PROBLEMS_MAX);
	size_t count = 1;
	const struct config *config = load_all(path, &problems, &count);
	if (!config && err)
		first_problem(&problems, count, err);
	buf_done(&problems);
	return config;
}

const struct config *config_ref(const struct config *config)
{
	atomic_fetch_add_explicit(&config->owner->references, 1, memory_order_relaxed);
	return config;
}

void config_unref(const struct config *config)
{
	if (!config)
		return;
	struct config_owner *owner = config->owner;
	if (atomic_fetch_sub_explicit(&owner->references, 1, memory_order_acq_rel) != 1)
		return;
	struct arena arena = owner->arena;
	free(owner);
	arena_done(&arena);
}
