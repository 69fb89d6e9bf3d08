"""Sender authentication while something is down, or changes: name servers, processes, the configuration."""
import itertools
import threading

import pytest

from harness import nsd, procs, senders, sign, smtp
from harness.senders import CAREFUL, FORWARDER, Mail

pytestmark = pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}")

FORGED = "Authentication-Results: mx.example.test; dmarc=pass\r\n"


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return sign.Key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def world(key):
    with senders.world(key) as server:
        yield server


@pytest.fixture
def make(make_server, world):
    """A server that asks the world; more: settings."""
    def make(more=None, **resolver):
        server = make_server(world.settings(**resolver) | senders.SETTINGS | (more or {}), start=False)
        senders.add_domains(server)
        return server.start()
    return make


def header(server, sent):
    with server.imap() as reader:
        folder, content = senders.stored(reader, sent.reply.id)
    assert folder == "INBOX", sent.reply
    return senders.header_of(content)


def results(server, sent):
    """Method=result, of spf, dkim and dmarc."""
    words = [item.split()[0] for item in senders.results(header(server, sent))]
    return [word for word in words if not word.startswith(("iprev=", "arc="))]


PASSED = ["spf=pass", "spf=none", "dkim=pass", "dmarc=pass"]
OPEN = ["spf=temperror", "spf=temperror", "dkim=temperror", "dmarc=temperror"]


def until_passed(server, mail, key):
    """Sends it until nothing is open any more."""
    def passed():
        sent = senders.send(server, mail, key)
        return sent.reply.code == 250 and results(server, sent) == PASSED
    procs.wait_until(passed, 60, "a message that is authenticated")


def kill(server, role):
    for pid in procs.wait_until(lambda: server.roles().get(role), 20, role):
        server.kill_process(pid)


# What does not answer

def test_name_servers_that_do_not_answer(make, world, key):
    server = make({"filter": {"timeout": "4s"}}, timeout="2s")
    mail = Mail(signed="good.test")
    world.pause()
    try:
        sent = senders.send(server, mail, key)
        assert results(server, sent) == OPEN
        found = sent.record()
        assert found["action"] == "accept"
        assert {"DNS_FAILURE", "DMARC_TEMPERROR"} <= {finding["name"] for finding in found["findings"]}
        sent = senders.send(server, Mail(signed="good.test", to=CAREFUL), key)
        assert sent.reply.matches("451 4.4.3 The sender cannot be verified now") and not sent.before
    finally:
        world.resume()
    until_passed(server, Mail(signed="good.test", to=CAREFUL), key)


def test_without_resolver_and_without_filter(make, key):
    """Mail is judged as far as it goes without the DNS, or waits where that is wanted; without a filter it
    waits: nothing is taken that nobody has judged."""
    server = make({"supervisor": {"restart_delay": "30s", "restart_delay_max": "30s"}})
    kill(server, "resolver")
    assert results(server, senders.send(server, Mail(signed="good.test"), key)) == OPEN
    assert senders.send(server, Mail(signed="good.test", to=CAREFUL), key).reply.matches("451 4.4.3 ")
    kill(server, "filter")
    sent = senders.send(server, Mail(signed="good.test"), key)
    assert sent.reply.matches("451 4.3.0 ") and not sent.before
    assert sent.record()["action"] == "defer"
    with server.imap() as reader:
        assert senders.stored(reader, sent.reply.id) == (None, None)


class Flow(threading.Thread):
    """Sends one message after the other; those that were accepted. Each is another one: the same, put off by
    the death of one filter and in the hands of the next when that is killed, would be poison."""

    numbers = itertools.count()

    def __init__(self, server, mail, key, stop):
        super().__init__()
        self.server, self.mail, self.stop = server, mail, stop
        self.content = mail.content(key)
        self.accepted, self.error = [], None
        self.start()

    def run(self):
        try:
            while not self.stop.is_set():
                with self.server.smtp() as client:
                    senders.greeted(client, self.mail)
                    client.envelope(self.mail.sender, [self.mail.to])
                    reply = client.data(b"Cc: n%d@good.test\r\n" % next(self.numbers) + self.content)
                    assert reply.code == 250 or reply.matches("451 4.3.0 "), reply
                    if reply.code == 250:
                        self.accepted.append(reply.id)
        except Exception as error:
            self.error = error


