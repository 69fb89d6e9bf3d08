"""What judging real mail costs: `postern scan` beside Rspamd, SMTP with the filter on beside Postfix with
Rspamd as its milter. The messages are those of the tests (POSTERN_SHARED); no network: one name server on
loopback, which knows no name, is there for both."""
import collections
import ipaddress
import json
import os
import pathlib
import queue
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import contenders
import rspamd
from harness import ALICE, SHARED, corpus, nsd, postern, procs, smtp

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "peers"
COMPILED = ROOT / "build" / "rspamd-patterns"
SESSIONS = 20

Letter = collections.namedtuple("Letter", "raw address helo sender")


def material():
    """The folder of real messages, or None."""
    unpack = SHARED / "data" / "unpack"
    if not unpack.exists():
        return None
    done = subprocess.run([unpack], check=True, capture_output=True, text=True)
    return pathlib.Path(done.stdout.strip())


def word(text, otherwise, pattern):
    return text if re.fullmatch(pattern, text) else otherwise


def public(address):
    """It, or one that stands for it. This Postfix speaks IPv4 alone."""
    try:
        return address if ipaddress.IPv4Address(address).is_global else "192.0.2.25"
    except ValueError:
        return "192.0.2.25"


def letters(directory):
    """Of all files of the directory, with the envelope that Postern finds in each."""
    done = subprocess.run([postern.RELEASE, "scan", "--no-dns", "--json", directory], capture_output=True,
                          text=True, errors="replace")
    found = []
    for line in done.stdout.splitlines():
        record = json.loads(line)
        client = record.get("client") or {}
        sender = word(record["sender"], "", r"[\w.+=-]{1,60}@[\w-]+(\.[\w-]+)+")
        found.append(Letter(pathlib.Path(record["file"]).read_bytes(), public(client.get("ip", "")),
                            word(client.get("helo", ""), "client.remote.test", r"[\w.-]{1,200}"),
                            f"<{sender}>"))
    return sorted(found)


def write_load(of, path):
    """For mail_load."""
    with open(path, "wb") as file:
        for one in of:
            data = smtp.dot_stuffed(one.raw) + b".\r\n"
            file.write(f"{len(data)} {one.address} {one.helo} {one.sender}\n".encode() + data)


def load_program():
    program = ROOT / "build" / "mail_load"
    source = ROOT / "bench" / "mail_load.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-pthread", source, "-o", program], check=True)
    return program


def send(port, path, sessions=SESSIONS):
    """[(microseconds, code), ...] of the messages."""
    done = subprocess.run([load_program(), str(port), str(sessions), ALICE, path], check=True,
                          capture_output=True, text=True)
    return [tuple(map(int, line.split())) for line in done.stdout.splitlines()]


class Peak(threading.Thread):
    """The highest PSS of some process trees while it lives, in MiB."""

    def __init__(self, *pids):
        super().__init__(daemon=True)
        self.pids, self.mib, self.ended = pids, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.05):
            self.mib = max(self.mib, sum(procs.pss_kib(pid) for pid in self.pids) / 1024)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


# ── scan ─────────────────────────────────────────────────────────────────────────────────────────────

class Scan:
    """`postern scan` from its start to its end: reading the files and printing count."""
    name = "Postern"

    def start(self, directory, of):
        self.directory, self.count = directory, len(of)

    def run(self):
        begun, before = time.monotonic(), contenders.own_cpu_of_children()
        words = [postern.RELEASE, "scan", "--no-dns", "--json", self.directory]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            with Peak(process.pid) as peak:
                process.wait()
        seconds = time.monotonic() - begun
        cpu = contenders.own_cpu_of_children() - before
        return {"rate": self.count / seconds, "cpu": cpu / self.count * 1000, "pss": peak.mib}

    def stop(self):
        pass


