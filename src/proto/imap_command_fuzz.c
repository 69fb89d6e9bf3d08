/*
 * One command. Whatever it holds, parsing stays within its bytes and its arena; what is understood
 * is read through, its sets resolved, its program evaluated, and its error can be written.
 */
#include "proto/imap_dump.h"
#include "proto/imap_format.h"

static int leaf(void *context, const struct imap_search_key *key)
{
	unsigned *seed = context;
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16 & 1;
}

static void use(struct imap_command *c)
{
	switch (c->id) {
	case IMAP_COMMAND_SEARCH: {
		unsigned seed = (unsigned)c->search.key_count;
		ASSERT(c->search.keys[0].size == c->search.key_count);
		ASSERT(imap_search_match(&c->search, leaf, &seed) >= 0);
		break;
	}
	case IMAP_COMMAND_FETCH:
		imap_set_resolve(&c->fetch.set, 1000);
		ASSERT(!c->fetch.set.n ||
			imap_set_contains(&c->fetch.set, imap_set_last(&c->fetch.set)));
		break;
	case IMAP_COMMAND_LIST:
		(void)imap_list_match(c->list.patterns[0], c->list.reference, '/');
		break;
	default:
		break;
	}
}

/* Written as the server writes lines: one, and nothing but printable ASCII in it. */
static void check_line(const struct buf *b)
{
	ASSERT(b->n > 2 && str_ends(buf_str(b), STR("\r\n")));
	for (size_t i = 0; i + 2 < b->n; i++)
		ASSERT(b->p[i] >= ' ' && b->p[i] < 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_from(data, size);
	struct arena a = ARENA_INIT(256 * 1024);
	struct buf b CLEANUP(buf_done) = BUF_INIT(1 << 20);
	struct imap_command c;
	struct imap_error error;
	uint64_t literal;
	(void)imap_literal_at_end(in, &literal);
	bool append = imap_is_append(in);
	if (imap_command_parse(in, &a, &c, &error)) {
		ASSERT(append == (c.id == IMAP_COMMAND_APPEND));
		dump_command(&b, &c);
		use(&c);
	} else {
		ASSERT(error.at <= size);
		error.kind = error.kind == IMAP_ERROR_LITERAL ? IMAP_ERROR_SYNTAX : error.kind;
		imap_format_error(&b, &error);
		check_line(&b);
	}
	arena_done(&a);
	return 0;
}
