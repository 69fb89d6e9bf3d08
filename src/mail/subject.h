/*
 * subject.h: the base subject (RFC 5256 §2.1), by which messages are sorted and threaded.
 */
#pragma once

#include "base/str.h"

/* `subject` is decoded, and its white space is single spaces. The result is a part of it: without
 * "Re:", "Fwd:", "[list]", "(fwd)" and "[Fwd: ...]". */
str subject_base(str subject);
