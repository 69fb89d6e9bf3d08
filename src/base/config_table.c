#include "base/config_table.h"

#include <stdio.h>

const struct config_key config_keys[] = {
#define CONFIG_TOP(type, name, value, range, doc)                                                  \
	{ NULL, #name, CONFIG_##type, value, range, doc, offsetof(struct config, name), false },
#define CONFIG_SECTION(section, doc) { #section, NULL, CONFIG_STRING, "", "", doc, 0, false },
#define CONFIG_KEY(type, section, name, value, range, doc)                                         \
	{ #section, #name, CONFIG_##type, value, range, doc,                                       \
		offsetof(struct config, section.name), false },
#define CONFIG_POLICY(type, section, name, value, range, doc)                                      \
	{ #section, #name, CONFIG_##type, value, range, doc,                                       \
		offsetof(struct config, section.name), true },
#define CONFIG_END(section)
#include "base/config.def"
#undef CONFIG_TOP
#undef CONFIG_SECTION
#undef CONFIG_KEY
#undef CONFIG_POLICY
#undef CONFIG_END
};

const size_t config_key_count = ARRAY_LEN(config_keys);

static bool in_section(const struct config_key *key, const char *section)
{
	return section ? key->section && strcmp(key->section, section) == 0 : !key->section;
}

const struct config_key *config_key_find(const char *section, str name)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].name && in_section(&config_keys[i], section) &&
			str_equal(str_from_z(config_keys[i].name), name))
			return &config_keys[i];
	return NULL;
}

const struct config_key *config_section_find(str name)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (!config_keys[i].name && str_equal(str_from_z(config_keys[i].section), name))
			return &config_keys[i];
	return NULL;
}

const char *config_key_path(const struct config_key *key, char out[static CONFIG_PATH_SIZE])
{
	const char *section = key->section ? key->section : "";
	const char *name = key->name ? key->name : "";
	int n = snprintf(
		out, CONFIG_PATH_SIZE, "%s%s%s", section, *section && *name ? "." : "", name);
	ASSERT(n > 0 && n < CONFIG_PATH_SIZE);
	return out;
}

/* How many characters to insert, remove, replace or swap with the neighbour to make b from a
 * (optimal string alignment); UINT_MAX for names too long to be meant. */
static unsigned edit_distance(str a, str b)
{
	enum { LONGEST = 48 };
	unsigned rows[3][LONGEST + 1];
	if (a.n > LONGEST || b.n > LONGEST)
		return UINT32_MAX;
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b.n; j++)
		before[j] = above[j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			unsigned cost = ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]);
			row[j] = MIN(MIN(above[j], row[j - 1]) + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
		unsigned *oldest = before;
		before = above;
		above = row;
		row = oldest;
	}
	return above[b.n];
}

/* The name that stands at this level for the row, or NULL. */
static const char *name_at(const struct config_key *key, const char *section)
{
	if (key->name)
		return in_section(key, section) ? key->name : NULL;
	return section ? NULL : key->section;
}

/* A distance beyond this is another word. */
static unsigned farthest(str written)
{
	return 1 + (unsigned)MIN(MAX(written.n / 3, (size_t)1), (size_t)3);
}

static const char *nearest(const char *section, str written)
{
	const char *best = NULL;
	unsigned best_distance = farthest(written);
	for (size_t i = 0; i < config_key_count; i++) {
		const char *name = name_at(&config_keys[i], section);
		unsigned distance = name ? edit_distance(written, str_from_z(name)) : UINT32_MAX;
		if (distance < best_distance) {
			best = name;
			best_distance = distance;
		}
	}
	return best;
}

static const struct config_key *elsewhere(str written)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].name &&
			str_equal_nocase(str_from_z(config_keys[i].name), written))
			return &config_keys[i];
	return NULL;
}

void config_suggest(struct buf *out, const char *section, str written)
{
	const char *near = nearest(section, written);
	const struct config_key *there = elsewhere(written);
	if (near) {
		buf_printf(out, "did you mean \"%s\"?", near);
		return;
	}
	if (there && there->section) {
		buf_printf(out, "it belongs into %s: { … };", there->section);
		return;
	}
	if (there) {
		buf_printf(out, "it belongs to the top of the file, outside of any section");
		return;
	}
	buf_printf(out, "known here:");
	const char *comma = " ";
	for (size_t i = 0; i < config_key_count; i++) {
		const char *name = name_at(&config_keys[i], section);
		if (name)
			buf_printf(out, "%s%s", comma, name);
		comma = name ? ", " : comma;
	}
}

void config_suggest_of(struct buf *out, const char *const *names, size_t count, str written)
{
	const char *best = NULL;
	unsigned best_distance = farthest(written);
	for (size_t i = 0; i < count; i++) {
		unsigned distance = edit_distance(written, str_from_z(names[i]));
		if (distance < best_distance) {
			best = names[i];
			best_distance = distance;
		}
	}
	if (best) {
		buf_printf(out, "did you mean \"%s\"?", best);
		return;
	}
	buf_printf(out, "known here:");
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s %s", i ? "," : "", names[i]);
}
