/*
 * confusable.h: text that is made to be taken for other text (UTS #39).
 */
#pragma once

#include "base/str.h"

/* A host name (A-labels) of which a label mixes scripts, or looks like one in ASCII letters while
 * it is none. Only internationalized labels are looked at. */
bool host_is_confusable(str host);

/* Whether one word has letters of scripts that are not written together: Latin with Cyrillic or
 * Greek. Digits, marks and signs belong to all. */
bool text_mixes_scripts(str text);
