/* Any text as a configuration: a snapshot, or an error that begins with the file's name. */
#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the last string before a syntax error: some bytes, once a wrong file. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { "" };
	const struct config *c = config_parse(str_from(data, size), STR("f"), STR("/d"), &err);
	ASSERT(c || str_starts(str_from_z(err.text), STR("f:")));
	config_unref(c);
	return 0;
}
