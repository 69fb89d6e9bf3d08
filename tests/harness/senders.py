"""The rest of the world, for tests of sender authentication: domains with policies in a real name
server, mail that dkimpy signs and seals, clients with public addresses (XCLIENT)."""
import dataclasses
import email.utils
import re
import subprocess

import dkim as dkimpy

from . import ALICE, nsd
from .smtp import Reply, dot_stuffed

TODAY = email.utils.formatdate()  # of all letters: two of them are the same

CLIENT, CLIENT6, FORWARDER, NAMELESS = "192.0.2.1", "2001:db8::1", "198.51.100.7", "198.51.100.9"
HELO = {CLIENT: "mx.client.test", CLIENT6: "mx.client.test", FORWARDER: "mx.forwarder.test",
        NAMELESS: "nobody.client.test"}
PAL_CLIENT = "192.0.2.9"
HELO[PAL_CLIENT] = "mail.pal.test"

# Domain below .test → (SPF, DMARC); all of them have a DKIM key.
DOMAINS = {
    "good": (f"ip4:{CLIENT} ip6:{CLIENT6} -all", "p=reject"),
    "mx.good": (f"ip4:{CLIENT} -all", ""),
    "hard": (f"ip4:{CLIENT} -all exp=why.hard.test", ""),
    "soft": ("~all", ""),
    "neutral": ("?all", ""),
    "none": ("", ""),
    "wrong": ("ip4:nonsense -all", ""),
    "everyone": ("+all", "p=quarantine"),
    "other": (f"ip4:{CLIENT} -all", "p=none"),
    "list": (f"ip4:{FORWARDER} -all", ""),
    "otherlist": (f"ip4:{FORWARDER} -all", ""),
    "quarantine": ("-all", "p=quarantine"),
    "watch": ("-all", "p=none"),
    "split": ("-all", "p=reject; sp=quarantine; np=none"),
    "here.split": ("", ""),
    "some": ("-all", "p=reject; pct=0"),
    "all": ("-all", "p=reject; pct=100"),
    "testing": ("-all", "p=quarantine; t=y"),
    "strict": ("-all", "p=reject; adkim=s; aspf=s"),
    "mail.strict": (f"ip4:{CLIENT} -all", ""),
    "pal": ("-all", "p=quarantine"),
    "friend": ("-all", ""),
    "xn--bcher-kva": (f"ip4:{CLIENT} -all", "p=reject"),
}


# Our domains, each with rules of its own: all their mail is Alice's.
CAREFUL, JUNK, SCORE, TRUSTING, CURIOUS = (
    f"alice@{name}.test" for name in ("careful", "junk", "score", "trusting", "curious"))
RULES = [
    {"name": "careful.test", "auth": {"spf_fail": "reject", "dns_failure": "tempfail"}},
    {"name": "junk.test", "auth": {"honour_dmarc": "junk", "organization": "public-suffix"}},
    {"name": "score.test", "auth": {"honour_dmarc": "score", "allow_domains": ["friend.test"]}},
    {"name": "trusting.test", "auth": {"arc_trusted": ["list.test"], "allow_domains": ["pal.test", "friend.test"],
                                       "spf_fail": "reject"}},
    {"name": "curious.test", "auth": {"authserv_id": "auth.curious.test", "received_spf": True}},
]
SETTINGS = {"smtp": {"xclient_from": ["127.0.0.1"], "max_connections_per_ip": 200}, "domains": RULES,
            "filter": {"junk_at": 5.0, "reject_at": 15.0}}


def add_domains(server):
    for rule in RULES:
        server.verb("domain", "add", rule["name"])
        server.verb("alias", "add", f"alice@{rule['name']}", ALICE)


def text(value):
    """A TXT record's data: strings of at most 255 bytes."""
    return " ".join(f'"{value[at:at + 250]}"' for at in range(0, len(value), 250))


def _zone(key):
    lines = [f"mx.client A {CLIENT}", f"mx.client AAAA {CLIENT6}", f"mx.forwarder A {FORWARDER}",
             f"mail.pal A {PAL_CLIENT}", 'why.hard TXT "%{i} is none of ours"']
    for domain, (spf, dmarc) in DOMAINS.items():
        lines += [f"{domain} MX 10 mx.client"]
        lines += [f"{domain} TXT {text('v=spf1 ' + spf)}"] if spf else []
        lines += [f"_dmarc.{domain} TXT {text('v=DMARC1; ' + dmarc)}"] if dmarc else []
        lines += [f"s1._domainkey.{domain} TXT {text(key.record)}"]
    return "\n".join(lines)


def world(key):
    """The name server, to be started: bogus.test is signed with a wrong key, broken.test has no data."""
    secure = f"@ TXT {text(f'v=spf1 ip4:{CLIENT} -all')}\n_dmarc TXT {text('v=DMARC1; p=reject')}\n" \
             f"s1._domainkey TXT {text(key.record)}"
    return nsd.Nsd({
        "test": _zone(key), "secure.test": secure, "bogus.test": secure,
        "2.0.192.in-addr.arpa": "1 PTR mx.client.test.\n9 PTR mail.pal.test.",
        "100.51.198.in-addr.arpa": "7 PTR mx.forwarder.test.",
        "8.b.d.0.1.0.0.2.ip6.arpa": "1" + ".0" * 23 + " PTR mx.client.test.",
    }, signed=["secure.test"], bogus=["bogus.test"], broken=["broken.test"])


# Mail

def footer(content):
    """What a list does to a body."""
    return content + b"-- \r\nTo leave this list, write to it.\r\n"


def above(field):
    """Something that puts a field before the header."""
    return lambda content: field.encode() + b"\r\n" + content


