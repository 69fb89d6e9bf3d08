/*
 * ipc_declare.h: from a table of calls, the types and functions that callers and callees see.
 * Included with IPC_SERVICE and IPC_TABLE defined; no include guard, it serves many tables.
 */
#include "io/ipc.h"

#ifndef IPC_JOIN
#define IPC_JOIN_(a, b, c, d) a##b##c##d
#define IPC_JOIN(a, b, c, d) IPC_JOIN_(a, b, c, d)
#endif

/* struct SERVICE_CALL_request */
#define IPC_CALL(name)                                                                             \
	struct IPC_JOIN(IPC_SERVICE, _, name, _request) {                                          \
		char nothing_; /* C has no empty structs */
#define IPC_IN(kind, field) ipc_type_##kind field;
#define IPC_OUT(kind, field)
#define IPC_END(name)                                                                              \
	}                                                                                          \
	;
#include IPC_TABLE
#undef IPC_CALL
#undef IPC_IN
#undef IPC_OUT

/* struct SERVICE_CALL_reply */
#define IPC_CALL(name)                                                                             \
	struct IPC_JOIN(IPC_SERVICE, _, name, _reply) {                                            \
		char nothing_;
#define IPC_IN(kind, field)
#define IPC_OUT(kind, field) ipc_type_##kind field;
#include IPC_TABLE
#undef IPC_CALL
#undef IPC_OUT
#undef IPC_END

/* struct SERVICE_ops: what a callee implements. */
#define IPC_OUT(kind, field)
#define IPC_CALL(name)                                                                             \
	int (*name)(struct task *, void *,                                                         \
		const struct IPC_JOIN(IPC_SERVICE, _, name, _request) *, struct arena *,           \
		struct IPC_JOIN(IPC_SERVICE, _, name, _reply) *);
#define IPC_END(name)
struct IPC_JOIN(IPC_SERVICE, _, ops, ) {
#include IPC_TABLE
};
#undef IPC_CALL

/* What a caller holds. */
struct IPC_JOIN(IPC_SERVICE, _, calls, ) {
	const struct IPC_JOIN(IPC_SERVICE, _, ops, ) * ops;
	void *self;
};

/* int SERVICE_CALL(t, calls, in, arena, out) */
#define IPC_CALL(name)                                                                             \
	static inline int IPC_JOIN(IPC_SERVICE, _, name, )(struct task * t,                        \
		const struct IPC_JOIN(IPC_SERVICE, _, calls, ) * calls,                            \
		const struct IPC_JOIN(IPC_SERVICE, _, name, _request) * in, struct arena * a,      \
		struct IPC_JOIN(IPC_SERVICE, _, name, _reply) * out)                               \
	{                                                                                          \
		return calls->ops->name(t, calls->self, in, a, out);                               \
	}
#include IPC_TABLE
#undef IPC_CALL
#undef IPC_IN
#undef IPC_OUT
#undef IPC_END

/* The service in another process, and what serves it there (ipc_serve). */
struct IPC_JOIN(IPC_SERVICE, _, calls, )
	IPC_JOIN(IPC_SERVICE, _, over, )(struct ipc_client *client);
extern const struct ipc_service IPC_JOIN(IPC_SERVICE, _, service, );

#undef IPC_SERVICE
#undef IPC_TABLE
