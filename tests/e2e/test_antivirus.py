"""Scanning for viruses, with a clamd that a test plays."""

import pytest

from harness import clamd, procs

CLEAN = clamd.message(b"nothing\r\n")
INFECTED = clamd.message(clamd.VIRUS + b"\r\n")
LARGE = clamd.message(2000 * (b"words in a line of a message " + b"\r\n") + 2000 * (b"y" * 70 + b"\r\n"))
TAG = "X-Virus-Status: "


def settings(*fakes, **more):
    return {"antivirus": {"servers": [fake.endpoint for fake in fakes]} | more}


def virus(server, reply):
    found = server.record(reply.id)["virus"]
    assert found.pop("ms") >= 0
    return found


def findings(server, reply):
    return {found["name"]: found for found in server.record(reply.id)["findings"]
            if found["name"].startswith("VIRUS_")}


def stored(server, mailbox="INBOX"):
    """The newest message."""
    with server.imap(select=mailbox) as client:
        result = client.ok(b"FETCH * BODY.PEEK[]")
        return result.untagged[0].literals[0].decode()


@pytest.fixture(params=["unix", "tcp"])
def fake(request):
    with clamd.Fake(tcp=request.param == "tcp") as instance:
        yield instance


def test_verdicts(make_server, fake):
    """Small messages and those in the spool, over both kinds of sockets."""
    server = make_server(settings=settings(fake))
    command = "zINSTREAM" if fake.port else "zFILDES"
    server.wait_log("a virus scanner answers")
    for message in CLEAN, LARGE, INFECTED, LARGE + clamd.VIRUS + b"\r\n":
        reply = server.send(message)
        found = virus(server, reply)
        assert found.pop("server") == fake.endpoint
        if clamd.VIRUS in message:
            assert reply.matches(f"550 5.7.1 This message has a virus: {clamd.SIGNATURE}"), reply
            assert found == {"result": "infected", "signature": clamd.SIGNATURE, "cached": False}
            assert findings(server, reply)["VIRUS_INFECTED"]["evidence"] == clamd.SIGNATURE
        else:
            assert reply.code == 250
            assert found == {"result": "clean", "cached": False}
            assert not findings(server, reply)
        assert fake.contents[-1] == message and fake.commands[-1] == command
    told = server.verb("why", reply.id).stdout
    assert "infected" in told and clamd.SIGNATURE in told


@pytest.mark.parametrize("name", ["clamd", "clamd.remote.test"])
def test_a_server_with_a_name(make_server, name):
    """The resolver finds it, now and when it has moved."""
    with clamd.Fake(tcp=True) as fake:
        record = [f"{name} 1 A 127.0.0.1", f"{name} 1 AAAA ::1"]
        server = make_server(settings={"antivirus": {"servers": [f"{name}:{fake.port}"]},
                                       "resolver": {"local_zones": ["."], "records": record}})
        server.wait_log(f"a virus scanner answers role=antivirus server={name}:{fake.port}")
        assert server.send(INFECTED).matches(f"550 5.7.1 This message has a virus: {clamd.SIGNATURE}")
        assert not server.logged("a virus scanner is down")


def test_a_name_without_an_address(make_server):
    server = make_server(settings={"antivirus": {"servers": ["clamd.nowhere.test:3310"]}})
    server.wait_log("a virus scanner is down .*no address for its name: nxdomain")
    reply = server.send(CLEAN)
    assert reply.code == 250 and "VIRUS_FAILED" in findings(server, reply)


def test_the_same_content_is_not_scanned_again(make_server):
    with clamd.Fake() as fake:
        server = make_server(settings=settings(fake))
        for message in CLEAN, INFECTED:
            first, again = virus(server, server.send(message)), virus(server, server.send(message))
            assert not first.pop("cached") and again.pop("cached")
            assert first.pop("server") == fake.endpoint and "server" not in again
            assert first == again
        assert fake.contents == [CLEAN, INFECTED]
        # One byte makes another message of it.
        assert server.send(CLEAN + b"x\r\n").code == 250
        assert len(fake.contents) == 3
        # Signatures may be others by now.
        server.reload()
        server.wait_log(r'\breloaded\b')
        assert server.send(INFECTED).code == 550
        assert len(fake.contents) == 4


@pytest.mark.parametrize("mood, why", [
    ("error", "Can't create temporary file"),
    ("half", "it hung up in the middle of its answer"),
    ("close", "it hung up without an answer"),
])
def test_failures_of_one_message(make_server, mood, why):
    """The server that answers PING is not down; failures are not kept."""
    with clamd.Fake(mood=mood) as fake:
        server = make_server(settings=settings(fake))
        for _ in range(2):
            reply = server.send(INFECTED)
            assert reply.code == 250
            assert virus(server, reply) == {
                "result": "failed", "why": why, "server": fake.endpoint, "cached": False}
            assert findings(server, reply)["VIRUS_FAILED"]["evidence"] == why
        assert f"{TAG}Not scanned; {why}\r\n" in stored(server)
        assert server.wait_log(rf"a message was not scanned for viruses .*id={reply.id}")
        fake.mood = "good"
        assert server.send(INFECTED).code == 550
        assert "is down" not in server.log()


