/* A whole message: texts are UTF-8, attachments can be had, all is within bounds. */

#include "mail/mail.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT(MAIL_ARENA_MAX(size));
	struct mail m;
	mail_read(&arena, str_from(data, size), &m);
	ASSERT(m.texts_n <= MAIL_TEXTS_MAX && m.attachments_n <= MAIL_ATTACHMENTS_MAX);
	for (size_t i = 0; i < m.texts_n; i++)
		ASSERT(utf8_valid(m.texts[i].visible) && utf8_valid(m.texts[i].invisible));
	for (size_t i = 0; i < m.attachments_n; i++) {
		ASSERT(utf8_valid(m.attachments[i].name.name));
		mail_attachment_content(&m, &m.attachments[i]);
	}
	ASSERT(utf8_valid(m.subject));
	mail_done(&m);
	arena_done(&arena);
	return 0;
}
