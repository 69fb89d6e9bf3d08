/*
 * ipc.h: calls from one role to another over a Unix socket that the supervisor made.
 *
 * A role declares its calls once, in a table (directory/directory.def):
 *
 *     IPC_CALL(find)
 *     IPC_IN(str, address)
 *     IPC_OUT(u64, account)
 *     IPC_END(find)
 *
 * io/ipc_declare.h makes of it, for service `directory`: struct directory_find_request and _reply,
 * struct directory_ops (one function a call), and the function that callers use,
 *
 *     int directory_find(struct task *t, const struct directory_calls *d,
 *             const struct directory_find_request *in, struct arena *a,
 *             struct directory_find_reply *out);
 *
 * which works alike whether d stands for another process (directory_over(client)) or for the
 * implementation itself, linked into a test. io/ipc_implement.h, in one .c file, makes the codecs.
 *
 * Calls wait. They return what the callee returned (0 or -errno, values of the callee's choice), or
 * -ENOTCONN where its process is not there; -ECONNRESET where that died meanwhile, -ETIMEDOUT,
 * -ECANCELED, -EMSGSIZE, and in these cases it is not known whether the callee did its work.
 * Strings of a reply live in the arena, those of a request until the callee's function returns.
 *
 * Kinds of fields: u64, i64, bool, str, strs and u64s (arrays), fd. A descriptor in a request stays
 * the caller's; the callee sees a copy that is closed when its function returns. A descriptor in a
 * reply becomes the caller's.
 *
 * Frame: 16 bytes {u32 payload bytes, u16 call (or REPLY), u16 descriptors, u64 sequence}, then the
 * fields in the table's order: numbers as 8 bytes, strings and arrays as a count and their content.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "io/task.h"

enum { IPC_FRAME_MAX = 4 * 1024 * 1024, IPC_FDS_MAX = 4 };

/* ── Field kinds ──────────────────────────────────────────────────────────────────────────── */

struct ipc_strs {
	const str *v;
	size_t n;
};
struct ipc_u64s {
	const uint64_t *v;
	size_t n;
};

typedef uint64_t ipc_type_u64;
typedef int64_t ipc_type_i64;
typedef bool ipc_type_bool;
typedef str ipc_type_str;
typedef struct ipc_strs ipc_type_strs;
typedef struct ipc_u64s ipc_type_u64s;
typedef int ipc_type_fd;

struct ipc_writer {
	struct buf bytes;
	int fds[IPC_FDS_MAX]; /* borrowed */
	size_t fd_count;
};

/* Sticky: after the first field that is not there, all are zero and `bad` is set. */
struct ipc_reader {
	str bytes;
	bool stays; /* bytes live as long as what is read of them: strings are not copied */
	struct arena *arena;
	int *fds; /* those taken are set to -1 here */
	size_t fd_count;
	bool bad;
};

void ipc_put_u64(struct ipc_writer *w, uint64_t v);
void ipc_put_i64(struct ipc_writer *w, int64_t v);
void ipc_put_bool(struct ipc_writer *w, bool v);
void ipc_put_str(struct ipc_writer *w, str v);
void ipc_put_strs(struct ipc_writer *w, struct ipc_strs v);
void ipc_put_u64s(struct ipc_writer *w, struct ipc_u64s v);
void ipc_put_fd(struct ipc_writer *w, int v); /* -1: none */

uint64_t ipc_get_u64(struct ipc_reader *r);
int64_t ipc_get_i64(struct ipc_reader *r);
bool ipc_get_bool(struct ipc_reader *r);
str ipc_get_str(struct ipc_reader *r);
struct ipc_strs ipc_get_strs(struct ipc_reader *r);
struct ipc_u64s ipc_get_u64s(struct ipc_reader *r);
int ipc_get_fd(struct ipc_reader *r);

/* ── What the tables make ─────────────────────────────────────────────────────────────────── */

/* One call of a service, as its dispatcher needs it. */
struct ipc_call {
	const char *name;
	/* Decodes the request, calls the function in `ops`, encodes the reply if that returned 0.
	 * -EBADMSG where the request is malformed. */
	int (*serve)(struct task *t, const void *ops, void *self, struct ipc_reader *in,
		struct ipc_writer *out);
};

struct ipc_service {
	const char *name;
	const struct ipc_call *calls;
	size_t call_count;
};

/* ── The caller's end ─────────────────────────────────────────────────────────────────────── */

struct ipc_client;

/* Without a socket yet; calls that take longer than `timeout` fail. */
struct ipc_client *ipc_client_new(struct loop *l, int64_t timeout) MUST_USE;
/* Takes fd, in place of the one before; calls in flight there fail with -ECONNRESET. */
int ipc_client_attach(struct ipc_client *c, int fd) MUST_USE;
/* Closes the socket; the callee sees that. */
void ipc_client_detach(struct ipc_client *c);
bool ipc_client_attached(const struct ipc_client *c); /* and the callee has not gone */
/* No task may be in a call. */
void ipc_client_free(struct ipc_client *c);

typedef void ipc_decode_fn(struct ipc_reader *r, void *out);
int ipc_client_call(struct task *t, struct ipc_client *c, uint16_t call, struct ipc_writer *request,
	struct arena *a, ipc_decode_fn *decode, void *out) MUST_USE;

/* ── The callee's end ─────────────────────────────────────────────────────────────────────── */

/* Serves the calls that come over fd (taken), each in a task of its own, until the peer closes.
 * ops is the service's struct of functions, self their first argument. When the peer has gone and
 * the last call has ended, `gone` (may be NULL) is called. */
int ipc_serve(struct loop *l, int fd, const struct ipc_service *service, const void *ops,
	void *self, void (*gone)(void *self)) MUST_USE;
