/*
 * ports.h: the listening sockets: bound here, by whoever may bind them, and handed to the roles.
 *
 * A socket that systemd passed (socket activation) and that is bound to a configured address is
 * taken instead of binding a new one.
 */
#pragma once

#include "base/config.h"
#include "base/log.h"

struct port {
	struct port *next;
	const char *role; /* who accepts there: "smtpd" */
	char *name;       /* what role_listen() calls it: "imaps [::]:993"; owned */
	int fd;           /* owned */
	char *path;       /* of the Unix socket; owned */
};

/* Binds all that the configuration names; sockets of `old` that it names too are taken over from
 * there. On failure nothing changed, and err says which address and why. */
int ports_open(const struct config *config, struct port **old, struct port **out,
	struct err *err) MUST_USE;
void ports_close(struct port *ports);
const struct port *ports_find(const struct port *ports, const char *name);
