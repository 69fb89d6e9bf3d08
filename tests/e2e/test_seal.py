"""Sealing: the ARC sets that mail which is taken gets from us, beside dkimpy and our own library."""
import re
import stat
import time

import pytest

from harness import dkim, nsd, postern, procs, senders, sign
from harness.senders import FORWARDER, SCORE, TRUSTING, Mail

dkimpy = pytest.importorskip("dkim")
pytestmark = pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}")

BY = "otherlist.test"
FOOTED = {"signed": "good.test", "changed": senders.footer, "sender": "list-bounces@list.test", "client": FORWARDER}
SET = ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"]


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return sign.Key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def world(key):
    with senders.world(key) as server:
        yield server


def sealing(key):
    return {"arc": {"seal": True, "domain": BY, "selector": "s1", "key": str(key.path)}}


@pytest.fixture
def make(world, key):
    made = []

    def start(more):
        server = postern.Postern(settings=world.settings() | senders.SETTINGS | more)
        made.append(server)
        senders.add_domains(server)
        server.start()
        return server
    yield start
    for server in made:
        try:
            server.stop()
            assert not server.complaints(), server.log()[-8000:]
        finally:
            server.remove()


@pytest.fixture
def server(make, key):
    return make(sealing(key))


def kept(server, sent):
    assert sent.reply.code == 250, sent.reply
    with server.imap() as reader:
        return senders.stored(reader, sent.reply.id)[1]


def instances(content):
    """Of each of the three fields, top first."""
    header = senders.header_of(content)
    return [[int(re.search(r"\bi=(\d+)", value)[1]) for value in senders.fields(header, name)] for name in SET]


def top(content, name):
    return senders.fields(senders.header_of(content), name)[0]


def validated(content, key, tmp_path):
    """What dkimpy and our library say of the chain."""
    keys = {f"s1._domainkey.{domain}.test": key.record for domain in senders.DOMAINS}
    path = tmp_path / "message"
    path.write_bytes(content)
    (_, ours), = dkim.verify(keys, [(path, int(time.time()))])
    said, _, why = dkimpy.ARC(content).verify(dnsfunc=lambda name, timeout=5: keys[name.decode().rstrip(".")].encode())
    return (said or b"fail").decode(), ours["result"], why, ours["reason"]


def test_sealed(server, key, tmp_path):
    sent = senders.send(server, Mail(signed="good.test"), key)
    content = kept(server, sent)
    assert instances(content) == [[1], [1], [1]]
    assert validated(content, key, tmp_path)[:2] == ("pass", "pass"), validated(content, key, tmp_path)
    assert f"d={BY}; i=1; s=s1;" in top(content, "ARC-Seal") and "cv=none" in top(content, "ARC-Seal")
    # The same results, in both.
    results = top(content, "ARC-Authentication-Results")
    assert re.sub(r"\s+", " ", results).removeprefix("i=1; ") == re.sub(r"\s+", " ", top(
        content, "Authentication-Results"))
    assert "dmarc=pass" in results
    assert sent.record()["auth"]["arc"]["sealed"] == f"i=1, cv=none, by {BY}, selector s1"
    told = server.verb("why", sent.reply.id).stdout
    assert f"sealed i=1, cv=none, by {BY}" in told
    # What is changed behind the seal shows.
    assert validated(content.replace(b"all is well", b"all is lost"), key, tmp_path)[:2] == ("fail", "fail")


def test_large_and_odd_mail(server, key, tmp_path):
    """From a file, in several blocks; with fields that are there twice, and none of those that are signed."""
    body = ("x" * 70 + "\r\n") * 10000
    with server.smtp() as client:
        client.ehlo()
        for message in (f"From: a@good.test\r\nSubject: one\r\nSubject: two\r\n\r\n{body}", "X-Other: x\r\n\r\nno From\r\n"):
            client.envelope("a@good.test", [SCORE])
            reply = client.data(message.encode())
            assert reply.code == 250, reply
            with server.imap() as reader:
                content = senders.stored(reader, reply.id)[1]
            assert instances(content) == [[1], [1], [1]]
            assert validated(content, key, tmp_path)[1] == "pass"


def test_next_in_a_chain(server, key, tmp_path):
    sent = senders.send(server, Mail(sealed="list.test", to=TRUSTING, **FOOTED), key)
    content = kept(server, sent)
    assert instances(content) == [[2, 1]] * 3
    assert "cv=pass" in top(content, "ARC-Seal")
    assert validated(content, key, tmp_path)[:2] == ("pass", "pass"), validated(content, key, tmp_path)


def test_a_chain_that_fails(server, key, tmp_path):
    """Where it breaks that is said once (RFC 8617 §5.1.2); who sees that adds nothing."""
    broken = Mail(sealed="list.test", to=SCORE, then=lambda mail: mail.replace(b"all is well", b"all is lost"), **FOOTED)
    content = kept(server, senders.send(server, broken, key))
    assert instances(content) == [[2, 1]] * 3
    assert "cv=fail" in top(content, "ARC-Seal")
    assert validated(content, key, tmp_path)[:2] == ("fail", "fail")
    again = senders.send(server, Mail(to=SCORE, then=lambda mail: content), key)
    assert instances(kept(server, again)) == [[2, 1]] * 3
    assert again.record()["auth"]["arc"]["not_sealed"] == "the chain has failed before"
    assert "not sealed" not in server.log()


