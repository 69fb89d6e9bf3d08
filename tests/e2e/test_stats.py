"""postern stats: what it counts is what was sent."""
import contextlib
import json
import os
import pwd
import socket
import sqlite3
import stat
import struct
import time

import pytest

from harness import ALICE, nsd, procs

GTUBE = b"From: a@remote.test\r\n\r\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"


def findings(server, *words):
    done = server.verb("stats", "findings", "--json", *words, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def judged(server, count):
    """The counts, once so many messages are among them."""
    def ask():
        found = findings(server)
        return found if found and found["spam"] + found["ham"] == count else None
    return procs.wait_until(ask, 20, f"{count} counted messages")


def stats(server, *words):
    """What the running server says."""
    return json.loads(server.verb("stats", "--json", *words, check=False).stdout)


def total(said, role, key):
    return sum(process["stats"][key] for process in said["processes"] if process["role"] == role)


def counted(server, role, **expected):
    """What is said once these are the sums, and no other: the end of a session is noticed a moment later."""
    sums = None

    def ask():
        nonlocal sums
        said = stats(server)
        if said["problems"]:
            return None  # one had no turn in time to answer
        sums = {key: total(said, role, key) for key in expected}
        return said if sums == expected else None
    try:
        return procs.wait_until(ask, 20, f"what {role} counts")
    except TimeoutError:
        pytest.fail(f"{role} counts {sums}, not {expected}")


def control(server):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(server.data / "run" / "control.sock"))
    client.settimeout(60)
    return client


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
    send(server, count=3)
    send(server, GTUBE)
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
    [reply] = send(server, GTUBE)
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