@pytest.mark.parametrize("policy, code, action", [("tag", 250, "accept"), ("tempfail", 451, "defer"),
                                                  ("accept", 250, "accept")])
def test_down_and_back(make_server, policy, code, action):
    """One alarm when it goes, one word when it comes back, and no message waits in between."""
    with clamd.Fake() as fake:
        server = make_server(settings={"antivirus": {"servers": [fake.endpoint], "unavailable": policy}})
        assert server.send(CLEAN).code == 250
        fake.stop()
        for n in range(3):
            reply = server.send(INFECTED)
            assert reply.code == code and server.record(reply.id)["action"] == action
            assert virus(server, reply)["result"] == "failed"
            mode = findings(server, reply)["VIRUS_FAILED"]["mode"]
            assert mode == ("observe" if policy == "accept" else "score")
        if policy == "tempfail":
            assert reply.matches("451 4.7.1 This message cannot be scanned for viruses now"), reply
        else:
            assert (TAG in stored(server)) == (policy == "tag")
        assert len(server_lines(server, "a virus scanner is down")) == 1
        fake.start()
        is_back(server)
        assert server.send(INFECTED).matches("550 5.7.1 ")
        assert len(server_lines(server, "a virus scanner is back")) == 1
        assert len(server_lines(server, "a virus scanner is down")) == 1


def is_back(server):
    """It is asked at growing intervals, of 30 s in the end."""
    server.wait_log("a virus scanner is back", 60)


def is_started(server, times):
    """The process is, and the filters can call it: its scanner may have answered before."""
    procs.wait_until(lambda: len(server.logged("started role=supervisor process=antivirus")) >= times, 20, "its start")


def server_lines(server, text):
    return [line for line in server.log().splitlines() if text in line]


def test_silence_ends(make_server):
    with clamd.Fake(mood="silent") as fake:
        server = make_server(settings={"antivirus": {"servers": [fake.endpoint], "timeout": "1s"}})
        reply = server.send(CLEAN)
        assert reply.code == 250
        assert virus(server, reply)["why"] in ("no answer in time", "no virus scanner is there")
        server.wait_log("a virus scanner is down .*no answer in time")
        fake.mood = "good"
        fake.released.set()
        is_back(server)
        # A second may be too short for it on a busy machine.
        procs.wait_until(lambda: server.send(INFECTED).code == 550, 20, "a scan in time")


@pytest.mark.parametrize("mood, says", [("http", r"HTTP/1\.1 400 Bad Request"), ("banner", r"220 mx\.elsewhere\.test")])
def test_another_service_behind_the_socket(make_server, fake, mood, says):
    fake.mood = mood
    server = make_server(settings=settings(fake))
    server.wait_log(rf"no clamd answers there, but another service .*{says}")
    reply = server.send(CLEAN)
    assert reply.code == 250 and virus(server, reply)["result"] == "failed"
    assert len(server_lines(server, "another service")) == 1


def test_two_servers_and_one_is_down(make_server):
    with clamd.Fake() as one, clamd.Fake(tcp=True) as two:
        server = make_server(settings=settings(one, two))
        for n in range(4):
            assert server.send(CLEAN + b"%d\r\n" % n).code == 250
        assert len(one.contents) == len(two.contents) == 2
        one.stop()
        for n in range(4, 8):
            assert virus(server, server.send(CLEAN + b"%d\r\n" % n))["server"] == two.endpoint
        server.wait_log('a virus scanner is down')
        one.start()
        is_back(server)
        for n in range(8, 12):
            assert server.send(CLEAN + b"%d\r\n" % n).code == 250
        assert len(one.contents) == 4


@pytest.mark.parametrize("mood, commands", [("no-descriptors", ["zFILDES", "zINSTREAM", "zINSTREAM"]),
                                            ("unreadable", ["zFILDES", "zINSTREAM", "zFILDES", "zINSTREAM"])])
def test_a_clamd_that_cannot_use_descriptors(make_server, mood, commands):
    """It gets the bytes; one that knows no descriptors is not offered them again."""
    with clamd.Fake(mood=mood) as fake:
        server = make_server(settings=settings(fake))
        assert server.send(LARGE).code == 250
        assert server.send(INFECTED).code == 550
        assert fake.commands == commands and fake.contents == [LARGE, INFECTED]


