"""Real messages, as an SMTP client would send them."""
import os
import re


def messages(material, default=None):
    """Paths of the corpus in its shuffled order; the first `default` of them unless POSTERN_CORPUS
    is `all` or a number."""
    index = [line.split(" ", 1)[1] for line in (material / "mail/index").read_text().splitlines()]
    wanted = os.environ.get("POSTERN_CORPUS", default)
    if wanted is not None and wanted != "all":
        index = index[:int(wanted)]
    return [material / "mail" / path for path in index]


def normalized(raw):
    """With CRLF everywhere and without an mbox `From ` line. A NUL has no place in SMTP's DATA."""
    if raw.startswith(b"From "):
        raw = raw.split(b"\n", 1)[1]
    raw = re.sub(rb"\r\n|\r|\n", b"\r\n", raw).replace(b"\0", b" ")
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


TRACE = re.compile(rb"(?:Return-Path|Received|Delivered-To|X-Original-To):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*",
                   re.I)


def without_trace(stored, sent):
    """What was stored less the trace fields in front that are not in what was sent; None when the
    rest is not what was sent."""
    if not stored.endswith(sent):
        return None
    added = stored[:len(stored) - len(sent)]
    return sent if re.fullmatch(rb"(?:%s)*" % TRACE.pattern, added, re.I) else None


# ── What the server adds, and what it cuts out ──

RESULTS = re.compile(rb"Authentication-Results:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")
VERDICT = re.compile(rb"^X-(?:Spam|Virus)-[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", re.I | re.M)
SPAM = re.compile(rb"^X-Spam-[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", re.I | re.M)
# Results that name nobody who found them: a reader would take them for ours, so they are cut out.
NOBODYS = re.compile(rb"^Authentication-Results:[ \t\r\n]*\w+=[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", re.I | re.M)


def as_kept(message):
    """What is kept of a message that is sent: without the fields that only a filter of ours may write."""
    header, blank, body = message.partition(b"\r\n\r\n")
    return SPAM.sub(b"", NOBODYS.sub(b"", header + b"\r\n")) + blank[2:] + body


def without_our_fields(message, sender):
    """Less the fields that Postern puts in front: Return-Path, its own Received, what it found."""
    fields = TRACE.match(message)
    assert fields and message.startswith(b"Return-Path: <%s>\r\n" % sender.encode()), message[:300]
    second = TRACE.match(message, fields.end())
    assert second and b"by mx.example.test" in second.group(0), message[:300]
    third = RESULTS.match(message, second.end())
    assert third and third.group(0).startswith(b"Authentication-Results: mx.example.test;"), message[:600]
    at = third.end()
    while fourth := VERDICT.match(message, at):
        at = fourth.end()
    return message[at:]
