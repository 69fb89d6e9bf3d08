"""postern message: what it tells of a message without a server."""
import email.message
import io
import json
import subprocess
import zipfile

from harness.postern import BINARY


def show(tmp_path, message, *options):
    path = tmp_path / "message.eml"
    path.write_bytes(bytes(message))
    return subprocess.run([BINARY, "message", "show", *options, path], capture_output=True, text=True, check=True).stdout


def with_attachment(content, name):
    message = email.message.EmailMessage()
    message["Subject"] = "invoice"
    message.set_content("see attachment")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def make_zip(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_archive_in_archive(tmp_path):
    inner = make_zip(**{"invoice.pdf.exe": b"MZ\x90\0" + bytes(100)})
    message = with_attachment(make_zip(**{"invoice.zip": inner}), "invoice.zip")
    attachment = json.loads(show(tmp_path, message, "--json"))["attachments"][0]
    assert (attachment["class"], attachment["real_type"]) == ("archive", "application/zip")
    outer, program = attachment["entries"]
    assert (outer["name"], outer["in"]) == ("invoice.zip", 0)
    assert (program["name"], program["in"], program["class"]) == ("invoice.pdf.exe", 1, "executable")
    assert program["odd"] == ["double"] and program["size"] == 104
    assert "holds: executable double 104 invoice.pdf.exe" in show(tmp_path, message)


def test_pdf_with_script(tmp_path):
    pdf = b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(x)>>/URI(http://a.example/)>>endobj\n"
    message = with_attachment(pdf, "a.pdf")
    attachment = json.loads(show(tmp_path, message, "--json"))["attachments"][0]
    assert attachment["flags"] == ["javascript", "open-action", "links"]
    assert attachment["uris"] == ["http://a.example/"]
    assert "leads to: http://a.example/" in show(tmp_path, message)


def test_nothing_for_the_terminal(tmp_path):
    """What a stranger wrote is shown without what a terminal would obey."""
    odd = "\x1b[31m\x07\x7f\x9b1m\u202e\u2028"
    message = (f"Subject: a{odd}b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
               f'<p>c{odd}d</p><a href="http://e{odd}.example/{odd}">f</a>\r\n').encode()
    told = show(tmp_path, message)
    assert "subject: a?" in told and "uri: http://e?" in told
    assert not set(odd) - set("[31m") & set(told), told
