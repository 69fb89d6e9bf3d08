"""Disks that are full or fail: a temporary refusal, nothing lost, and service when it is over."""
import base64
import ctypes
import errno
import json
import mmap
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from harness import ALICE, load, postern


def noise(lines):
    """Text that the store cannot make much smaller."""
    return b"".join(base64.b64encode(os.urandom(57)) + b"\r\n" for _ in range(lines))


def attempt(server, token, lines=10):
    """Sends a message; the reply that decided on it."""
    with server.smtp() as client:
        client.ehlo()
        for command in ("MAIL FROM:<a@remote.test>", f"RCPT TO:<{ALICE}>"):
            reply = client.cmd(command)
            if reply.code != 250:
                return reply
        reply = client.cmd("DATA")
        if reply.code != 354:
            return reply
        client.send(b"X-Token: %s\r\n\r\n" % token.encode() + noise(lines) + b".\r\n")
        reply = client.reply()
        client.expect("NOOP", "250")
        return reply


# A full disk

@pytest.fixture
def small_disk():
    """Mounts a small tmpfs over a directory with its content; size() changes how small it is."""
    mounted = []

    def mount(directory, size):
        copy = pathlib.Path(tempfile.mkdtemp(prefix="torture-", dir="/var/tmp"))
        subprocess.run(["cp", "-a", f"{directory}/.", copy], check=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", directory],
                              capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(copy)
            pytest.skip(f"no tmpfs here: {done.stderr.strip()}")
        mounted.append(directory)
        subprocess.run(["cp", "-a", f"{copy}/.", directory], check=True)
        shutil.rmtree(copy)
        return lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", directory], check=True)

    yield mount
    for directory in mounted:
        subprocess.run(["umount", "-l", directory], check=True)


@pytest.mark.root
def test_full_disk(make_server, small_disk):
    server = make_server(start=False)
    resize = small_disk(server.data, "6m")
    server.start()
    accepted, refused = [], []
    for n in range(200):
        token = os.urandom(8).hex()
        reply = attempt(server, token, lines=1000)
        if reply.code == 250:
            accepted.append(token)
        else:
            assert reply.matches("45[12] 4.3.[01]"), reply
            refused.append(token)
            if len(refused) == 5:
                break
    assert accepted and len(refused) == 5
    with server.imap() as client:
        result = client.append(b"INBOX", noise(1000))
        assert result.status == "NO", result
    found = load.stored_tokens(server, ALICE)
    assert [token for token in accepted if found[token] != 1] == []

    resize("64m")
    token = os.urandom(8).hex()
    assert attempt(server, token, lines=1000).code == 250
    found = load.stored_tokens(server, ALICE)
    assert [token for token in accepted + [token] if found[token] != 1] == []
    assert not [token for token in refused if found[token]]
    done = server.verify()
    assert done.returncode == 0, done.stdout + done.stderr
    server.stop()


@pytest.mark.root
def test_full_disk_for_the_quarantine(make_server, small_disk):
    """What should be kept aside is put off; nothing that was accepted is missing there."""
    server = make_server(settings={"filter": {"junk_at": 0.1, "quarantine_at": 0.1, "reject_at": 500.0}},
                         start=False)
    (server.data / "quarantine").mkdir(exist_ok=True)
    resize = small_disk(server.data / "quarantine", "3m")
    server.start()
    accepted, refused = [], []
    for n in range(200):
        reply = attempt(server, f"token{n}", lines=3000)
        if reply.code == 250:
            accepted.append(reply.id)
            continue
        assert reply.matches("452 4.3.1 "), reply
        refused.append(reply)
        if len(refused) == 3:
            break
    assert accepted and len(refused) == 3
    kept = [json.loads(line) for line in server.verb("quarantine", "list", "--json").stdout.splitlines()]
    assert [item["id"] for item in kept] == accepted[::-1]
    resize("64m")
    assert attempt(server, "after", lines=3000).code == 250
    done = server.verify()
    assert done.returncode == 0, done.stdout + done.stderr
    server.stop()


# Calls that fail

FLUSH, WRITE, SHORT = 1, 2, 3


class Faults:
    """The page that tests share with fault_preload.c."""

    def __init__(self, path):
        self.file = open(path, "w+b")
        self.file.truncate(mmap.PAGESIZE)
        path.chmod(0o666)
        self.memory = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)
        (self.attached, self.kind, self.error, self.after, self.count, self.hits) = (
            ctypes.c_int.from_buffer(self.memory, 4 * n) for n in range(6))

    def arm(self, kind, error, after=0, count=-1):
        self.kind.value = 0
        self.error.value, self.after.value, self.count.value, self.hits.value = error, after, count, 0
        self.kind.value = kind

    def disarm(self):
        self.kind.value = 0


@pytest.fixture(scope="module")
def preload():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="torture-", dir="/var/tmp"))
    directory.chmod(0o755)
    source = pathlib.Path(__file__).with_name("fault_preload.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", directory / "fault.so", source, "-ldl"], check=True)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def faulty(make_server, preload):
    """A server (the release: a sanitizer must be the first library) and its faults."""
    faults = Faults(preload / "page")
    server = make_server(binary=postern.RELEASE, start=False)
    server.env |= {"LD_PRELOAD": str(preload / "fault.so"), "POSTERN_FAULT_PAGE": str(preload / "page")}
    server.start()
    assert faults.attached.value >= 1 + len(server.roles()), "the shim does not reach the roles"
    yield server, faults
    faults.disarm()


@pytest.mark.parametrize("kind, error", [(FLUSH, errno.EIO), (FLUSH, errno.ENOSPC), (WRITE, errno.ENOSPC),
                                         (WRITE, errno.EIO)])
def test_everything_fails_for_a_while(faulty, kind, error):
    server, faults = faulty
    assert attempt(server, "before").code == 250
    faults.arm(kind, error)
    for n in range(3):
        reply = attempt(server, f"during{n}", lines=2000)
        assert 400 <= reply.code < 500 and reply.enhanced.startswith("4.3."), reply
    with server.imap() as client:
        assert client.append(b"INBOX", noise(2000)).status == "NO"
    assert faults.hits.value >= 3
    faults.disarm()
    assert attempt(server, "after").code == 250
    found = load.stored_tokens(server, ALICE)
    assert found["before"] == found["after"] == 1
    assert not any(found[f"during{n}"] for n in range(3))
    assert server.verify().returncode == 0


@pytest.mark.parametrize("kind, error", [(FLUSH, errno.EIO), (WRITE, errno.ENOSPC), (SHORT, 0)])
def test_the_nth_call_fails(faulty, kind, error):
    """Each call in turn fails once. The message is refused for now or stored; never both, never
    neither."""
    server, faults = faulty
    accepted, refused, unreached = [], [], 0
    for n in range(60):
        token = f"token{n}"
        faults.arm(kind, error, after=n, count=1)
        reply = attempt(server, token, lines=500)
        unreached = unreached + 1 if faults.hits.value == 0 else 0
        faults.disarm()
        if reply.code == 250:
            accepted.append(token)
        else:
            assert 400 <= reply.code < 500, reply
            refused.append(token)
        if unreached == 5:
            break
    assert unreached < 60 and (refused or kind == SHORT)
    found = load.stored_tokens(server, ALICE)
    assert [token for token in accepted if found[token] != 1] == []
    assert [token for token in refused if found[token]] == []
    assert attempt(server, "after").code == 250
    server.kill()
    server.start()
    again = load.stored_tokens(server, ALICE)
    assert [token for token in accepted if again[token] != 1] == []
    assert server.verify().returncode == 0
