/*
 * account_verify.c: what must be true of an account, as queries for what is not.
 *
 * Each query gives a sentence a row. To add an invariant, add a query.
 */
#include "store/account_internal.h"

#include <errno.h>

_Static_assert(ACCOUNT_CHUNK_SIZE == 262144, "the queries name it");

static const char *const violations[] = {
	/* numbers of the account */
	"SELECT 'mailbox ' || m.id || ' (' || m.name || '): its id or uidvalidity was not given "
	"out'"
	" FROM mailbox m JOIN account a ON a.account = m.account WHERE m.account = ?1"
	" AND (m.id >= a.next_mailbox OR m.uidvalidity > a.uidvalidity OR m.uidvalidity < 1)",
	"SELECT 'mailbox ' || m.id || ' (' || m.name || '): its modseq is above the account''s, or "
	"'"
	" || 'below that of its last change' FROM mailbox m JOIN account a ON a.account = m.account"
	" WHERE m.account = ?1 AND (m.modseq > a.modseq OR m.changed_modseq > m.modseq)",
	"SELECT 'body ' || b.id || ': its id was not given out' FROM body b"
	" JOIN account a ON a.account = b.account WHERE b.account = ?1 AND b.id >= a.next_body",
	"SELECT 'INBOX is missing' FROM account a WHERE a.account = ?1 AND NOT EXISTS"
	" (SELECT 1 FROM mailbox m WHERE m.account = ?1 AND m.name = 'INBOX' AND m.noselect = 0)",
	"SELECT 'two mailboxes have the uidvalidity ' || uidvalidity FROM mailbox"
	" WHERE account = ?1 GROUP BY uidvalidity HAVING COUNT(*) > 1",
	/* messages in their mailbox */
	"SELECT 'message ' || m.uid || ' is in mailbox ' || m.mailbox || ', which is not there'"
	" FROM message m WHERE m.account = ?1 AND NOT EXISTS (SELECT 1 FROM mailbox b"
	" WHERE b.account = ?1 AND b.id = m.mailbox AND b.noselect = 0)",
	"SELECT 'mailbox ' || b.id || ' (' || b.name || '): message ' || m.uid"
	" || ' has a uid that was not given out'"
	" FROM message m JOIN mailbox b ON b.account = m.account AND b.id = m.mailbox"
	" WHERE m.account = ?1 AND (m.uid >= b.uidnext OR m.uid < 1)",
	"SELECT 'mailbox ' || id || ' (' || name || '): recent_uid is above uidnext'"
	" FROM mailbox WHERE account = ?1 AND recent_uid > uidnext",
	"SELECT 'mailbox ' || b.id || ' (' || b.name || '): message ' || m.uid"
	" || ' has a modseq above the mailbox''s'"
	" FROM message m JOIN mailbox b ON b.account = m.account AND b.id = m.mailbox"
	" WHERE m.account = ?1 AND m.modseq > b.modseq",
	"SELECT 'mailbox ' || b.id || ' (' || b.name || '): its counters are not those of its "
	"messages'"
	" FROM mailbox b LEFT JOIN (SELECT mailbox, COUNT(*) AS messages,"
	" SUM(CASE WHEN flags & 1 = 0 THEN 1 ELSE 0 END) AS unseen,"
	" SUM(CASE WHEN flags & 8 <> 0 THEN 1 ELSE 0 END) AS deleted, SUM(size) AS size"
	" FROM message WHERE account = ?1 GROUP BY mailbox) m ON m.mailbox = b.id"
	" WHERE b.account = ?1 AND (b.messages <> COALESCE(m.messages, 0)"
	" OR b.unseen <> COALESCE(m.unseen, 0) OR b.deleted <> COALESCE(m.deleted, 0)"
	" OR b.size <> COALESCE(m.size, 0))",
	"SELECT 'mailbox ' || v.mailbox || ': uid ' || v.uid || ' has vanished, but is there or "
	"was'"
	" || ' not given out' FROM vanished v LEFT JOIN mailbox b"
	" ON b.account = v.account AND b.id = v.mailbox WHERE v.account = ?1"
	" AND (b.id IS NULL OR v.uid >= b.uidnext OR v.modseq > b.changed_modseq OR EXISTS"
	" (SELECT 1 FROM message m WHERE m.account = ?1 AND m.mailbox = v.mailbox AND m.uid = "
	"v.uid))",
	/* bodies */
	"SELECT 'message ' || m.uid || ' of mailbox ' || m.mailbox || ': its body ' || m.body"
	" || ' is not there' FROM message m WHERE m.account = ?1"
	" AND NOT EXISTS (SELECT 1 FROM body b WHERE b.account = ?1 AND b.id = m.body)",
	"SELECT 'message ' || m.uid || ' of mailbox ' || m.mailbox || ': its size is not that of "
	"its'"
	" || ' body' FROM message m JOIN body b ON b.account = m.account AND b.id = m.body"
	" WHERE m.account = ?1 AND b.size <> m.size",
	"SELECT 'body ' || b.id || ': ' || COALESCE(m.n, 0) || ' messages refer to it, not ' || "
	"b.refs"
	" FROM body b LEFT JOIN (SELECT body, COUNT(*) AS n FROM message WHERE account = ?1"
	" GROUP BY body) m ON m.body = b.id"
	" WHERE b.account = ?1 AND b.refs <> COALESCE(m.n, 0)",
	"SELECT 'body ' || id || ' is referred to by no message' FROM body"
	" WHERE account = ?1 AND refs < 1",
	"SELECT 'body ' || id || ' has no summary' FROM body"
	" WHERE account = ?1 AND (envelope = '' OR body = '' OR bodystructure = '')",
	"SELECT 'body ' || b.id || ': its pieces are not ' || b.size || ' bytes'"
	" FROM body b LEFT JOIN (SELECT body, COUNT(*) AS n, MAX(seq) AS last,"
	" SUM(COALESCE(unpacked, LENGTH(data))) AS bytes FROM body_chunk WHERE account = ?1 GROUP "
	"BY body) c"
	" ON c.body = b.id WHERE b.account = ?1 AND (b.size <> COALESCE(c.bytes, 0)"
	" OR (b.size + 262143) / 262144 <> COALESCE(c.n, 0)"
	" OR COALESCE(c.last, -1) <> COALESCE(c.n, 0) - 1)",
	"SELECT 'body ' || c.body || ': piece ' || c.seq || ' is not full' FROM body_chunk c"
	" WHERE c.account = ?1 AND COALESCE(c.unpacked, LENGTH(c.data)) <> 262144"
	" AND EXISTS (SELECT 1 FROM body_chunk d"
	" WHERE d.account = ?1 AND d.body = c.body AND d.seq = c.seq + 1)",
	"SELECT 'a piece of body ' || c.body || ' is left over' FROM body_chunk c WHERE c.account "
	"= ?1"
	" AND NOT EXISTS (SELECT 1 FROM body b WHERE b.account = ?1 AND b.id = c.body)",
};

