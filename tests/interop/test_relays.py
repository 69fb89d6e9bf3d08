"""Other mail servers relay to Postern: every message arrives once, unchanged."""
import shutil
import smtplib
import tempfile
import pathlib

import pytest

from harness import ALICE, corpus, exim, postfix, procs
from harness.ports import free_port

pytestmark = pytest.mark.root
MESSAGES = 40


@pytest.fixture
def scratch():
    """A directory that the users of other servers can enter."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="relay-", dir="/var/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def relayed(server, account, port, relay, material):
    """Sends a part of the corpus through the relay and compares what arrived."""
    messages = [corpus.normalized(path.read_bytes()) for path in corpus.messages(material, MESSAGES)[:MESSAGES]]
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number, message in enumerate(messages):
            # A relay may rewrite header fields, but never a body.
            client.sendmail(f"s{number}@remote.test", [account], message, mail_options=["BODY=8BITMIME"])

    def arrived():
        with server.imap(account) as client:
            count = int(client.ok(b"STATUS INBOX (MESSAGES)").one(rb"\* STATUS .*MESSAGES (\d+)").group(1))
            return count >= len(messages) and relay.queued() == 0
    try:
        procs.wait_until(arrived, 60, "the messages")
    except TimeoutError as error:
        pytest.fail(f"{error}\n{relay.log()[-4000:]}")
    with server.imap(account, select="INBOX") as client:
        stored = {}
        for item in client.ok(b"FETCH 1:* BODY.PEEK[]").untagged:
            first, _, rest = item.literals[0].partition(b"\r\n")
            stored.setdefault(int(first.split(b"<s")[1].split(b"@")[0]), []).append(rest)
    assert all(len(copies) == 1 for copies in stored.values()) and len(stored) == len(messages)
    for number, message in enumerate(messages):
        body = message.partition(b"\r\n\r\n")[2]
        assert stored[number][0].endswith(body), number


def local_domain(server):
    # Long lines stay whole, as in the corpus.
    return {"smtp_line_length_limit": "0", "virtual_mailbox_domains": "", "relay_domains": "example.test", "virtual_transport": "smtp",
            "transport_maps": f"static:smtp:[127.0.0.1]:{server.port}"}


@pytest.mark.parametrize("way", ["plain", "tls", "no pipelining"])
def test_postfix(server, account, scratch, material, way):
    if not postfix.available():
        pytest.skip("Postfix is not installed")
    settings = {
        "plain": {"smtp_tls_security_level": "none"},
        "tls": {"smtp_tls_security_level": "encrypt", "smtp_tls_loglevel": "1"},
        "no pipelining": {"smtp_discard_ehlo_keywords": "pipelining,chunking,dsn", "smtp_tls_security_level": "none"},
    }[way]
    relay = postfix.Postfix(scratch / "postfix", free_port(), **local_domain(server), **settings)
    relay.start()
    try:
        relayed(server, account, relay.port, relay, material)
        # Its log is written by a process of its own.
        procs.wait_until(lambda: relay.log().count("status=sent (250 2.") >= MESSAGES, 20, "the log")
        log = relay.log()
        assert log.count("status=sent (250 2.") == MESSAGES, log[-4000:]
        assert ("TLS connection established" in log) == (way == "tls")
    finally:
        relay.stop()


def test_postfix_bounces_what_is_refused(server, scratch):
    """A permanent refusal ends in Postfix's bounce, at once, with our words in its log."""
    if not postfix.available():
        pytest.skip("Postfix is not installed")
    relay = postfix.Postfix(scratch / "postfix", free_port(), **local_domain(server))
    relay.start()
    try:
        with smtplib.SMTP("127.0.0.1", relay.port) as client:
            client.sendmail(ALICE, ["nobody@example.test"], b"Subject: x\r\n\r\nbody\r\n")
        procs.wait_until(lambda: "status=bounced" in relay.log(), 30, "the bounce")
        assert "550 5.1.1" in relay.log()
    finally:
        relay.stop()


@pytest.mark.parametrize("way", ["chunking, tls", "chunking, plain", "data, pipelined", "data, one by one"])
def test_exim(server, account, scratch, material, way):
    if not exim.available():
        pytest.skip("Exim is not unpacked, or there are no mount namespaces")
    relay = exim.Exim(scratch / "exim", free_port(), server.port, chunking="chunking" in way,
                      pipelining="one by one" not in way, tls="tls" in way)
    relay.start()

    def listening():
        try:
            smtplib.SMTP("127.0.0.1", relay.port).close()
            return True
        except OSError:
            return False
    try:
        procs.wait_until(listening, 30, "Exim")
        relayed(server, account, relay.port, relay, material)
        sent = [line for line in relay.log().splitlines() if " => " in line]
        assert len(sent) >= MESSAGES
        assert all((" K " in line) == ("chunking" in way) for line in sent), sent[0]
        assert all(("X=TLS" in line) == ("tls" in way) for line in sent), sent[0]
    finally:
        relay.stop()
