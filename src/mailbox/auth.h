/*
 * auth.h: what a session may do before the login, for CAPABILITY.
 */
#pragma once

#include "mailbox/session_internal.h"

bool may_start_tls(const struct session *s);
/* The connection is encrypted, or the client is one that needs no encryption. */
bool may_log_in(const struct session *s);
