"""Fixtures. `server` is shared by the tests of a module and must stay healthy through each of them;
`make_server` makes one with its own settings."""
import itertools
import os
import pathlib
import shutil
import subprocess

import pytest

from harness import DOMAIN, SHARED, postern


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("needs"):
            missing = [name for name in mark.args if not shutil.which(name)]
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(missing)}"))
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(program, ...): skipped where one is not installed")
    config.addinivalue_line("markers", "root: skipped for an ordinary user")


def _examine(server, what):
    """The server must have survived: no sanitizer report, no assertion, nothing left behind."""
    complaints = server.complaints()
    if complaints:
        pytest.fail(f"{what}:\n" + "\n".join(complaints) + "\n\n" + server.log()[-8000:])


@pytest.fixture
def make_server():
    """Starts instances (see postern.Postern for the arguments) and ends them after the test."""
    made = []

    def make(settings=None, start=True, **more):
        server = postern.Postern(settings=settings, **more)
        made.append(server)
        return server.start() if start else server

    yield make
    for server in made:
        try:
            server.stop()
            _examine(server, "at the end")
        finally:
            server.remove()


@pytest.fixture(scope="module")
def shared_server():
    instance = postern.Postern(settings={
        "smtp": {"max_connections_per_ip": 200, "max_message_size": "1M"},
        "imap": {"max_connections_per_ip": 200}})
    try:
        instance.start()
        yield instance
        instance.stop()
        _examine(instance, "at the end")
    finally:
        instance.remove()


@pytest.fixture
def server(shared_server):
    before = shared_server.roles()
    yield shared_server
    _examine(shared_server, "during this test")
    assert shared_server.process.poll() is None, shared_server.log()[-8000:]
    assert shared_server.roles() == before, f"a role was restarted:\n{shared_server.log()[-8000:]}"


_numbers = itertools.count()


@pytest.fixture
def account(server):
    """A fresh account of the shared server; its password is the harness' usual one."""
    address = f"user{next(_numbers)}@{DOMAIN}"
    server.add_account(address)
    return address


@pytest.fixture(scope="session")
def material():
    """The folder of the unpacked test material."""
    unpack = SHARED / "data" / "unpack"
    if not unpack.exists():
        pytest.skip("no test material: POSTERN_SHARED is absent")
    done = subprocess.run([unpack], check=True, capture_output=True, text=True)
    return pathlib.Path(done.stdout.strip())
