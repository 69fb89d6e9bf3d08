"""The servers that are measured, behind one face: start, port, pid, stored, stop."""
import math
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import tempfile

from harness import ALICE, ports, postfix, postern, procs


class Postfix:
    """Debian's Postfix → Maildir, on loopback, queue and Maildir on the same disk as Postern."""
    name = "Postfix"

    def __init__(self, **settings):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir="/var/tmp"))
        self.home.chmod(0o755)
        self.server = postfix.Postfix(self.home / "postfix", ports.free_port(),
                                      default_process_limit=300,
                                      smtpd_client_connection_count_limit=0, **settings)

    def start(self):
        self.server.start()
        self.port, self.pid = self.server.port, self.server.pid

    def stored(self):
        return self.server.delivered()

    def forget(self):
        """Empties the mailbox: no contender shall suffer from what earlier runs left."""
        shutil.rmtree(self.server.maildir, ignore_errors=True)

    def stop(self):
        self.server.stop()
        shutil.rmtree(self.home)


class Sink:
    """Postfix's smtp-sink, which says yes to everything and keeps nothing: what smtp-source and the
    kernel alone take."""
    name = "smtp-sink"

    def start(self):
        self.port = ports.free_port()
        self.process = subprocess.Popen(["smtp-sink", "-u", "postfix", f"127.0.0.1:{self.port}", "200"])
        self.pid = self.process.pid
        procs.wait_until(self._listens, 20, "smtp-sink")

    def _listens(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stored(self):
        return math.inf

    def forget(self):
        pass

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Postern:
    name = "Postern"

    def __init__(self, binary=postern.RELEASE, settings=None):
        # The limit on open files is the caller's to raise: the idle runs need it.
        self.server = postern.Postern(binary=binary, settings=settings)

    def start(self):
        self.server.start()
        self.port, self.pid = self.server.port, self.server.pid
        # Logging in costs a password hash, which is slow on purpose: once, and not while it counts.
        self.client = self.server.imap()

    def stored(self):
        status = self.client.ok(b"STATUS INBOX (MESSAGES)")
        return int(status.one(rb"\* STATUS .*MESSAGES (\d+)").group(1))

    def forget(self):
        with self.server.imap(select="INBOX") as client:
            client.ok(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
            client.ok(b"EXPUNGE")

    def stop(self):
        self.client.close()
        self.server.stop()
        self.server.remove()


def send(port, count, size, persistent, sessions=20):
    """smtp-source: count messages of size bytes over so many sessions."""
    words = ["smtp-source", "-s", sessions, "-m", count, "-l", size, "-f", "sender@remote.test",
             "-t", ALICE] + ["-d"] * persistent + [f"127.0.0.1:{port}"]
    subprocess.run([str(word) for word in words], check=True)


def own_cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def count_fsyncs(contender, count, size):
    """Flushes to the disk for count messages: fsync and fdatasync of the whole tree, as strace sees
    them (which slows everything down, so this is a run of its own)."""
    out = pathlib.Path(tempfile.mkstemp(prefix="bench-strace-")[1])
    words = ["strace", "-f", "-qq", "-o", str(out), "-e", "trace=fsync,fdatasync"]
    for pid in procs.tree(contender.pid):
        words += ["-p", str(pid)]
    tracer = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        procs.wait_until(lambda: _traced(contender.pid), 20, "strace to attach")
        before = contender.stored()
        send(contender.port, count, size, persistent=False)
        procs.wait_until(lambda: contender.stored() >= before + count, 300, "delivery")
    finally:
        tracer.terminate()
        tracer.wait()
    calls = [line for line in out.read_text().splitlines() if "sync(" in line]
    out.unlink()
    return len(calls) / count


def _traced(pid):
    for member in procs.tree(pid):
        for task in os.listdir(f"/proc/{member}/task"):
            text = pathlib.Path(f"/proc/{member}/task/{task}/status").read_text()
            if "TracerPid:\t0\n" in text:
                return False
    return True
