/*
 * ipc_implement.h: from a table of calls, the codecs, the caller's stubs and the dispatch table.
 * Included in one .c file of the service, after its header, with IPC_SERVICE and IPC_TABLE defined.
 */
#include <errno.h>

/* put_CALL_request, put_CALL_reply: fields to bytes. */
#define IPC_CALL(name)                                                                             \
	static void put_##name##_request(UNUSED struct ipc_writer *w,                              \
		UNUSED const struct IPC_JOIN(IPC_SERVICE, _, name, _request) * m)                  \
	{
#define IPC_IN(kind, field) ipc_put_##kind(w, m->field);
#define IPC_OUT(kind, field)
#define IPC_END(name) }
#include IPC_TABLE
#undef IPC_CALL
#undef IPC_IN
#undef IPC_OUT
#define IPC_CALL(name)                                                                             \
	static void put_##name##_reply(UNUSED struct ipc_writer *w,                                \
		UNUSED const struct IPC_JOIN(IPC_SERVICE, _, name, _reply) * m)                    \
	{
#define IPC_IN(kind, field)
#define IPC_OUT(kind, field) ipc_put_##kind(w, m->field);
#include IPC_TABLE
#undef IPC_CALL
#undef IPC_IN
#undef IPC_OUT

/* get_CALL_request, get_CALL_reply: bytes to fields. */
#define IPC_CALL(name)                                                                             \
	static void get_##name##_request(UNUSED struct ipc_reader *r,                              \
		UNUSED struct IPC_JOIN(IPC_SERVICE, _, name, _request) * m)                        \
	{
#define IPC_IN(kind, field) m->field = ipc_get_##kind(r);
#define IPC_OUT(kind, field)
#include IPC_TABLE
#undef IPC_CALL
#undef IPC_IN
#undef IPC_OUT
#define IPC_CALL(name)                                                                             \
	static void get_##name##_reply(UNUSED struct ipc_reader *r, UNUSED void *out)              \
	{                                                                                          \
		UNUSED struct IPC_JOIN(IPC_SERVICE, _, name, _reply) *m = out;
#define IPC_IN(kind, field)
#define IPC_OUT(kind, field) m->field = ipc_get_##kind(r);
#include IPC_TABLE
#undef IPC_CALL
#undef IPC_IN
#undef IPC_OUT
#undef IPC_END

/* The numbers of the calls. */
#define IPC_IN(kind, field)
#define IPC_OUT(kind, field)
#define IPC_END(name)
#define IPC_CALL(name) IPC_JOIN(number_of_, name, , ),
enum IPC_JOIN(IPC_SERVICE, _, call, ) {
#include IPC_TABLE
};
#undef IPC_CALL

/* The caller's stubs. */
#define IPC_CALL(name)                                                                             \
	static int over_##name(struct task *t, void *self,                                         \
		const struct IPC_JOIN(IPC_SERVICE, _, name, _request) * in, struct arena * a,      \
		struct IPC_JOIN(IPC_SERVICE, _, name, _reply) * out)                               \
	{                                                                                          \
		struct ipc_writer w = { .bytes = BUF_INIT(IPC_FRAME_MAX) };                        \
		put_##name##_request(&w, in);                                                      \
		return ipc_client_call(t, self, number_of_##name, &w, a, get_##name##_reply, out); \
	}
#include IPC_TABLE
#undef IPC_CALL

#define IPC_CALL(name) .name = over_##name,
static const struct IPC_JOIN(IPC_SERVICE, _, ops, ) over_ops = {
#include IPC_TABLE
};
#undef IPC_CALL

struct IPC_JOIN(IPC_SERVICE, _, calls, ) IPC_JOIN(IPC_SERVICE, _, over, )(struct ipc_client *client)
{
	return (struct IPC_JOIN(IPC_SERVICE, _, calls, )){ &over_ops, client };
}

/* The callee's dispatch. */
#define IPC_CALL(name)                                                                             \
	static int serve_##name(struct task *t, const void *ops, void *self, struct ipc_reader *r, \
		struct ipc_writer *w)                                                              \
	{                                                                                          \
		const struct IPC_JOIN(IPC_SERVICE, _, ops, ) *functions = ops;                     \
		struct IPC_JOIN(IPC_SERVICE, _, name, _request) in = { 0 };                        \
		struct IPC_JOIN(IPC_SERVICE, _, name, _reply) out = { 0 };                         \
		get_##name##_request(r, &in);                                                      \
		if (r->bad || r->bytes.n)                                                          \
			return -EBADMSG;                                                           \
		int rc = functions->name(t, self, &in, r->arena, &out);                            \
		if (rc == 0)                                                                       \
			put_##name##_reply(w, &out);                                               \
		return rc;                                                                         \
	}
#include IPC_TABLE
#undef IPC_CALL

#define IPC_CALL(call) { .name = #call, .serve = serve_##call },
static const struct ipc_call service_calls[] = {
#include IPC_TABLE
};
#undef IPC_CALL
#undef IPC_IN
#undef IPC_OUT
#undef IPC_END

#define IPC_STRING_(x) #x
#define IPC_STRING(x) IPC_STRING_(x)
const struct ipc_service IPC_JOIN(IPC_SERVICE, _, service, ) = {
	.name = IPC_STRING(IPC_SERVICE),
	.calls = service_calls,
	.call_count = ARRAY_LEN(service_calls),
};

#undef IPC_SERVICE
#undef IPC_TABLE
