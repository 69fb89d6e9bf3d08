"""The part tree of real messages is the one that Python's email package sees: types, nesting, and the
decoded size of every leaf.

A multipart without parts has one implicit part here and a text as payload there; where a message is broken in
a way that the two read differently, and both readings are sound, it is left out by name of the difference."""
import email
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
    done = subprocess.run([BINARY, "message", "structure", "/dev/null"], capture_output=True)
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
