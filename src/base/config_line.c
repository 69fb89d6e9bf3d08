/*
 * config_line.c: where something stands in a configuration, for those who find fault with it after
 * it was read. The text is parsed again, so that struct config need not remember it of every key.
 */
#include "base/config.h"

#include <libconfig.h>

static bool is_domain(config_setting_t *group, str domain)
{
	const char *name;
	if (!config_setting_lookup_string(group, "name", &name))
		return false;
	return str_equal_nocase(str_from_z(name), domain);
}

static config_setting_t *group_of(config_t *file, str domain)
{
	if (domain.n == 0)
		return config_root_setting(file);
	config_setting_t *domains = config_lookup(file, "domains");
	for (int i = 0; domains && i < config_setting_length(domains); i++) {
		config_setting_t *group = config_setting_get_elem(domains, (unsigned)i);
		if (is_domain(group, domain))
			return group;
	}
	return NULL;
}

unsigned config_line(const struct config *config, str domain, const char *path)
{
	config_t file;
	unsigned line = 0;
	config_init(&file);
	if (config_read_string(&file, config->text.p) == CONFIG_TRUE) {
		config_setting_t *group = group_of(&file, domain);
		config_setting_t *s = group ? config_setting_lookup(group, path) : NULL;
		line = s ? config_setting_source_line(s) : 0;
	}
	config_destroy(&file);
	return line;
}
