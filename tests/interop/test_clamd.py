"""The real clamd, as the antivirus asks it, with a database of its own."""
import base64
import email.utils
import json

import pytest

from harness import ALICE, clamd, procs

pytestmark = pytest.mark.skipif(not clamd.program(), reason="not installed: clamd")

HEAD = (f"From: a@remote.test\r\nTo: {ALICE}\r\nSubject: hello\r\nDate: {email.utils.formatdate()}\r\n"
        "Message-ID: <1@remote.test>\r\n").encode()
PLAIN = HEAD + b"\r\nnothing\r\n"
EICAR = HEAD + b"\r\n" + clamd.EICAR + b"\r\n"
INFECTED = HEAD + b"\r\n" + clamd.VIRUS + b"\r\n"
LINES = 2000 * (b"y" * 70 + b"\r\n")


def attached(content, name="x.bin"):
    lines = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return (HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=%s\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n%s--b--\r\n" % (name.encode(), lines))


def send(server, message):
    with server.smtp() as client:
        client.ehlo()
        client.envelope()
        return client.data(message)


def virus(server, reply):
    def ask():
        done = server.verb("why", reply.id, "--json", check=False)
        return json.loads(done.stdout.splitlines()[0]) if done.returncode == 0 else None
    return procs.wait_until(ask, 20, f"record of {reply}")["virus"]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "details"])
def real(request):
    with clamd.Clamd(details=request.param) as instance:
        yield instance


@pytest.mark.parametrize("way", ["descriptor", "stream"])
def test_verdicts(make_server, real, way):
    endpoint = real.local if way == "descriptor" else real.tcp
    server = make_server(settings={"antivirus": {"servers": [endpoint]}})
    server.wait_log("a virus scanner answers")
    for message in PLAIN, HEAD + b"\r\n" + LINES, attached(b"harmless"):
        reply = send(server, message)
        assert reply.code == 250
        found = virus(server, reply)
        assert (found["result"], found["server"]) == ("clean", endpoint)
    for message in INFECTED, HEAD + b"\r\n" + LINES + clamd.VIRUS + b"\r\n", attached(clamd.VIRUS), EICAR:
        name = clamd.EICAR_SIGNATURE if message == EICAR else clamd.SIGNATURE
        reply = send(server, message)
        assert reply.matches(f"550 5.7.1 This message has a virus: {name}.UNOFFICIAL"), reply
    assert "takes no descriptors" not in server.log()
    assert "a message was not scanned" not in server.log()


def test_too_large_for_a_stream(make_server, real):
    """clamd says so while it is still being told, and hangs up."""
    server = make_server(settings={"antivirus": {"servers": [real.tcp]}})
    reply = send(server, HEAD + b"\r\n" + 20 * LINES)
    assert reply.code == 250
    found = virus(server, reply)
    assert (found["result"], found["why"]) == ("unscanned", "INSTREAM size limit exceeded.")
    # Its own limits do not hold for descriptors, which it reads itself.
    assert send(server, INFECTED).code == 550


def test_ended_and_started_again(make_server):
    with clamd.Clamd() as real:
        server = make_server(settings={"antivirus": {"servers": [real.local], "unavailable": "tempfail"}})
        assert send(server, INFECTED).code == 550
        real.stop()
        assert send(server, PLAIN).matches("451 4.7.1 ")
        real.start()
        server.wait_log("a virus scanner is back", 60)  # it is asked at intervals that grow to 30 s
        assert send(server, PLAIN).code == 250
        assert send(server, INFECTED).code == 550
