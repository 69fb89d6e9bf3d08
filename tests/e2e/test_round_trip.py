"""A real corpus goes in over SMTP and comes out over IMAP byte for byte, and none is missing.

make check sends a sample; POSTERN_CORPUS=all (make torture) sends all of it."""
import collections
import hashlib
import imaplib
import smtplib
import subprocess
import threading

import pytest

from harness import ALICE, PASSWORD, corpus

SAMPLE, CONNECTIONS = 400, 4


@pytest.fixture(scope="module")
def sent(shared_server, material):
    """What was sent, by the id of its 250 reply: (path, bytes)."""
    paths = corpus.messages(material, SAMPLE)
    shared_server.configure({"smtp": {"max_message_size": "50M"}})
    shared_server.reload()
    shared_server.wait_log(r"reload")
    done, errors = {}, []

    def send(share):
        try:
            client = smtplib.SMTP("127.0.0.1", shared_server.port, timeout=60)
            client.ehlo("client.remote.test")
            for path in share:
                message = corpus.normalized(path.read_bytes())
                client.mail("sender@remote.test", ["BODY=8BITMIME"])
                client.rcpt(ALICE)
                code, text = client.data(message)
                if code != 250:
                    raise AssertionError(f"{path}: {code} {text}")
                done[text] = (path, message)
            client.quit()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(paths[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert len(done) == len(paths)
    print(f"\n{len(done)} messages, {sum(len(message) for _, message in done.values())} bytes")
    return list(done.values())


def mismatches(sent, stored):
    """Paths whose message is not among the stored ones (bytes), however often each was sent."""
    remaining = collections.Counter(digest(corpus.without_our_fields(message, "sender@remote.test"))
                                    for message in stored)
    missing = []
    for path, message in sent:
        key = digest(corpus.as_kept(message))
        if remaining[key] == 0:
            missing.append(path)
        remaining[key] -= 1
    return missing


def digest(data):
    return hashlib.sha256(data).digest()


def test_imaplib(shared_server, sent):
    client = imaplib.IMAP4_SSL("127.0.0.1", shared_server.imaps_port, ssl_context=shared_server.tls_context())
    client.login(ALICE, PASSWORD)
    status, (count,) = client.select("INBOX")
    assert status == "OK" and int(count) == len(sent)
    stored = []
    for first in range(1, len(sent) + 1, 100):
        status, items = client.fetch(f"{first}:{min(first + 99, len(sent))}", "(RFC822.SIZE BODY.PEEK[])")
        assert status == "OK"
        for item in items:
            if isinstance(item, tuple):
                assert f"RFC822.SIZE {len(item[1])} ".encode() in item[0]
                stored.append(item[1])
    client.logout()
    assert len(stored) == len(sent)
    assert not mismatches(sent, stored)


def test_structure_of_each(shared_server, sent):
    """Whatever MIME it is, imaplib and our own reader can make sense of the answer."""
    with shared_server.imap(select="INBOX") as client:
        result = client.ok(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)")
        assert len(result.untagged) == len(sent)
        for item in result.untagged:
            assert balanced(item.line), item.line[:2000]


def balanced(line):
    depth, quoted, escaped = 0, False, False
    for byte in line.decode("latin-1"):
        if quoted:
            quoted, escaped = escaped or byte != '"', byte == "\\" and not escaped
        elif byte == '"':
            quoted = True
        else:
            depth += (byte == "(") - (byte == ")")
            if depth < 0:
                return False
    return depth == 0 and not quoted


@pytest.mark.needs("mbsync")
def test_mbsync(shared_server, sent, tmp_path):
    maildir = tmp_path / "mail"
    maildir.mkdir()
    config = tmp_path / "mbsyncrc"
    config.write_text(f"""\
IMAPStore far
Host localhost
Port {shared_server.imaps_port}
User {ALICE}
Pass {PASSWORD}
SSLType IMAPS
CertificateFile {shared_server.certificate}

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX

Channel all
Far :far:
Near :near:
Patterns INBOX
Create Near
SyncState *
""")
    subprocess.run(["mbsync", "-c", config, "-a"], check=True, capture_output=True, timeout=600)
    files = [path for name in ("new", "cur") for path in (maildir / "INBOX" / name).iterdir()]
    assert len(files) == len(sent)
    # mbsync stores LF line ends and adds a field of its own.
    stored = []
    for path in files:
        raw = path.read_bytes()
        raw = b"\n".join(line for line in raw.split(b"\n") if not line.startswith(b"X-TUID:"))
        stored.append(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert not mismatches(sent, stored)


def test_verify_is_clean(shared_server, sent):
    done = shared_server.verify()
    assert done.returncode == 0, done.stdout + done.stderr
