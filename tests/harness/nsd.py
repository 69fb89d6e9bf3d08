"""A real authoritative name server, nsd, on a loopback port, with zones that a test writes.

    with Nsd({"example.net": '@ MX 10 mx\\nmx A 192.0.2.1'}, signed=["example.net"]) as nsd:
        server = make_server(settings=nsd.settings())

A zone's text is that of a zone file; SOA, NS and $TTL are there already; with a zone ".", nothing exists but
what stands somewhere. Zones are signed (NSEC, ECDSA),
or bogus (signed with another key than the trust anchor), or broken (nsd has no data: SERVFAIL), or none
of that: insecure. What is in none of the zones is refused, which is a temporary error as well."""
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from . import procs
from .ports import free_port, release

TIMES = (3600, 600, 86400, 60)  # of every SOA record: refresh, retry, expire, minimum
PROGRAMS = ("nsd", "ldns-keygen", "ldns-signzone")


def program(name):
    """nsd lies in /usr/sbin, which not everybody has in PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def missing():
    return [name for name in PROGRAMS if not program(name)]


class Nsd:
    def __init__(self, zones, signed=(), bogus=(), broken=()):
        self.zones, self.signed, self.bogus, self.broken = dict(zones), signed, bogus, broken
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="nsd-", dir="/var/tmp"))
        # The resolver's user must be able to read the trust anchors.
        self.directory.chmod(0o755)
        self.anchors = self.directory / "anchors"
        self.port = free_port()
        self.serial = 1
        self.keys = {}
        self.process = None

    # What the tests need

    def settings(self, **more):
        """For make_server(): everything is asked of this server."""
        return {"resolver": {
            "forward": [self.address],
            "stub": [f"{zone} {self.address}" for zone in [*self.zones, *self.broken] if zone != "."],
            "trust_anchor": str(self.anchors),
        } | more}

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def change(self, zone, text):
        """From when this returns, the zone is another. What resolvers hold in their caches stays."""
        self.zones[zone] = text
        self.serial += 1
        self._write(zone)
        before = procs.tree(self.process.pid)
        os.kill(self.process.pid, signal.SIGHUP)

        def changed():
            # For some milliseconds the old process answers beside the new one, from the same socket.
            now = procs.tree(self.process.pid)
            replaced = len(now) == len(before) and set(now) != set(before)
            return replaced and self._serial(zone) == self.serial
        procs.wait_until(changed, 20, f"the new {zone}")

    def pause(self):
        """It takes questions and does not answer."""
        self._signal_all(signal.SIGSTOP)

    def resume(self):
        self._signal_all(signal.SIGCONT)

    # Its life

    def start(self):
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        for zone in self.zones:
            self._write(zone)
        self._write_anchors()
        while not self._has_started():
            # A resolver, of any test, was asking from the same port at that moment.
            release(self.port)
            self.port = free_port()
        return self

    def _has_started(self):
        """False where something else has the port."""
        (self.directory / "nsd.conf").write_text(self._config())
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(
                [program("nsd"), "-d", "-c", self.directory / "nsd.conf"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        procs.wait_until(lambda: self.process.poll() is not None or self._answers(), 60, "answer of nsd")
        if self.process.poll() is None:
            return True
        said = (self.directory / "log").read_text()
        if "Address already in use" not in said:
            raise RuntimeError(f"nsd ended:\n{said}")
        return False

    def stop(self):
        if self.process:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self._signal_all(signal.SIGKILL)
                self.process.wait()
            self.process = None
        release(self.port)
        shutil.rmtree(self.directory, ignore_errors=True)

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    def _signal_all(self, number):
        for pid in procs.tree(self.process.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def _answers(self):
        return all(self._serial(zone) == self.serial for zone in self.zones)

    def _serial(self, zone):
        """Of the SOA record that it has now; None without an answer."""
        name = b"".join(bytes([len(label)]) + label.encode() for label in zone.split(".") if label) + b"\0"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.connect(("127.0.0.1", self.port))
            try:
                s.send(b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + name + b"\0\6\0\1")
                reply = s.recv(4096)
            except OSError:
                return None
        found = reply.find(struct.pack("!IIII", *TIMES))
        return int.from_bytes(reply[found - 4:found], "big") if found > 0 else None

    # Its files

    def _config(self):
        d = self.directory
        lines = [
            "server:", f"  ip-address: 127.0.0.1@{self.port}", "  server-count: 1", '  username: ""',
            '  chroot: ""', f'  zonesdir: "{d}"', f'  pidfile: "{d}/pid"', f'  xfrdir: "{d}"',
            f'  zonelistfile: "{d}/list"', f'  xfrdfile: "{d}/xfrd"', '  database: ""',
            "  rrl-ratelimit: 0", "  tcp-count: 500", "remote-control:", "  control-enable: no"]
        for zone in [*self.zones, *self.broken]:
            lines += ["zone:", f'  name: "{zone}"', f'  zonefile: "zone-{zone}.zone"']
        return "\n".join(lines) + "\n"

    def _write(self, zone):
        path = self.directory / f"zone-{zone}.plain"
        path.write_text(
            f"$ORIGIN {zone.rstrip('.')}.\n$TTL 300\n"
            f"@ SOA ns hostmaster {self.serial} {' '.join(map(str, TIMES))}\n@ NS ns\nns A 127.0.0.1\n"
            f"{self.zones[zone]}\n")
        served = self.directory / f"zone-{zone}.zone"
        if zone in self.signed or zone in self.bogus:
            subprocess.run([program("ldns-signzone"), "-f", served, path, self._key(zone)], check=True,
                           capture_output=True, cwd=self.directory)
        else:
            path.rename(served)

    def _key(self, zone, name=""):
        if zone + name not in self.keys:
            made = subprocess.run([program("ldns-keygen"), "-k", "-a", "ECDSAP256SHA256", zone],
                                  check=True, capture_output=True, text=True, cwd=self.directory)
            self.keys[zone + name] = made.stdout.strip()
        return self.keys[zone + name]

    def _write_anchors(self):
        keys = [self._key(zone) for zone in self.signed] + [self._key(zone, " other") for zone in self.bogus]
        self.anchors.write_text("; of the zones of this test\n" + "".join(
            (self.directory / f"{key}.key").read_text() for key in keys) + "none.invalid. DS 1 8 2 " + 64 * "0" + "\n")
