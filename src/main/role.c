/*
 * role.c: postern role NAME: one of the processes that postern serve starts.
 */
#include "main/main.h"

#include "antivirus/antivirus_role.h"
#include "delivery/delivery_role.h"
#include "directory/directory_role.h"
#include "filter/filter_role.h"
#include "mailbox/mailbox_role.h"
#include "main/cli.h"
#include "resolver/resolver_role.h"
#include "smtpd/smtpd_role.h"

static const struct role *const roles[] = { &directory_role, &resolver_role, &delivery_role,
	&filter_role, &smtpd_role, &mailbox_role, &antivirus_role };

/* "smtpd.1" is the second process of smtpd. */
int main_role(int argc, char **argv)
{
	str name = argc > 1 ? str_from_z(argv[1]) : STR_EMPTY, rest;
	str_cut(name, '.', &name, &rest);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (str_equal(name, str_from_z(roles[i]->name)))
			return role_main(roles[i]);
	cli_error("there is no role \"%.*s\"", STR_ARG(name));
	return EXIT_FAILED;
}
