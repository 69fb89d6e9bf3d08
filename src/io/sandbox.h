/*
 * sandbox.h: what a role may still do once it has started. Everything not named is refused.
 *
 * Three layers, each of which holds by itself: no-new-privs, Landlock for files, seccomp for system
 * calls. A role that makes a call which its filter does not know is killed, and the supervisor logs
 * that. Under AddressSanitizer, which needs calls of its own, such a call is only logged by the
 * kernel.
 */
#pragma once

#include "base/endpoint.h"
#include "base/err.h"

enum sandbox_access {
	SANDBOX_READ,   /* files and directories below may be read */
	SANDBOX_CREATE, /* files may be made without a name (O_TMPFILE), read and written */
	SANDBOX_WRITE,  /* files may be read, written, made and removed */
};

struct sandbox_path {
	char path[1024];
	enum sandbox_access access;
};

struct sandbox {
	struct sandbox_path paths[8];
	size_t path_count;
	bool files; /* opens files at all: the calls for that are let through */
	bool asks;  /* opens sockets of IPv4 and IPv6, UDP and TCP, to ask others; none to listen */
	bool connects_local;        /* to Unix sockets */
	uint16_t connect_ports[16]; /* to these, over TCP */
	size_t connect_port_count;
};

/* The directory `below` in `base` ("": base itself), and all in it. It must be there. */
void sandbox_allow(struct sandbox *s, str base, const char *below, enum sandbox_access access);

/* Connections to that socket. Over TCP only to those ports, where the kernel's Landlock knows of
 * ports (6.7 and later); to which Unix sockets, no kernel could limit so far: their permissions do.
 */
void sandbox_connect(struct sandbox *s, const struct endpoint *e);

/* For good. *out_partial is what the kernel lacks ("Landlock"), or NULL. */
int sandbox_enter(const struct sandbox *s, const char **out_partial, struct err *err) MUST_USE;
