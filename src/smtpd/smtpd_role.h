/*
 * smtpd_role.h: SMTP and LMTP as a process.
 */
#pragma once

#include "io/role.h"

extern const struct role smtpd_role;
