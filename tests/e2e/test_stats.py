"""postern stats: what it counts is what was sent."""
import json

import pytest

from harness import ALICE, procs


def findings(server, *words):
    done = server.verb("stats", "findings", "--json", *words, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def judged(server, count):
    """The counts, once so many messages are among them."""
    def ask():
        found = findings(server)
        return found if found and found["spam"] + found["ham"] == count else None
    return procs.wait_until(ask, 20, f"{count} counted messages")


def by_name(counts):
    return {entry["name"]: (entry["spam"], entry["ham"]) for entry in counts["findings"]}


@pytest.fixture
def send():
    def send(server, message=b"From: a@remote.test\r\n\r\nx\r\n", count=1):
        replies = []
        for _ in range(count):
            with server.smtp() as smtp:
                smtp.ehlo()
                smtp.envelope()
                replies.append(smtp.data(message))
        return replies
    return send


def test_findings(make_server, send):
    """On spam and on the rest, over restarts and deaths."""
    server = make_server(settings={"filter": {"junk_at": 100.0, "reject_at": 500.0,
                                              "findings": [{"name": "GTUBE", "score": 200.0}]}})
    assert "nothing was counted yet" in server.verb("stats", "findings", check=False).stderr
    gtube = b"From: a@remote.test\r\n\r\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
    send(server, count=3)
    send(server, gtube)
    counts = judged(server, 4)
    assert (counts["spam"], counts["ham"]) == (1, 3)
    assert by_name(counts)["GTUBE"] == (1, 0) and by_name(counts)["DKIM_NONE"] == (1, 3)
    [entry] = [entry for entry in counts["findings"] if entry["name"] == "GTUBE"]
    assert entry["spam_percent"] == 100 and entry["ham_percent"] == 0 and entry["ratio"] == 1 and entry["score"] == 200
    told = server.verb("stats", "findings", "--since", "1d").stdout
    assert told.startswith("4 messages judged since ") and "1 for Junk or refused" in told
    [row] = [line.split() for line in told.splitlines() if line.startswith("DKIM_NONE ")]
    assert row[1:] == ["4", "100.0", "%", "100.0", "%", "0.500", "0.00"]

    # What is refused counts as what is Junk.
    server.configure({"filter": {"junk_at": 100.0, "reject_at": 500.0}})
    server.reload()
    server.wait_log(r"\breloaded\b")
    [reply] = send(server, gtube)
    assert reply.matches("550 ")
    assert by_name(judged(server, 5))["GTUBE"] == (2, 0)
    assert server.stop() == 0
    server.start()
    send(server)
    [delivery] = server.roles()["delivery"]
    assert by_name(judged(server, 6))["GTUBE"] == (2, 0)
    server.kill_process(delivery)
    procs.wait_until(lambda: send(server)[0].matches("250 "), 30, "a message taken")
    procs.wait_until(lambda: findings(server)["ham"] >= 5, 20, "counts after the death")
    assert server.verify().returncode == 0


def test_nobody_has_judged(make_server):
    """Where nothing is judged, nothing is counted."""
    server = make_server(settings={"filter": {"enabled": False}})
    server.deliver(2)
    procs.wait_until(lambda: server.verb("why", "--last", "5", check=False).stdout.count(ALICE) == 2, 20, "records")
    counts = findings(server)
    assert counts["spam"] == counts["ham"] == 0 and counts["findings"] == []
    assert "--since takes a time" in server.verb("stats", "findings", "--since", "x", check=False).stderr
