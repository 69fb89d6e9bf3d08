"""An SMTP client that sends exactly the bytes it is told to."""
import re
import socket

TIMEOUT = 60  # of a server that has nothing else to wait for, on a busy machine
ID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{8,}\b")


class Closed(Exception):
    """The server has ended the connection."""


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[0][:3])
        match = re.match(r"[245]\.\d{1,3}\.\d{1,3}(?= )", lines[0][4:])
        self.enhanced = match.group(0) if match else ""
        self.text = "\n".join(line[4:] for line in lines)

    def __repr__(self):
        return f"<{' / '.join(self.lines)}>"

    def matches(self, pattern):
        """pattern: a regular expression for `250 2.1.5`, the beginning of the first line."""
        return re.match(pattern, self.lines[0]) is not None

    @property
    def id(self):
        return ID.search(self.text).group(0)


class Smtp:
    def __init__(self, host, port, context=None, banner=True, source=None, before=b"", unix=None, tls=False):
        self.context = context
        if unix:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT)
            self.socket.connect(str(unix))
        else:
            self.socket = socket.create_connection((host, port), TIMEOUT,
                                                   source_address=source and (source, 0))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if before:
            self.send(before)
        if tls:
            self.wrap()
        self.banner = self.reply() if banner else None

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

    def read_line(self):
        while b"\n" not in self.buffer:
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                raise Closed(self.buffer)
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a reply line without CR: {line!r}"
        return line[:-1].decode("utf-8")

    def reply(self):
        lines = [self.read_line()]
        while lines[-1][3:4] == "-":
            lines.append(self.read_line())
            assert lines[-1][:3] == lines[0][:3], lines
        for line in lines:
            assert re.match(r"[2-5]\d\d[ -]", line) and len(line) <= 510, line
        return Reply(lines)

    def closed(self):
        """Waits for the end of the connection, which must come without another reply."""
        assert self.buffer == b"", self.buffer
        try:
            rest = self.socket.recv(4096)
        except ConnectionError:
            rest = b""
        assert rest == b"", rest
        return True

    # Commands

    def cmd(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def expect(self, line, pattern):
        reply = self.cmd(line)
        assert reply.matches(pattern), f"{line!r}: {reply}, not {pattern}"
        return reply

    def ehlo(self, name="client.remote.test"):
        reply = self.expect(f"EHLO {name}", "250-")
        self.extensions = {line.split()[0].upper(): line.split()[1:]
                           for line in reply.text.splitlines()[1:]}
        return reply

    def starttls(self):
        self.expect("STARTTLS", "220 ")
        self.wrap()

    def envelope(self, sender="sender@remote.test", recipients=("alice@example.test",), options=""):
        self.expect(f"MAIL FROM:<{sender}>{options}", "250 ")
        for recipient in recipients:
            self.expect(f"RCPT TO:<{recipient}>", "250 ")

    def data(self, message):
        """DATA with the message, which has CRLF line ends, and is dot-stuffed here."""
        self.expect("DATA", "354 ")
        self.send(dot_stuffed(message) + b".\r\n")
        return self.reply()

    def send_message(self, sender, recipients, message):
        """Its id."""
        self.envelope(sender, recipients)
        reply = self.data(message)
        assert reply.code == 250, reply
        return reply.id


def dot_stuffed(message):
    if message.startswith(b"."):
        message = b"." + message
    message = message.replace(b"\r\n.", b"\r\n..")
    return message if message.endswith(b"\r\n") or not message else message + b"\r\n"
