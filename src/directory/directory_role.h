/*
 * directory_role.h: the directory as a process, and the functions that answer its calls.
 */
#pragma once

#include "directory/directory_calls.h"
#include "io/role.h"

extern const struct role directory_role;

/* What answers the calls of directory.def, with a struct directory_server as self. */
struct directory_server;
extern const struct directory_ops directory_functions;

int directory_server_new(str data_dir, str detail_separator, struct directory_server **out,
	struct err *err) MUST_USE;
/* Which private key (PEM; empty: none) signs for arc.domain and arc.selector. */
void directory_server_seal(struct directory_server *s, const struct config *config, str pem);
void directory_server_free(struct directory_server *s);
