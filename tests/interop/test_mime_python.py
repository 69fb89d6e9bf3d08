"""The part tree of real messages is the one that Python's email package sees: types, nesting, and the
decoded size of every leaf.

A multipart without parts has one implicit part here and a text as payload there; where a message is broken in
a way that the two read differently, and both readings are sound, it is left out by name of the difference."""
import email
import email.header
import json
import quopri
import re
import subprocess

import pytest

from harness import corpus
from harness.postern import BINARY

SAMPLE = 300
STRAY_EQUALS = re.compile(r"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n)")


def ours(path):
    done = subprocess.run([BINARY, "message", "structure", "--json", path], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return [
        (part["depth"], f'{part["type"]}/{part["subtype"]}'.lower(), size(part))
        for part in json.loads(done.stdout)["parts"]
    ]


def is_quoted_printable(part):
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    return encoding == "quoted-printable" and not part.is_multipart()


def decoded(part):
    """Its bytes without the transfer encoding. Python leaves white space at the end of lines in
    quoted-printable, which RFC 2045 has dropped."""
    if is_quoted_printable(part):
        encoded = part.get_payload().encode("latin-1")
        return quopri.decodestring(re.sub(rb"[ \t]+(?=\r?\n|$)", b"", encoded))
    return part.get_payload(decode=True) or b""


def theirs(path):
    message = email.message_from_string(path.read_bytes().decode("latin-1"))
    found, pending = [], [(0, message)]
    while pending:
        depth, part = pending.pop()
        kind = part.get_content_type().split()[0]  # "text/html charset=..." without a semicolon
        if kind == "message/delivery-status":  # to Python a multipart, to IMAP a leaf
            found.append((depth, kind, None))
            continue
        if part.is_multipart():
            found.append((depth, kind, None))
            pending += [(depth + 1, inner) for inner in reversed(part.get_payload())]
            continue
        body = decoded(part)
        if part.get_content_maintype() == "multipart":
            found += [(depth, kind, None), (depth + 1, "text/plain", len(body))]
        else:
            found.append((depth, kind, len(body)))
    return found, message


def size(part):
    """What of it is compared."""
    return None if part["type"].lower() == "message" else part.get("decoded")


def known_difference(message):
    """What Python does otherwise, or None."""
    for part in message.walk():
        defects = {type(defect).__name__ for defect in part.defects}
        # Python ends a header at a line that is no field; mail readers (and IMAP servers) go on.
        if "MissingHeaderBodySeparatorDefect" in defects:
            return "a header with a stray line"
        # It cuts a line end off where no delimiter follows.
        if "CloseBoundaryNotFoundDefect" in defects:
            return "no closing delimiter"
        # It gives broken base64 back undecoded.
        if "InvalidBase64LengthDefect" in defects:
            return "broken base64"
        # And has its own ways with an "=" that encodes nothing.
        if is_quoted_printable(part) and STRAY_EQUALS.search(part.get_payload()):
            return "broken quoted-printable"
    return None


def same(mine, python):
    return len(mine) == len(python) and all(a == b for a, b in zip(mine, python))


@pytest.fixture(scope="module", autouse=True)
def verb():
    done = subprocess.run([BINARY, "message", "structure", "-"], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_real_messages(material):
    left_out, wrong = {}, []
    paths = corpus.messages(material, SAMPLE)
    for path in paths:
        python, message = theirs(path)
        mine = ours(path)
        if same(mine, python):
            continue
        reason = known_difference(message)
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
        else:
            wrong.append(f"{path}\n  ours   {mine}\n  python {python}")
    assert not wrong, f"{len(wrong)} of {len(paths)}:\n" + "\n".join(wrong[:20])
    assert sum(left_out.values()) <= len(paths) // 50, left_out


# Of the fixtures of other programs, what is read otherwise here, and why.
UUENCODE = "Python undoes x-uuencode, which is no encoding of MIME"
EXTERNAL = "a body that is elsewhere: to Python a message, to IMAP a leaf"
INNER = "the same boundary inside and outside: Python begins the next part of the outer one"
FIXTURES = {
    "gmime/tests/data/mime-part/raptors.uu.txt": UUENCODE,
    "mail-parser/resources/eml/legacy/017.eml": UUENCODE,
    "mail-parser/resources/eml/legacy/026.eml": UUENCODE,
    "mail-parser/resources/eml/legacy/048.eml": UUENCODE,
    "mail-parser/resources/eml/rfc/001.eml": EXTERNAL,
    "python3.11/test_email/data/msg_15.txt": INNER,
    "python3.11/test_email/data/msg_36.txt": EXTERNAL,
    "python3.11/test_email/data/msg_37.txt": "delimiters in a row: Python drops parts of nothing",
    "python3.11/test_email/data/msg_39.txt": INNER,
}


def test_fixture_sets(material):
    """Broken on purpose, most of them; the differences are known one by one."""
    root, equal, wrong = material / "mime", 0, []
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.suffix not in (".eml", ".txt", ".msg", ".mbox", ""):
            continue
        python, message = theirs(path)
        mine = ours(path)
        if same(mine, python):
            equal += 1
        elif not known_difference(message) and str(path.relative_to(root)) not in FIXTURES:
            wrong.append(f"{path}\n  ours   {mine}\n  python {python}")
    assert not wrong, "\n".join(wrong)
    assert equal > 200


def shown(path):
    done = subprocess.run([BINARY, "message", "show", "--json", path], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def is_text(part):
    return part.get_content_type() in ("text/plain", "text/html")


def python_texts(message):
    """Of each text part what it says in the charset that its label names, or None where the label is
    missing or wrong, so that it has to be guessed."""
    statuses = [inner for part in message.walk() if part.get_content_type() == "message/delivery-status"
                for inner in part.get_payload()]  # to Python a multipart, to IMAP a leaf
    for part in message.walk():
        if part.is_multipart() or not is_text(part) or part in statuses:
            continue
        raw, charset = decoded(part), str(part.get_content_charset("us-ascii"))
        if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            yield None
            continue
        # What mail readers take the labels for (WHATWG Encoding).
        charset = {"iso-8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949",
                   "euc-kr": "cp949", "shift_jis": "cp932"}.get(charset, charset)
        try:
            text = raw.decode(charset)
            guessed = charset in ("cp1252", "iso-8859-15") and not raw.isascii() and raw.decode("utf-8")
            yield None if guessed else text
        except LookupError:
            yield None
        except UnicodeDecodeError:
            # Not UTF-8 after all, under a single-byte label: then the label holds.
            try:
                yield raw.decode(charset)
            except UnicodeDecodeError:
                yield None


def test_real_texts(material):
    left_out, compared, wrong = {}, 0, []
    paths = corpus.messages(material, SAMPLE)
    for path in paths:
        message = email.message_from_string(path.read_bytes().decode("latin-1"))
        reason = known_difference(message)
        mine = [text["source"] for text in shown(path)["texts"]]
        python = list(python_texts(message))
        if len(mine) != len(python):
            reason = reason or ("a multipart without parts" if len(mine) > len(python) else None)
            if reason:
                left_out[reason] = left_out.get(reason, 0) + 1
            else:
                wrong.append(f"{path}: {len(mine)} texts, {len(python)} to Python")
            continue
        for ours_, theirs_ in zip(mine, python):
            if theirs_ is None:
                left_out["charset"] = left_out.get("charset", 0) + 1
            elif ours_ != theirs_ and not reason:
                wrong.append(f"{path}\n  ours   {ours_[:200]!r}\n  python {theirs_[:200]!r}")
            else:
                compared += 1
    assert not wrong, f"{len(wrong)} of {len(paths)}:\n" + "\n".join(wrong[:20])
    assert compared > len(paths) // 2
    assert sum(left_out.values()) <= compared // 5, left_out


def python_name(part):
    """As a reader's program uses it: without folders, and dots or spaces at its end."""
    name = part.get_filename()
    if name is None:
        return None
    name = str(email.header.make_header(email.header.decode_header(name)))
    name = re.sub(r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", "", name)
    return re.split(r"[/\\]", name.strip(" \t\r\n").rstrip(". "))[-1]


def test_real_attachment_names(material):
    compared, wrong = 0, []
    paths = [path for path in corpus.messages(material, 6000)
             if b"name" in path.read_bytes() and b"ultipart/" in path.read_bytes()][:SAMPLE]
    for path in paths:
        message = email.message_from_bytes(path.read_bytes())
        if known_difference(message):
            continue
        python = [python_name(part) for part in message.walk() if not part.is_multipart()]
        python = sorted(name for name in python if name)
        mine = sorted(a["name"] for a in shown(path)["attachments"] if a["name"])
        compared += len(python)
        if mine != python:
            wrong.append(f"{path}\n  ours   {mine}\n  python {python}")
    assert not wrong, f"{len(wrong)} of {len(paths)}:\n" + "\n".join(wrong[:20])
    assert compared > 30
