"""A private instance of Postern: made by `postern init`, run by `postern serve`, on free loopback
ports, with everything it says kept and looked through when it has stopped."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

from . import ALICE, DOMAIN, PASSWORD, ROOT, procs
from .imap import Imap
from .ports import free_port, release
from .smtp import Smtp

RELEASE = pathlib.Path(os.environ.get("POSTERN_RELEASE", ROOT / "build" / "postern"))
BINARY = pathlib.Path(os.environ.get("POSTERN_BINARY", RELEASE))
START_SECONDS, STOP_SECONDS = 30, 30

# What no run may ever write, whatever the peer does.
CRASH = re.compile(
    r"ERROR: \w*Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|assertion failed|ASSERT|Bad system call|"
    r"sandbox violation")
# Nor this, unless a test has killed a process.
DEATH = re.compile(r"a process (died|ended|stalled|could not be started|did not end)")
# What a kill -9 looks like to the supervisor, also one in the middle of a start.
KILLED = re.compile(r"signal=Killed|could not be started .*(Connection reset by peer|endpoint is not connected)")


def libconfig(value, indent=""):
    """A Python value in libconfig syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        inner = indent + "\t"
        return "{\n" + "".join(
            f"{inner}{key} = {libconfig(item, inner)};\n" for key, item in value.items()) + indent + "}"
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        return "( " + ", ".join(libconfig(item, indent) for item in value) + " )"
    if isinstance(value, (list, tuple)):
        return "[ " + ", ".join(libconfig(item) for item in value) + " ]"
    if isinstance(value, (str, pathlib.Path)):
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def merged(base, over):
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = merged(result[key], value)
        result[key] = value
    return result


class Failure(Exception):
    """The server did not do as the harness told it."""


