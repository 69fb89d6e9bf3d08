"""postern quarantine: what is kept aside is whole, comes to its recipients when it is released, once,
and goes when its time is over."""
import base64
import contextlib
import json
import os
import shutil
import sqlite3

import pytest

from harness import ALICE, procs

BOB = "bob@example.test"
ALL = {"filter": {"junk_at": 0.2, "quarantine_at": 0.3, "reject_at": 500.0}}


def noise(lines):
    return b"".join(base64.b64encode(os.urandom(57)) + b"\r\n" for _ in range(lines))


def message(token, lines=3):
    return (f"From: someone@remote.test\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?= {token}\r\n\r\n".encode()
            + noise(lines))


def listed(server):
    return [json.loads(line) for line in server.verb("quarantine", "list", "--json").stdout.splitlines()]


def stored(server, name="INBOX", user=ALICE):
    with server.imap(user=user, select=name) as client:
        return [item.literals[0] for item in client.ok(b"UID FETCH 1:* BODY.PEEK[]").untagged if item.literals]


def owners(server):
    """Who owns what is below the data directory's stores."""
    found = set()
    for directory in "accounts", "quarantine", "records":
        for path in (server.data / directory).iterdir():
            with contextlib.suppress(FileNotFoundError):  # SQLite's own go with who was the last to use them
                found.add((path.name, path.stat().st_uid))
    return found


def test_kept_and_released(make_server):
    server = make_server(settings=ALL)
    server.add_account(BOB)
    text = message("one", 6000)  # larger than what stays in memory
    reply = server.send(text, recipients=(ALICE, "bob+box@example.test"))
    assert reply.code == 250
    assert stored(server) == [] and stored(server, "Junk") == [] and stored(server, user=BOB) == []
    (item,) = listed(server)
    assert item["id"] == reply.id and not item["copy"] and item["sender"] == "sender@remote.test"
    assert item["recipients"] == [ALICE, "bob+box@example.test"] and item["client"] == "127.0.0.1"
    assert item["subject"] == "grüße one"
    shown = server.verb("quarantine", "show", reply.id.lower()).stdout
    assert "grüße one" in shown and "because     it scores" in shown and ALICE in shown
    assert "grüße one" in server.verb("quarantine", "list").stdout
    (record,) = server.records(reply.id, count=1)
    assert record["action"] == "quarantine" and record["thresholds"]["quarantine"] == 0.3
    assert f"held there: postern quarantine show {reply.id}" in server.verb("why", reply.id).stdout
    before = owners(server)
    with server.imap(user=BOB) as client:
        client.ok(b"CREATE box")
    assert server.verify().returncode == 0

    done = server.verb("quarantine", "release", reply.id)
    assert "released to 2 accounts" in done.stdout
    (mail,) = stored(server)
    assert mail.endswith(text) and b"id " + reply.id.encode() in mail
    assert b"X-Spam-Flag" not in mail and b"X-Spam-Status: No" in mail
    assert stored(server, "box", user=BOB) == [mail]
    assert listed(server) == []
    again = server.verb("quarantine", "release", reply.id, check=False)
    assert again.returncode == 1 and "there is no message" in again.stderr
    assert server.verb("quarantine", "show", reply.id, check=False).returncode == 1
    released = server.records(reply.id, count=2)[0]
    assert released["action"] == "release" and len(released["deliveries"]) == 2
    assert {user for _, user in owners(server)} == {user for _, user in before}
    assert server.verify().returncode == 0


def test_who_waits_for_mail_hears_of_a_release_at_once(make_server):
    """Whichever process has the session."""
    server = make_server(settings=ALL | {"imap": {"processes": 2}})
    server.add_account(BOB)
    id = server.send(message("x"), recipients=(ALICE, BOB)).id

    def pids():
        said = json.loads(server.verb("stats", "--json", check=False).stdout)
        return [p["pid"] for p in said["processes"] if p["role"] == "mailbox" and p["stats"].get("sessions")]
    with server.imap(select="INBOX") as alice:
        (busy,) = procs.wait_until(pids, 20, "a session")
        with procs.stopped(busy):
            bob = server.imap(BOB, select="INBOX")
        with bob:
            procs.wait_until(lambda: len(pids()) == 2, 20, "a session in each process")
            tags = alice.idle(), bob.idle()
            server.verb("quarantine", "release", id)
            for client, tag in zip((alice, bob), tags):
                assert client.response().line == b"* 1 EXISTS"
                assert client.done(tag).status == "OK"


def test_released_without_a_server(make_server):
    server = make_server(settings=ALL)
    id = server.send(message("x")).id
    server.stop()
    server.verb("quarantine", "release", id)
    server.start()
    assert len(stored(server)) == 1


def test_released_to_others(make_server):
    server = make_server(settings=ALL)
    server.add_account(BOB)
    id = server.send(message("x")).id
    done = server.verb("quarantine", "release", id, "--to", "nobody@example.test", check=False)
    assert done.returncode == 2 and "nobody's address" in done.stderr
    server.verb("quarantine", "release", id, "--to", BOB, "--to", "bob+else@example.test")
    assert len(stored(server, user=BOB)) == 1 and stored(server) == []
    assert listed(server) == []


