/*
 * config_groups.c: filter.findings = ( { … } ) and domains = ( { … } ); filter.lists is in
 * config_lists.c.
 *
 * A domain begins as a copy of the sections auth, filter and antivirus, and what stands in its
 * group is laid over that. The names of findings are those of the filter's own table, so that an
 * unknown one is an error with its line like any other.
 */
#include "base/config_groups.h"

#define FINDING(name, mode, alone, network, learned, both, decisive, text) #name,
static const char *const finding_names[] = {
#include "rules/findings.def"
};
#undef FINDING

static const char *const mode_names[] = { "off", "observe", "score", "quarantine", "reject" };
static const char *const finding_keys[] = { "name", "score", "mode", "decisive" };
static const char *const domain_keys[] = { "name", "auth", "filter", "antivirus" };

enum { GROUPS_MAX = 1000 };

/* ── What both have ───────────────────────────────────────────────────────────────────────── */

static unsigned line_of(config_setting_t *setting)
{
	return config_setting_source_line(setting);
}

size_t config_index_of(const char *const *names, size_t count, str name)
{
	size_t i = 0;
	while (i < count && !str_equal(str_from_z(names[i]), name))
		i++;
	return i;
}

void config_unknown_name(struct config_parse *p, unsigned line, const char *what, str written,
	const char *const *names, size_t count)
{
	struct buf hint CLEANUP(buf_done) = BUF_INIT(8192);
	config_suggest_of(&hint, names, count, written);
	config_problem(p, line, "unknown %s \"%.*s\"; %.*s", what, STR_ARG(str_first(written, 100)),
		STR_ARG(buf_str(&hint)));
}

void config_find_unknown(struct config_parse *p, config_setting_t *group, const char *what,
	const char *const *names, size_t count)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		str name = str_from_z(config_setting_name(s));
		if (config_index_of(names, count, name) == count)
			config_unknown_name(p, line_of(s), what, name, names, count);
	}
}

/* The text of a member; empty where it is missing or no text, which is noted. */
static str member_text(struct config_parse *p, config_setting_t *group, const char *name)
{
	const char *text;
	if (config_setting_lookup_string(group, name, &text) && *text)
		return str_from_z(text);
	config_problem(p, line_of(group), "each group needs a name in quotes: { name = \"…\"; … }");
	return STR_EMPTY;
}

/* Whether the setting is a list of so many groups at most. */
static bool is_groups(struct config_parse *p, const char *path, config_setting_t *setting)
{
	bool good = config_setting_is_list(setting) && config_setting_length(setting) <= GROUPS_MAX;
	for (int i = 0; good && i < config_setting_length(setting); i++)
		good = config_setting_is_group(config_setting_get_elem(setting, (unsigned)i));
	if (!good)
		config_problem(p, line_of(setting),
			"%s: expected a list of at most %d groups: ( { name = \"…\"; … }, { … } )",
			path, GROUPS_MAX);
	return good;
}

bool config_number(config_setting_t *s, double *out)
{
	int type = config_setting_type(s);
	if (type != CONFIG_TYPE_FLOAT && type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return false;
	*out = type == CONFIG_TYPE_FLOAT ? config_setting_get_float(s)
					 : (double)config_setting_get_int64(s);
	return true;
}

/* ── Findings ─────────────────────────────────────────────────────────────────────────────── */

static void read_score(struct config_parse *p, config_setting_t *s, struct config_finding *out)
{
	double score = 0;
	/* Written so that what is no number fails, too. */
	if (!config_number(s, &score) || !(score >= -1000 && score <= 1000))
		config_problem(p, line_of(s),
			"filter.findings: a score is a number from -1000 to 1000, without quotes");
	out->has_score = true;
	out->score = score;
}

static void read_mode(struct config_parse *p, config_setting_t *s, struct config_finding *out)
{
	str text = str_from_z(config_setting_get_string(s));
	size_t i = config_index_of(mode_names, ARRAY_LEN(mode_names), text);
	if (i == ARRAY_LEN(mode_names))
		config_unknown_name(p, line_of(s), "mode", text, mode_names, ARRAY_LEN(mode_names));
	out->has_mode = true;
	out->mode = (enum config_mode)i;
}

static void read_decisive(struct config_parse *p, config_setting_t *s, struct config_finding *out)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		config_problem(p, line_of(s),
			"filter.findings: decisive: write true or false, without quotes");
	else
		out->decisive = config_setting_get_bool(s);
}

/* What a list finds is configured where the list is. */
static void unknown_finding(struct config_parse *p, config_setting_t *group, str name)
{
	str use, reply;
	if (config_list_gives(name, &use, &reply))
		config_problem(p, line_of(group),
			"filter.findings: %.*s is of a list: give it a score in filter.lists = ( { "
			"use = \"%.*s\"; replies = ( { name = \"%.*s\"; score = … } ) } )",
			STR_ARG(name), STR_ARG(use), STR_ARG(reply));
	else
		config_unknown_name(p, line_of(group), "finding", name, finding_names,
			ARRAY_LEN(finding_names));
}

