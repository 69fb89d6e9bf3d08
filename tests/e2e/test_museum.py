"""Messages that made other filters and servers recurse, run without end, overflow or look away. Each comes in, is
judged for what it is, and is shown by IMAP; every process survives.

The parsers' own tests have the same and more (src/mail: mime, decode, html, uri, inspect, address)."""
import base64
import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib

import pytest

from harness import ALICE

HEAD = b"From: a@remote.test\r\nTo: alice@example.test\r\nSubject: museum\r\nMIME-Version: 1.0\r\n"
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
TEXT = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"


def lines(text):
    """No line may be longer than SMTP takes."""
    return b"\r\n".join(text[at:at + 900] for at in range(0, len(text), 900)) + b"\r\n"


def encoded(head, content):
    return head + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content).replace(b"\n", b"\r\n")


def html(text):
    return encoded(HEAD + b"Content-Type: text/html; charset=utf-8\r\n", text)


def attached(content, name, type=b"application/octet-stream"):
    return encoded(HEAD + b"Content-Type: %s; name=%s\r\nContent-Disposition: attachment; filename=%s\r\n"
                   % (type, name, name), content)


def nested(type, count):
    return b"".join(HEAD + b"Content-Type: " + type % {b"n": n} + b"\r\n\r\n" for n in range(count)) + b"x\r\n"


def multiparts(count, boundary):
    return b"".join(b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (boundary(n), boundary(n))
                    for n in range(count))


