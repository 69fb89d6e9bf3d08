"""postern scan: the judgement of files is that of the server."""
import json
import re
import subprocess

import pytest

from harness import ALICE, clamd, corpus, postern

SAMPLE = 60

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
    virus = record.get("virus", {}) | {"ms": 0, "cached": False}
    virus.pop("server", None)  # who is not asked again is not named
    for finding in record["findings"]:
        if finding["name"].startswith("DATE_"):  # how long ago, in days: it may be midnight in between
            finding["evidence"] = re.sub(r"\d+", "N", finding["evidence"])
    return {"virus": virus} | {key: record.get(key) for key in (
        "findings", "score", "action", "why", "reply", "size", "thresholds", "auth", "subject", "from", "message_id")}


def test_each_way_gives_the_same(make_server, tmp_path):
    server = make_server(settings={"filter": {"junk_at": 5.0}})
    with server.smtp() as client:
        client.ehlo("client.remote.test")
        id = client.send_message("sender@remote.test", [ALICE], LETTER)
    by_smtp = server.record(id)
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


@pytest.fixture(scope="module")
def scanner():
    with clamd.Fake() as fake:
        yield fake


@pytest.fixture(scope="module")
def judged_by_smtp(shared_server, scanner, material):
    """Real mail of all kinds: what the server found in each, by its number; and the messages."""
    shared_server.configure({"filter": {"enabled": True}, "smtp": {"max_message_size": "50M", "max_errors": 1000},
                             "antivirus": {"servers": [scanner.endpoint]}})
    shared_server.stop()
    shared_server.start()
    messages = [corpus.normalized(path.read_bytes()) for path in corpus.messages(material, SAMPLE)]
    messages += [LETTER, GTUBE, LETTER + clamd.VIRUS + b"\r\n", b"Subject: \r\n\r\nFrom me\r\n>From him\r\n"]
    ids = []
    with shared_server.smtp() as client:
        client.ehlo("client.remote.test")
        for message in messages:
            client.envelope("sender@remote.test", [ALICE])
            ids.append(client.data(message).text.rstrip(")")[-10:])
    return messages, [judged(shared_server.record(id)) for id in ids]


def unix(message):
    return message.replace(b"\r\n", b"\n")


def in_mbox(message, end):
    lines = re.sub(rb"^(>*From )", rb">\1", unix(message), flags=re.M).replace(b"\n", end)
    return b"From a@b Mon Jan  1 00:00:00 2024" + end + lines + end


def write(directory, messages, form):
    """In one of the forms; the word for the command line, what its standard input is, and under which name each is."""
    names = [f"{n:05d}" for n in range(len(messages))]
    if form.startswith("mbox"):
        end = b"\r\n" if "CRLF" in form else b"\n"
        content = b"".join(in_mbox(message, end) for message in messages)
        (directory / "mbox").write_bytes(content)
        word, names = directory / "mbox", [f"{directory}/mbox:{n + 1}" for n in range(len(messages))]
        return ("-", content, [f"-:{n + 1}" for n in range(len(messages))]) if "input" in form else (word, b"", names)
    for name, message in zip(names, messages):
        (directory / name).write_bytes(unix(message) if "LF" == form else message)
    return directory, b"", [f"{directory}/{name}" for name in names]


@pytest.mark.parametrize("form", ["LF", "CRLF", "mbox", "mbox of CRLF", "mbox as input"])
def test_a_corpus_each_way(shared_server, judged_by_smtp, tmp_path, form):
    messages, wanted = judged_by_smtp
    word, stdin, names = write(tmp_path, messages, form)
    found = {record["file"]: judged(record)
             for record in records(word, *ENVELOPE, "--config", shared_server.config, stdin=stdin)}
    assert sorted(found) == sorted(names)
    assert [name for name, by_smtp in zip(names, wanted) if found[name] != by_smtp] == []
    results = {by_smtp["virus"].get("result") for by_smtp in wanted}
    assert results - {None} == {"clean", "infected"}  # what was refused for good before is not scanned


def test_single_messages_as_input(shared_server, judged_by_smtp):
    messages, wanted = judged_by_smtp
    for message, by_smtp in list(zip(messages, wanted))[-20:]:
        (record,) = records("-", *ENVELOPE, "--config", shared_server.config, stdin=unix(message))
        assert record["file"] == "-" and judged(record) == by_smtp


def test_antivirus(shared_server, judged_by_smtp, scanner, tmp_path):
    """As configured, or not; a server that is down is no reason to fail."""
    (tmp_path / "a").write_bytes(LETTER + clamd.VIRUS + b"\r\n")
    words = tmp_path / "a", "--no-dns", "--config", shared_server.config

    def viruses(*more):
        (record,) = records(*words, *more)
        return record.get("virus", {}).get("result"), [f["name"] for f in record["findings"] if "VIRUS" in f["name"]]
    assert viruses() == ("infected", ["VIRUS_INFECTED"])
    assert viruses("--no-antivirus") == (None, [])
    scanner.stop()
    assert viruses() == ("failed", ["VIRUS_FAILED"])
    scanner.start()


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
