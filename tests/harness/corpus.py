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