def test_what_is_refused_is_not_sealed(server, key):
    sent = senders.send(server, Mail(client=FORWARDER), key)
    assert sent.reply.code == 550
    assert "sealed" not in sent.record()["auth"]["arc"]


def test_what_is_quarantined_is_sealed(make, key, tmp_path):
    """When it is kept: who releases it does not judge it again."""
    aside = {"findings": [{"name": "SPF_NONE", "mode": "quarantine"}]}
    server = make(sealing(key) | {"filter": senders.SETTINGS["filter"] | aside})
    sent = senders.send(server, Mail(author="anna@none.test", signed="none.test"), key)
    assert sent.record()["action"] == "quarantine"
    assert sent.record()["auth"]["arc"]["sealed"] == f"i=1, cv=none, by {BY}, selector s1"
    server.verb("quarantine", "release", sent.reply.id)
    content = kept(server, sent)
    assert instances(content) == [[1], [1], [1]]
    assert validated(content, key, tmp_path)[:2] == ("pass", "pass"), validated(content, key, tmp_path)


def test_off_and_on(make, world, key, tmp_path):
    """By default nothing is sealed; a reload turns it on and off."""
    server = make({})

    def change(more):
        server.configure(world.settings() | senders.SETTINGS | more)
        seen = server.log().count("reloaded")
        server.reload()
        procs.wait_until(lambda: server.log().count("reloaded") > seen, 60, "reload")

    for more, wanted in (({}, []), (sealing(key), [1]), ({}, [])):
        change(more)
        sent = senders.send(server, Mail(signed="good.test"), key)
        assert instances(kept(server, sent)) == [wanted] * 3
        assert ("sealed" in sent.record()["auth"]["arc"]) == bool(wanted)
        assert "not_sealed" not in sent.record()["auth"]["arc"]


def test_without_the_directory(make, key):
    """It has the key. Mail that it has let in flows on, unsealed; and all is as before when it is back."""
    server = make(sealing(key) | {"supervisor": {"restart_delay": "10s", "restart_delay_max": "10s"}})
    mail = Mail(signed="good.test")
    with server.smtp() as client:
        senders.greeted(client, mail)
        client.envelope(mail.sender, [mail.to])
        client.expect("DATA", "354 ")
        for pid in server.roles()["directory"]:
            server.kill_process(pid)
        client.send(mail.content(key) + b".\r\n")
        reply = client.reply()
    assert reply.code == 250, reply
    why = "the directory, which has the key, does not answer"
    assert server.record(reply.id)["auth"]["arc"]["not_sealed"] == why
    server.wait_log(f'a message is not sealed.* id="?{reply.id}.*reason="{why}"')

    def sealed_again():
        with server.smtp() as client:
            senders.greeted(client, mail)
            client.cmd(f"MAIL FROM:<{mail.sender}>")
            if client.cmd(f"RCPT TO:<{mail.to}>").code != 250:
                return False
            reply = client.data(mail.content(key))
        return reply.code == 250 and "sealed" in server.record(reply.id)["auth"]["arc"]
    procs.wait_until(sealed_again, 60, "the directory")


def test_the_key_and_its_record(world, tmp_path):
    """postern dkim-key makes one and prints what the DNS must have; a bad one keeps the server from starting."""
    arc = {"arc": {"seal": True, "domain": "seal.test", "selector": "a1", "key": "keys/arc.pem"}}
    server = postern.Postern(settings=world.settings() | arc)
    try:
        path = server.data / "keys/arc.pem"
        missing = server.command("check", "-c", server.config, check=False)
        line = re.search(r"postern\.conf:(\d+): arc\.key: (\S+): No such file", missing.stdout)
        assert missing.returncode == 1 and line[2] == str(path)
        assert "key" in server.config.read_text().splitlines()[int(line[1]) - 1]
        for kind, size in (("rsa", 392), ("ed25519", 44)):
            made = server.command("dkim-key", "-c", server.config, "--make", kind).stdout
            name, record = re.match(r'(\S+) IN TXT \( (.*) \)\n', made).groups()
            record = record.replace('" "', "").strip('"')
            assert name == "a1._domainkey.seal.test."
            assert re.fullmatch(rf"v=DKIM1; k={kind}; p=[A-Za-z0-9+/=]{{{size}}}", record)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert server.command("dkim-key", "-c", server.config).stdout == made
            again = server.command("dkim-key", "-c", server.config, "--make", kind, check=False)
            assert again.returncode == 2 and "File exists" in again.stderr
            assert "arc.key" not in server.command("check", "-c", server.config, check=False).stdout
            path.chmod(0o644)
            assert "arc.key: " in server.command("check", "-c", server.config, check=False).stdout
            path.unlink()
        path.write_text("nothing")
        done = server.command("serve", "-c", server.config, check=False)
        assert done.returncode == 1
        assert re.search(r"cannot start.*postern\.conf:\d+: arc\.key: \S+: not an unencrypted private key", done.stderr)
    finally:
        server.remove()
