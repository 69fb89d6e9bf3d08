"""Loopback ports for private servers, outside the range that outgoing connections use, and apart
for test runs that go on side by side."""
import itertools
import os
import socket

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:] or 0)
_next = itertools.cycle(range(15000 + 2000 * (_worker % 8) + os.getpid() % 1000, 17000 + 2000 * (_worker % 8)))


def free_port():
    for port in _next:
        with socket.socket() as probe, socket.socket(socket.AF_INET6) as probe6:
            try:
                probe.bind(("127.0.0.1", port))
                probe6.bind(("::1", port))
                return port
            except OSError:
                continue