def packed(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def zips(depth):
    content = b"MZ" + bytes(100)
    for _ in range(depth):
        content = packed(a__zip=content)
    return content


def seven_zip(header):
    """With this header, and the right checksums."""
    start = struct.pack("<QQI", 0, len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + header


def rar5(header):
    size = b"\xff" * 9 + b"\x7f"  # a number of ten bytes, whose last has bits beyond 64
    return b"Rar!\x1a\x07\x01\x00" + struct.pack("<I", zlib.crc32(size + header)) + size + header


MANY = b"\xff" + b"\xff" * 7 + b"\x7f"  # of 7z: 2^63 - 1
CIDS = b"".join(b"--b\r\nContent-Type: image/png\r\nContent-ID: <%d@a>\r\n\r\nx\r\n" % n for n in range(5000))
SIGNATURE = (b"DKIM-Signature: v=1; a=rsa-sha256; d=remote.test; s=%d; h=%s;\r\n bh=%s;\r\n b=AAAA\r\n")

MUSEUM = {
    # MIME
    "messages in messages": (nested(b"message/rfc822", 3000), ["MIME_TRUNCATED"]),
    "multiparts in multiparts": (HEAD + multiparts(3000, lambda n: b"b%d" % n) + b"\r\nx\r\n", ["MIME_TRUNCATED"]),
    "parts that are in themselves": (HEAD + multiparts(3000, lambda n: b"ab"[n % 2:n % 2 + 1]) + b"\r\nx\r\n",
                                     ["MIME_TRUNCATED"]),
    "S/MIME in S/MIME": (nested(b"application/pkcs7-mime; smime-type=signed-data", 500), []),
    "signed in signed": (nested(b"multipart/signed; boundary=b%(n)d; protocol=\"application/pkcs7-signature\"", 500), []),
    "an empty pkcs7": (attached(b"", b"smime.p7m", b"application/pkcs7-mime"), []),
    "a pkcs7 of a few bytes": (attached(b"\x30\x80", b"smime.p7s", b"application/pkcs7-signature"), []),
    "comments in comments": (HEAD + b"Cc: " + b"(" * 900 + b"\r\n " + (b"(" * 900 + b"\r\n ") * 300 + b"a@b\r\n"
                             b"Content-Type: text/plain (" + b"(" * 900 + b"\r\n\r\nx\r\n", []),
    "a flood of parameters": (HEAD + b"Content-Type: application/zip" + b"".join(
        b";\r\n name*%d*=x; name*%d=y; filename*=''%%" % (n, n) for n in range(20000)) + b"\r\n\r\nx\r\n", []),
    "a flood of Content-IDs": (HEAD + b"Content-Type: multipart/related; boundary=b\r\n\r\n" + CIDS +
                               b"--b\r\nContent-Type: text/html\r\n\r\n" + b"".join(
                                   b"<img src=cid:%d@a>\r\n" % n for n in range(5000)) + b"--b--\r\n", []),
    "parts of nothing": (HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 50000,
                         ["MIME_TRUNCATED"]),
    "no parts and no boundary": (HEAD + b"Content-Type: multipart/mixed\r\n\r\nx\r\n", ["MIME_BROKEN"]),
    "a header without colons": (HEAD + b"no colon\r\n" * 20000 + b"\r\nx\r\n", ["HEADER_BROKEN"]),
    # HTML
    "deep nesting": (html(b"<div>" * 200000 + b"x"), ["MIME_TRUNCATED"]),
    "a flood of attributes": (html(b"<p " + b"".join(b"a%d=1 " % n for n in range(100000)) + b">x"), []),
    "comments in a row": (html(b"<!---->" * 50000 + b"x"), []),
    "comments that do not end": (html(b"<!--" * 200000 + b"x"), []),
    "entities beyond Unicode": (html(b"&#99999999999999999999;&#x110000;&#xD800;&#0;&#x;&#;&#-1;&amp" * 2000 +
                                     b"&" + b"x" * 100000 + b";"), []),
    "hidden text": (html(b"<p>Hello</p>" + b"".join(
        b"<div style='%s'>%s</div>" % (style, b"word " * 30) for style in (
            b"font-size:1px", b"color:#fffffe", b"position:absolute;left:-5000px", b"text-indent:-999em",
            b"position:absolute;clip:rect(0,0,0,0)", b"opacity:0"))), ["HTML_HIDDEN"]),
    # Archives
    "a bomb in a zip": (attached(packed(a__txt=bytes(80 << 20)), b"a.zip"), ["ATTACHMENT_BOMB"]),
    "a bomb in gzip": (attached(gzip.compress(bytes(80 << 20)), b"report.xml.gz"), ["ATTACHMENT_BOMB"]),
    "a bomb in bzip2": (attached(bz2.compress(bytes(80 << 20)), b"report.xml.bz2"), ["ATTACHMENT_BOMB"]),
    "a bomb in xz": (attached(lzma.compress(bytes(80 << 20)), b"report.xml.xz"), ["ATTACHMENT_BOMB"]),
    "7z with 2^63 files": (attached(seven_zip(b"\x01\x05" + MANY + b"\x00\x00"), b"a.7z"), []),
    "7z with 2^63 folders": (attached(seven_zip(b"\x01\x04\x06\x00" + MANY + b"\x09\x01\x00\x07\x0b" + MANY +
                                                b"\x00\x00\x00"), b"a.7z"), []),
    "7z with no end": (attached(seven_zip(b"\x01" + b"\x02\x00" * 1000), b"a.7z"), []),
    "RAR with a number too long": (attached(rar5(b"\x01\x00\x00"), b"a.rar"), []),
    "zip in zip in zip": (attached(zips(8), b"a.zip"), ["ATTACHMENT_NESTED", "ATTACHMENT_BOMB"]),
    # URLs
    "many @": (html(b"<a href='http://" + b"a@" * 20000 + b"evil.test/'>x</a>"), ["URI_CREDENTIALS"]),
    "many backslashes": (html(b"<a href='http:" + b"\\" * 40000 + b"evil.test/'>x</a>"), ["URI_DISGUISED"]),
    "queries in queries": (html(b"<a href='" + b"http://a.test/?u=" * 5000 + b"'>x</a>"), []),
    "a host of dots": (html(b"<a href='http://..../'>x</a><a href='http://" + b"." * 10000 + b"'>x</a>"), []),
    "a long user name": (html(b"<a href='http://" + b"a" * 60000 + b"@evil.test/'>https://bank.test/login</a>"),
                         ["URI_CREDENTIALS", "LINK_ELSEWHERE"]),
    # DKIM
    "a body hash that is too long": (SIGNATURE % (1, b"from", lines(base64.b64encode(bytes(5000)))[:-2]
                                                  .replace(b"\r\n", b"\r\n ")) + TEXT + b"x\r\n", ["DKIM_PERMERROR"]),
    "thousands of signatures": (b"".join(SIGNATURE % (n, b"from", b"AAAA") for n in range(3000)) + TEXT + b"x\r\n",
                                ["DKIM_MANY"]),
    "thousands of names in h=": (SIGNATURE % (1, b":\r\n ".join([b"from"] * 10000), base64.b64encode(bytes(32))) +
                                 TEXT + b"x\r\n", ["DKIM_PERMERROR"]),
}


@pytest.fixture(scope="module", autouse=True)
def larger(shared_server):
    shared_server.configure({"smtp": {"max_message_size": "20M"}})
    shared_server.reload()
    shared_server.wait_log("reload")


@pytest.mark.parametrize("name", MUSEUM)
def test_exhibit(server, name):
    message, wanted = MUSEUM[name]
    with server.smtp() as client:
        client.socket.settimeout(120)
        client.ehlo()
        id = client.send_message("sender@remote.test", [ALICE], message)
    found = {f["name"]: f["evidence"] for f in server.record(id)["findings"]}
    assert set(wanted) <= set(found), sorted(found)
    if "URI_CREDENTIALS" in wanted or "LINK_ELSEWHERE" in wanted:
        assert "evil.test" in found.get("LINK_ELSEWHERE", "evil.test")
    with server.imap(select="INBOX") as client:
        client.socket.settimeout(120)
        (item,) = client.ok(b"FETCH * (RFC822.SIZE ENVELOPE BODYSTRUCTURE)").untagged
        assert b"museum" in item.raw
        assert message in client.body(int(item.line.split()[1]))
