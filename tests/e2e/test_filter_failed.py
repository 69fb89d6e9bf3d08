"""Messages over which the filter dies or never finishes: put off once, then delivered with a tag,
recorded and kept aside; and all other mail flows on."""
import json
import os
import re
import threading

import pytest

from harness import ALICE, poison, procs, smtp

FAILED = "451 4.3.0 The message could not be examined: the filter failed over it"
AWAY = "451 4.3.0 The message cannot be examined at the moment"
FORGED = ("Authentication-Results: mx.example.test; dmarc=pass\r\nX-Spam-Status: No, score=-9\r\n"
          "X-Virus-Status: Clean\r\n")


def token():
    return os.urandom(8).hex()


@pytest.fixture
def poisoned(make_server):
    """A server and what makes its filter fail."""
    def make(filter=None, **more):
        settings = {"filter": {"junk_at": 4.9, "findings": HARMLESS} | (filter or {})} | more
        server = make_server(settings=settings, start=False)
        shim = poison.Poison(server)
        server.start()
        return server, shim
    return make


# What made-up messages of unknown clients score is not the matter here.
HARMLESS = [{"name": name, "mode": "observe"} for name in (
    "RDNS_NONE", "RDNS_FAIL", "HELO_UNKNOWN", "SPF_NONE", "DATE_PAST", "DATE_FUTURE", "MIME_BASE64_TEXT",
    "HTML_IMAGE_ONLY", "MESSAGE_ID_ODD", "MIME_EMPTY")]


def send(server, message):
    """Again and again while no filter is there: what was decided then."""
    def once():
        reply = server.send(message)
        return None if reply.matches(AWAY) else reply
    return procs.wait_until(once, 60, "a filter")


def mailbox(server, name):
    """The messages in it."""
    with server.imap(select=name) as client:
        return [item.literals[0] for item in client.ok(b"UID FETCH 1:* BODY.PEEK[]").untagged if item.literals]


@pytest.mark.parametrize("how", ["crash", "stall"])
def test_once_deferred_then_tagged(poisoned, how):
    server, shim = poisoned({"stall_timeout": "1s"})
    name = token()
    text = poison.message(how, name, more=FORGED)
    first = send(server, text)
    assert first.matches(FAILED), first
    assert f"({first.id})" in first.text
    found = server.record(first.id)
    assert found["action"] == "defer" and "the filter failed over it" in found["why"]
    assert not mailbox(server, "INBOX") and not mailbox(server, "Junk")
    procs.wait_until(lambda: shim.deaths() == 1, 20, "the end of a filter")
    if how == "stall":
        server.wait_log("a process stalled, and was ended role=supervisor process=filter")

    # Another server has it now.
    second = send(server, b"Received: from elsewhere\r\n" + text)
    assert second.code == 250, second
    assert not mailbox(server, "INBOX")
    (stored,) = mailbox(server, "Junk")
    header = stored.split(b"\r\n\r\n")[0].decode()
    assert re.search(r"^X-Spam-Flag: YES\r$", header, re.M)
    assert re.search(r"^X-Spam-Status: Yes, score=5.0 required=4.9\r\n\ttests=FILTER_FAILED\r$", header, re.M)
    assert re.findall(r"^Authentication-Results:.*", header, re.M) == [
        "Authentication-Results: mx.example.test; none\r"]
    assert "score=-9" not in header and "X-Virus-Status" not in header and "dmarc=pass" not in header
    assert stored.endswith(text.split(b"\r\n\r\n")[1])

    found = server.record(second.id)
    assert found["action"] == "junk" and found["kept"] is True
    assert [f["name"] for f in found["findings"]] == ["FILTER_FAILED"]
    assert f"2 times, at first as {first.id}" in found["why"]
    told = server.verb("why", second.id).stdout
    assert f"a copy is there: postern quarantine show {second.id}" in told
    # Both attempts are found by the Message-ID that it has.
    assert second.id in server.verb("why", f"<{name}@remote.test>").stdout

    (kept,) = [json.loads(line) for line in server.verb("quarantine", "list", "--json").stdout.splitlines()]
    assert kept["id"] == second.id and kept["copy"] and kept["recipients"] == [ALICE]
    shown = server.verb("quarantine", "show", second.id, "--message").stdout
    assert shown.replace("\r\n", "\n") == stored.decode().replace("\r\n", "\n")
    done = server.verb("quarantine", "release", second.id, check=False)
    assert done.returncode == 2 and "have it already" in done.stderr

    # It is counted as what it is, among the findings.
    def counted():
        counts = json.loads(server.verb("stats", "findings", "--json").stdout or "{}")
        return [f for f in counts.get("findings", []) if f["name"] == "FILTER_FAILED"]
    (count,) = procs.wait_until(counted, 20, "the count")
    assert (count["spam"], count["ham"]) == (1, 0)

    # From now on no filter gets it, and others are judged as ever.
    procs.wait_until(lambda: shim.deaths() == 2, 20, "the end of a filter")
    assert send(server, text).code == 250
    harmless = send(server, poison.message("harmless", token(), more=FORGED))
    assert harmless.code == 250
    assert server.record(harmless.id)["action"] == "accept"
    assert len(mailbox(server, "Junk")) == 2 and len(mailbox(server, "INBOX")) == 1
    assert shim.deaths() == 2 and shim.seen == 2
    assert server.verify().returncode == 0


