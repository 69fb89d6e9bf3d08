"""Scanning for viruses, with a clamd that a test plays."""
import json

import pytest

from harness import ALICE, clamd, procs

CLEAN = b"From: a@remote.test\r\nSubject: fine\r\n\r\nnothing\r\n"
INFECTED = b"From: a@remote.test\r\nSubject: bad\r\n\r\n" + clamd.EICAR + b"\r\n"
LARGE = b"From: a@remote.test\r\nSubject: large\r\n\r\n" + b"x" * 70 + b"\r\n" + 2000 * (b"y" * 70 + b"\r\n")
TAG = "X-Virus-Status: "


def settings(*fakes, **more):
    return {"antivirus": {"servers": [fake.endpoint for fake in fakes]} | more}


def send(server, message):
    """The reply to the message."""
    with server.smtp() as client:
        client.ehlo()
        client.envelope()
        return client.data(message)


def record(server, reply):
    def ask():
        done = server.verb("why", reply.id, "--json", check=False)
        return json.loads(done.stdout.splitlines()[0]) if done.returncode == 0 else None
    return procs.wait_until(ask, 20, f"record of {reply}")


def virus(server, reply):
    found = record(server, reply)["virus"]
    assert found.pop("ms") >= 0
    return found


def findings(server, reply):
    return {found["name"]: found for found in record(server, reply)["findings"]
            if found["name"].startswith("VIRUS_")}


def stored(server, mailbox="INBOX"):
    """The newest message."""
    with server.imap(select=mailbox) as client:
        return client.ok(b"FETCH * BODY.PEEK[]").text


@pytest.fixture(params=["unix", "tcp"])
def fake(request):
    with clamd.Fake(tcp=request.param == "tcp") as instance:
        yield instance


def test_verdicts(make_server, fake):
    """Small messages and those in the spool, over both kinds of sockets."""
    server = make_server(settings=settings(fake))
    command = "zINSTREAM" if fake.port else "zFILDES"
    server.wait_log("a virus scanner answers")
    for message in CLEAN, LARGE, INFECTED, LARGE + clamd.EICAR + b"\r\n":
        reply = send(server, message)
        found = virus(server, reply)
        assert found.pop("server") == fake.endpoint
        if clamd.EICAR in message:
            assert reply.matches("550 5.7.1 This message has a virus: Eicar-Test-Signature"), reply
            assert found == {"result": "infected", "signature": clamd.SIGNATURE, "cached": False}
            assert findings(server, reply)["VIRUS_INFECTED"]["evidence"] == clamd.SIGNATURE
        else:
            assert reply.code == 250
            assert found == {"result": "clean", "cached": False}
            assert not findings(server, reply)
        assert fake.contents[-1] == message and fake.commands[-1] == command
    told = server.verb("why", reply.id).stdout
    assert "infected" in told and clamd.SIGNATURE in told
