"""clamd: one that a test plays, with any mood, and the real one with a database of two signatures.

    with Fake() as clamd:
        server = make_server(settings={"antivirus": {"servers": [clamd.endpoint]}})
        clamd.mood = "silent"
"""
import email.utils
import os
import pathlib
import pwd
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

from . import ALICE, procs
from .ports import free_port, release

# In two parts, so that no scanner takes this file for what it looks for.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
EICAR_SIGNATURE = "Eicar-Test-Signature"
# One that the filter itself does not know.
VIRUS = b"A virus that was made up for tests, 5d1f0c7e"
SIGNATURE = "Made-Up-Virus"
MOODS = ("good", "error", "silent", "half", "close", "http", "banner", "no-descriptors", "unreadable", "large",
         "encrypted", "odd")


def message(body, fields=b""):
    """One to Alice, of which nothing but the body is to be told."""
    return (f"From: a@remote.test\r\nTo: {ALICE}\r\nSubject: hello\r\nDate: {email.utils.formatdate()}\r\n"
            "Message-ID: <1@remote.test>\r\n").encode() + fields + b"\r\n" + body


class Listener:
    """A directory of its own with the Unix socket, or a port of loopback."""

    def __init__(self, tcp=False):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="clamd-", dir="/var/tmp"))
        self.directory.chmod(0o755)
        self.port = free_port() if tcp else None
        self.path = self.directory / "socket"

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.port}" if self.port else f"unix:{self.path}"

    def remove(self):
        if self.port:
            release(self.port)
        shutil.rmtree(self.directory, ignore_errors=True)


class Fake(Listener):
    def __init__(self, tcp=False, mood="good"):
        super().__init__(tcp)
        self.mood = mood
        self.commands = []  # in the order in which they came, PING left out
        self.contents = []
        self.released = threading.Event()  # ends the silence
        self.socket = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        self.remove()

    def start(self):
        if self.port:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(("127.0.0.1", self.port))
        else:
            self.path.unlink(missing_ok=True)
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(str(self.path))
            self.path.chmod(0o666)
        self.socket.listen(100)
        self.released.clear()
        self.thread = threading.Thread(target=self._accept, args=(self.socket,), daemon=True)
        self.thread.start()
        return self

    def stop(self):
        """From when this returns, connections are refused."""
        if not self.socket:
            return
        self.released.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        self.socket = None

    def _accept(self, listening):
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                self._converse(client)
            except OSError:
                pass  # the other side has gone

    def _converse(self, client):
        mood = self.mood
        if mood == "banner":
            client.sendall(b"220 mx.elsewhere.test ESMTP\r\n")
        data, fds = b"", []
        while b"\0" not in data and b"\n" not in data:
            more, new, _, _ = socket.recv_fds(client, 4096, 4)
            fds += new
            if not more:
                return
            data += more
        command, _, rest = data.partition(b"\0")
        try:
            self._answer(client, mood, command.decode(), rest, fds)
        finally:
            for fd in fds:
                os.close(fd)

    def _answer(self, client, mood, command, rest, fds):
        if mood == "http":
            client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        elif mood == "silent":
            self.released.wait()
        elif command == "zPING":
            client.sendall(b"PONG\0")
        else:
            self.commands.append(command)
            self._scan(client, mood, command, rest, fds)

    def _scan(self, client, mood, command, rest, fds):
        if command == "zFILDES" and mood == "no-descriptors":
            client.sendall(b"UNKNOWN COMMAND\0")
            return
        if command == "zFILDES" and mood == "unreadable":
            client.sendall(b"fd[10]: Can't read file ERROR\0")
            return
        if command == "zFILDES":
            while not fds:
                fds += socket.recv_fds(client, 1, 4)[1]
            content, subject = os.pread(fds[0], 1 << 28, 0), "fd[10]"
        else:
            content, subject = read_stream(client, rest), "stream"
        self.contents.append(content)
        found = f"{SIGNATURE} FOUND" if VIRUS in content else "OK"
        answer = f"{subject}: {found}\0".encode()
        if mood == "error":
            answer = f"{subject}: Can't create temporary file ERROR\0".encode()
        elif mood == "large":
            answer = b"INSTREAM size limit exceeded. ERROR\0"
        elif mood == "encrypted":
            answer = f"{subject}: Heuristics.Encrypted.Zip FOUND\0".encode()
        elif mood == "odd":
            answer = b"fd[10]: Odd\r\t\x1b[31m\xff" + b"y" * 300 + b" FOUND\0"
        elif mood == "half":
            answer = answer[:7]
        elif mood == "close":
            answer = b""
        for at in range(len(answer)):  # in as many pieces as possible
            client.sendall(answer[at:at + 1])


def read_stream(client, rest):
    file = client.makefile("rb")

    def read(n):
        nonlocal rest
        head, rest = rest[:n], rest[n:]
        return head + file.read(n - len(head))

    content = b""
    while n := struct.unpack(">I", read(4))[0]:
        content += read(n)
    return content


CONFIG = """\
Foreground yes
LocalSocket {path}
LocalSocketMode 666
TCPSocket {port}
TCPAddr 127.0.0.1
DatabaseDirectory {database}
TemporaryDirectory {temporary}
LogFile {log}
MaxThreads 2
StreamMaxLength 1M
MaxFileSize 2M
MaxScanSize 4M
AlertEncrypted yes
ExtendedDetectionInfo {details}
{more}
"""


class Clamd:
    """The real one, on both kinds of sockets."""

    def __init__(self, details=False, more=""):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="clamd-", dir="/var/tmp"))
        self.directory.chmod(0o755)
        self.port = free_port()
        self.path = self.directory / "socket"
        database, temporary = self.directory / "database", self.directory / "tmp"
        database.mkdir(mode=0o755)
        temporary.mkdir()
        # Anywhere in a file of any type.
        (database / "own.ndb").write_text("".join(f"{name}:0:*:{content.hex()}\n" for name, content in (
            (SIGNATURE, VIRUS), (EICAR_SIGNATURE, EICAR))))
        self.config = self.directory / "clamd.conf"
        self.config.write_text(CONFIG.format(
            path=self.path, port=self.port, database=database, temporary=temporary,
            log=self.directory / "log", details="yes" if details else "no", more=more))
        # As the package would: not root, where that is possible.
        self.user = None
        if os.geteuid() == 0:
            self.user = pwd.getpwnam("clamav").pw_name
            for path in (self.directory, database, temporary, *database.iterdir()):
                shutil.chown(path, self.user)
        self.process = None

    @property
    def local(self):
        return f"unix:{self.path}"

    @property
    def tcp(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        release(self.port)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        output = open(self.directory / "output", "ab")
        self.process = subprocess.Popen([program(), "--config-file", self.config], stdin=subprocess.DEVNULL,
                                        stdout=output, stderr=output, user=self.user,
                                        extra_groups=[] if self.user else None)
        output.close()
        procs.wait_until(self._answers, 60, "clamd")
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def _answers(self):
        assert self.process.poll() is None, (self.directory / "output").read_text()
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.path))
                client.sendall(b"zPING\0")
                return client.recv(16) == b"PONG\0"
        except OSError:
            return False

    def log(self):
        return (self.directory / "log").read_text()


def program():
    """clamd lies in /usr/sbin, which not everybody has in PATH."""
    return shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/sbin")
