"""Messages over which the filter fails: see poison_preload.c."""
import ctypes
import mmap
import pathlib
import subprocess

# What the supervisor says of filters that end so.
DEATHS = r"a process (died|stalled, and was ended) role=supervisor process=filter"


class Poison:
    """A shim for the processes of a server that is not started yet."""

    def __init__(self, server):
        self.server = server
        source = pathlib.Path(__file__).with_name("poison_preload.c")
        shim, page = server.directory / "poison.so", server.directory / "poison"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
        self.file = open(page, "w+b")
        self.file.truncate(mmap.PAGESIZE)
        page.chmod(0o666)
        self.memory = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)
        self._armed, self._seen = (ctypes.c_int.from_buffer(self.memory, 4 * n) for n in range(2))
        server.env |= {"LD_PRELOAD": str(shim), "POSTERN_POISON_PAGE": str(page)}
        # The shim stands before the sanitizer's library.
        server.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
        server.expected = DEATHS
        self.arm()

    def arm(self, armed=True):
        self._armed.value = armed

    @property
    def seen(self):
        """How often a filter was given such a message."""
        return self._seen.value

    def deaths(self):
        return len(self.server.logged(DEATHS))


def message(how, token, recipient="alice@example.test", more=""):
    """how: "crash", "stall", or anything else for a harmless one."""
    return (f"From: Someone <someone@remote.test>\r\nTo: {recipient}\r\nSubject: {how} {token}\r\n"
            f"Date: Thu, 01 Oct 2026 10:00:00 +0000\r\nMessage-ID: <{token}@remote.test>\r\n{more}"
            "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
            f"<html><body><p>{how} on purpose, {token}</p></body></html>\r\n").encode()
