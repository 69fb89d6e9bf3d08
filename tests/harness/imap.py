"""An IMAP client that sends exactly the bytes it is told to, and hands back what came."""
import re
import socket

TIMEOUT = 60  # of a server that has nothing else to wait for, on a busy machine


class Closed(Exception):
    pass


class Response:
    """One untagged response: its line, in which each literal stands as {n} with the bytes in
    literals, and all its bytes as they came."""

    def __init__(self, line, literals, raw):
        self.line, self.literals, self.raw = line, literals, raw

    def __repr__(self):
        return repr(self.raw)


class Result:
    def __init__(self, status, text, untagged):
        self.status, self.text, self.untagged = status, text, untagged

    def __repr__(self):
        return f"<{self.status} {self.text!r} {self.untagged!r}>"

    def all(self, pattern):
        """Matches of a pattern in the untagged responses."""
        found = (re.match(pattern, item.line) for item in self.untagged)
        return [match for match in found if match]

    def one(self, pattern):
        found = self.all(pattern)
        assert len(found) == 1, f"{len(found)} responses match {pattern}: {self}"
        return found[0]

    def code(self, name):
        """The arguments of a response code such as APPENDUID, in the tagged or an untagged line."""
        for line in [self.text] + [item.line for item in self.untagged]:
            match = re.search(rb"\[" + name + rb"(?: ([^\]]*))?\]", line)
            if match:
                return match.group(1) or b""
        return None


class Imap:
    def __init__(self, host, port, context=None, tls=True, banner=True, source=None):
        self.context = context
        self.socket = socket.create_connection((host, port), TIMEOUT,
                                               source_address=source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.count = 0
        if tls:
            self.wrap()
        self.banner = self.response() if banner else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def wrap(self):
        self.socket = self.context.wrap_socket(self.socket, server_hostname="mx.example.test")
        self.buffer = b""

    # Bytes

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        try:
            more = self.socket.recv(65536)
        except ConnectionError:
            more = b""
        if not more:
            raise Closed(self.buffer)
        self.buffer += more

    def _line(self):
        while b"\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a line without CR: {line!r}"
        return line[:-1]

    def _take(self, n):
        pieces, got = [], 0
        while got + len(self.buffer) < n:
            pieces.append(self.buffer)
            got += len(self.buffer)
            self.buffer = b""
            self._more()
        pieces.append(self.buffer[:n - got])
        self.buffer = self.buffer[n - got:]
        return b"".join(pieces)

    def response(self):
        """The next response of any kind."""
        whole, raw, literals = b"", b"", []
        while True:
            line = self._line()
            whole += line
            raw += line + b"\r\n"
            match = re.search(rb"\{(\d+)\}$", line)
            if not match:
                return Response(whole, literals, raw)
            literals.append(self._take(int(match.group(1))))
            raw += literals[-1]

    def closed(self):
        try:
            while True:
                self._more()
        except Closed:
            return True

    # Commands

    def start(self, command):
        """Sends a command without waiting; its tag."""
        self.count += 1
        tag = b"a%d" % self.count
        self.send(tag + b" " + command + b"\r\n")
        return tag

    def finish(self, tag, first=None):
        """The untagged responses up to the tagged one; first: what was read of them already."""
        untagged = []
        while True:
            response = first or self.response()
            first = None
            if response.line.startswith(tag + b" "):
                status, _, text = response.line[len(tag) + 1:].partition(b" ")
                return Result(status.decode(), text, untagged)
            assert response.line.startswith(b"* "), response
            untagged.append(response)

    def cmd(self, command):
        return self.finish(self.start(command))

    def ok(self, command):
        result = self.cmd(command)
        assert result.status == "OK", f"{command!r}: {result}"
        return result

    def no(self, command):
        result = self.cmd(command)
        assert result.status == "NO", f"{command!r}: {result}"
        return result

    def bad(self, command):
        result = self.cmd(command)
        assert result.status == "BAD", f"{command!r}: {result}"
        return result

    def continuation(self):
        response = self.response()
        assert response.line.startswith(b"+"), response
        return response

    def append(self, mailbox, message, flags=b"", date=b""):
        """APPEND with a synchronizing literal."""
        options = b"".join(item + b" " for item in (flags, date) if item)
        tag = self.start(b"APPEND %s %s{%d}" % (mailbox, options, len(message)))
        first = self.response()
        if first.line.startswith(b"+"):
            self.send(message + b"\r\n")
            return self.finish(tag)
        return self.finish(tag, first)

    def idle(self):
        tag = self.start(b"IDLE")
        self.continuation()
        return tag

    def done(self, tag):
        self.send(b"DONE\r\n")
        return self.finish(tag)

    def body(self, number, section=b"BODY.PEEK[]", uid=False):
        """The literal that a FETCH of one item gives."""
        verb = b"UID FETCH" if uid else b"FETCH"
        result = self.ok(b"%s %d %s" % (verb, number, section))
        literals = [item.literals[0] for item in result.untagged if item.literals]
        assert len(literals) == 1, result
        return literals[0]
