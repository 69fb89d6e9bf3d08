"""The real clamd, as the antivirus asks it, with a database of its own."""
import base64

import pytest

from harness import clamd

pytestmark = pytest.mark.skipif(not clamd.program(), reason="not installed: clamd")

PLAIN = clamd.message(b"nothing\r\n")
EICAR = clamd.message(clamd.EICAR + b"\r\n")
INFECTED = clamd.message(clamd.VIRUS + b"\r\n")
LINES = 2000 * (b"y" * 70 + b"\r\n")


def attached(content):
    lines = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return clamd.message(
        b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Disposition: attachment; filename=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + lines + b"--b--\r\n", b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n")


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "details"])
def real(request):
    with clamd.Clamd(details=request.param) as instance:
        yield instance


@pytest.mark.parametrize("way", ["descriptor", "stream"])
def test_verdicts(make_server, real, way):
    endpoint = real.local if way == "descriptor" else real.tcp
    server = make_server(settings={"antivirus": {"servers": [endpoint]}})
    server.wait_log("a virus scanner answers")
    for message in PLAIN, clamd.message(LINES), attached(b"harmless"):
        reply = server.send(message)
        assert reply.code == 250
        found = server.record(reply.id)["virus"]
        assert (found["result"], found["server"]) == ("clean", endpoint)
    for message in INFECTED, clamd.message(LINES + clamd.VIRUS + b"\r\n"), attached(clamd.VIRUS), EICAR:
        name = clamd.EICAR_SIGNATURE if message == EICAR else clamd.SIGNATURE
        reply = server.send(message)
        assert reply.matches(f"550 5.7.1 This message has a virus: {name}.UNOFFICIAL"), reply
    assert "takes no descriptors" not in server.log()
    assert "a message was not scanned" not in server.log()


def test_too_large_for_a_stream(make_server, real):
    """clamd says so while it is still being told, and hangs up."""
    server = make_server(settings={"antivirus": {"servers": [real.tcp]}})
    reply = server.send(clamd.message(20 * LINES))
    assert reply.code == 250
    found = server.record(reply.id)["virus"]
    assert (found["result"], found["why"]) == ("unscanned", "INSTREAM size limit exceeded.")
    # Its own limits do not hold for descriptors, which it reads itself.
    assert server.send(INFECTED).code == 550


def test_ended_and_started_again(make_server):
    with clamd.Clamd() as real:
        server = make_server(settings={"antivirus": {"servers": [real.local], "unavailable": "tempfail"}})
        assert server.send(INFECTED).code == 550
        real.stop()
        assert server.send(PLAIN).matches("451 4.7.1 ")
        real.start()
        server.wait_log("a virus scanner is back", 60)  # it is asked at intervals that grow to 30 s
        assert server.send(PLAIN).code == 250
        assert server.send(INFECTED).code == 550