class Asked:
    """Rspamd, asked over HTTP (it ends each connection), as many messages at a time as there are CPUs."""
    name = "Rspamd"

    def __init__(self, root, nameserver):
        self.server = rspamd.Rspamd(root, nameserver, "normal", os.cpu_count(), COMPILED)

    def start(self, directory, of):
        self.requests = [
            (f"POST /checkv2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(one.raw)}\r\n"
             f"IP: {one.address}\r\nHelo: {one.helo}\r\nFrom: {one.sender}\r\n"
             f"Rcpt: {ALICE}\r\n\r\n").encode() + one.raw for one in of]
        self.server.start()

    def _ask(self, todo, times):
        while (request := next(todo, None)) is not None:
            begun, answer = time.monotonic(), b""
            with socket.create_connection(("127.0.0.1", self.server.port)) as peer:
                peer.sendall(request)
                while piece := peer.recv(65536):
                    answer += piece
            assert answer.startswith(b"HTTP/1.1 200 ") and b'"action"' in answer, answer[:200]
            times.put(time.monotonic() - begun)

    def run(self):
        todo, times = Shared(self.requests), queue.SimpleQueue()
        threads = [threading.Thread(target=self._ask, args=(todo, times)) for _ in range(os.cpu_count())]
        before, begun = procs.cpu_seconds(self.server.pid), time.monotonic()
        with Peak(self.server.pid) as peak:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        seconds = time.monotonic() - begun
        cpu = procs.cpu_seconds(self.server.pid) - before
        assert times.qsize() == len(self.requests), "a message was not judged"
        return {"rate": len(self.requests) / seconds, "cpu": cpu / len(self.requests) * 1000, "pss": peak.mib}

    def stop(self):
        self.server.stop()


class Shared:
    """An iterator for several threads."""

    def __init__(self, items):
        self.items, self.lock = iter(items), threading.Lock()

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.items)


# ── SMTP ─────────────────────────────────────────────────────────────────────────────────────────────