class Postern:
    """settings: as in postern.conf, laid over the harness' own. env: for the server's processes."""

    def __init__(self, binary=BINARY, settings=None, env=None, directory=None, user=None):
        self.binary = pathlib.Path(binary)
        self.owned = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="postern-", dir="/var/tmp"))
        # The roles run as other users: each must be able to come this far.
        self.directory.chmod(0o755)
        self.user = user
        if user:
            shutil.chown(self.directory, user)
        self.home = self.directory / "home"
        self.config = self.home / "postern.conf"
        self.log_path = self.directory / "log"
        self.env = {
            "PATH": os.environ["PATH"],
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        } | (env or {})
        self.ports = [free_port() for _ in range(3)]
        self.port, self.imap_port, self.imaps_port = self.ports
        self.process = None
        self.killed = False  # a test has killed a process
        self.expected = None  # complaints that a test provokes, as a regular expression
        try:
            self._init()
            self.configure(settings or {})
            self._certify()
        except BaseException:
            self.remove()
            raise

    # Making it

    def command(self, *words, text=None, check=True, **more):
        """Runs `postern WORDS` to its end."""
        done = subprocess.run([self.binary, *map(str, words)], input=text or "", text=True,
                              capture_output=True, env=self.env, user=self.user, timeout=120, **more)
        if check and done.returncode:
            raise Failure(f"postern {' '.join(map(str, words))}: exit {done.returncode}\n"
                          f"{done.stdout}{done.stderr}")
        return done

    def verb(self, *words, text=None, check=True):
        """The same, for this instance."""
        return self.command(words[0], "-c", self.config, *words[1:], text=text, check=check)

    def _init(self):
        self.command("init", "--dir", self.home, "--domain", DOMAIN, "--account", ALICE,
                     "--hostname", "mx.example.test", "--local", "--password-stdin", text=PASSWORD + "\n")
        self.made = self.config.read_text()

    def _certify(self):
        """Puts a certificate that is good for loopback in the place of the one that init made."""
        certificate, key = self.directory / "certificate", self.directory / "key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "3", "-subj", "/CN=mx.example.test", "-addext",
                        "subjectAltName=DNS:mx.example.test,DNS:localhost,IP:127.0.0.1,IP:::1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        self.certificate.write_bytes(certificate.read_bytes())
        (self.data / self.settings["tls"]["key"]).write_bytes(key.read_bytes())

    def configure(self, settings):
        # Made-up clients, no network: nobody is asked unless the test says whom. And made-up messages,
        # of a line or two: what they score is for the tests of the filter.
        settings = {"resolver": {"local_zones": ["."]},
                    "filter": {"junk_at": 100.0, "reject_at": 500.0}} | settings
        self.settings = merged({
            "hostname": "mx.example.test",
            "data_dir": "data",
            "smtp": {"listen": [f"127.0.0.1:{self.port}", f"[::1]:{self.port}"]},
            "imap": {"listen": [f"127.0.0.1:{self.imap_port}"],
                     "listen_tls": [f"127.0.0.1:{self.imaps_port}"]},
            "tls": {"certificate": "tls/cert.pem", "key": "tls/key.pem"},
        }, settings)
        self.write_config("".join(
            f"{key} = {libconfig(value)};\n" for key, value in self.settings.items()))

    def write_config(self, text):
        self.config.write_text(text)

    def add_account(self, address, password=PASSWORD):
        self.verb("account", "add", address, "--password-stdin", text=password + "\n")

    # Running it

    def serve_command(self):
        return [str(self.binary), "serve", "-c", str(self.config)]

    def launch(self, command=None, **more):
        """Starts it without waiting. The server tells READY=1 to self.notify."""
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        path = self.directory / "notify"
        path.unlink(missing_ok=True)
        self.notify.bind(str(path))
        path.chmod(0o777)
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            command or self.serve_command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=self.env | {"NOTIFY_SOCKET": str(path)}, user=self.user,
            start_new_session=True, **more)
        log.close()

    def wait_ready(self):
        """Until the service manager would hear READY=1."""
        self.notify.settimeout(0.1)
        for _ in range(START_SECONDS * 10):
            try:
                if b"READY=1" in self.notify.recv(4096):
                    return
            except TimeoutError:
                if self.process.poll() is not None:
                    raise Failure(f"exit {self.process.returncode} at start:\n{self.log()}")
        raise Failure(f"not ready within {START_SECONDS} s:\n{self.log()}")

    def start(self, **more):
        self.launch(**more)
        self.wait_ready()
        return self

    @property
    def pid(self):
        return self.process.pid

    def roles(self):
        """Role name → process ids, as the titles tell."""
        found = {}
        for pid in procs.tree(self.pid):
            if pid != self.pid:
                found.setdefault(role_of(procs.title(pid)), []).append(pid)
        return found

    def reload(self):
        os.kill(self.pid, signal.SIGHUP)

    def stop(self, sig=signal.SIGTERM):
        """Ends it and returns its exit status. Processes that stay behind are a failure."""
        if not self.process:
            return None
        members = [(pid, procs.start_time(pid)) for pid in procs.tree(self.pid)]
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"still there {STOP_SECONDS} s after signal {sig}:\n{self.log()[-4000:]}")
        status = self.process.returncode
        self.process = None
        self.notify.close()
        left = [pid for pid, started in members if procs.alive(pid, started)]
        if left:
            # Killed roles may need a moment to be gone; a clean end has waited for them.
            titles = [procs.title(pid) for pid in left]
            for pid in left:
                _kill(pid)
            raise Failure(f"processes left behind: {titles}")
        return status

    def kill(self):
        """kill -9 of every process at once."""
        self.killed = True
        members = []
        if self.process.poll() is None:
            # Stopped, it starts no other process meanwhile, and /proc tells of all that it has.
            with procs.stopped(self.pid):
                members = [(pid, procs.start_time(pid)) for pid in procs.tree(self.pid)]
                for pid, _ in members:
                    _kill(pid)
        self.process.wait()
        for pid, started in members:
            procs.wait_until(lambda: not procs.alive(pid, started), 30, f"end of {pid}")
        self.process = None
        self.notify.close()

    def kill_process(self, pid):
        """kill -9 of one process; it is gone when this returns."""
        self.killed = True
        started = procs.start_time(pid)
        _kill(pid)
        procs.wait_until(lambda: started is None or not procs.alive(pid, started), 30, f"end of {pid}")

    def remove(self):
        if self.process:
            self.kill()
        while self.ports:
            release(self.ports.pop())
        if self.owned:
            shutil.rmtree(self.directory, ignore_errors=True)

    # What it said

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def logged(self, pattern):
        """The lines that have it."""
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def wait_log(self, pattern, seconds=20):
        """The first match of the pattern in the log."""
        return procs.wait_until(lambda: re.search(pattern, self.log(), re.M), seconds,
                                f"log line {pattern!r}")

    def complaints(self):
        """Lines that no healthy run writes."""
        return [line for line in self.log().splitlines() if CRASH.search(line) or DEATH.search(line)
                and not (self.killed and KILLED.search(line))
                and not (self.expected and re.search(self.expected, line))]

    def record(self, *words, **wanted):
        """What was decided, once it is written: the first that `postern why WORDS` finds with these members.
        A recipient that was refused or put off has a record of its own, with the same id, that may be written
        before the message's: whoever wants that one asks for its action."""
        def ask():
            return next((r for r in self._records(words) if all(r.get(k) == v for k, v in wanted.items())), None)
        return procs.wait_until(ask, 60, f"record of {words} {wanted or ''}")

    def records(self, *words, count):
        """The same, once there are so many: all, the newest first."""
        return procs.wait_until(lambda: len(found := self._records(words)) == count and found, 60,
                                f"{count} records of {words}")

    def _records(self, words):
        done = self.verb("why", *words, "--json", check=False)
        return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []

    def verify(self):
        return self.verb("verify", check=False)

    # Talking to it

    def tls_context(self):
        return ssl.create_default_context(cafile=str(self.certificate))

    @property
    def certificate(self):
        return self.data / self.settings["tls"]["certificate"]

    @property
    def data(self):
        return self.home / self.settings["data_dir"]

    def smtp(self, host="127.0.0.1", **more):
        return Smtp(host, self.port, context=self.tls_context(), **more)

    def imap(self, user=ALICE, password=PASSWORD, login=True, select=None, **more):
        """A raw client over TLS, logged in."""
        client = Imap("127.0.0.1", self.imaps_port, context=self.tls_context(), **more)
        if login:
            client.ok(b"LOGIN %s %s" % (user.encode(), password.encode()))
        if select:
            client.ok(b"SELECT " + select.encode())
        return client

    def send(self, message, sender="sender@remote.test", recipients=(ALICE,)):
        """One message, in a session of its own; the reply to it."""
        with self.smtp() as client:
            client.ehlo()
            client.envelope(sender, recipients)
            return client.data(message)

    def deliver(self, count=1, recipient=ALICE, body="hello", subject="message"):
        """Sends count messages; their ids as the 250 replies gave them."""
        ids = []
        with self.smtp() as client:
            client.ehlo()
            for n in range(count):
                ids.append(client.send_message(
                    "sender@remote.test", [recipient],
                    f"From: sender@remote.test\r\nTo: {recipient}\r\nSubject: {subject} {n}\r\n"
                    f"Message-ID: <{n}.{os.urandom(6).hex()}@remote.test>\r\n\r\n{body}\r\n".encode()))
        return ids


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def role_of(title):
    """The role's name in a process title such as `postern: smtpd 1` or `postern role smtpd ...`."""
    match = re.search(r"\b(resolver|antivirus|directory|smtpd|filter|delivery|relay|mailbox|milter|web)\b", title)
    return match.group(1) if match else title