def test_success_clears_it(poisoned):
    """Who fails with another message's fault has a clean sheet afterwards."""
    server, shim = poisoned()
    text = poison.message("crash", token())
    for _ in range(2):
        shim.arm()
        assert send(server, text).matches(FAILED)
        shim.arm(False)
        reply = send(server, text)
        assert reply.code == 250
        assert server.record(reply.id)["action"] == "accept"
    assert len(mailbox(server, "INBOX")) == 2
    procs.wait_until(lambda: shim.deaths() == 2, 20, "the end of a filter")
    assert server.verb("quarantine", "list").stdout == ""


def test_other_mail_flows_on(poisoned):
    """Each message in flight has its 250 in the end, is stored once, and only what is poisonous is
    tagged or kept aside."""
    server, shim = poisoned()
    poisons, others = [token() for _ in range(2)], [token() for _ in range(40)]
    todo = [(t, poison.message("crash", t)) for t in poisons] + [
        (t, poison.message("harmless", t)) for t in others]
    lock, replies, tries = threading.Lock(), {}, {}

    def work():
        while True:
            with lock:
                if not todo:
                    return
                name, text = todo.pop(0)
                tries[name] = tries.get(name, 0) + 1
            try:
                reply = server.send(text)
            except (smtp.Closed, OSError):
                reply = None
            with lock:
                assert reply is None or reply.code in (250, 451), reply
                if reply is not None and reply.code == 250:
                    replies[name] = reply
                elif tries[name] < 2000:
                    todo.append((name, text))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert set(replies) == set(poisons + others)
    kept = [json.loads(line) for line in server.verb("quarantine", "list", "--json").stdout.splitlines()]
    stored = b"".join(mailbox(server, "INBOX")), b"".join(mailbox(server, "Junk"))
    for name in poisons:
        assert stored[1].count(b"crash on purpose, " + name.encode()) == 1
        assert b"crash on purpose, " + name.encode() not in stored[0]
        assert replies[name].id in [item["id"] for item in kept]
    for name in others:
        assert sum(box.count(b"harmless on purpose, " + name.encode()) for box in stored) == 1
    # A bystander may have been unlucky twice; then it is tagged, and never without.
    tagged = [name for name in others if b"harmless on purpose, " + name.encode() in stored[1]]
    assert len(kept) == len(poisons) + len(tagged)
    assert len(mailbox(server, "Junk")) == stored[1].count(b"tests=FILTER_FAILED")
    assert server.verify().returncode == 0


def test_a_wave_does_not_keep_filters_down(poisoned):
    """A hundred copies: two deaths, and all processes know."""
    server, shim = poisoned(smtp={"processes": 2, "max_connections_per_ip": 200})
    text = poison.message("crash", token())
    codes = []
    for n in range(100):
        reply = send(server, text)
        assert reply.code == 250 or reply.matches(FAILED)
        codes.append(reply.code)
    assert codes.count(451) == 1 and codes[0] == 451
    procs.wait_until(lambda: shim.deaths() == 2, 20, "the end of a filter")
    assert shim.seen == 2
    harmless = send(server, poison.message("harmless", token()))
    assert server.record(harmless.id)["action"] == "accept"
    assert len(mailbox(server, "Junk")) == codes.count(250)


@pytest.mark.parametrize("finding, code, box", [
    ({"mode": "reject"}, 550, None), ({"mode": "quarantine"}, 250, None), ({"score": 1.0}, 250, "INBOX")])
def test_what_follows_is_configured(poisoned, finding, code, box):
    server, shim = poisoned({"findings": [{"name": "FILTER_FAILED"} | finding] + HARMLESS})
    text = poison.message("crash", token())
    assert send(server, text).matches(FAILED)
    reply = send(server, text)
    assert reply.code == code, reply
    for name in ("INBOX", "Junk"):
        assert len(mailbox(server, name)) == (name == box)
    kept = [json.loads(line) for line in server.verb("quarantine", "list", "--json").stdout.splitlines()]
    assert [item["copy"] for item in kept] == {None: [], "INBOX": [True]}[box] + [False] * (
        finding.get("mode") == "quarantine")
    if finding.get("mode") == "quarantine":
        server.verb("quarantine", "release", reply.id)
        assert len(mailbox(server, "INBOX")) == 1


def test_a_filter_that_is_not_there(poisoned):
    """It is started again after a while: what comes meanwhile is put off, and counts for nothing."""
    server, shim = poisoned({"processes": 1}, supervisor={"restart_delay": "2s"})
    text = poison.message("harmless", token())
    assert send(server, poison.message("crash", token())).matches(FAILED)
    for _ in range(3):
        assert server.send(text).code in (250, 451)
    assert send(server, text).code == 250
    assert not mailbox(server, "Junk")
    assert server.verb("quarantine", "list").stdout == ""
