/*
 * supervisor.h: the process that starts the others.
 *
 * It binds the ports, makes the sockets between the roles, starts a process for each role (itself,
 * executed anew) and starts it again when it dies. It parses nothing that comes from outside. With
 * it end all others.
 */
#pragma once

#include "base/config.h"

/* Runs the server until SIGTERM or SIGINT; SIGHUP loads the file at config_path again. Takes over
 * the reference. The exit status: 0 after an orderly end, 1 where it could not start, or where a
 * process could not even be killed. */
int supervisor_run(const struct config *config, const char *config_path);