@dataclasses.dataclass
class Mail:
    """A message and its envelope. The domains in `signed` sign it; on the way it is changed, and sealed or
    signed again. sender: None is the author's address."""
    author: str = "anna@good.test"
    signed: str = ""
    changed: callable = None
    sealed: str = ""
    seal_says: str = "dkim=pass header.d=good.test; dmarc=pass header.from=good.test"
    then: callable = None  # a change after the seal
    resigned: str = ""
    sender: str = None
    client: str = CLIENT
    helo: str = None
    to: str = ALICE
    options: str = ""
    more: str = ""  # fields

    def __post_init__(self):
        self.sender = self.author if self.sender is None else self.sender
        self.helo = self.helo or HELO[self.client]

    def content(self, key):
        content = (f"From: {self.author}\r\nTo: {self.to}\r\nSubject: a letter\r\n"
                   f"Date: {TODAY}\r\nMessage-ID: <1@good.test>\r\n{self.more}\r\n"
                   "Dear Alice,\r\nall is well.\r\n").encode()
        content = _signed(content, key, self.signed)
        seen = content
        content = self.changed(content) if self.changed else content
        if self.sealed:
            content = _sealed(content, key, self.sealed, self.seal_says)
        content = self.then(content) if self.then else content
        assert self.changed is None or seen != content
        return _signed(content, key, self.resigned)


def _signed(content, key, domains):
    for domain in domains.split():
        content = dkimpy.sign(
            content, b"s1", domain.encode(), key.path.read_bytes(), canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[b"from", b"to", b"subject", b"date", b"message-id"]) + content
    return content


def _sealed(content, key, domains, says):
    """As forwarders at those domains pass it on, one after the other: with what they saw, and their seals."""
    for n, domain in enumerate(domains.split()):
        seen = f"arc={'pass' if n else 'none'}; {says}"
        content = f"Authentication-Results: {domain}; {seen}\r\n".encode() + content
        fields = dkimpy.arc_sign(content, b"s1", domain.encode(), key.path.read_bytes(), domain.encode())
        assert fields
        content = b"".join(fields) + content
    return content


# Sending, and what became of it

class Sent:
    """reply: the last one. before: it came before the message was transferred."""

    def __init__(self, server, mail, content, reply, before):
        self.server, self.mail, self.content, self.reply, self.before = server, mail, content, reply, before

    def record(self):
        """What `postern why` tells."""
        return self.server.record(self.reply.id)


def stored(reader, id):
    """Where the message lies and what lies there; (None, None): nowhere. reader: an IMAP client."""
    for folder in ("INBOX", "Junk"):
        reader.ok(f"EXAMINE {folder}".encode())
        found = reader.ok(f"SEARCH HEADER Received {id}".encode())
        numbers = found.one(rb"\* SEARCH ?(.*)")[1].split()
        if numbers:
            assert len(numbers) == 1
            return folder, reader.body(int(numbers[0]))
    return None, None


def greeted(client, mail):
    """The session becomes that of the mail's client."""
    client.ehlo()
    client.expect(f"XCLIENT ADDR={'IPV6:' if ':' in mail.client else ''}{mail.client} PORT=4321", "220 ")
    client.ehlo(mail.helo)


def send(server, mail, key):
    content = mail.content(key)
    with server.smtp() as client:
        greeted(client, mail)
        client.envelope(mail.sender, [mail.to], mail.options)
        reply = client.cmd("DATA")
        if reply.code != 354:
            return Sent(server, mail, content, reply, True)
        client.send(dot_stuffed(content) + b".\r\n")
        return Sent(server, mail, content, client.reply(), False)


def swaks(server, mail, key, directory):
    """The same by swaks."""
    content = mail.content(key)
    path = directory / "message"
    path.write_bytes(content.replace(b"\r\n", b"\n").removesuffix(b"\n"))  # it adds one
    done = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{server.port}", "--xclient", f"ADDR={mail.client} PORT=4321",
         "--helo", mail.helo, "--from", mail.sender, "--to", mail.to, "--data", f"@{path}"],
        capture_output=True, text=True, timeout=120)
    replies = re.findall(r"^<(?:-|\*\*|~)\s+(\d{3} .*)", done.stdout, re.M)
    last = [reply for reply in replies if not reply.startswith("221 ")][-1]
    return Sent(server, mail, content, Reply([last]), "-> ." not in done.stdout)


# Reading what was added

def header_of(content):
    return content.split(b"\r\n\r\n", 1)[0].decode() + "\r\n"


def fields(header, name):
    """Their values, unfolded, in order."""
    unfolded = re.sub(r"\r\n(?=[ \t])", "", header)
    return re.findall(rf"^{name}: *(.*?)\r$", unfolded, re.M | re.I)


def results(header, authserv_id="mx.example.test"):
    """Those of the Authentication-Results field in our name, which is the only one and stands on top.
    Without comments and quotes; header.b as * where there is such a signature."""
    values = fields(header, "Authentication-Results")
    ours = [value for value in values if authserv_id in value]
    assert len(ours) == 1 and values[0] == ours[0], header
    first, *rest = re.sub(r'\s*\((?:[^()\\]|\\.|\([^()]*\))*\)|"', "", ours[0]).split(";")
    assert first == authserv_id
    starts = {re.sub(r"\s", "", re.search(r"\bb=([^;]*)", value)[1])[:8]
              for value in fields(header, "DKIM-Signature")}
    found = [" ".join(item.split()) for item in rest]
    for item in found:
        match = re.search(r'header\.b=(\S*)', item)
        assert not match or match[1] in starts, (item, starts)
    return [re.sub(r" header\.b=\S+", " header.b=*", item) for item in found]