class Postern(contenders.Postern):
    """With the filter as it is by default, but that it refuses nothing: both have to store all."""

    def __init__(self, nameserver):
        super().__init__(settings={
            "resolver": {"forward": [nameserver.address], "trust_anchor": str(nameserver.anchors)},
            "filter": {"reject_at": 1000.0}, "auth": {"honour_dmarc": "score"},
            "smtp": {"xclient_from": ["127.0.0.1"]}})

    def pids(self):
        return [self.pid]

    def _mailboxes(self, client):
        return [name for name in (b"INBOX", b"Junk") if client.cmd(b"SELECT " + name).status == "OK"]

    def stored(self):
        total = 0
        with self.server.imap() as client:
            for name in self._mailboxes(client):
                status = client.ok(b"STATUS %s (MESSAGES)" % name)
                total += int(status.one(rb"\* STATUS .*MESSAGES (\d+)").group(1))
        return total

    def forget(self):
        with self.server.imap() as client:
            for name in self._mailboxes(client):
                client.ok(b"SELECT " + name)
                client.ok(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
                client.ok(b"EXPUNGE")


class PostfixRspamd(contenders.Postfix):
    name = "Postfix + Rspamd"

    def __init__(self, root, nameserver):
        self.filter = rspamd.Rspamd(root, nameserver.address, "milter", os.cpu_count(), COMPILED)
        super().__init__(smtpd_milters=f"inet:127.0.0.1:{self.filter.port}", milter_default_action="tempfail",
                         smtpd_authorized_xclient_hosts="127.0.0.0/8")

    def start(self):
        self.filter.start()
        super().start()

    def pids(self):
        return [self.pid, self.filter.pid]

    def stop(self):
        super().stop()
        self.filter.stop()


def load_once(contender, path, count):
    before, begun = contender.stored(), time.monotonic()
    cpu = sum(map(procs.cpu_seconds, contender.pids()))
    with Peak(*contender.pids()) as peak:
        results = send(contender.port, path)
        codes = collections.Counter(code for _, code in results)
        if codes != {250: count}:
            raise RuntimeError(f"{contender.name} did not take all: {codes}")
        procs.wait_until(lambda: contender.stored() >= before + count, 600, "delivery")
    seconds = time.monotonic() - begun
    cpu = sum(map(procs.cpu_seconds, contender.pids())) - cpu
    times = sorted(us / 1000 for us, _ in results)
    return {"rate": count / seconds, "cpu": cpu / count * 1000, "pss": peak.mib,
            "p50": times[count // 2], "p99": times[count * 99 // 100]}


# ── Both ─────────────────────────────────────────────────────────────────────────────────────────────

def alternate(runs_of, repetitions, say):
    """{name: medians of what each run gives}. The first round warms up, and is not counted."""
    results = {}
    for repetition in range(repetitions + 1):
        for name, run in runs_of.items():
            figures = run()
            if repetition:
                results.setdefault(name, []).append(figures)
                say(f"{name}: " + ", ".join(f"{key} {value:.2f}" for key, value in figures.items()))
    return {name: {key: statistics.median(run[key] for run in of) for key in of[0]} | {"runs": of}
            for name, of in results.items()}


class Setting:
    """The messages in a directory, and the name server."""

    def __init__(self, count):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-mail-", dir="/var/tmp"))
        folder = material()
        self.letters = []
        if not folder:
            return
        mail = self.directory / "mail"
        mail.mkdir()
        # As the shuffled index has them: all kinds of mail.
        for number, path in enumerate(corpus.messages(folder)[:count]):
            (mail / f"{number:05}").write_bytes(corpus.normalized(path.read_bytes()))
        self.letters = letters(mail)
        self.load = self.directory / "load"
        write_load(self.letters, self.load)
        self.mail = mail

    def __enter__(self):
        self.nameserver = nsd.Nsd({"": ""})
        self.nameserver.start()
        return self

    def __exit__(self, *_):
        self.nameserver.stop()
        shutil.rmtree(self.directory)


def missing():
    """What is not here; empty: all is."""
    return ([] if material() else ["real messages (POSTERN_SHARED)"]) + nsd.missing()


def contend(pairs, repetitions, say):
    """pairs: (contender, its run), started in turn."""
    started = []
    try:
        for contender, begin, _ in pairs:
            started.append(contender)
            begin()
        return alternate({contender.name: run for contender, _, run in pairs}, repetitions, say)
    finally:
        for contender in started:
            contender.stop()


def measure_scan(count, repetitions, say):
    with Setting(count) as s:
        root = rspamd.root_of(PEERS)
        both = [Scan()] + ([Asked(root, s.nameserver.address)] if root else [])
        return contend([(one, lambda one=one: one.start(s.mail, s.letters), one.run) for one in both],
                       repetitions, say)


def measure_load(count, repetitions, say):
    with Setting(count) as s:
        root = rspamd.root_of(PEERS)
        both = [Postern(s.nameserver)] + ([PostfixRspamd(root, s.nameserver)] if root else [])

        def run(one):
            figures = load_once(one, s.load, len(s.letters))
            one.forget()
            return figures
        return contend([(one, one.start, lambda one=one: run(one)) for one in both], repetitions, say)


def lines(results):
    """For the table of bench/run."""
    rows = []
    for part, what, peer_name, targets in (
            ("scan", "judge a message", "Rspamd", {"cpu": 4, "pss": 3}),
            ("filter-load", "SMTP in, full filtering", "Postfix + Rspamd", {"rate": 5})):
        by = results.get(part)
        if not by:
            continue
        peer, ours = by.get(peer_name, {}), by["Postern"]
        for key, label, form in (("rate", "messages/s", ".0f"), ("cpu", "ms CPU a message", ".2f"),
                                 ("pss", "MiB PSS, peak", ".0f"), ("p50", "ms, median", ".1f"),
                                 ("p99", "ms, 99 %", ".1f")):
            if key not in ours:
                continue
            ratio = None
            if key in peer:
                ratio = ours[key] / peer[key] if key == "rate" else peer[key] / ours[key]
            wanted = targets.get(key)
            text = wanted and (f"≥ {wanted} ×" if key == "rate" else f"≤ 1/{wanted}")
            rows.append((f"{what}: {label}", key in peer and format(peer[key], form) or None,
                         format(ours[key], form), text,
                         ratio and (f"{ratio:.1f} ×" if key == "rate" else f"1/{ratio:.1f}"),
                         ratio >= wanted if wanted and ratio else None))
    return rows
