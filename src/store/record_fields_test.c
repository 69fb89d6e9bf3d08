#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/record_fields.h"

static const struct {
	const char *json, *id, *message_id, *sender, *client, *action;
	int64_t score;
} cases[] = {
	{ "", "", "", "", "", "", 0 },
	{ "{\"id\":\"A\",\"client\":{\"ip\":\"::1\",\"helo\":\"x\"},\"sender\":\"a@b\","
	  "\"message_id\":\"<m@x>\",\"score\":5.25,\"action\":\"junk\"}",
		"A", "m@x", "a@b", "::1", "junk", 525 },
	/* Only at the top, and only of the client. */
	{ "{\"findings\":[{\"id\":\"B\",\"score\":9.00,\"ip\":\"1\"}],"
	  "\"auth\":{\"ip\":\"2\",\"action\":\"x\"}}",
		"", "", "", "", "", 0 },
	{ "{\"why\":\"\\\",\\\"id\\\":\\\"B\",\"id\":\"A\"}", "A", "", "", "", "", 0 },
	{ "{ \"id\" : \"A\" , \"score\" : -1.5 }", "A", "", "", "", "", -150 },
	{ "{\"score\":7,\"message_id\":\"q\\\"x@y\"}", "", "q\\\"x@y", "", "", "", 700 },
	{ "{\"score\":1.239}", "", "", "", "", "", 123 },
	{ "{\"id\":\"A", "", "", "", "", "", 0 },
	{ "{\"id\":\"A\\", "", "", "", "", "", 0 },
	{ "{\"id\":12,\"score\":\"12\"}", "", "", "", "", "", 0 },
	{ "]]]{\"id\":\"A\"}", "A", "", "", "", "", 0 },
};

static void fields_are_found(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct record_fields f;
		record_fields(str_from_z(cases[i].json), &f);
		bool cut = !str_ends(str_from_z(cases[i].json), STR("}"));
		assert_true(cut || str_equal(f.id, str_from_z(cases[i].id)));
		assert_true(str_equal(f.message_id, str_from_z(cases[i].message_id)));
		assert_true(str_equal(f.sender, str_from_z(cases[i].sender)));
		assert_true(str_equal(f.client, str_from_z(cases[i].client)));
		assert_true(str_equal(f.action, str_from_z(cases[i].action)));
		assert_int_equal(f.score, cases[i].score);
		/* Cut anywhere, it stays within. */
		for (size_t n = 0; n < strlen(cases[i].json); n++)
			record_fields(str_from(cases[i].json, n), &f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fields_are_found) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