@pytest.mark.parametrize("mood, why", [("large", "INSTREAM size limit exceeded."),
                                       ("encrypted", "Heuristics.Encrypted.Zip")])
def test_what_cannot_be_looked_into(make_server, mood, why):
    """That is the message's own fault: no policy for failures asks to send it again."""
    with clamd.Fake(mood=mood) as fake:
        server = make_server(settings={"antivirus": {"servers": [fake.endpoint], "unavailable": "tempfail"}})
        reply = server.send(CLEAN)
        assert reply.code == 250
        assert virus(server, reply) == {
            "result": "unscanned", "why": why, "server": fake.endpoint, "cached": False}
        assert findings(server, reply)["VIRUS_UNSCANNED"]["evidence"] == why
        assert f"{TAG}Not scanned; {why}\r\n" in stored(server)


def test_too_large(make_server):
    with clamd.Fake() as fake:
        server = make_server(settings={"antivirus": {"servers": [fake.endpoint], "max_size": "64K"}})
        reply = server.send(LARGE)
        assert reply.code == 250 and virus(server, reply)["result"] == "unscanned"
        assert f"{TAG}Not scanned; it is larger than antivirus.max_size" in stored(server)
        assert fake.contents == []


def test_junk_and_signatures_of_strangers(make_server):
    with clamd.Fake(mood="odd") as fake:
        server = make_server(settings={"antivirus": {"servers": [fake.endpoint], "infected": "junk"}})
        reply = server.send(CLEAN)
        assert reply.code == 250 and server.record(reply.id)["action"] == "junk"
        signature = virus(server, reply)["signature"]
        assert signature.startswith("Odd") and signature.isprintable() and len(signature) < 160
        assert f"{TAG}Infected; {signature}\r\n" in stored(server, "Junk")


def test_policies_of_a_domain(make_server):
    with clamd.Fake() as fake:
        server = make_server(start=False)
        server.write_config(server.config.read_text() + f"""
            antivirus: {{ servers = [ "{fake.endpoint}" ]; }};
            domains = ( {{ name = "example.test"; antivirus: {{ infected = "junk"; unavailable = "tempfail"; }}; }} );
            """)
        server.start()
        reply = server.send(INFECTED)
        assert reply.code == 250 and server.record(reply.id)["action"] == "junk"
        fake.stop()
        assert server.send(CLEAN).code == 451


def test_a_reload_starts_and_ends_it(make_server):
    """Off: there is no such process. Other servers: one with another sandbox."""
    def reload(config):
        before = server.log().count("reloaded")
        server.configure(config)
        server.reload()
        procs.wait_until(lambda: server.log().count("reloaded") > before, 20, "reload")

    with clamd.Fake() as one, clamd.Fake(tcp=True) as two:
        server = make_server()
        assert "antivirus" not in server.roles()
        assert server.send(INFECTED).code == 250
        reload(settings(one))
        server.wait_log(rf"a virus scanner answers.*{one.path}")
        is_started(server, 1)
        assert server.send(INFECTED).code == 550
        reload(settings(two))
        server.wait_log(rf"a virus scanner answers.*{two.port}")
        is_started(server, 2)
        reply = server.send(INFECTED)
        assert reply.code == 550 and virus(server, reply)["server"] == two.endpoint
        reload({})
        procs.wait_until(lambda: "antivirus" not in server.roles(), 20, "its end")
        reply = server.send(INFECTED)
        assert reply.code == 250 and "virus" not in server.record(reply.id)


def test_killed(make_server):
    """A message meanwhile is tagged; the next process goes on."""
    with clamd.Fake() as fake:
        server = make_server(settings=settings(fake))
        server.wait_log("a virus scanner answers")
        for pid in server.roles()["antivirus"]:
            server.kill_process(pid)
        assert server.send(CLEAN).code == 250
        procs.wait_until(lambda: server.log().count("a virus scanner answers") >= 2, 20, "the next process")
        is_started(server, 2)
        assert server.send(INFECTED).code == 550


def test_many_at_a_time(make_server):
    """More than may be scanned at a time: they wait for their turn, and none is mistaken for another."""
    with clamd.Fake() as fake:
        server = make_server(settings={"antivirus": {"servers": [fake.endpoint], "max_concurrent": 2}})
        clients = [server.smtp() for _ in range(12)]
        for client in clients:
            client.ehlo()
            client.envelope()
            client.expect("DATA", "354 ")
        for n, client in enumerate(clients):
            client.send((CLEAN if n % 2 else INFECTED) + b"%d\r\n.\r\n" % n)
        for n, client in enumerate(clients):
            assert client.reply().code == (250 if n % 2 else 550)
            client.close()
        assert len(fake.contents) == 12
