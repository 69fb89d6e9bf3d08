"""postern why: each id that a peer saw leads to what was decided, and why."""
import pytest

from harness import ALICE

BOB = "bob@example.test"


def test_accepted(make_server):
    server = make_server()
    (id,) = server.deliver(1, subject="offer")
    found = server.record(id)
    assert found["id"] == id and found["action"] == "accept"
    assert found["client"]["ip"] == "127.0.0.1" and found["client"]["helo"] == "client.remote.test"
    assert found["sender"] == "sender@remote.test" and found["recipients"] == [ALICE]
    assert [(d["name"], d["uid"], d["result"]) for d in found["deliveries"]] == [("INBOX", 1, 0)]
    told = server.verb("why", id[:7].lower()).stdout
    assert id in told and "127.0.0.1" in told and f"({ALICE})" in told and "UID 1" in told
    assert id in server.verb("why", found["message_id"]).stdout
    assert id in server.verb("why", "--to", ALICE, "--since", "1h").stdout
    assert server.verify().returncode == 0


def test_several_recipients(make_server):
    server = make_server()
    server.add_account(BOB)
    with server.smtp() as client:
        client.ehlo()
        id = client.send_message("sender@remote.test", [ALICE, BOB], b"Subject: x\r\n\r\nbody\r\n")
    found = server.record(id)
    assert found["recipients"] == [ALICE, BOB]
    assert len({d["account"] for d in found["deliveries"]}) == 2


def test_refused(make_server):
    """The id stands in the refusal."""
    server = make_server()
    with server.smtp() as client:
        client.ehlo()
        client.envelope()
        client.expect("DATA", "354 ")
        client.send(b"Subject: x\r\n\r\nbare\nnewline\r\n.\r\n")
        reply = client.reply()
    assert reply.matches("550 5.6.0 ")
    found = server.record("--last", "1")
    assert found["action"] == "reject" and "deliveries" not in found
    assert found["reply"].startswith("550 5.6.0 Line ") and found["recipients"] == [ALICE]
    assert found["id"] in repr(reply)


def test_refused_recipient(make_server):
    server = make_server()
    with server.smtp() as client:
        client.ehlo()
        client.expect("MAIL FROM:<sender@remote.test>", "250 ")
        client.expect("RCPT TO:<nobody@example.test>", "550 5.1.1 ")
    found = server.record("--to", "nobody@example.test")
    assert found["action"] == "reject" and found["reply"].startswith("550 5.1.1 ")


def test_unknown(make_server):
    server = make_server()
    id = server.deliver(1)[0]
    server.record(id)
    done = server.verb("why", "ZZZZZZZZZZ", check=False)
    assert done.returncode == 1 and "nothing is known" in done.stderr


def test_all_is_written_at_the_end(make_server):
    server = make_server()
    ids = server.deliver(50)
    assert server.stop() == 0
    known = server.verb("why", "--last", "100").stdout
    assert all(id in known for id in ids)


def test_none_are_kept(make_server):
    server = make_server(settings={"records": {"keep": "0s"}})
    server.deliver(1)
    assert server.stop() == 0
    done = server.verb("why", "--last", "1", check=False)
    assert done.returncode == 2 and "no records" in done.stderr


@pytest.mark.parametrize("content", [b"not a database" * 1000, b""])
def test_damaged(make_server, content):
    """Mail goes on without records."""
    server = make_server(start=False)
    path = server.data / "records" / "records.db"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    server.start()
    assert len(server.deliver(3)) == 3
    if content:
        server.wait_log("decision records cannot be kept")
        assert server.verify().returncode != 0