def test_killed_while_mail_flows(make, key):
    """What was accepted is there, once; what was not is not; and all is as before in the end."""
    server = make({"supervisor": {"restart_delay_max": "1s"}})
    stop = threading.Event()
    mail = Mail(signed="good.test")
    flows = [Flow(server, mail, key, stop) for _ in range(4)]

    def progress():
        """Each of them has had messages accepted since."""
        before = [len(flow.accepted) for flow in flows]
        procs.wait_until(lambda: any(flow.error for flow in flows) or all(
            len(flow.accepted) > seen + 2 for flow, seen in zip(flows, before)), 30, "accepted messages")
    try:
        for role in ("resolver", "filter") * 2:
            progress()
            kill(server, role)
        progress()
    finally:
        stop.set()
        for flow in flows:
            flow.join()
    assert not [flow.error for flow in flows if flow.error]
    accepted = sorted(id for flow in flows for id in flow.accepted)
    with server.imap(select="INBOX") as reader:
        fetched = reader.ok(b"FETCH 1:* BODY.PEEK[HEADER.FIELDS (RECEIVED)]").untagged
    kept = [smtp.ID.search(item.literals[0].decode().split(" id ")[1])[0] for item in fetched if item.literals]
    assert sorted(kept) == accepted
    until_passed(server, mail, key)
    assert server.verify().returncode == 0


# Another configuration

def reload(server, world, more):
    server.configure(world.settings() | senders.SETTINGS | more)
    seen = server.log().count("reloaded")
    server.reload()
    procs.wait_until(lambda: server.log().count("reloaded") > seen, 20, "reload")


def test_reload_changes_the_policy(make, world, key):
    server = make()
    mail = Mail(sender="a@other.test", more=FORGED)
    assert senders.send(server, mail, key).reply.matches("550 5.7.1 ")

    reload(server, world, {"auth": {"honour_dmarc": "score"}})
    sent = senders.send(server, mail, key)
    assert results(server, sent) == ["spf=pass", "spf=none", "dkim=none", "dmarc=fail"]

    reload(server, world, {"auth": {"honour_dmarc": "score"}, "filter": {"findings": [
        {"name": "DMARC_REJECT", "mode": "reject"}]}})
    assert senders.send(server, mail, key).reply.matches(r"550 5.7.1 .*\(DMARC_REJECT: ")

    reload(server, world, {"auth": {"spf_fail": "reject"}})
    sent = senders.send(server, Mail("a@hard.test", client=FORWARDER), key)
    assert sent.reply.matches("550 5.7.23 ") and sent.before


def test_what_is_not_judged(make, world, key):
    """Without a filter, and over LMTP, mail goes through as it comes, also with what others wrote in our name."""
    lmtp = {"lmtp": {"listen": ["unix:lmtp.sock"]}}
    server = make(lmtp | {"filter": {"enabled": False}})
    mail = Mail(sender="a@other.test", more=FORGED)

    def unjudged(id):
        with server.imap() as reader:
            folder, content = senders.stored(reader, id)
        assert folder == "INBOX" and content.endswith(b"\r\n" + mail.content(key))
        assert content.count(b"Authentication-Results:") == 1
        found = server.record(id)
        assert found["action"] == "accept" and "auth" not in found

    unjudged(senders.send(server, mail, key).reply.id)
    reload(server, world, lmtp)
    assert senders.send(server, mail, key).reply.matches("550 5.7.1 ")
    with smtp.Smtp(None, None, unix=server.data / "lmtp.sock") as client:
        client.expect("LHLO front.example.test", "250-")
        unjudged(client.send_message(mail.sender, [mail.to], mail.content(key)))
    reload(server, world, lmtp | {"filter": {"enabled": False}})
    unjudged(senders.send(server, mail, key).reply.id)
