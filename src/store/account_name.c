/*
 * account_name.c: names of mailboxes and keywords.
 */
#include "store/account_internal.h"

#include "base/utf8.h"

#include <errno.h>

static bool has_control(str s)
{
	uint32_t c;
	for (size_t n; s.n && (n = utf8_decode(s, &c)) > 0; s = str_skip(s, n))
		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
			return true;
	return false;
}

static int check(str name, struct err *err)
{
	if (name.n == 0)
		return err_set(err, EINVAL, "the mailbox name is empty");
	if (name.n > ACCOUNT_MAILBOX_NAME_MAX)
		return err_set(err, EINVAL, "the mailbox name is longer than %d bytes",
			ACCOUNT_MAILBOX_NAME_MAX);
	if (!utf8_valid(name))
		return err_set(err, EINVAL, "the mailbox name is not valid UTF-8");
	if (has_control(name))
		return err_set(err, EINVAL, "the mailbox name has a control character");
	bool more = true;
	while (more) {
		str level;
		more = str_cut(name, '/', &level, &name);
		if (level.n == 0)
			return err_set(err, EINVAL, "the mailbox name has an empty level ('/')");
		if (level.n > ACCOUNT_MAILBOX_LEVEL_MAX)
			return err_set(err, EINVAL,
				"a level of the mailbox name is longer than %d bytes",
				ACCOUNT_MAILBOX_LEVEL_MAX);
	}
	return 0;
}

bool account_mailbox_name_valid(str name, struct err *err)
{
	return check(name, err) == 0;
}

int mailbox_name(str name, char *buffer, str *out, struct err *err)
{
	int r = check(name, err);
	if (r < 0)
		return r;
	str level, rest;
	str_cut(name, '/', &level, &rest);
	memcpy(buffer, name.p, name.n);
	if (str_equal_nocase(level, STR("INBOX")))
		memcpy(buffer, "INBOX", 5);
	*out = str_from(buffer, name.n);
	return 0;
}

bool account_keyword_valid(str name)
{
	if (name.n == 0 || name.n > ACCOUNT_KEYWORD_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (c <= ' ' || c >= 127 || str_find_char(STR("(){%*\"\\]"), c) >= 0)
			return false;
	}
	return true;
}
