/* Command lines: every slice lies in the line or the arena, offsets lie in the line, and an
 * accepted mailbox is the same mailbox after formatting and parsing again. */
#include "proto/smtp_command.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads all of it, for the address sanitizer to object. */
static void touch(str s)
{
	size_t sum = 0;
	for (size_t i = 0; i < s.n; i++)
		sum += (unsigned char)s.p[i];
	ASSERT(sum <= 255 * s.n);
}

static void check_clean(str s)
{
	touch(s);
	ASSERT(str_find_any(s, str_from("\r\n\0", 3)) < 0);
}

static void check_path(const struct smtp_path *path, size_t local_max)
{
	check_clean(path->raw);
	check_clean(path->route);
	check_clean(path->local);
	check_clean(path->domain);
	ASSERT(path->local.n <= local_max && path->domain.n <= SMTP_DOMAIN_MAX);
	ASSERT(utf8_valid(path->raw) && path->utf8 == !ascii_only(path->raw));
	ASSERT(path->is_null == (path->raw.n == 0));
	ASSERT((path->is_null || path->is_postmaster) == (path->domain_kind == SMTP_HOST_NONE));
	if (path->domain_kind == SMTP_HOST_NONE)
		return;
	CLEANUP(buf_done) struct buf first = BUF_INIT(4096), second = BUF_INIT(4096);
	CLEANUP(arena_done) struct arena arena = ARENA_INIT(4096);
	struct smtp_path again;
	smtp_mailbox_format(path->local, path->domain, &first);
	/* Quoting odd dots may add more than a path may have; a sender may be longer than others.
	 */
	if (first.n + 2 > SMTP_PATH_MAX || path->local.n > SMTP_LOCAL_MAX)
		return;
	ASSERT(smtp_mailbox_parse(buf_str(&first), true, &arena, &again, NULL));
	ASSERT(str_equal(again.local, path->local) && str_equal(again.domain, path->domain));
	smtp_mailbox_format(again.local, again.domain, &second);
	ASSERT(str_equal(buf_str(&first), buf_str(&second)));
}

static void check_command(const struct smtp_command *c, bool utf8)
{
	switch (c->verb) {
	case SMTP_VERB_MAIL:
		check_path(&c->mail.path, SMTP_PATH_MAX);
		check_clean(c->mail.envid);
		check_clean(c->mail.auth);
		ASSERT(!c->mail.path.utf8 || c->mail.utf8);
		break;
	case SMTP_VERB_RCPT:
		check_path(&c->rcpt.path, SMTP_LOCAL_MAX);
		check_clean(c->rcpt.orcpt);
		check_clean(c->rcpt.orcpt_type);
		check_clean(c->rcpt.orcpt_address);
		ASSERT(!c->rcpt.path.utf8 || utf8);
		ASSERT(!c->rcpt.path.is_null);
		break;
	case SMTP_VERB_EHLO:
	case SMTP_VERB_HELO:
	case SMTP_VERB_LHLO:
		check_clean(c->host.text);
		ASSERT(c->host.kind != SMTP_HOST_NONE);
		break;
	case SMTP_VERB_AUTH:
		check_clean(c->auth.mechanism);
		check_clean(c->auth.initial);
		break;
	case SMTP_VERB_VRFY:
	case SMTP_VERB_EXPN:
		check_clean(c->query.text);
		break;
	case SMTP_VERB_XCLIENT:
		for (size_t i = 0; i < SMTP_XCLIENT_COUNT; i++)
			check_clean(c->xclient.attribute[i].value);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct smtp_parse_options options = {
		.extensions = data[0] & 1 ? ~0u : (unsigned)data[1] << 4,
		.utf8 = data[0] & 2,
		.allow_bare_lf = data[0] & 4,
		.strict_helo = data[0] & 8,
	};
	size_t n = size - 2;
	bool add_end = data[0] & 16;
	CLEANUP(free_pointer) char *line = xmalloc(n + 2);
	memcpy(line, data + 2, n);
	memcpy(line + n, "\r\n", 2);
	n += add_end ? 2 : 0;
	CLEANUP(free_pointer) char *exact = xmalloc(n ? n : 1);
	memcpy(exact, line, n);
	CLEANUP(arena_done) struct arena arena = ARENA_INIT(data[0] & 32 ? 64 : 3 * n + 256);
	struct smtp_command command;
	bool fine = smtp_command_parse(str_from(exact, n), &options, &arena, &command);
	touch(command.word);
	touch(command.argument);
	ASSERT(fine == (command.syntax.kind == SMTP_SYNTAX_OK));
	ASSERT(command.syntax.at <= n);
	ASSERT((data[0] & 32) || command.syntax.kind != SMTP_SYNTAX_NO_MEMORY);
	if (fine) {
		check_command(&command, options.utf8);
	} else {
		struct smtp_reply reply = smtp_command_refusal(&command);
		ASSERT(reply.code >= 400 && reply.text.n > 0);
	}
	return 0;
}
