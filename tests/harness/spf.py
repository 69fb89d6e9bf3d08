"""Evaluates SPF queries with our library, over zones that a test makes."""
import os
import pathlib
import subprocess

from . import postern


def runner():
    return pathlib.Path(postern.BINARY).resolve().parent / "spf_runner"


def escape(text, spaces=False):
    """As in src/mailauth/dns_testing.h; text is bytes, or str in UTF-8."""
    data = text.encode() if isinstance(text, str) else text
    low = b"\x20" if spaces else b"\x1f"
    return b"".join(b"\\\\" if c == 0x5c else b"\\x%02x" % c if bytes([c]) <= low else bytes([c])
                    for c in data)


class Zones:
    """Lines of a table, and the questions to it, in order."""

    def __init__(self):
        self.lines = []

    def add(self, name, kind, data):
        self.lines.append(b"dns " + escape(name.rstrip("."), spaces=True) + b" " + kind.encode() + b" " + data)

    def check(self, ip, helo, sender, identity="mailfrom"):
        self.lines.append(b"\t".join([b"check " + identity.encode(), ip.encode(), escape(helo), escape(sender)]))

    def reset(self):
        self.lines.append(b"reset")

    def run(self):
        """A dict for each check()."""
        env = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1"}
        done = subprocess.run([runner()], input=b"\n".join(self.lines) + b"\n", capture_output=True, env=env)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-8000:]
        keys = ("result", "mechanism", "domain", "worthless", "problem", "explanation")
        return [dict(zip(keys, line.split("\t"))) for line in done.stdout.decode().splitlines()]