def test_what_was_sent_is_what_is_counted(make_server, send):
    server = make_server(settings={"log": {"level": "debug"}, "resolver": {"local_zones": ["."]}})
    today = time.time() // 86400
    plain = send(server, count=3)
    assert all(reply.matches("250 ") for reply in plain)
    with server.smtp() as smtp:
        smtp.ehlo()
        smtp.starttls()
        smtp.ehlo()
        smtp.expect("MAIL FROM:<a@remote.test>", "250 ")
        smtp.expect("RCPT TO:<nobody@example.test>", "550 ")
        smtp.expect(f"RCPT TO:<{ALICE}>", "250 ")
        assert smtp.data(GTUBE).matches("550 ")
        smtp.envelope()
        smtp.expect("DATA", "354 ")
        smtp.send(b"Subject: x\r\n\r\nbare\nnewline\r\n.\r\n")
        assert smtp.reply().matches("550 5.6.0 ")
        open_now = counted(server, "smtpd", sessions=1)
        assert open_now["problems"] == [] and open_now["running"] and open_now["hostname"] == "mx.example.test"
    with server.imap() as imap:
        imap.ok(b"NOOP")
    with server.imap(login=False) as imap:
        imap.no(b"LOGIN %s wrong" % ALICE.encode())

    counted(server, "smtpd", connections=4, sessions=0, turned_away=0, tls=1, accepted=3, refused=2, deferred=0,
            bytes=3 * len(b"From: a@remote.test\r\n\r\nx\r\n"), recipients_refused=1, recipients_deferred=0)
    said = counted(server, "filter", envelopes=5, envelopes_refused=0, accepted=3, junk=0, refused=1, deferred=0, failed=0)
    assert sum(n for p in said["processes"] if p["role"] == "filter" for _, n in p["stats"]["times"]) == 4
    assert 0 < said["judged_ms_p50"] <= said["judged_ms_p99"]
    counted(server, "delivery", messages=3, failed=0, records_lost=0)
    counted(server, "mailbox", connections=2, sessions=0, tls=2, logins=1, logins_failed=1)
    counted(server, "directory", logins=1, logins_failed=1, errors=0)
    assert total(said, "filter", "lookups") > total(said, "filter", "lookups_remembered") > 0
    assert {p["state"] for p in said["processes"]} == {"running"}
    assert {p["pid"] for p in said["processes"]} == {pid for pids in server.roles().values() for pid in pids}
    assert all(p["cpu_seconds"] >= 0 and p["pss_kib"] > 0 for p in said["processes"])

    told = server.verb("stats").stdout
    assert "3 accepted (78 bytes), 2 refused, 0 put off; 1 recipients refused" in told
    assert "Not as it should be" not in told
    procs.wait_until(lambda: "4 messages judged, 1 of them for Junk or refused (25 %)" in server.verb("stats").stdout
                     or time.time() // 86400 > today, 20, "today's messages")
    rows = server.verb("stats", "processes").stdout.splitlines()
    assert len(rows) == 1 + len(said["processes"]) and all(" running " in row for row in rows[1:])


@pytest.mark.parametrize("smtpd, filters", [(1, 3), (2, 2), (2, 3), (3, 2)])
def test_every_filter_has_its_turn(make_server, send, smtpd, filters):
    """Whatever the numbers of processes are: which smtpd takes a connection is chance, but no filter stays idle."""
    server = make_server(settings={"smtp": {"processes": smtpd}, "filter": {"processes": filters}})

    def judged_by():
        assert all(reply.matches("250 ") for reply in send(server, count=filters))
        return [p["stats"]["accepted"] for p in stats(server)["processes"] if p["role"] == "filter"]
    if smtpd == 1:
        assert judged_by() == [1] * filters
    procs.wait_until(lambda: all(judged_by()), 60, "a message for each filter")


def test_without_one_of_two_filters(make_server, send):
    """The other one judges what comes meanwhile."""
    server = make_server(settings={"smtp": {"processes": 1}, "filter": {"processes": 2},
                                   "supervisor": {"restart_delay": "30s"}})
    [pid] = [p["pid"] for p in stats(server)["processes"] if p["name"] == "filter.0"]
    server.kill_process(pid)
    server.wait_log("a process died .*process=filter")
    assert all(reply.matches("250 ") for reply in send(server, count=4))


def test_a_session_from_when_there_was_no_filter(make_server):
    """It goes on when there is one again, with either smtpd."""
    server = make_server(settings={"smtp": {"processes": 2}, "filter": {"processes": 2},
                                   "supervisor": {"restart_delay": "1s"}})
    filters = server.roles()["filter"]
    with contextlib.ExitStack() as sessions:
        for pid in filters:
            server.kill_process(pid)
        clients = [sessions.enter_context(server.smtp()) for _ in range(8)]
        for client in clients:
            client.ehlo()
        procs.wait_until(lambda: len(server.logged("started .*process=filter")) == 4, 30, "the filters")
        procs.wait_until(lambda: stats(server)["problems"] == [], 30, "all of it")
        for client in clients:
            client.envelope()
            assert client.data(b"From: a@remote.test\r\n\r\nx\r\n").matches("250 ")


def test_nobody_is_there(make_server):
    server = make_server()
    assert server.stop() == 0
    assert not (server.data / "run" / "control.sock").exists()
    for words in [], ["lists"], ["processes"]:
        done = server.verb("stats", *words, check=False)
        assert done.returncode == 1 and "no server is running on " in done.stdout + done.stderr
    assert stats(server)["running"] is False
    # One that was killed has left its socket behind.
    server.start()
    server.kill()
    assert (server.data / "run" / "control.sock").exists()
    assert stats(server)["problems"] == [f"no server is running on {server.data}"]
    server.start()
    assert stats(server)["running"] is True
    assert "write one of" in server.verb("stats", "nonsense", check=False).stderr


def test_processes_that_die_and_hang(make_server, send):
    """Both are told; a hanging one costs some seconds, and the others are told all the same."""
    server = make_server(settings={"filter": {"processes": 1}, "supervisor": {"restart_delay": "1s"}})
    send(server)
    [victim] = server.roles()["filter"]
    server.kill_process(victim)
    server.wait_log("a process died .*process=filter.0 ")
    assert server.verb("stats", check=False).returncode in (0, 1)  # it may be back already
    back = procs.wait_until(lambda: (s := stats(server))["problems"] == [] and s, 30, "the filter")
    [process] = [p for p in back["processes"] if p["name"] == "filter.0"]
    assert process["restarts"] == 1 and process["stats"]["accepted"] == 0
    assert "filter.0 has died 1 times" in server.verb("stats").stdout

    [delivery] = server.roles()["delivery"]
    with procs.stopped(delivery):
        for _ in range(2):
            done = server.verb("stats", check=False)
            assert done.returncode == 1 and "delivery does not answer" in done.stdout
        assert total({"processes": [p for p in stats(server)["processes"] if p["name"] != "delivery"]},
                     "smtpd", "connections") == 1
    procs.wait_until(lambda: stats(server)["problems"] == [], 30, "delivery")
    assert total(stats(server), "delivery", "messages") == 1


def test_garbage_and_patience(make_server, send):
    """Who speaks nonsense is hung up on, who says nothing too, and neither is in the way."""
    server = make_server()
    idle = [control(server) for _ in range(5)]
    header = struct.Struct("=IHHQ")
    nonsense = [b"GET / HTTP/1.0\r\n\r\n", b"\0" * 16 + b"x" * 100, os.urandom(4096), header.pack(0, 9, 0, 1),
                header.pack(2**31, 0, 0, 1), header.pack(0, 0, 4, 1), header.pack(0, 0xffff, 0, 1),
                header.pack(3, 0, 0, 1) + b"abc"]
    for n, bytes_ in enumerate(nonsense):
        with control(server) as client:
            client.sendall(bytes_)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
        if n % 3 == 0:
            assert stats(server)["running"]
    # More questions than anybody has, and away before the answers come.
    with control(server) as client:
        client.sendall(b"".join(header.pack(0, 0, 0, n) for n in range(100)))
    assert stats(server)["running"] and send(server)[0].matches("250 ")
    for client in idle:
        assert client.recv(1) == b""
        client.close()
    # Those beyond the limit are turned away; when the others have gone there is room again.
    crowd = [control(server) for _ in range(40)]
    assert sum(client.recv(1) == b"" for client in crowd) == 40
    procs.wait_until(lambda: stats(server)["running"], 20, "room for a question")


def test_who_may_ask(make_server):
    server = make_server()
    run = server.data / "run"
    assert stat.S_IMODE(run.stat().st_mode) & 0o027 == 0
    assert stat.S_IMODE((run / "control.sock").stat().st_mode) == 0o660
    assert (run / "control.sock").stat().st_gid == (server.data / "accounts").stat().st_gid


@pytest.mark.root
def test_an_ordinary_user(make_server):
    """Its own server it can ask; that of root it cannot."""
    nobody = pwd.getpwnam("nobody").pw_uid
    server = make_server(user=nobody)
    assert stats(server)["running"]
    other = make_server()
    other.config.chmod(0o644)
    other.user = nobody
    done = other.verb("stats", check=False)
    other.user = None
    assert done.returncode == 2 and "members of the group" in done.stdout + done.stderr


def test_a_long_way(make_server):
    """data_dir may be longer than the name of a socket can be."""
    server = make_server(start=False)
    deep = server.data.parent / ("d" * 200)
    server.data.rename(deep)
    server.configure({"data_dir": deep.name})
    server.start()
    assert stats(server)["running"]


@pytest.mark.skipif(bool(nsd.missing()), reason="no nsd")
def test_lists(make_server, send):
    """A broken list is told, with the reason, and again when it works."""
    good, bad = "2.0.0.127 1 A 127.0.0.2\n14.2.0.192 1 A 127.0.0.2", "* 1 A 127.0.0.2"

    def ask(server):
        return {entry["name"]: entry for entry in stats(server)["lists"]}

    with nsd.Nsd({"good.example": good, "all.example": bad}) as world:
        entries = [{"name": name, "zone": f"{zone}.example", "kind": "ip", "of": "client",
                    "replies": [{"code": "127.0.0.2", "score": 1.5}]} for name, zone in (("GOOD", "good"), ("ALL", "all"))]
        server = make_server(settings=world.settings() | {
            "smtp": {"proxy_from": ["127.0.0.1"]}, "filter": {
                "lists": entries, "lists_check": "1s", "processes": 2, "junk_at": 100.0, "reject_at": 500.0}})
        found = procs.wait_until(
            lambda: (s := ask(server))["GOOD"]["state"] == "working" and s["ALL"]["state"] == "broken" and s, 30, "states")
        assert "lists what must not be listed" in found["ALL"]["why"] and found["ALL"]["zone"] == "all.example"
        assert found["GOOD"]["since"] <= stats(server)["since"] + 60
        done = server.verb("stats", check=False)
        assert done.returncode == 1 and "the list ALL (all.example) counts for nothing since 20" in done.stdout
        assert "the list GOOD" not in done.stdout
        for client in "192.0.2.14", "192.0.2.15", "192.0.2.16":
            with server.smtp(before=f"PROXY TCP4 {client} 127.0.0.1 4000 25\r\n".encode()) as smtp:
                smtp.ehlo()
                smtp.envelope()
                smtp.data(b"From: a@remote.test\r\n\r\nx\r\n")
        told = ask(server)
        assert (told["GOOD"]["questions"], told["GOOD"]["hits"], told["GOOD"]["unanswered"]) == (3, 1, 0)
        assert told["ALL"]["questions"] == 0
        table = server.verb("stats", "lists", check=False).stdout
        assert table.count("\n") == 4 and "lists what must not be listed" in table
        world.change("all.example", good)
        procs.wait_until(lambda: ask(server)["ALL"]["state"] == "working", 30, "the list")
        assert server.verb("stats").returncode == 0
        assert by_name(judged(server, 3))["GOOD"] == (0, 1)


def test_lint(make_server):
    """postern check: warnings with their lines, which --strict counts; lists that matched nothing."""
    server = make_server(start=False, settings={"filter": {
        "junk_at": 5.0, "reject_at": 15.0, "lists": [{"use": "spamhaus-zen"}, {"use": "surbl"}]}})
    text = server.config.read_text()

    def check(*words):
        done = server.verb("check", *words, check=False)
        return done.returncode, [line for line in done.stdout.splitlines() if "filter." in line]

    server.write_config(text.replace("junk_at = 5.0", 'findings = ( { name = "SPF_FAIL"; score = 5; } ); junk_at = 5.0'))
    line = 1 + server.config.read_text()[:server.config.read_text().index("SPF_FAIL")].count("\n")
    status, said = check()
    assert status == 0 and len(said) == 1
    assert said[0].startswith(f"warning: {server.config}:{line}: filter.findings: SPF_FAIL scores 5.0, and Junk is from")
    assert check("--strict")[0] == 1
    [entry] = [e for e in json.loads(server.verb("check", "--json").stdout) if "filter." in e["text"]]
    assert entry["level"] == "warning" and entry["line"] == line
    server.write_config(text.replace("junk_at = 5.0", 'findings = ( { name = "ZEN_SBL"; score = 5; } ); junk_at = 5.0'))
    assert check()[0] == 1 and "ZEN_SBL is of a list" in check()[1][0]

    server.write_config(text)
    server.start()
    server.deliver()
    judged(server, 1)
    server.stop()
    with sqlite3.connect(server.data / "records" / "records.db") as records:
        records.execute("UPDATE finding_count SET ham = 10000 WHERE name = ''")
        records.execute("INSERT INTO finding_count VALUES (?, 'ZEN_PBL', 1, 0)", (int(time.time()) // 86400,))
    status, said = check()
    assert status == 0 and len(said) == 1 and "filter.lists: SURBL has matched none of 10000 messages" in said[0]