typedef int check_fn(struct account *a, const char *sql, void (*fn)(void *arg, str problem),
	void *arg, struct err *err);

static int run(struct account *a, const char *sql, void (*fn)(void *arg, str problem), void *arg,
	struct err *err)
{
	struct db_statement *st;
	int r = db_query(a->db, sql, &st, err, DB_I64(a->id));
	while (r == 0 && (r = db_step(st, err)) > 0) {
		fn(arg, db_column_text(st, 0));
		r = 0;
	}
	return r;
}

static const char sql_packed[] =
	"SELECT data, unpacked, 'body ' || body || ': piece ' || seq || ' is damaged'"
	" FROM body_chunk WHERE account = ?1 AND unpacked IS NOT NULL";

/* Every packed piece is unpacked once. */
static int unpack_all(struct account *a, const char *sql, void (*fn)(void *arg, str problem),
	void *arg, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	char *room CLEANUP(free_pointer) = NULL;
	struct err unused;
	str piece = STR_EMPTY;
	int r = db_query(a->db, sql, &st, err, DB_I64(a->id));
	while (r == 0 && (r = db_step(st, err)) > 0) {
		if (body_piece(st, 0, 1, &room, &piece, &unused) < 0)
			fn(arg, db_column_text(st, 2));
		r = 0;
	}
	return r;
}

static int check_file(struct account *a, const char *unused, void (*fn)(void *arg, str problem),
	void *arg, struct err *err)
{
	return db_check(a->db, fn, arg, err);
}

/* Damage that stops a check is a finding like others; it ends the transaction, so a new one is
 * begun for the rest. */
static int examine(struct account *a, check_fn *check, const char *sql,
	void (*fn)(void *arg, str problem), void *arg, struct err *err)
{
	struct err detail = { 0 };
	int r = check(a, sql, fn, arg, &detail);
	if (r == -EUCLEAN) {
		fn(arg, str_from_z(detail.text));
		db_rollback(a->db);
		return db_begin(a->db, DB_READ, err);
	}
	return r < 0 ? err_set(err, -r, "%s", detail.text) : 0;
}

int account_verify(
	struct account *a, void (*fn)(void *arg, str problem), void *arg, struct err *err)
{
	int r = db_begin(a->db, DB_READ, err);
	if (r < 0)
		return r;
	r = examine(a, check_file, NULL, fn, arg, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(violations); i++)
		r = examine(a, run, violations[i], fn, arg, err);
	if (r == 0)
		r = examine(a, unpack_all, sql_packed, fn, arg, err);
	return account_end(a, r, err);
}
