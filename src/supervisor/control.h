/*
 * control.h: the control socket, over which the command line asks the running server: frames as
 * between roles, the calls of control.def.
 *
 * It is open to the user who started the server; started as root, also to the group that owns the
 * mail. A peer gets PEER_TIME, and there are PEERS_MAX at a time.
 */
#pragma once

#include "base/err.h"
#include "io/task.h"

struct control;
struct supervisor;

/* Listens. A socket that a dead server left behind is replaced. */
int control_open(struct supervisor *s, struct control **out, struct err *err) MUST_USE;

/* Takes no more questions; those that are open are answered as far as that goes. Waits until that
 * is over: nobody refers to the instances any more, then. Before the instances are freed. NULL is
 * fine. */
void control_finish(struct task *t, struct control *c);

/* Only after control_finish(), or where the loop never ran. NULL is fine. */
void control_free(struct control *c);
