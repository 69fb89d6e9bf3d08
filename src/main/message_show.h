/*
 * message_show.h: what checks see of a message (mail/mail.h), for people and, as one JSON object,
 * for tests.
 */
#pragma once

#include "base/str.h"

void message_show(str message, bool json);
