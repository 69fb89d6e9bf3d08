"""Evaluates SPF queries with our library, over zones that a test makes."""
import os
import pathlib
import subprocess

import yaml

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
        self.lines, self.records = [], []

    def add(self, name, kind, data):
        self.records.append((name.rstrip(".").lower(), kind, data))
        self.lines.append(b"dns " + escape(name.rstrip("."), spaces=True) + b" " + kind.encode() + b" " + data)

    def check(self, ip, helo, sender, identity="mailfrom"):
        self.lines.append(b"\t".join([b"check " + identity.encode(), ip.encode(), escape(helo), escape(sender)]))

    def reset(self):
        self.lines.append(b"reset")
        self.records = []

    def run(self):
        """A dict for each check()."""
        env = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1"}
        done = subprocess.run([runner()], input=b"\n".join(self.lines) + b"\n", capture_output=True, env=env)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-8000:]
        keys = ("result", "mechanism", "domain", "worthless", "problem", "explanation")
        return [dict(zip(keys, line.split("\t"))) for line in done.stdout.decode().splitlines()]

    def add_suite(self, zonedata):
        """A zone of openspf's. Records of type SPF stand for TXT records, unless a name has TXT records of its
        own or says that it has none. TIMEOUT: what happens to questions of the other types."""
        for name, records in zonedata.items():
            pairs = [pair for record in records if isinstance(record, dict) for pair in record.items()]
            if not any(kind == "TXT" for kind, _ in pairs):
                pairs = [("TXT" if kind == "SPF" else kind, value) for kind, value in pairs]
            pairs = [(kind, value) for kind, value in pairs if kind != "SPF" and value != "NONE"]
            if "TIMEOUT" in records:
                there = {kind for kind, _ in pairs}
                pairs += [(kind, "TIMEOUT") for kind in ("A", "AAAA", "MX", "PTR", "TXT") if kind not in there]
            for kind, value in pairs:
                self.add(name, kind, data_of(kind, value))


def data_of(kind, value):
    if value == "TIMEOUT":
        return b"!timeout"
    if kind == "MX":
        return f"{value[0]} {value[1].rstrip('.') or '.'}".encode()
    if kind == "TXT":
        # The suites mean bytes where they write \x80.
        return escape("".join([value] if isinstance(value, str) else value).encode("latin-1"))
    return value.rstrip(".").encode()


def load(path):
    """(name, test, zone) of openspf's suites."""
    for scenario in yaml.safe_load_all(path.read_text()):
        for name, test in scenario["tests"].items():
            yield name, test, scenario["zonedata"]