def test_removed(make_server):
    server = make_server(settings=ALL)
    ids = [server.send(message("x")).id for _ in range(3)]
    assert [item["id"] for item in listed(server)] == ids[::-1]
    done = server.verb("quarantine", "remove", ids[0], "ZZZZZZZZZZ", ids[2], check=False)
    assert done.returncode == 1 and "ZZZZZZZZZZ" in done.stderr
    assert [item["id"] for item in listed(server)] == [ids[1]]
    assert stored(server) == []


def test_an_account_that_is_gone(make_server):
    server = make_server(settings=ALL)
    server.add_account(BOB)
    id = server.send(message("x"), recipients=(BOB,)).id
    server.verb("account", "remove", BOB)
    done = server.verb("quarantine", "release", id, check=False)
    assert done.returncode == 2 and "not there any more" in done.stderr
    assert len(listed(server)) == 1
    server.verb("quarantine", "release", id, "--to", ALICE)
    assert len(stored(server)) == 1


def test_nobody_gets_it_twice(make_server):
    """As after a crash between the delivery and the removal, and of one in the middle."""
    server = make_server(settings=ALL)
    server.add_account(BOB)
    id = server.send(message("x"), recipients=(ALICE, BOB)).id
    server.stop()
    kept = server.data / "quarantine" / "quarantine.db"
    with sqlite3.connect(kept) as source, sqlite3.connect(server.directory / "copy.db") as target:
        source.backup(target)

    def back():
        for end in ("-wal", "-shm"):
            kept.with_name(kept.name + end).unlink(missing_ok=True)
        with open(server.directory / "copy.db", "rb") as source, open(kept, "r+b") as target:
            target.truncate(0)
            shutil.copyfileobj(source, target)

    server.verb("quarantine", "release", id, "--to", ALICE)
    back()
    assert "had it already" in server.verb("quarantine", "release", id).stdout
    back()
    assert "had it already" in server.verb("quarantine", "release", id).stdout
    server.start()
    assert len(stored(server)) == 1 and len(stored(server, user=BOB)) == 1
    assert listed(server) == []


def test_its_time_is_over(make_server):
    server = make_server(settings=ALL | {"quarantine": {"keep": "2h"}})
    ids = [server.send(message("x")).id for _ in range(2)]
    with sqlite3.connect(server.data / "quarantine" / "quarantine.db", timeout=10) as db:
        db.execute("UPDATE item SET time = time - 7201 WHERE id = ?", (ids[0],))
    assert len(listed(server)) == 2
    third = server.send(message("x")).id
    assert [item["id"] for item in listed(server)] == [third, ids[1]]
    # What has expired goes at the start, too.
    with sqlite3.connect(server.data / "quarantine" / "quarantine.db", timeout=10) as db:
        db.execute("UPDATE item SET time = time - 7201 WHERE id = ?", (ids[1],))
    server.stop()
    server.start()
    procs.wait_until(lambda: [item["id"] for item in listed(server)] == [third], 20, "what has expired")
    assert server.verify().returncode == 0


def test_full(make_server):
    """Nothing is removed before its time: the sender keeps it."""
    server = make_server(settings=ALL | {"quarantine": {"max_size": "1M"}})
    ids = []
    for n in range(20):
        reply = server.send(message("x", 3000))
        if reply.code != 250:
            break
        ids.append(reply.id)
    assert reply.matches("452 4.3.1 ") and 2 <= len(ids) <= 8
    assert len(listed(server)) == len(ids)
    server.wait_log("quarantine.max_size")
    server.verb("quarantine", "remove", ids[0])
    assert server.send(message("x", 3000)).code == 250


def test_damaged(make_server):
    """It is put off, and other mail goes on."""
    server = make_server(settings=ALL, start=False)
    path = server.data / "quarantine" / "quarantine.db"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"not a database" * 1000)
    server.start()
    assert server.send(message("x")).matches("451 4.3.0 ")
    server.configure({})
    server.reload()
    server.wait_log("reloaded")
    assert server.send(message("x")).code == 250
    assert len(stored(server)) == 1
    assert server.verify().returncode != 0
    assert server.verb("quarantine", "list", check=False).returncode == 2


def test_deferred_by_its_score(make_server):
    server = make_server(settings={"filter": {"junk_at": 0.2, "defer_at": 0.3, "reject_at": 500.0}})
    reply = server.send(message("x"))
    assert reply.matches("451 4.7.1 This message is not taken now. Try again later")
    (record,) = server.records(reply.id, count=1)
    assert record["action"] == "defer" and stored(server) == []


@pytest.mark.root
def test_owners(make_server):
    """Run as root, the verbs leave nothing behind that a role could not use."""
    server = make_server(settings=ALL)
    server.add_account(BOB)
    id = server.send(message("x"), recipients=(ALICE,)).id
    server.records(id, count=1)
    server.verb("quarantine", "list")
    server.verb("quarantine", "release", id, "--to", BOB)  # who has never had mail
    found = owners(server)
    assert {name for name, _ in found} >= {"2.db", "quarantine.db", "records.db"}
    assert 0 not in {user for _, user in found}
    with server.imap(user=BOB, select="INBOX") as client:
        client.ok(b"STORE 1 +FLAGS (\\Seen)")
    assert server.send(message("y")).code == 250
