"""postern scan: the judgement of files is that of the server."""
import json
import subprocess

import pytest

from harness import ALICE, postern, procs

LETTER = (b"From: PayPal Service <a@stranger.test>\r\nTo: alice@example.test\r\nSubject: Re: your account\r\n"
          b"Date: Tue, 14 Nov 2023 22:00:00 +0000\r\nMessage-ID: <1@stranger.test>\r\nMIME-Version: 1.0\r\n"
          b"Content-Type: text/html; charset=utf-8\r\n\r\n"
          b"<p>Dear customer,</p>\r\n<a href='http://evil.test/'>https://www.paypal.com/login</a>\r\n"
          b"From here on all is well.\r\n")
GTUBE = LETTER + b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
ENVELOPE = "--ip", "127.0.0.1", "--helo", "client.remote.test", "--from", "sender@remote.test"


def scan(*words, stdin=b"", status=None):
    done = subprocess.run([postern.BINARY, "scan", *map(str, words)], input=stdin, capture_output=True, timeout=120)
    assert status is None or done.returncode == status, done.stderr
    return done


def records(*words, stdin=b""):
    return [json.loads(line) for line in scan("--json", *words, stdin=stdin).stdout.splitlines()]


def judged(record):
    """What must not depend on the way by which the message came."""
    return {"findings": record["findings"], "score": record["score"], "action": record["action"],
            "size": record["size"], "thresholds": record["thresholds"]}


def test_each_way_gives_the_same(make_server, tmp_path):
    server = make_server(settings={"filter": {"junk_at": 5.0}})
    with server.smtp() as client:
        client.ehlo("client.remote.test")
        id = client.send_message("sender@remote.test", [ALICE], LETTER)
    by_smtp = procs.wait_until(
        lambda: (done := server.verb("why", id, "--json", check=False)).returncode == 0 and json.loads(done.stdout),
        20, "the record")
    assert by_smtp["action"] == "junk" and "LINK_ELSEWHERE" in str(by_smtp["findings"])
    (tmp_path / "letter.eml").write_bytes(LETTER)
    (tmp_path / "unix.eml").write_bytes(LETTER.replace(b"\r\n", b"\n"))
    quoted = LETTER.replace(b"\r\nFrom here", b"\r\n>From here").replace(b"\r\n", b"\n")
    (tmp_path / "two.mbox").write_bytes(b"From a Mon Jan  1 00:00:00 2024\n" + quoted + b"\n"
                                        b"From b Mon Jan  1 00:00:00 2024\n" + quoted)
    configured = *ENVELOPE, "--config", server.config
    for words, stdin in [((tmp_path / "letter.eml",), b""), ((tmp_path / "unix.eml",), b""), (("-",), LETTER),
                         ((tmp_path / "two.mbox",), b""), (("-",), (tmp_path / "two.mbox").read_bytes())]:
        found = records(*words, *configured, stdin=stdin)
        assert len(found) == (2 if b"\nFrom b" in (stdin or words[0].read_bytes()) else 1)
        for record in found:
            assert judged(record) == judged(by_smtp), words


@pytest.fixture
def letters(tmp_path):
    (tmp_path / "new").mkdir()
    for number in range(20):
        (tmp_path / "new" / f"{number}.eml").write_bytes(GTUBE if number == 7 else LETTER)
    (tmp_path / "new" / ".hidden").write_bytes(LETTER)
    return tmp_path


def test_directory(letters):
    done = scan(letters, "--no-dns", status=1)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 20
    (refused,) = [line for line in lines if "reject" in line]
    assert "new/7.eml" in refused and "GTUBE 1000.00" in refused
    assert done.stderr.startswith(b"20 messages: 0 accepted, 19 to Junk, 0 quarantined, 1 refused")


def test_one_worker_says_the_same(letters):
    def by_file(*words):
        return {r["file"]: judged(r) for r in records(letters, "--no-dns", *words)}
    assert by_file("--jobs", "1") == by_file("--jobs", "5")


def test_nobody_brought_it(tmp_path):
    """Without a client nothing is said about it."""
    (tmp_path / "a").write_bytes(LETTER)
    (record,) = records(tmp_path / "a", "--no-dns")
    names = {finding["name"] for finding in record["findings"]}
    assert not [name for name in names if name.startswith(("RDNS_", "HELO_", "SPF_"))] and "FROM_BRAND" in names
    assert record["client"]["ip"] == "" and "spf" not in record["auth"]


@pytest.mark.parametrize("content", [b"", b"\n", b"\0" * 1000, b"From ", b"From x\n\n\n", b"a" * 100000,
                                     bytes(range(256)) * 20],
                         ids=["empty", "a line", "NUL", "the start of an mbox", "an empty mbox", "a long line", "bytes"])
def test_anything_is_judged(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    assert records(tmp_path / "a", "--no-dns")


def test_errors(tmp_path):
    assert b"nowhere" in scan(tmp_path / "nowhere", status=2).stderr
    assert b"--jobs" in scan(tmp_path, "--jobs", "none", status=2).stderr
    assert b"--ip" in scan(tmp_path, "--ip", "1.2.3", status=2).stderr
    assert b"something is missing" in scan(status=2).stderr
