"""A name server on a loopback port that answers from a table: {(name, type): [data, ...]}.

Data as people write it: A "192.0.2.1", TXT bytes or text, MX "10 mail.example.org", CNAME and PTR a
name. A name that has no record and none below it does not exist. SERVFAIL instead of a list fails."""
import ipaddress
import socket
import struct
import threading

from .ports import free_port, release

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
NAMES = {number: name for name, number in TYPES.items()}
SERVFAIL = object()


def encode_name(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def encode(kind, data):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(data).packed
    if kind == "MX":
        preference, host = data.split()
        return struct.pack(">H", int(preference)) + encode_name(host)
    if kind == "TXT":
        data = data.encode() if isinstance(data, str) else data
        pieces = [data[at:at + 255] for at in range(0, len(data), 255)] or [b""]
        return b"".join(bytes([len(piece)]) + piece for piece in pieces)
    return encode_name(data)


def read_question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1").lower())
        at += 1 + packet[at]
    return ".".join(labels), struct.unpack_from(">H", packet, at + 1)[0], packet[12:at + 5]


class Dns:
    def __init__(self, table=None):
        self.table = {(name.lower(), kind): data for (name, kind), data in (table or {}).items()}
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", free_port()))
        self.stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.stream.bind(self.socket.getsockname())
        self.stream.listen()
        self.address = "%s:%d" % self.socket.getsockname()
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.serve, self.serve_stream)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for end in (self.socket, self.stream):
            end.shutdown(socket.SHUT_RDWR) if end is self.stream else end.sendto(b"", end.getsockname())
        for thread in self.threads:
            thread.join()
        _, port = self.socket.getsockname()
        self.socket.close()
        self.stream.close()
        release(port)

    def serve(self):
        while True:
            packet, peer = self.socket.recvfrom(4096)
            if not packet:
                return
            answer = self.answer(packet)
            if len(answer) > 1200:  # the rest over TCP
                answer = answer[:2] + struct.pack(">H", 0x8780) + answer[4:6] + bytes(6) + read_question(packet)[2]
            self.socket.sendto(answer, peer)

    def serve_stream(self):
        while True:
            try:
                client, _ = self.stream.accept()
            except OSError:
                return
            with client, client.makefile("rb") as file:
                while size := file.read(2):
                    answer = self.answer(file.read(struct.unpack(">H", size)[0]))
                    client.sendall(struct.pack(">H", len(answer)) + answer)

    def answer(self, packet):
        name, number, question = read_question(packet)
        kind = NAMES.get(number, str(number))
        self.asked.append((name, kind))
        records = self.table.get((name, kind), [])
        rcode = 0
        if records is SERVFAIL:
            rcode, records = 2, []
        elif not any(other == name or other.endswith("." + name) for other, _ in self.table):
            rcode = 3
        answers = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", number, 1, 60, len(data)) + data
            for data in (encode(kind, record) for record in records))
        return packet[:2] + struct.pack(">HHHHH", 0x8580 | rcode, 1, len(records), 0, 0) + question + answers
