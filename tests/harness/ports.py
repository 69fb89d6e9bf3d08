"""Loopback ports for private servers, outside the range that outgoing connections use, and apart for
test runs that go on side by side: each port is reserved by an abstract Unix socket of its name."""
import itertools
import os
import socket

FIRST, LAST = 15000, 31000
_next = itertools.cycle(range(FIRST, LAST))
_held = {}  # port → the socket that reserves it

for _ in range(os.getpid() * 7 % (LAST - FIRST)):
    next(_next)


def _reserved(port):
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.bind(f"\0postern-test-port-{port}")
    except OSError:
        holder.close()
        return False
    _held[port] = holder
    return True


def _is_free(port):
    """For TCP and for UDP: resolvers send their questions from any port."""
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
            with socket.socket(family, kind) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True


def free_port():
    for port in _next:
        if not _reserved(port):
            continue
        if _is_free(port):
            return port
        release(port)


def release(port):
    _held.pop(port).close()