static void read_finding(
	struct config_parse *p, config_setting_t *group, struct config_finding *out)
{
	config_find_unknown(p, group, "key of a finding", finding_keys, ARRAY_LEN(finding_keys));
	str name = member_text(p, group, "name");
	size_t i = config_index_of(finding_names, ARRAY_LEN(finding_names), name);
	if (name.n && i == ARRAY_LEN(finding_names))
		unknown_finding(p, group, name);
	out->index = (unsigned)i;
	out->line = line_of(group);
	config_setting_t *score = config_setting_get_member(group, "score");
	config_setting_t *mode = config_setting_get_member(group, "mode");
	if (score)
		read_score(p, score, out);
	if (mode)
		read_mode(p, mode, out);
	config_setting_t *decisive = config_setting_get_member(group, "decisive");
	if (decisive)
		read_decisive(p, decisive, out);
	if (!score && !mode)
		config_problem(p, line_of(group), "finding \"%.*s\": give a score or a mode",
			STR_ARG(str_first(name, 100)));
}

static void read_findings(
	struct config_parse *p, config_setting_t *setting, struct config_findings *out)
{
	size_t n = (size_t)config_setting_length(setting);
	struct config_finding *items =
		arena_array(p->arena, struct config_finding, out->n + MAX(n, (size_t)1));
	/* Those of the section come first, so that a domain's own win. */
	if (out->n)
		memcpy(items, out->items, out->n * sizeof *items);
	for (size_t i = 0; i < n; i++)
		read_finding(p, config_setting_get_elem(setting, (unsigned)i), &items[out->n + i]);
	*out = (struct config_findings){ items, out->n + n };
}

/* ── Domains ──────────────────────────────────────────────────────────────────────────────── */

/* The keys of a section that a domain can have; *out has room for all keys. */
static size_t policy_keys(const char *section, const char **out)
{
	size_t n = 0;
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].policy && strcmp(config_keys[i].section, section) == 0)
			out[n++] = config_keys[i].name;
	return n;
}

/* What the group says, over what p->config has. */
static void read_section(struct config_parse *p, const char *section, config_setting_t *group)
{
	if (!config_setting_is_group(group)) {
		config_problem(
			p, line_of(group), "%s is a section: write %s: { … };", section, section);
		return;
	}
	const char **names = arena_array(p->arena, const char *, config_key_count);
	size_t n = policy_keys(section, names);
	config_find_unknown(p, group, "key of a domain's rules", names, n);
	for (size_t i = 0; i < n; i++) {
		config_setting_t *s = config_setting_get_member(group, names[i]);
		if (s)
			config_read_key(p, config_key_find(section, str_from_z(names[i])), s);
	}
}

static void read_domain(struct config_parse *p, config_setting_t *group, struct config_domain *out)
{
	config_find_unknown(p, group, "key of a domain", domain_keys, ARRAY_LEN(domain_keys));
	str name = member_text(p, group, "name");
	struct err err;
	if (name.n && config_domain_set(name, &out->name, p->arena, &err) < 0)
		config_problem(p, line_of(group), "domains: %s", err.text);
	struct config *scratch = arena_new(p->arena, struct config);
	*scratch = *p->config;
	struct config_parse inner = { scratch, p->arena, p->problems, p->problem_count };
	static const char *const sections[] = { "auth", "filter", "antivirus" };
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		config_setting_t *s = config_setting_get_member(group, sections[i]);
		if (s)
			read_section(&inner, sections[i], s);
	}
	out->auth = scratch->auth;
	out->filter = scratch->filter;
	out->antivirus = scratch->antivirus;
}

static void read_domains(
	struct config_parse *p, config_setting_t *setting, struct config_domains *out)
{
	size_t n = (size_t)config_setting_length(setting);
	struct config_domain *items =
		arena_array(p->arena, struct config_domain, MAX(n, (size_t)1));
	for (size_t i = 0; i < n; i++) {
		config_setting_t *group = config_setting_get_elem(setting, (unsigned)i);
		read_domain(p, group, &items[i]);
		for (size_t j = 0; j < i; j++)
			if (str_equal(items[j].name, items[i].name) && items[i].name.n)
				config_problem(p, line_of(group),
					"domains: %.*s stands there twice", STR_ARG(items[i].name));
	}
	*out = (struct config_domains){ items, n };
}

const struct config_domain *config_domain_find(const struct config *config, str domain)
{
	for (size_t i = 0; i < config->domains.n; i++)
		if (str_equal_nocase(config->domains.items[i].name, domain))
			return &config->domains.items[i];
	return NULL;
}

void config_read_groups(
	struct config_parse *p, const struct config_key *key, config_setting_t *setting)
{
	char path[CONFIG_PATH_SIZE];
	void *out = (char *)p->config + key->offset;
	if (!is_groups(p, config_key_path(key, path), setting))
		return;
	if (key->type == CONFIG_FINDINGS)
		read_findings(p, setting, out);
	else if (key->type == CONFIG_LISTS)
		config_read_lists(p, setting, out);
	else
		read_domains(p, setting, out);
}
