/*
 * mail_internal.h: what the files of mail.h share.
 */
#pragma once

#include "mail/mail.h"

/* A copy in the arena; empty, and truncated, where there is no room. */
str mail_keep(struct mail *m, str s);
void mail_add_attachment(struct mail *m, struct mail_attachment a);

/* Texts, their URIs, and what is uuencoded in them. */
void mail_read_texts(struct mail *m);
void mail_read_shape(struct mail *m);
