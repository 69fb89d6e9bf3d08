"""Lists in the DNS, played by a real name server: what they say counts, what is broken does not."""
import json

import pytest

from harness import ALICE, nsd, procs

pytestmark = pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}")

# Answers are kept for a second: what a test changes is seen soon.
ZEN = """
2.0.0.127 1 A 127.0.0.2
10.2.0.192 1 A 127.0.0.2
10.2.0.192 1 A 127.0.0.4
11.2.0.192 1 A 127.0.0.10
12.2.0.192 1 A 127.0.0.99
"""
ZONES = {"zen.spamhaus.org": ZEN}


def settings(world, *lists, **more):
    return world.settings() | {
        "log": {"level": "debug"},
        "smtp": {"proxy_from": ["127.0.0.1"]},
        "filter": {"lists": list(lists), "lists_check": "1s", "processes": 1} | more}


def send(server, client, message=b"From: a@remote.test\r\n\r\nx\r\n", sender="sender@remote.test"):
    """Sends it as that client; what was decided, as JSON."""
    with server.smtp(before=f"PROXY TCP4 {client} 127.0.0.1 4000 25\r\n".encode()) as smtp:
        smtp.ehlo()
        smtp.envelope(sender=sender)
        reply = smtp.data(message)
    found = procs.wait_until(
        lambda: server.verb("why", reply.id, "--json", check=False).stdout, 20, "record")
    return json.loads(found.splitlines()[0])


def findings(record):
    return {f["name"]: f["score"] for f in record["findings"] if f["source"] == "lists"}


@pytest.fixture
def world():
    with nsd.Nsd(ZONES) as server:
        yield server


def test_a_client_that_is_listed(make_server, world):
    server = make_server(settings=settings(world, {"use": "spamhaus-zen"}))
    server.wait_log("a list works .*list=ZEN")
    listed = send(server, "192.0.2.10")
    assert findings(listed) == {"ZEN_SBL": 4, "ZEN_XBL": 4}
    assert listed["action"] == "junk"
    assert findings(send(server, "192.0.2.11")) == {"ZEN_PBL": 2}
    assert findings(send(server, "192.0.2.1")) == {}
    assert findings(send(server, "192.0.2.12")) == {}
    assert findings(send(server, "10.2.0.192")) == {}
    told = server.verb("why", listed["id"]).stdout
    assert "+4.00  ZEN_SBL: 192.0.2.10 (client): Spamhaus SBL: a source of spam [lists]" in told
