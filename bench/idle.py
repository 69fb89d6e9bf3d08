"""Many idle connections: what each costs the server in memory (PSS of all its processes)."""
import os
import resource
import selectors
import socket
import ssl
import time

TLS = object()
PER_SOURCE = 40  # below the server's default limit per address


def raise_file_limit(want):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < want and os.geteuid() == 0:
        hard = want
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(want, hard), hard))
    except (ValueError, OSError):
        pass
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Talk:
    """One connection that goes through a script and then stays. The steps of a script:
    (PREFIX, BYTES): when a line with this prefix has come, send the bytes; (None, TLS): handshake;
    (None, BYTES): send at once. Nothing blocks: all connections advance side by side."""

    def __init__(self, address, source, script, context):
        self.stream = socket.socket()
        self.stream.bind((source, 0))
        self.stream.setblocking(False)
        self.stream.connect_ex(address)
        self.script = list(script)
        self.context = context
        self.seen = b""

    def advance(self):
        """As far as it goes; the event to wait for next, or None when the script is through."""
        try:
            while self.script:
                expected, answer = self.script[0]
                if answer is TLS:
                    self._handshake()
                else:
                    if expected is not None:
                        self._await(expected)
                    if answer:
                        self.stream.send(answer)
                self.script.pop(0)
                self.seen = b""
            return None
        except (BlockingIOError, ssl.SSLWantReadError):
            return selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            return selectors.EVENT_WRITE

    def _handshake(self):
        if not isinstance(self.stream, ssl.SSLSocket):
            self.stream = self.context.wrap_socket(
                self.stream, server_hostname="mx.example.test", do_handshake_on_connect=False)
        self.stream.do_handshake()

    def _await(self, expected):
        while not any(line.startswith(expected) for line in self.seen.split(b"\r\n")[:-1]):
            data = self.stream.recv(4096)
            if not data:
                raise ConnectionError(f"closed by the server after {self.seen!r}")
            self.seen += data

    def close(self):
        self.stream.close()


def settle(address, count, script, context=None, parallel=200, seconds=900):
    """Opens count connections, runs script(n) on each, and returns them."""
    selector = selectors.DefaultSelector()
    settled, active, opened = [], 0, 0
    deadline = time.monotonic() + seconds
    while len(settled) < count:
        while active < parallel and opened < count:
            source = f"127.0.{1 + opened // PER_SOURCE // 250}.{1 + opened // PER_SOURCE % 250}"
            talk = Talk(address, source, script(opened), context)
            selector.register(talk.stream.fileno(), selectors.EVENT_WRITE, talk)
            active += 1
            opened += 1
        for key, _ in selector.select(10):
            event = key.data.advance()
            if event is None:
                selector.unregister(key.fd)
                settled.append(key.data)
                active -= 1
            elif event != key.events:
                selector.modify(key.fd, event, key.data)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(settled)} of {count} connections in {seconds} s")
    return settled


def smtp_script(_):
    return [(b"220 ", b"EHLO client.remote.test\r\n"), (b"250 ", b"")]


def smtp_tls_script(_):
    return [(b"220 ", b"EHLO client.remote.test\r\n"), (b"250 ", b"STARTTLS\r\n"), (b"220 ", b""),
            (None, TLS), (None, b"EHLO client.remote.test\r\n"), (b"250 ", b"")]


def imap_script(accounts, tls=False):
    def script(n):
        user = accounts[n % len(accounts)].encode()
        return [(None, TLS)] * tls + [
            (b"* OK", b"a LOGIN %s alice\r\n" % user), (b"a OK", b"b SELECT INBOX\r\n"),
            (b"b OK", b"c IDLE\r\n"), (b"+ ", b"")]
    return script
