"""SMTP as a peer sees it: what is accepted, what is refused, and with which words.

A conversation is a list of (line to send, beginning of the expected reply)."""
import re
import select
import socket
import time

import pytest

from harness import ALICE, procs, smtp

EHLO = ("EHLO client.remote.test", "250-")
MAIL = ("MAIL FROM:<sender@remote.test>", "250 2.1.0 ")
RCPT = (f"RCPT TO:<{ALICE}>", "250 2.1.5 ")
MESSAGE = b"From: sender@remote.test\r\nSubject: x\r\n\r\nbody\r\n"


def converse(server, script, **more):
    with server.smtp(**more) as client:
        for line, expected in script:
            client.expect(line, expected)
        client.expect("QUIT", "221 2.0.0 ")
        client.closed()


CONVERSATIONS = {
    "helo": [("HELO client.remote.test", "250 "), MAIL, RCPT],
    "address literal": [("EHLO [127.0.0.1]", "250-"), MAIL, RCPT],
    "IPv6 literal": [("EHLO [IPv6:::1]", "250-"), MAIL, RCPT],
    "verbs in any case": [("ehlo client.remote.test", "250-"), ("mail from:<a@remote.test>", "250 2.1.0"),
                          (f"rcpt to:<{ALICE}>", "250 2.1.5")],
    "null sender": [EHLO, ("MAIL FROM:<>", "250 2.1.0"), RCPT],
    "postmaster without a domain": [EHLO, MAIL, ("RCPT TO:<Postmaster>", "250 2.1.5")],
    "postmaster": [EHLO, MAIL, ("RCPT TO:<postMASTER@example.test>", "250 2.1.5")],
    "detail": [EHLO, MAIL, ("RCPT TO:<alice+lists@example.test>", "250 2.1.5")],
    "domain in any case": [EHLO, MAIL, ("RCPT TO:<alice@EXAMPLE.Test>", "250 2.1.5")],
    "quoted local part": [EHLO, MAIL, ('RCPT TO:<"alice"@example.test>', "250 2.1.5")],
    "source route to a local address": [EHLO, MAIL, ("RCPT TO:<@a.test,@b.test:alice@example.test>", "250 2.1.5")],
    "rset forgets": [EHLO, MAIL, RCPT, ("RSET", "250 2.0.0"), ("DATA", "503 5.5.1")],
    "ehlo forgets": [EHLO, MAIL, RCPT, EHLO, ("RCPT TO:<alice@example.test>", "503 5.5.1")],
    "noop": [("NOOP", "250 2.0.0"), ("NOOP anything at all", "250 2.0.0")],
    "vrfy tells nothing": [EHLO, ("VRFY alice", "252 2.")],
    "help": [EHLO, ("HELP", "214-2.0.0 ")],
    "expn": [EHLO, ("EXPN list", "502 5.5.1")],
    "size declared": [EHLO, ("MAIL FROM:<a@remote.test> SIZE=1000", "250 2.1.0")],
    "body parameters": [EHLO, ("MAIL FROM:<a@remote.test> BODY=8BITMIME", "250 2.1.0"), ("RSET", "250"),
                        ("MAIL FROM:<a@remote.test> BODY=7BIT", "250 2.1.0")],
    "smtputf8": [EHLO, ("MAIL FROM:<ärger@remote.test> SMTPUTF8", "250 2.1.0"), RCPT],
    "dsn parameters": [EHLO, ("MAIL FROM:<a@remote.test> RET=HDRS ENVID=QQ314159", "250 2.1.0"),
                       (f"RCPT TO:<{ALICE}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y.test", "250 2.1.5")],
    # Beyond the grammar, as real senders write it.
    "space after the colon": [EHLO, ("MAIL FROM: <a@remote.test>", "250 2.1.0")],
    "no angle brackets": [EHLO, ("MAIL FROM:a@remote.test", "250 2.1.0"), (f"RCPT TO:{ALICE}", "250 2.1.5")],
    "final dot": [EHLO, MAIL, ("RCPT TO:<alice@example.test.>", "250 2.1.5")],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_accepted(server, name):
    converse(server, CONVERSATIONS[name])


REFUSALS = {
    "unknown command": [("FROBNICATE", "500 5.5.[12]")],
    "empty line": [("", "500 5.5.[12]")],
    "ehlo without a name": [("EHLO", "501 5.5.4")],
    "helo without a name": [("HELO", "501 5.5.4")],
    "mail before ehlo": [("MAIL FROM:<a@remote.test>", "503 5.5.1")],
    "rcpt before mail": [EHLO, ("RCPT TO:<alice@example.test>", "503 5.5.1")],
    "data before rcpt": [EHLO, MAIL, ("DATA", "(503|554) 5.5.1")],
    "data before mail": [EHLO, ("DATA", "503 5.5.1")],
    "mail twice": [EHLO, MAIL, ("MAIL FROM:<b@remote.test>", "503 5.5.1")],
    "lhlo outside lmtp": [("LHLO client.remote.test", "500 5.5.1")],
    "mail without a path": [EHLO, ("MAIL FROM:", "501 5.(1.7|5.[24])"), ("MAIL", "501 5.5.[24]")],
    "mail with two ats": [EHLO, ("MAIL FROM:<a@b@remote.test>", "501 5.(1.7|5.[24])")],
    "mail with a bad domain": [EHLO, ("MAIL FROM:<a@-.test>", "501 5.(1.[78]|5.[24])")],
    "unknown mail parameter": [EHLO, ("MAIL FROM:<a@remote.test> FOO=BAR", "555 5.5.4")],
    "bad size": [EHLO, ("MAIL FROM:<a@remote.test> SIZE=ten", "501 5.5.4")],
    "bad body": [EHLO, ("MAIL FROM:<a@remote.test> BODY=9BIT", "501 5.5.4")],
    "parameter twice": [EHLO, ("MAIL FROM:<a@remote.test> SIZE=1 SIZE=2", "501 5.5.4")],
    "parameters after HELO": [("HELO client.remote.test", "250 "),
                              ("MAIL FROM:<a@remote.test> SIZE=1", "(555|501|503) 5.5.[14]|250 ")],
    "8-bit address without smtputf8": [EHLO, ("MAIL FROM:<ä@remote.test>", "(550|553|501) 5.(6.7|1.7|5.[24])")],
    "too large": [EHLO, ("MAIL FROM:<a@remote.test> SIZE=1048577", "552 5.3.4")],
    "vastly too large": [EHLO, ("MAIL FROM:<a@remote.test> SIZE=99999999999999999999", "(552 5.3.4|501 5.5.4)")],
    "unknown recipient": [EHLO, MAIL, ("RCPT TO:<nobody@example.test>", "550 5.1.1")],
    "unknown recipient is not a relay": [EHLO, MAIL, ("RCPT TO:<nobody+x@example.test>", "550 5.1.1")],
    "rcpt without a domain": [EHLO, MAIL, ("RCPT TO:<alice>", "(501|550|553) 5.(1.[123]|5.[24])")],
    "rcpt empty": [EHLO, MAIL, ("RCPT TO:<>", "(501|550|553) 5.(1.[123]|5.[24])")],
    "unknown rcpt parameter": [EHLO, MAIL, (f"RCPT TO:<{ALICE}> FOO=BAR", "555 5.5.4")],
    "bad notify": [EHLO, MAIL, (f"RCPT TO:<{ALICE}> NOTIFY=NEVER,SUCCESS", "501 5.5.4")],
    "data with an argument": [EHLO, MAIL, RCPT, ("DATA now", "501 5.5.4")],
    "rset with an argument": [EHLO, ("RSET now", "501 5.5.4")],
    "data after helo with binarymime": [EHLO, ("MAIL FROM:<a@remote.test> BODY=BINARYMIME", "(555|501) 5.5.4")],
    "NUL in a command": [EHLO, (b"MAIL FROM:<a\0b@remote.test>", "50[01] 5.(1.7|5.[24])")],
    "control character": [EHLO, (b"MAIL FROM:<a\x07@remote.test>", "50[01] 5.(1.7|5.[24])")],
    "broken UTF-8": [EHLO, (b"MAIL FROM:<\xff\xfe@remote.test> SMTPUTF8", "(501|553) 5.(1.7|5.[24])")],
    "starttls with an argument": [EHLO, ("STARTTLS now", "501 5.5.4")],
    "auth is not for port 25": [EHLO, ("AUTH PLAIN AGFsaWNlAGFsaWNl", "50[0234] 5.5.[14]")],
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(server, name):
    converse(server, REFUSALS[name])


RELAYS = [
    "a@other.test", "a@example.test.other.test", "a@notexample.test", "a@[192.0.2.1]", "a@[127.0.0.1]",
    "a@[IPv6:2001:db8::1]", "a@[IPv6:::1]",
    "@example.test:a@other.test", "@other.test,@example.test:a@other.test",
    "a%other.test@example.test", "a%other.test", "a%other.test@[127.0.0.1]",
    "other.test!a@example.test", "other.test!a", "example.test!other.test!a",
    '"a@other.test"@example.test', '"a%other.test"@example.test', '"other.test!a"@example.test', '"a@other.test"',
    "a@other.test@example.test", "a@example.test@other.test", "a@other.test.",
    "alice@example.test%00@other.test", "alice@sub.example.test", "a@", "a@localhost", "postmaster@other.test",
]


@pytest.mark.parametrize("path", RELAYS)
def test_never_a_relay(server, path):
    """No form of address leads anywhere but to an account here, with a permanent refusal that tells
    relaying apart from a typing error in a local address."""
    with server.smtp() as client:
        client.ehlo()
        client.expect(*MAIL)
        reply = client.cmd(f"RCPT TO:<{path}>")
        assert reply.matches(r"(501|550|551|553|554) 5\.(7\.1|1\.[0123]|5\.[24]) \S"), reply
        if path.endswith("@other.test") and path.count("@") == 1:
            assert reply.enhanced == "5.7.1" and "relay" in reply.text.lower(), reply
        client.expect("DATA", "503 5.5.1|554 5.5.1")


def test_greeting_and_extensions(server):
    with server.smtp() as client:
        assert client.banner.matches("220 mx.example.test ESMTP")
        reply = client.ehlo()
        assert reply.lines[0].startswith("250-mx.example.test")
        extensions = client.extensions
        for name in ("PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", "STARTTLS", "DSN"):
            assert name in extensions, name
        assert extensions["SIZE"] == ["1048576"]
        assert "RCPTMAX=1000" in extensions["LIMITS"]
        assert "AUTH" not in extensions and "BINARYMIME" not in extensions
        client.starttls()
        client.ehlo()
        assert "STARTTLS" not in client.extensions
        client.expect("STARTTLS", "(503|502) 5.5.1")


def test_ipv6(server):
    converse(server, [EHLO, MAIL, RCPT], host="::1")


def received_of(server, account):
    with server.imap(account, select="INBOX") as client:
        return client.body(1)


def test_id_everywhere(server, account):
    """One id in the reply, in Received and in the log."""
    ident, = server.deliver(recipient=account)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{8,}", ident)
    message = received_of(server, account)
    received = re.search(rb"^Received: .*?(?=\r\n\S)", message, re.S | re.M).group(0)
    assert re.search(rb"\bid " + ident.encode(), received)
    assert f"id={ident}" in server.log()


def test_received_field(server, account):
    with server.smtp() as client:
        client.ehlo("client.remote.test")
        client.starttls()
        client.ehlo("client.remote.test")
        client.send_message("sender@remote.test", [account], MESSAGE)
    message = received_of(server, account)
    assert message.startswith(b"Return-Path: <sender@remote.test>\r\n")
    received = b" ".join(re.search(rb"^Received: .*?(?=\r\n\S)", message, re.S | re.M).group(0).split())
    assert re.match(rb"Received: from client\.remote\.test \(.*\[127\.0\.0\.1\].*\)", received), received
    assert b" by mx.example.test " in received
    assert b" with ESMTPS " in received and b"TLS" in received
    assert re.search(rb"; \w{3}, {1,2}\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", received), received


@pytest.mark.parametrize("hops, accepted", [(50, True), (51, False)])
def test_loop(server, account, hops, accepted):
    field = b"Received: from a.test by b.test; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        reply = client.data(field * hops + MESSAGE)
        assert reply.matches("250 2" if accepted else "554 5.4.6"), reply


def test_loop_counts_only_the_header(server, account):
    field = b"Received: from a.test by b.test; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        assert client.data(MESSAGE + field * 100).code == 250


BODIES = {
    "empty": b"",
    "no header": b"\r\nbody\r\n",
    "no body": b"Subject: x\r\n",
    "dots": b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\n...\r\n",
    "only dots": b".\r\n",
    "8-bit": b"Subject: x\r\n\r\n" + bytes(range(128, 256)) + b"\r\n",
    "longest line": b"Subject: x\r\n\r\n" + b"y" * 998 + b"\r\n",
    "control characters": b"Subject: x\r\n\r\n" + bytes(set(range(1, 32)) - {10, 13}) + b"\x7f\r\n",
    "trailing blank lines": b"Subject: x\r\n\r\nbody\r\n\r\n\r\n",
    "spaces before the end": b"Subject: x\r\n\r\nbody \t \r\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_body_unchanged(server, account, name):
    """What is sent is what is stored, below the fields that are added on top."""
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account], options=" BODY=8BITMIME")
        reply = client.data(BODIES[name])
        assert reply.code == 250, reply
    stored = received_of(server, account)
    if name in ("empty", "no header"):
        # Trace fields and a body must not run into each other.
        assert stored.endswith(BODIES[name]), stored
    else:
        assert stored.endswith(b"\r\n" + BODIES[name]), stored


def test_long_line_in_a_message(server, account):
    """Beyond 998 characters: accepted unchanged or refused, never cut or split."""
    body = b"Subject: x\r\n\r\n" + b"y" * 100_000 + b"\r\n"
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        reply = client.data(body)
    if reply.code == 250:
        assert received_of(server, account).endswith(body)
    else:
        assert reply.matches("5(00|54|50|52) 5.(5.2|6.[0-9])"), reply


def test_nul_in_a_message(server, account):
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        reply = client.data(b"Subject: x\r\n\r\na\0b\r\n")
        if reply.code == 250:
            assert b"a\0b" in received_of(server, account) or b"ab" in received_of(server, account)
        else:
            assert reply.matches("55[04] 5.6.[0-9]"), reply
        client.expect("NOOP", "250")


SMUGGLED = b"MAIL FROM:<evil@remote.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"


@pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r",
                                 b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n"])
def test_smuggling(server, account, end):
    """Nothing but CRLF.CRLF ends a message: what follows another end is not a second message, and
    by default the message is refused."""
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        client.expect("DATA", "354 ")
        client.send(b"Subject: x\r\n\r\nbody" + end + SMUGGLED)
        reply = client.reply()
        if b"\0" in end and reply.code == 250:
            assert b"MAIL FROM:<evil@" in received_of(server, account)
        else:
            assert reply.code in (550, 554, 500, 521) and reply.enhanced[0] == "5", reply
        # Exactly one reply for all of it.
        client.expect("NOOP", "250 2.0.0")
        client.expect("QUIT", "221")


@pytest.mark.parametrize("mode, end", [(mode, end) for mode in ("normalize", "reject")
                                       for end in (b"\n", b"\r", b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r")])
def test_bare_newline_modes(make_server, mode, end):
    server = make_server({"smtp": {"bare_newline": mode}})
    with server.smtp() as client:
        client.ehlo()
        client.envelope()
        client.expect("DATA", "354 ")
        client.send(b"Subject: x\r\n\r\none" + end + b"two\r\n.\r\n")
        reply = client.reply()
        if mode == "reject":
            assert reply.code in (521, 550, 554, 421) and client.closed()
            return
        assert reply.code == 250, reply
        client.expect("NOOP", "250")
    stored = received_of(server, ALICE)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", stored), stored
    # LF becomes CRLF, CR a space: a CR alone never was a line end in mail.
    assert stored.endswith({b"\r": b"\r\none two\r\n", b"\r.\r": b"\r\none . two\r\n",
                            b"\n": b"\r\none\r\ntwo\r\n",
                            b"\r\n.\n": b"\r\none\r\n\r\ntwo\r\n"}.get(end, b"\r\none\r\n.\r\ntwo\r\n")), stored


def test_bare_newline_in_a_command(server):
    with server.smtp() as client:
        client.send(b"NOOP\nNOOP\r\n")
        assert client.reply().matches("50[01] 5.5.[24]|250")
        client.expect("NOOP", "250")


def test_pipelining(server, account):
    """The whole session in one packet, and split at every byte."""
    script = (b"EHLO client.remote.test\r\nMAIL FROM:<a@remote.test>\r\nRCPT TO:<nobody@example.test>\r\n"
              b"RCPT TO:<%s>\r\nDATA\r\n" % account.encode())
    after = MESSAGE + b".\r\nNOOP\r\nQUIT\r\n"
    expected = [220, 250, 250, 550, 250, 354, 250, 250, 221]
    for pieces in ([script + after], [script, after], [bytes([byte]) for byte in script + after]):
        with server.smtp(banner=False) as client:
            for piece in pieces:
                client.send(piece)
            assert [client.reply().code for _ in expected] == expected
            client.closed()
    with server.imap(account, select="INBOX") as client:
        assert len(client.ok(b"SEARCH ALL").one(rb"\* SEARCH(.*)").group(1).split()) == 3


def test_data_refused_in_pipeline(server):
    """DATA after only refused recipients: no 354, and the body is not taken for commands' results."""
    with server.smtp() as client:
        client.ehlo()
        client.send(b"MAIL FROM:<a@remote.test>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n")
        assert [client.reply().code for _ in range(2)] == [250, 550]
        assert client.reply().matches("(503|554) 5.5.1")
        client.expect("NOOP", "250")


def test_starttls_injection(server):
    """What came before the handshake is thrown away: it was not protected."""
    with server.smtp() as client:
        client.ehlo()
        client.send(b"STARTTLS\r\nRSET\r\nNOOP injected\r\n")
        assert client.reply().code == 220
        client.wrap()
        client.ehlo()
        client.expect("HELP", "214-2.0.0 ")


def test_starttls_forgets(server):
    with server.smtp() as client:
        client.ehlo()
        client.expect(*MAIL)
        client.starttls()
        client.expect("RCPT TO:<alice@example.test>", "503 5.5.1")
        client.expect("MAIL FROM:<a@remote.test>", "503 5.5.1")
        client.ehlo()
        client.expect(*MAIL)


def test_starttls_then_garbage(server):
    with server.smtp() as client:
        client.ehlo()
        client.expect("STARTTLS", "220 ")
        client.send(b"this is no handshake\r\n" * 10)
        while True:
            try:
                if not client.socket.recv(4096):
                    break
            except ConnectionError:
                break


def bdat(client, data, last=False):
    client.send(b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data)
    return client.reply()


def test_bdat(server, account):
    body = MESSAGE + b".\r\nnot the end\r\n"
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        assert bdat(client, body[:10]).matches("250 2.0.0 ")
        assert bdat(client, b"").matches("250 2.0.0 ")
        assert bdat(client, body[10:40]).matches("250 2.0.0 ")
        reply = bdat(client, body[40:], last=True)
        assert reply.matches("250 2.(0.0|6.0)") and reply.id
        # LAST may be empty, and all of it may come in one packet.
        client.envelope(recipients=[account])
        client.send(b"BDAT %d\r\n%sBDAT 0 LAST\r\nNOOP\r\n" % (len(body), body))
        assert [client.reply().code for _ in range(3)] == [250, 250, 250]
    with server.imap(account, select="INBOX") as client:
        assert client.body(1).endswith(body) and client.body(2).endswith(body)


def test_bdat_sequence(server, account):
    with server.smtp() as client:
        client.ehlo()
        # The chunk of a refused BDAT is read and dropped: it must not be taken for commands.
        assert bdat(client, b"RSET\r\nNOOP\r\n", last=True).matches("503 5.5.1")
        client.expect("NOOP", "250")
        client.expect(*MAIL)
        assert bdat(client, b"QUIT\r\n", last=True).matches("503 5.5.1|554 5.5.1")
        client.expect("RSET", "250")
        client.envelope(recipients=[account])
        assert bdat(client, b"Subject: x\r\n").code == 250
        client.expect("DATA", "503 5.5.1")
        client.expect("RSET", "250")
        client.expect("NOOP", "250")


@pytest.mark.parametrize("command", ["BDAT", "BDAT ten", "BDAT 99999999999999999999 LAST", "BDAT 10 LST"])
def test_bdat_of_unknown_size(server, account, command):
    """What follows may be a chunk, never commands: the session is over."""
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        client.send(command.encode() + b"\r\nNOOP\r\n")
        assert client.reply().matches("501 5.5.4")
        client.closed()


def test_bdat_too_large(server, account):
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        chunk = b"x" * 78 + b"\r\n"
        assert bdat(client, chunk * 8000).code == 250
        assert bdat(client, chunk * 8000, last=True).matches("552 5.3.4")
        client.expect("NOOP", "250")


def test_too_large_while_receiving(server, account):
    """One byte below, at and above the limit of 1 MiB, as the message's own size counts."""
    limit = 1024 * 1024
    head = b"Subject: x\r\n\r\n"
    for size, code in ((limit, 250), (limit + 1, 552), (limit * 3, 552)):
        fill, rest = divmod(size - len(head), 80)
        body = head + (b"x" * 78 + b"\r\n") * (fill - 1) + b"x" * (78 + rest) + b"\r\n"
        assert len(body) == size
        with server.smtp() as client:
            client.ehlo()
            client.envelope(recipients=[account])
            reply = client.data(body)
            assert reply.code == code, (size, reply)
            assert code == 250 or reply.enhanced == "5.3.4"
            client.expect("NOOP", "250")


def test_too_many_recipients(make_server):
    server = make_server({"smtp": {"max_recipients": 100}})
    with server.smtp() as client:
        client.ehlo()
        assert "RCPTMAX=100" in client.extensions["LIMITS"]
        client.expect(*MAIL)
        for n in range(100):
            client.expect(f"RCPT TO:<alice+{n}@example.test>", "250 2.1.5")
        client.expect("RCPT TO:<alice+more@example.test>", "452 4.5.3")
        assert client.data(MESSAGE).code == 250


def test_one_message_to_the_same_account_twice(server, account):
    with server.smtp() as client:
        client.ehlo()
        client.send_message("a@remote.test", [account, account.upper(), account], MESSAGE)
    with server.imap(account, select="INBOX") as client:
        assert client.ok(b"SEARCH ALL").one(rb"\* SEARCH(.*)").group(1).split() == [b"1"]


def test_too_many_errors(server):
    with server.smtp() as client:
        for n in range(1, 100):
            reply = client.cmd("FROBNICATE")
            if reply.code == 421:
                break
            assert reply.code == 500
        assert reply.matches("421 4.7.0") and 15 <= n <= 25
        client.closed()


@pytest.mark.parametrize("size", [4090, 100_000, 1_000_000])
def test_long_command_line(server, size):
    """Refused without being kept; the session goes on or ends, but the server does neither grow nor
    answer twice."""
    with server.smtp() as client:
        try:
            client.send(b"NOOP " + b"x" * size + b"\r\n")
            reply = client.reply()
        except (smtp.Closed, ConnectionError):
            assert size > 100_000
            return
        assert reply.matches("500 5.5.[26]|421 4.7.0"), reply
        if reply.code == 500:
            client.expect("NOOP", "250")


def test_longest_command_line(server):
    """RFC 5321 §4.5.3.1.4 and the extensions' additions, up to 4096 bytes."""
    with server.smtp() as client:
        client.ehlo()
        client.expect("NOOP " + "x" * 505, "250")
        client.expect("NOOP " + "x" * (4096 - 7), "250")
        client.expect("NOOP " + "x" * (4096 - 6), "500 5.5.6")


def test_endless_line(server):
    """A peer that never ends its line cannot make the server keep it."""
    with server.smtp() as client:
        try:
            for _ in range(400):
                client.send(b"x" * 65536)
        except (ConnectionError, socket.timeout):
            return
        client.send(b"\r\n")
        try:
            assert client.reply().code in (500, 421)
        except smtp.Closed:
            pass


def test_timeouts(make_server):
    """Each of its own server: who is late with a command must not be taken for who is late with a message."""
    with make_server({"smtp": {"command_timeout": "1s"}}).smtp() as client:
        assert client.reply().matches("421 4.4.2")
        client.closed()
    with make_server({"smtp": {"data_timeout": "2s"}}).smtp() as client:
        client.ehlo()
        client.envelope()
        start = time.monotonic()  # before the server's: it has begun when we see the 354
        client.expect("DATA", "354")
        client.send(b"Subject: x\r\n")
        assert client.reply().matches("421 4.4.2")
        assert time.monotonic() - start > 1.5
        client.closed()


def test_slowloris(make_server):
    """One byte at a time does not push the deadline of a command back for ever."""
    server = make_server({"smtp": {"command_timeout": "1s"}})
    with server.smtp() as client:
        client.socket.settimeout(0.2)
        start = time.monotonic()
        while time.monotonic() - start < 60:  # by default it is 300
            try:
                client.send(b"N")
                got = client.socket.recv(100)
                assert got == b"" or got.startswith(b"421 4.4.2"), got
                return
            except TimeoutError:
                continue
            except ConnectionError:
                return
        pytest.fail("still connected after a minute of one byte every 0.2 s")


def test_message_that_trickles(make_server):
    """A message gets no more time by a byte now and then; one that comes as fast as it must gets all it needs."""
    server = make_server({"smtp": {"data_timeout": "5s"}})
    with server.smtp() as slow, server.smtp() as honest:
        for client in (slow, honest):
            client.ehlo()
            client.envelope()
            client.expect("DATA", "354")
        deadline = time.monotonic() + 60
        while not select.select([slow.socket], [], [], 0.2)[0]:
            assert time.monotonic() < deadline, "still connected after 60 s of one byte every 0.2 s"
            slow.send(b"x")
            honest.send((b"x" * 78 + b"\r\n") * 30)  # for which it may take 4.8 s
        reply = slow.reply()
        assert reply.matches("421 4.4.2 The message comes too slowly"), reply
        slow.closed()
        honest.send(b".\r\n")
        assert honest.reply().matches("250 2.0.0")
    server.wait_log("the message was broken off.*too slow")


def test_connection_limits(make_server):
    server = make_server({"smtp": {"max_connections": 12, "max_connections_per_ip": 4}})
    held = [server.smtp(source="127.0.0.1") for _ in range(4)]
    assert all(client.banner.code == 220 for client in held)
    with server.smtp(source="127.0.0.1") as client:
        assert client.banner.matches("421 4.7.0"), client.banner
        client.closed()
    held += [server.smtp(source=f"127.0.0.{2 + n // 4}") for n in range(8)]
    assert all(client.banner.code == 220 for client in held)
    with server.smtp(source="127.0.0.9") as client:
        assert client.banner.matches("421 4.(3.2|7.0)"), client.banner
    # A place that becomes free can be had again, as soon as the server has noticed.
    held.pop(0).close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with server.smtp(source="127.0.0.1") as client:
            if client.banner.code == 220:
                break
    else:
        pytest.fail("the freed place was not given again")
    for client in held:
        client.close()


def test_lmtp(make_server):
    server = make_server(start=False)
    server.configure({"lmtp": {"listen": [f"unix:{server.directory}/lmtp.sock"]}})
    server.add_account("bob@example.test")
    server.start()
    with smtp.Smtp(None, None, unix=server.directory / "lmtp.sock") as client:
        assert client.banner.code == 220
        client.expect("EHLO client.remote.test", "500 5.5.1")
        client.expect("LHLO client.remote.test", "250-")
        client.expect(*MAIL)
        client.expect("RCPT TO:<alice@example.test>", "250")
        client.expect("RCPT TO:<nobody@example.test>", "550 5.1.1")
        client.expect("RCPT TO:<bob@example.test>", "250")
        client.expect("DATA", "354")
        client.send(MESSAGE + b".\r\n")
        replies = [client.reply(), client.reply()]  # one for each accepted recipient
        assert [reply.code for reply in replies] == [250, 250]
        client.expect("NOOP", "250")
        client.expect(*MAIL)
        client.expect("RCPT TO:<bob@example.test>", "250")
        assert bdat(client, MESSAGE, last=True).code == 250
        client.expect("QUIT", "221")
    for user, count in ((ALICE, 1), ("bob@example.test", 2)):
        with server.imap(user) as client:
            client.ok(b"STATUS INBOX (MESSAGES)").one(rb"\* STATUS .*MESSAGES %d\b" % count)
    assert b" with LMTP " in b" ".join(received_of(server, ALICE).split())


def proxy_v2(family, payload, command=0x21):
    return (b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + len(payload).to_bytes(2, "big") + payload)


PROXIED = {
    "v1 TCP4": (b"PROXY TCP4 192.0.2.7 192.0.2.1 12345 25\r\n", "192.0.2.7"),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 12345 25\r\n", "2001:db8::7"),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v2 TCP4": (proxy_v2(0x11, bytes([192, 0, 2, 7, 192, 0, 2, 1, 0x30, 0x39, 0, 25])), "192.0.2.7"),
    "v2 TCP4 with TLV": (proxy_v2(0x11, bytes([192, 0, 2, 7, 192, 0, 2, 1, 0x30, 0x39, 0, 25, 4, 0, 1, 0])), "192.0.2.7"),
    "v2 TCP6": (proxy_v2(0x21, bytes.fromhex("20010db8" + "0" * 22 + "07" + "20010db8" + "0" * 22 + "01")
                         + b"\x30\x39\0\x19"), "2001:db8::7"),
    "v2 LOCAL": (proxy_v2(0x00, b"", command=0x20), "127.0.0.1"),
}


@pytest.fixture(scope="module")
def proxied():
    from harness import postern
    instance = postern.Postern(settings={"smtp": {"proxy_from": ["127.0.0.1"], "xclient_from": ["127.0.0.2"]}})
    try:
        yield instance.start()
        instance.stop()
        assert not instance.complaints()
    finally:
        instance.remove()


@pytest.mark.parametrize("name", PROXIED)
def test_proxy_protocol(proxied, name):
    header, address = PROXIED[name]
    with proxied.smtp(before=header + b"EHLO client.remote.test\r\n") as client:
        assert client.reply().code == 250  # in the same packet as the header
        ident = client.send_message("a@remote.test", [ALICE], MESSAGE)
    with proxied.imap(select="INBOX") as client:
        last = int(client.ok(b"SEARCH ALL").one(rb"\* SEARCH(.*)").group(1).split()[-1])
        message = client.body(last)
    assert ident.encode() in message
    assert (f"IPv6:{address}" if ":" in address else f"[{address}]").encode() in message, message


BAD_PROXIES = {
    "none": b"EHLO client.remote.test\r\n",
    "empty": b"PROXY\r\n",
    "bad address": b"PROXY TCP4 1.2.3 192.0.2.1 1 25\r\n",
    "too long": b"PROXY " + b"x" * 200,
    "bad port": b"PROXY TCP4 192.0.2.7 192.0.2.1 99999 25\r\n",
    "v2 too long": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + b"x" * 70000,
    "v2 bad version": b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"\0" * 12,
    "v2 too short": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04" + b"\0" * 4,
}


@pytest.mark.parametrize("name", BAD_PROXIES)
def test_proxy_protocol_refused(proxied, name):
    """A proxy that does not say who its client is gets no service."""
    with proxied.smtp(before=BAD_PROXIES[name], banner=False) as client:
        try:
            reply = client.reply()
            assert reply.code == 421 or reply.code >= 500, reply
        except (smtp.Closed, ConnectionError):
            pass


def test_proxy_header_from_others(server):
    """Without configuration the header is but a bad command."""
    with server.smtp(before=b"PROXY TCP4 192.0.2.7 192.0.2.1 1 25\r\n") as client:
        assert client.reply().code == 500
        client.expect(*EHLO)


def test_xclient(proxied):
    with proxied.smtp(source="127.0.0.2") as client:
        client.ehlo()
        assert {"ADDR", "NAME", "HELO", "PROTO"} <= set(client.extensions["XCLIENT"])
        client.expect("XCLIENT ADDR=192.0.2.9 NAME=real.remote.test HELO=real.helo.test PROTO=ESMTP", "220 ")
        client.expect("EHLO real.remote.test", "250-")
        client.send_message("a@remote.test", [ALICE], MESSAGE)
    with proxied.imap(select="INBOX") as client:
        last = int(client.ok(b"SEARCH ALL").one(rb"\* SEARCH(.*)").group(1).split()[-1])
        assert b"[192.0.2.9]" in client.body(last)
    with proxied.smtp(source="127.0.0.2") as client:
        client.ehlo()
        client.expect("XCLIENT ADDR=nonsense", "501 5.5.4")
        client.expect("XCLIENT FOO=bar", "501 5.5.4")


def test_xclient_from_others(server):
    with server.smtp() as client:
        client.ehlo()
        assert "XCLIENT" not in client.extensions
        client.expect("XCLIENT ADDR=192.0.2.9", "5(00|50|54|55) 5.(5.[124]|7.0)")


def test_aliases(server, account):
    server.verb("alias", "add", "all@example.test", ALICE, account)
    server.verb("domain", "add", "other.test")
    server.verb("alias", "add", "@other.test", account)
    with server.smtp() as client:
        client.ehlo()
        client.send_message("a@remote.test", ["all@example.test"], MESSAGE)
        client.send_message("a@remote.test", ["whoever@other.test"], MESSAGE)
    with server.imap(account) as client:
        client.ok(b"STATUS INBOX (MESSAGES)").one(rb"\* STATUS .*MESSAGES 2\b")
    server.verb("alias", "remove", "@other.test")
    server.verb("domain", "remove", "other.test")
    refused_soon(server, "whoever@other.test", "550 5.7.1 ")


def refused_soon(server, recipient, expected):
    """A recipient that was there is remembered for a second."""
    reply = None

    def refused():
        nonlocal reply
        with server.smtp() as client:
            client.ehlo()
            client.expect(*MAIL)
            reply = client.cmd(f"RCPT TO:<{recipient}>")
            return reply.code != 250
    procs.wait_until(refused, 20, f"the refusal of {recipient}")
    assert reply.matches(expected), reply


def test_removed_account(server, account):
    server.deliver(recipient=account)
    server.verb("account", "remove", account)
    refused_soon(server, account, "550 5.1.1 ")
    with server.imap(login=False) as client:
        client.no(b"LOGIN %s alice" % account.encode())


def test_new_account_at_once(server):
    """That a recipient is unknown is not remembered."""
    with server.smtp() as client:
        client.ehlo()
        client.expect(*MAIL)
        client.expect("RCPT TO:<newcomer@example.test>", "550 5.1.1 ")
        server.add_account("newcomer@example.test")
        client.expect("RCPT TO:<newcomer@example.test>", "250 2.1.5 ")


def test_abandoned_message_leaves_nothing(server, account):
    with server.smtp() as client:
        client.ehlo()
        client.envelope(recipients=[account])
        client.expect("DATA", "354")
        client.send(MESSAGE * 1000)
    server.deliver(recipient=account)
    with server.imap(account) as client:
        client.ok(b"STATUS INBOX (MESSAGES)").one(rb"\* STATUS .*MESSAGES 1\b")


def test_reset_connections(server):
    """A peer that resets in the middle of everything harms nobody."""
    for stage in (b"", b"EHLO x.test\r\n", b"EHLO x.test\r\nSTARTTLS\r\n", b"EHLO x.test\r\nMAIL FROM:<a@b.test>\r\n"
                  b"RCPT TO:<alice@example.test>\r\nDATA\r\nSubject: x\r\n", b"NO"):
        client = server.smtp()
        client.send(stage)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    server.deliver()
