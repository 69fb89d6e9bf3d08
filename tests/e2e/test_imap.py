"""IMAP as a client sees it: each command of RFC 3501 and the extensions that are offered."""
import base64
import hashlib
import hmac
import os
import quopri
import re
import time

import pytest

from harness import imap

SIMPLE = (b"From: Bob <bob@remote.test>\r\nTo: alice@example.test\r\nSubject: Simple\r\n"
          b"Date: Tue, 2 Jan 2024 10:00:00 +0100\r\nMessage-ID: <simple@remote.test>\r\n\r\nThe body.\r\n")
MULTIPART = (b"From: \"B, ob\" <bob@remote.test>\r\nTo: alice@example.test, =?utf-8?q?J=C3=B6rg?= <j@example.test>\r\n"
             b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Wed, 3 Jan 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
             b"Content-Type: multipart/mixed; boundary=\"outer\"\r\n\r\npreamble\r\n"
             b"--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n"
             b"--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain text\r\n"
             b"--inner\r\nContent-Type: text/html\r\n\r\n<p>html text</p>\r\n--inner--\r\n"
             b"--outer\r\nContent-Type: message/rfc822\r\n\r\n" + SIMPLE +
             b"\r\n--outer\r\nContent-Type: application/octet-stream; name=x.bin\r\n"
             b"Content-Disposition: attachment; filename=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
             b"--outer--\r\nepilogue\r\n")


@pytest.fixture
def box(server, account):
    """A client in the INBOX of a fresh account."""
    with server.imap(account, select="INBOX") as client:
        yield client


@pytest.fixture
def second(server, account):
    """Another session in the same mailbox."""
    with server.imap(account, select="INBOX") as client:
        yield client


def filled(client, *messages):
    for message in messages:
        assert client.append(b"INBOX", message).status == "OK"
    client.ok(b"NOOP")


def uids(client, criteria=b"ALL"):
    return [int(word) for word in client.ok(b"UID SEARCH " + criteria).one(rb"\* SEARCH(.*)").group(1).split()]


def numbers(client, criteria):
    return [int(word) for word in client.ok(b"SEARCH " + criteria).one(rb"\* SEARCH(.*)").group(1).split()]


# Coming in

def test_capability(server):
    with server.imap(login=False) as client:
        assert client.banner.line.startswith(b"* OK")
        words = set(client.ok(b"CAPABILITY").one(rb"\* CAPABILITY (.*)").group(1).split())
        assert {b"IMAP4rev1", b"AUTH=PLAIN", b"AUTH=SCRAM-SHA-256", b"SASL-IR", b"LITERAL+", b"ID"} <= words
        assert b"STARTTLS" not in words and b"LOGINDISABLED" not in words
    with server.imap() as client:
        words = set(client.ok(b"CAPABILITY").one(rb"\* CAPABILITY (.*)").group(1).split())
        assert {b"IMAP4rev1", b"IDLE", b"NAMESPACE", b"UIDPLUS", b"UNSELECT", b"ENABLE", b"CONDSTORE",
                b"SPECIAL-USE", b"CHILDREN", b"MOVE", b"LITERAL+"} <= words


def plain_client(server):
    return imap.Imap("127.0.0.1", server.imap_port, tls=False, context=server.tls_context())


def test_no_password_without_tls(server, account):
    with plain_client(server) as client:
        words = client.ok(b"CAPABILITY").one(rb"\* CAPABILITY (.*)").group(1).split()
        assert b"LOGINDISABLED" in words and b"STARTTLS" in words and b"AUTH=PLAIN" not in words
        assert client.no(b"LOGIN %s alice" % account.encode()).code(b"PRIVACYREQUIRED") is not None
        assert client.cmd(b"AUTHENTICATE PLAIN AGEAYg==").status in ("NO", "BAD")
        client.ok(b"STARTTLS")
        client.wrap()
        words = client.ok(b"CAPABILITY").one(rb"\* CAPABILITY (.*)").group(1).split()
        assert b"LOGINDISABLED" not in words and b"STARTTLS" not in words
        client.ok(b"LOGIN %s alice" % account.encode())


def test_starttls_injection(server):
    with plain_client(server) as client:
        client.send(b"s STARTTLS\r\ninjected NOOP\r\n")
        assert client.response().line.startswith(b"s OK")
        try:
            client.wrap()
        except OSError:
            return  # to take the command for a broken handshake is also safe
        result = client.ok(b"NOOP")
        assert not any(b"injected" in item.line for item in result.untagged)


def test_plaintext_where_configured(make_server):
    server = make_server({"imap": {"plaintext_login_from": ["127.0.0.1"]}})
    with plain_client(server) as client:
        client.ok(b"LOGIN alice@example.test alice")


@pytest.mark.parametrize("user, password", [
    (b"%s", b"wrong"), (b"nobody@example.test", b"alice"), (b"%s", b"alic"), (b"%s", b"alice2"), (b"%s", b'""'),
    (b'""', b'""'), (b"postmaster@example.test", b"alice"), (b'"%s|x"', b"alice"), (b'"%s\x01"', b"alice")])
def test_wrong_password(server, account, user, password):
    with server.imap(login=False) as client:
        if b"%s" in user:
            user %= account.encode()
        result = client.cmd(b"LOGIN " + user + b" " + password)
        assert result.status == "NO" and result.code(b"AUTHENTICATIONFAILED") is not None or b"\x01" in user, result
        assert client.cmd(b"SELECT INBOX").status in ("BAD", "NO")


def test_login_forms(server, account):
    for command in (b'LOGIN "%s" "alice"', b"login {%d+}\r\n%%s {5+}\r\nalice" % len(account)):
        with server.imap(login=False) as client:
            client.ok(command % account.encode())
    with server.imap(login=False) as client:
        tag = client.start(b"LOGIN {%d}" % len(account))
        client.continuation()
        client.send(account.encode() + b" {5}\r\n")
        client.continuation()
        client.send(b"alice\r\n")
        assert client.finish(tag).status == "OK"


def test_authenticate_plain(server, account):
    token = base64.b64encode(b"\0" + account.encode() + b"\0alice")
    with server.imap(login=False) as client:
        client.ok(b"AUTHENTICATE PLAIN " + token)
    with server.imap(login=False) as client:
        tag = client.start(b"AUTHENTICATE PLAIN")
        client.continuation()
        client.send(token + b"\r\n")
        assert client.finish(tag).status == "OK"
    with server.imap(login=False) as client:
        tag = client.start(b"AUTHENTICATE PLAIN")
        client.continuation()
        client.send(b"*\r\n")
        assert client.finish(tag).status == "BAD"
        for bad in (b"!!!!", b"AAAA", base64.b64encode(b"x\0y"), base64.b64encode(b"other\0" + account.encode() + b"\0alice")):
            assert client.cmd(b"AUTHENTICATE PLAIN " + bad).status in ("NO", "BAD")


def scram(client, user, password, tamper=b""):
    """SCRAM-SHA-256 (RFC 7677), written out."""
    nonce = base64.b64encode(os.urandom(18))
    first = b"n=" + user + b",r=" + nonce
    tag = client.start(b"AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(b"n,," + first))
    server_first = base64.b64decode(client.continuation().line[2:])
    parts = dict(item.split(b"=", 1) for item in server_first.split(b","))
    assert parts[b"r"].startswith(nonce) and len(parts[b"r"]) > len(nonce)
    assert int(parts[b"i"]) >= 4096
    salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(parts[b"s"]), int(parts[b"i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    without = b"c=biws,r=" + parts[b"r"]
    auth = first + b"," + server_first + b"," + without
    signature = hmac.digest(hashlib.sha256(key).digest(), auth, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature))
    client.send(base64.b64encode(without + b",p=" + base64.b64encode(proof) + tamper) + b"\r\n")
    expected = base64.b64encode(hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), auth, "sha256"))
    response = client.response()
    if not response.line.startswith(b"+"):
        return response.line.split()[1]
    assert base64.b64decode(response.line[2:]) == b"v=" + expected
    client.send(b"\r\n")
    return client.finish(tag).status.encode()


def test_authenticate_scram(server, account):
    with server.imap(login=False) as client:
        assert scram(client, account.encode(), b"alice") == b"OK"
        client.ok(b"SELECT INBOX")
    with server.imap(login=False) as client:
        assert scram(client, account.encode(), b"wrong") == b"NO"
        assert scram(client, b"nobody@example.test", b"alice") == b"NO"
        assert scram(client, account.encode(), b"alice") == b"OK"


def test_id_and_states(server, account):
    with server.imap(login=False) as client:
        client.ok(b'ID ("name" "test")').one(rb"\* ID ")
        client.ok(b"ID NIL")
        client.bad(b"SELECT INBOX")
        client.bad(b"FETCH 1 FLAGS")
        client.bad(b"FROBNICATE")
        client.bad(b"")
        client.ok(b"LOGIN %s alice" % account.encode())
        client.bad(b"LOGIN %s alice" % account.encode())
        client.bad(b"FETCH 1 FLAGS")
        client.ok(b"LOGOUT").one(rb"\* BYE")
        client.closed()


def test_bad_tags_and_lines(box):
    for line in (b"\r\n", b"+ NOOP\r\n", b"* NOOP\r\n", b"a(b NOOP\r\n", b"onlytag\r\n", b" NOOP\r\n", b"x\0y NOOP\r\n"):
        box.send(line)
        assert re.match(rb"(\*|\S+) BAD", box.response().line)
    box.ok(b"NOOP")


# Mailboxes

def test_namespace(box):
    box.ok(b"NAMESPACE").one(rb'\* NAMESPACE \(\("" "(/|\.)"\)\) NIL NIL')


def listed(client, command=b'LIST "" "*"'):
    found = {}
    for match in client.ok(command).all(rb'\* (?:LIST|LSUB) \(([^)]*)\) (?:"."|NIL) (?:"(.*)"|(\S+))'):
        found[(match.group(2) or match.group(3)).decode()] = set(match.group(1).split())
    return found


def test_special_use(box):
    boxes = listed(box)
    for name, attribute in (("Drafts", b"\\Drafts"), ("Sent", b"\\Sent"), ("Trash", b"\\Trash"), ("Junk", b"\\Junk")):
        assert attribute in boxes[name]
    assert "INBOX" in boxes
    assert set(listed(box, b'LIST (SPECIAL-USE) "" "*"')) >= {"Drafts", "Sent", "Trash", "Junk"}


def test_create_rename_delete(box):
    box.ok(b"CREATE a/b/c")
    box.ok(b"CREATE plain")
    assert {"a", "a/b", "a/b/c", "plain"} <= set(listed(box))
    assert b"\\HasChildren" in listed(box)["a"] and b"\\HasNoChildren" in listed(box)["a/b/c"]
    assert box.no(b"CREATE plain").code(b"ALREADYEXISTS") is not None
    box.no(b"CREATE INBOX")
    assert set(listed(box, b'LIST "" a/%')) == {"a/b"}
    assert set(listed(box, b'LIST "a/" %')) == {"a/b"}
    assert set(listed(box, b'LIST "" %')) >= {"a", "plain", "INBOX"} and "a/b" not in listed(box, b'LIST "" %')
    box.ok(b'LIST "" ""').one(rb'\* LIST \(\\Noselect\) "/" ""')
    box.ok(b"RENAME a z")
    names = set(listed(box))
    assert {"z", "z/b", "z/b/c"} <= names and not names & {"a", "a/b", "a/b/c"}
    assert box.no(b"RENAME missing x").code(b"NONEXISTENT") is not None
    box.no(b"RENAME z plain")
    box.ok(b"DELETE z/b/c")
    box.ok(b"DELETE plain")
    box.no(b"DELETE plain")
    box.no(b"DELETE INBOX")
    assert "z/b/c" not in listed(box)


def test_rename_inbox(box):
    filled(box, SIMPLE)
    box.ok(b"UNSELECT")
    box.ok(b"RENAME INBOX old")
    box.ok(b"STATUS INBOX (MESSAGES)").one(rb"\* STATUS .*MESSAGES 0\b")
    box.ok(b"STATUS old (MESSAGES)").one(rb"\* STATUS .*MESSAGES 1\b")


def test_mailbox_names(box):
    """Modified UTF-7 (RFC 3501 §5.1.3), quotes, and what may not be."""
    box.ok(b'CREATE "Entw&APw-rfe"')
    assert "Entw&APw-rfe" in listed(box)
    box.ok(b'CREATE "with space \\"and\\" quote"')
    box.ok(b'SELECT "with space \\"and\\" quote"')
    box.ok(b"CREATE {5+}\r\nliter")
    for name in (b'"broken &APw"', b'"broken &"', b'"&AGE-"', b'""', b'"a//b"', b'"/a"', b'"x\x01y"'):
        assert box.cmd(b"CREATE " + name).status in ("NO", "BAD"), name
    box.no(b"CREATE {8+}\r\nab\r\nc NO")
    assert not any("\n" in name or "\r" in name for name in listed(box))
    box.ok(b"SELECT inbox")
    box.ok(b'CREATE "%s"' % (b"n" * 200))
    assert box.cmd(b'CREATE "%s"' % (b"n" * 5000)).status in ("NO", "BAD")


def test_subscriptions(box):
    box.ok(b"CREATE kept")
    box.ok(b"SUBSCRIBE kept")
    assert "kept" in listed(box, b'LSUB "" "*"')
    box.ok(b"UNSUBSCRIBE kept")
    assert "kept" not in listed(box, b'LSUB "" "*"')
    box.ok(b"CREATE p/q")
    box.ok(b"SUBSCRIBE p/q")
    assert b"\\Noselect" in listed(box, b'LSUB "" "%"')["p"]


def test_status_select_examine(server, account, box):
    filled(box, SIMPLE, MULTIPART)
    result = box.ok(b"STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)")
    line = result.one(rb"\* STATUS \"?INBOX\"? \((.*)\)").group(1)
    values = dict(zip(line.split()[::2], map(int, line.split()[1::2])))
    assert values[b"MESSAGES"] == 2 and values[b"UNSEEN"] == 2 and values[b"HIGHESTMODSEQ"] > 0
    selected = box.ok(b"SELECT INBOX")
    assert selected.text.startswith(b"[READ-WRITE]")
    selected.one(rb"\* 2 EXISTS")
    selected.one(rb"\* \d+ RECENT")
    selected.one(rb"\* FLAGS \(.*\\Answered.*\)")
    assert b"\\*" in selected.code(b"PERMANENTFLAGS")
    assert int(selected.code(b"UIDNEXT")) == values[b"UIDNEXT"]
    assert int(selected.code(b"UIDVALIDITY")) == values[b"UIDVALIDITY"]
    assert selected.code(b"UNSEEN") == b"1"
    examined = box.ok(b"EXAMINE INBOX")
    assert examined.text.startswith(b"[READ-ONLY]")
    box.no(b"STORE 1 +FLAGS (\\Seen)")
    box.ok(b"FETCH 1 BODY[]")
    assert b"\\Seen" not in box.ok(b"FETCH 1 FLAGS").one(rb"\* 1 FETCH \((.*)\)").group(1)
    assert box.no(b"SELECT missing").code(b"NONEXISTENT") is not None
    box.bad(b"FETCH 1 FLAGS")  # a failed SELECT leaves nothing selected
    box.ok(b"SELECT INBOX")
    box.ok(b"UNSELECT")
    box.bad(b"CLOSE")


# Messages

def test_append_and_fetch_whole(box):
    for message in (SIMPLE, MULTIPART, b"\r\n", b"no header at all\r\n", b"Subject: 8\r\n\r\n\xff\xfe\x80\r\n",
                    b"x: y\r\n\r\n" + b"z" * 100_000, b"bare\nnewlines\n\nkept\n"):
        result = box.append(b"INBOX", message, flags=b"(\\Seen custom)", date=b'"02-Jan-2024 03:04:05 +0600"')
        assert result.status == "OK"
        validity, uid = map(int, result.code(b"APPENDUID").split())
        assert box.body(uid, b"BODY.PEEK[]", uid=True) == message
        line = box.ok(b"UID FETCH %d (FLAGS INTERNALDATE RFC822.SIZE)" % uid).one(rb"\* \d+ FETCH \((.*)\)").group(1)
        assert b"\\Seen" in line and b"custom" in line and b"RFC822.SIZE %d" % len(message) in line
        date = re.search(rb'INTERNALDATE "(.*?)"', line).group(1).decode()
        assert time.strptime(date, "%d-%b-%Y %H:%M:%S %z")
        assert date.strip().endswith(("02-Jan-2024 03:04:05 +0600", "1-Jan-2024 21:04:05 +0000"))


def test_append_refused(box):
    assert box.append(b"missing", SIMPLE).code(b"TRYCREATE") is not None
    box.bad(b"APPEND INBOX (\\Bogus) {3}")
    box.bad(b"APPEND INBOX \"notadate\" {3}")
    assert box.no(b"APPEND INBOX {99999999999}").code(b"TOOBIG") is not None
    assert uids(box) == []


@pytest.mark.parametrize("command", [b"INBOX (\\Bogus) {19+}", b"INBOX \"notadate\" {19+}", b"&bad {19+}"])
def test_refused_message_is_no_command(box, command):
    """What a client sends without waiting, behind an APPEND that is refused, is never executed."""
    tag = box.start(b"APPEND " + command + b"\r\ny CREATE injected\r\n")
    assert box.response().line.split()[:2] in ([tag, b"BAD"], [tag, b"NO"])
    assert not box.ok(b'LIST "" injected').untagged


def test_refused_endless_message_ends_the_session(box):
    tag = box.start(b"APPEND INBOX {99999999999+}\r\ny CREATE injected\r\n")
    assert box.response().line.split()[:2] in ([tag, b"BAD"], [tag, b"NO"])
    assert box.response().line.startswith(b"* BYE ")
    box.closed()
    assert box.buffer == b""


def test_literal_plus_append_and_pipelining(box):
    box.send(b"p1 APPEND INBOX {%d+}\r\n%s\r\np2 NOOP\r\np3 UID SEARCH ALL\r\np4 NOOP\r\n" % (len(SIMPLE), SIMPLE))
    order = [box.finish(tag).status for tag in (b"p1", b"p2", b"p3", b"p4")]
    assert order == ["OK"] * 4
    assert len(uids(box)) == 1


def test_byte_by_byte(box):
    for byte in b"slow APPEND INBOX {%d+}\r\n%s\r\n" % (len(SIMPLE), SIMPLE):
        box.send(bytes([byte]))
    assert box.finish(b"slow").status == "OK"
    assert box.body(1) == SIMPLE


def test_partial_fetch(box):
    filled(box, SIMPLE)
    for offset, count in ((0, 10), (5, 20), (0, 100000), (len(SIMPLE) - 3, 10), (len(SIMPLE), 10), (999999, 1)):
        result = box.ok(b"FETCH 1 BODY.PEEK[]<%d.%d>" % (offset, count))
        data = result.untagged[0]
        assert b"BODY[]<%d>" % offset in data.line
        got = data.literals[0] if data.literals else b""
        assert got == SIMPLE[offset:offset + count]
    box.bad(b"FETCH 1 BODY.PEEK[]<x>")


SECTIONS = {
    b"HEADER": MULTIPART[:MULTIPART.index(b"\r\n\r\n") + 4],
    b"TEXT": MULTIPART[MULTIPART.index(b"\r\n\r\n") + 4:],
    b"HEADER.FIELDS (SUBJECT DATE)": b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Wed, 3 Jan 2024 10:00:00 +0000\r\n\r\n",
    b"1.1": b"plain text",
    b"1.2": b"<p>html text</p>",
    b"1.1.MIME": b"Content-Type: text/plain; charset=utf-8\r\n\r\n",
    b"2": SIMPLE,
    b"2.HEADER": SIMPLE[:SIMPLE.index(b"\r\n\r\n") + 4],
    b"2.TEXT": b"The body.\r\n",
    b"2.1": b"The body.\r\n",
    b"2.HEADER.FIELDS (SUBJECT)": b"Subject: Simple\r\n\r\n",
    b"2.HEADER.FIELDS.NOT (FROM TO DATE MESSAGE-ID)": b"Subject: Simple\r\n\r\n",
    b"3": b"AAEC",
    b"3.MIME": b"Content-Type: application/octet-stream; name=x.bin\r\nContent-Disposition: attachment; filename=x.bin\r\n"
               b"Content-Transfer-Encoding: base64\r\n\r\n",
}


@pytest.mark.parametrize("section", SECTIONS)
def test_sections(box, section):
    filled(box, MULTIPART)
    result = box.ok(b"FETCH 1 BODY.PEEK[%s]" % section)
    item = result.untagged[0]
    got = item.literals[0] if item.literals else re.search(rb'\] "(.*)"\)', item.line).group(1)
    assert got == SECTIONS[section]


@pytest.mark.parametrize("section", [b"4", b"9.9", b"1.1.HEADER", b"2.2"])
def test_missing_sections(box, section):
    filled(box, MULTIPART)
    result = box.ok(b"FETCH 1 BODY.PEEK[%s]" % section)
    assert re.search(rb'BODY\[[^\]]*\] (NIL|"")', result.untagged[0].line) or result.untagged[0].literals == [b""]


def test_envelope_and_bodystructure(box):
    filled(box, MULTIPART)
    item = box.ok(b"FETCH 1 (ENVELOPE BODYSTRUCTURE BODY)").untagged[0].line
    assert b'"=?utf-8?q?Gr=C3=BC=C3=9Fe?="' in item
    assert b'(("B, ob" NIL "bob" "remote.test"))' in item
    assert b'(NIL NIL "alice" "example.test")' in item
    structure = item[item.index(b"BODYSTRUCTURE"):].lower()
    assert re.search(rb'"text" "plain" \("charset" "utf-8"\) nil nil "7bit" 10 [01]\b', structure)
    assert b'"message" "rfc822" nil nil nil "7bit" %d ("tue, 2 jan 2024' % len(SIMPLE) in structure
    assert b'"application" "octet-stream" ("name" "x.bin") nil nil "base64" 4' in structure
    assert b'("attachment" ("filename" "x.bin"))' in structure
    assert b'"mixed" ("boundary" "outer")' in structure


def test_seen_is_set_by_body_only(box):
    filled(box, SIMPLE)
    box.ok(b"FETCH 1 (BODY.PEEK[] RFC822.HEADER ENVELOPE)")
    assert b"\\Seen" not in box.ok(b"FETCH 1 FLAGS").one(rb"\* 1 FETCH \((.*)\)").group(1)
    result = box.ok(b"FETCH 1 BODY[TEXT]")
    assert any(b"\\Seen" in item.line for item in result.untagged)


def test_macros_and_uid_fetch(box):
    filled(box, SIMPLE, MULTIPART)
    for macro in (b"ALL", b"FAST", b"FULL"):
        assert len(box.ok(b"FETCH 1:* " + macro).untagged) == 2
    assert all(b"UID " in item.line for item in box.ok(b"UID FETCH 1:* FLAGS").untagged)
    assert box.ok(b"UID FETCH 999:1000 FLAGS").untagged == []
    assert len(box.ok(b"UID FETCH 999:* FLAGS").untagged) == 1  # * is the last, in either order
    box.bad(b"FETCH 0 FLAGS")
    assert box.cmd(b"FETCH 99 FLAGS").status in ("BAD", "NO", "OK")


def flags_of(client, number=1):
    line = client.ok(b"FETCH %d FLAGS" % number).one(rb"\* %d FETCH \(.*FLAGS \((.*?)\).*\)" % number).group(1)
    return set(line.split()) - {b"\\Recent"}


def test_store(box):
    filled(box, SIMPLE)
    box.ok(b"STORE 1 FLAGS (\\Flagged $Work)").one(rb"\* 1 FETCH \(.*FLAGS \(.*\\Flagged.*\)")
    assert flags_of(box) == {b"\\Flagged", b"$Work"}
    box.ok(b"STORE 1 +FLAGS \\Seen")
    assert flags_of(box) == {b"\\Flagged", b"$Work", b"\\Seen"}
    assert not box.ok(b"STORE 1 -FLAGS.SILENT (\\Flagged)").all(rb"\* 1 FETCH \(FLAGS")
    assert flags_of(box) == {b"$Work", b"\\Seen"}
    box.ok(b"STORE 1 FLAGS ()")
    assert flags_of(box) == set()
    assert box.cmd(b"STORE 1 +FLAGS (\\Recent)").status in ("NO", "BAD")


def test_expunge_and_close(box):
    filled(box, *[SIMPLE] * 5)
    box.ok(b"STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    assert [match.group(1) for match in box.ok(b"EXPUNGE").all(rb"\* (\d+) EXPUNGE")] in ([b"2", b"3"], [b"4", b"2"])
    box.ok(b"STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    first, second = uids(box)[:2]
    assert len(box.ok(b"UID EXPUNGE %d" % second).all(rb"\* (\d+) EXPUNGE")) == 1
    assert first in uids(box) and second not in uids(box)
    assert not box.ok(b"CLOSE").untagged
    box.ok(b"SELECT INBOX").one(rb"\* 1 EXISTS")


def test_copy_and_move(box):
    filled(box, SIMPLE, MULTIPART, SIMPLE)
    box.ok(b"STORE 1 FLAGS (\\Flagged)")
    assert box.no(b"COPY 1 missing").code(b"TRYCREATE") is not None
    box.ok(b"CREATE there")
    validity, source, target = box.ok(b"COPY 1:2 there").code(b"COPYUID").split()
    assert source == b"1:2" and target == b"1:2"
    result = box.ok(b"UID MOVE 3 there")
    assert result.code(b"COPYUID").split()[1:] == [b"3", b"3"]
    result.one(rb"\* 3 EXPUNGE")
    assert uids(box) == [1, 2]
    box.ok(b"SELECT there").one(rb"\* 3 EXISTS")
    assert flags_of(box, 1) == {b"\\Flagged"}
    assert box.body(2) == MULTIPART and box.body(3) == SIMPLE
    box.ok(b"MOVE 1:* INBOX")
    assert uids(box) == []


def test_uids_are_not_used_again(box):
    filled(box, SIMPLE, SIMPLE)
    box.ok(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    box.ok(b"EXPUNGE")
    filled(box, SIMPLE)
    assert uids(box) == [3]


SEARCHES = {
    b"ALL": [1, 2, 3], b"1": [1], b"2:*": [2, 3], b"UID 3": [3], b"SEEN": [2], b"UNSEEN": [1, 3], b"FLAGGED": [3],
    b"NOT FLAGGED": [1, 2], b"OR SEEN FLAGGED": [2, 3], b"KEYWORD custom": [1], b"UNKEYWORD custom": [2, 3],
    b"SUBJECT simple": [1, 3], b"SUBJECT SIMPLE": [1, 3], b'SUBJECT "gr\xc3\xbc\xc3\x9fe"': [2],
    b"FROM bob": [1, 2, 3], b"TO j@example": [2], b"TEXT \"html text\"": [2], b"BODY \"plain text\"": [2],
    b"HEADER Message-ID simple@remote": [1, 3], b'HEADER Message-ID ""': [1, 3],
    b"LARGER 500": [2], b"SMALLER 500": [1, 3], b"SENTBEFORE 3-Jan-2024": [1, 3], b"SENTON 3-Jan-2024": [2],
    b"SENTSINCE 3-Jan-2024": [2], b"ON 2-Feb-2024": [1, 2], b"BEFORE 3-Feb-2024": [1, 2], b"SINCE 3-Feb-2024": [3],
    b"(SEEN) 1:2": [2], b"NOT (OR SEEN FLAGGED)": [1], b"DELETED": [], b"UNDELETED": [1, 2, 3], b"1,3 UNSEEN": [1, 3],
    b"DRAFT": [], b"UNANSWERED": [1, 2, 3], b"CC x": [], b"OLD NOT OLD": [],
}


def test_search(box):
    box.append(b"INBOX", SIMPLE, b"(custom)", b'"02-Feb-2024 12:00:00 +0000"')
    box.append(b"INBOX", MULTIPART, b"(\\Seen)", b'"02-Feb-2024 12:00:00 +0000"')
    box.append(b"INBOX", SIMPLE, b"(\\Flagged)", b'"03-Feb-2024 12:00:00 +0000"')
    box.ok(b"NOOP")
    wrong = {}
    for criteria, expected in SEARCHES.items():
        prefix = b"CHARSET UTF-8 " if max(criteria) > 127 else b""
        if numbers(box, prefix + criteria) != expected:
            wrong[criteria] = numbers(box, prefix + criteria)
    assert not wrong
    assert box.no(b"SEARCH CHARSET KLINGON ALL").code(b"BADCHARSET") is not None
    for bad in (b"SEARCH", b"SEARCH FOO", b"SEARCH NOT", b"SEARCH OR SEEN", b"SEARCH (SEEN", b"SEARCH ON yesterday",
                b"SEARCH " + b"(" * 5000):
        assert box.cmd(bad).status in ("BAD", "NO"), bad
    assert numbers(box, b"CHARSET UTF-8 SUBJECT {7+}\r\ngr\xc3\xbc\xc3\x9fe") == [2]


CHARSETS = {
    "utf-8": "Grüße", "iso-8859-1": "Grüße", "windows-1252": "Grüße €", "iso-2022-jp": "日本語の件名", "shift_jis": "日本語の件名",
    "euc-jp": "日本語の件名", "gb18030": "中文主题", "big5": "中文主題", "euc-kr": "한국어 제목", "koi8-r": "Привет", "utf-7": "Grüße",
    "windows-1251": "Привет", "utf-16": "Привет", "iso-8859-15": "Größe €", "iso-8859-7": "Καλημέρα",
}


def test_search_in_any_charset(box):
    """Words of the subject and of the body, in base64 and quoted-printable, wherever they are searched for
    in UTF-8 and in any case."""
    for n, (charset, text) in enumerate(CHARSETS.items()):
        raw = text.encode(charset)
        word = b"=?%s?b?%s?=" % (charset.encode(), base64.b64encode(raw))
        body = base64.encodebytes(raw) if n % 2 else quopri.encodestring(raw)
        filled(box, b"Subject: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=%s\r\n"
               b"Content-Transfer-Encoding: %s\r\n\r\n%s\r\n" % (
                   word, charset.encode(), b"base64" if n % 2 else b"quoted-printable", body.replace(b"\n", b"\r\n")))
    for key in (b"SUBJECT", b"BODY", b"TEXT"):
        for text in set(CHARSETS.values()):
            expected = [n for n, own in enumerate(CHARSETS.values(), 1) if text in own]
            upper = "".join(c.upper() if len(c.upper()) == 1 else c for c in text)
            for wanted in (text.encode(), upper.encode()):
                found = numbers(box, b"CHARSET UTF-8 %s {%d+}\r\n%s" % (key, len(wanted), wanted))
                assert found == expected, (key, text, wanted)
    for charset in (b"ISO-8859-1", b"KLINGON", b'"x y"'):
        result = box.cmd(b"SEARCH CHARSET %s SUBJECT x" % charset)
        assert result.status == "NO" and result.code(b"BADCHARSET") == b"(US-ASCII UTF-8)", result


def test_large_messages(make_server):
    """More than a buffer holds, in and out, both ways in, whole and in parts."""
    server = make_server({"smtp": {"max_message_size": "40M"}})
    line = bytes(range(33, 109)) + b"\r\n"
    message = b"Subject: large\r\n\r\n" + b"".join(b"%08d %s" % (n, line) for n in range(350_000))
    assert 30_000_000 < len(message) < 40 * 1024 * 1024
    with server.smtp() as client:
        client.socket.settimeout(120)
        client.ehlo()
        client.send_message("a@remote.test", ["alice@example.test"], message)
    with server.imap(select="INBOX") as client:
        client.socket.settimeout(120)
        stored = client.body(1)
        assert stored.endswith(b"\r\n" + message)
        assert client.append(b"INBOX", message).status == "OK"
        client.ok(b"NOOP")
        assert client.body(2) == message
        for offset, count in ((29_999_990, 25), (len(message) - 5, 100), (1_000_000, 5_000_000)):
            part = client.ok(b"FETCH 2 BODY.PEEK[]<%d.%d>" % (offset, count)).untagged[0]
            assert part.literals[0] == message[offset:offset + count]
        assert client.body(2, b"BODY.PEEK[TEXT]") == message[message.index(b"\r\n\r\n") + 4:]
        assert numbers(client, b'BODY "00349999 !"') == [1, 2] and numbers(client, b'BODY "no such text"') == []
        client.ok(b"COPY 2 Trash")
        too_large = client.start(b"APPEND INBOX {%d}" % (40 * 1024 * 1024 + 1))
        assert client.finish(too_large).code(b"TOOBIG") is not None
    assert server.verify().returncode == 0


def test_condstore(box):
    filled(box, SIMPLE, SIMPLE)
    highest = int(box.ok(b"SELECT INBOX (CONDSTORE)").code(b"HIGHESTMODSEQ"))
    modseq = int(box.ok(b"FETCH 1 MODSEQ").one(rb"\* 1 FETCH \(.*MODSEQ \((\d+)\)").group(1))
    assert 0 < modseq <= highest
    stored = box.ok(b"STORE 1 (UNCHANGEDSINCE %d) +FLAGS (\\Seen)" % highest)
    after = int(stored.one(rb"\* 1 FETCH \(.*MODSEQ \((\d+)\)").group(1))
    assert after > highest
    failed = box.cmd(b"STORE 1:2 (UNCHANGEDSINCE %d) +FLAGS (\\Flagged)" % highest)
    assert failed.code(b"MODIFIED") == b"1" and flags_of(box, 2) == {b"\\Flagged"}
    assert flags_of(box, 1) == {b"\\Seen"}
    changed = box.ok(b"FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % after)
    assert [match.group(1) for match in changed.all(rb"\* (\d+) FETCH \(.*MODSEQ")] == [b"2"]
    assert numbers_with_modseq(box, after + 1) == [2]
    box.ok(b"ENABLE CONDSTORE").one(rb"\* ENABLED.*")
    assert int(box.ok(b"STATUS INBOX (HIGHESTMODSEQ)").one(rb".*HIGHESTMODSEQ (\d+)").group(1)) > after


def numbers_with_modseq(client, modseq):
    line = client.ok(b"SEARCH MODSEQ %d" % modseq).one(rb"\* SEARCH(.*?)(?: \(MODSEQ \d+\))?$").group(1)
    return [int(word) for word in line.split()]


# Several at a time

def test_idle_hears_of_mail_at_once(server, account, box):
    """Nothing looks for mail from time to time: who is not told does not hear of it at all."""
    tag = box.idle()
    server.deliver(recipient=account)
    while not re.match(rb"\* 1 EXISTS", box.response().line):
        pass
    assert box.done(tag).status == "OK"


def test_idle_hears_of_the_other_session(box, second):
    filled(second, SIMPLE, SIMPLE)
    box.ok(b"NOOP")
    tag = box.idle()
    second.ok(b"STORE 1 +FLAGS (\\Answered)")
    while b"\\Answered" not in box.response().line:
        pass
    second.ok(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
    second.ok(b"EXPUNGE")
    while box.response().line != b"* 2 EXPUNGE":
        pass
    assert box.done(tag).status == "OK"


def test_idle_ends_only_with_done(box):
    tag = box.idle()
    box.send(b"done\r\n")
    assert box.finish(tag).status == "OK"
    tag = box.idle()
    box.send(b"x NOOP\r\n")
    assert b"BAD" in box.response().line


def test_expunge_does_not_shift_numbers_in_fetch(box, second):
    """RFC 3501 §7.4.1: no EXPUNGE is sent while FETCH, STORE or SEARCH with numbers is answered."""
    filled(box, *[SIMPLE] * 3)
    second.ok(b"NOOP")
    box.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    box.ok(b"EXPUNGE")
    for command in (b"FETCH 2 FLAGS", b"STORE 2 +FLAGS (\\Seen)", b"SEARCH ALL"):
        result = second.cmd(command)
        assert not result.all(rb"\* \d+ EXPUNGE"), command
    result = second.cmd(b"FETCH 1 BODY.PEEK[]")
    assert result.status in ("OK", "NO") and not result.all(rb"\* \d+ EXPUNGE")
    second.ok(b"NOOP").one(rb"\* 1 EXPUNGE")


def test_delivery_while_appending(server, account, box):
    filled(box, SIMPLE)
    server.deliver(5, recipient=account)
    box.ok(b"NOOP").all(rb"\* 6 EXISTS")
    assert uids(box) == [1, 2, 3, 4, 5, 6]


def test_deleted_mailbox_under_another_session(server, account, box):
    box.ok(b"CREATE gone")
    with server.imap(account, select="gone") as other:
        box.ok(b"DELETE gone")
        try:
            assert other.cmd(b"NOOP").status in ("OK", "NO", "BAD")
            other.cmd(b"FETCH 1 FLAGS")
        except imap.Closed:
            pass
    box.ok(b"NOOP")


# Hostile input

ATTACKS = {
    "long line": b"x " + b"A" * 1_000_000,
    "large literal": b"x LOGIN {4294967295+}",
    "huge literal": b"x LOGIN {99999999999999999999}",
    "parentheses": b"x FETCH 1 " + b"(" * 100_000,
    "nested search": b"x SEARCH " + b"NOT " * 50_000 + b"ALL",
    "wildcards": b'x LIST "" "' + b"*%" * 400 + b'"',
    "sequence number": b"x FETCH 1:4294967296 FLAGS",
    "long sequence": b"x FETCH " + b"1," * 100_000 + b"1 FLAGS",
    "literal flood": b"x LIST {1+}\r\na {1+}\r\nb" * 3000,
    "long ID": b"x ID (" + b'"a" "b" ' * 10_000 + b")",
    "all bytes": bytes(range(256)) * 50,
}


@pytest.mark.parametrize("login", [False, True], ids=["before login", "after login"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile(server, account, attack, login):
    """An error or the end of the connection, in bounded memory; the server lives (see `server`)."""
    with server.imap(account, login=login) as client:
        client.socket.settimeout(2)  # an open literal waits for its bytes, and may
        try:
            client.send(ATTACKS[attack] + b"\r\n\r\nlast LOGOUT\r\n")
            client.closed()
        except OSError:
            pass
    with server.imap(account) as client:
        client.ok(b"NOOP")


def test_login_timeout(make_server):
    """Without TLS, as its handshake, too, must be over by then."""
    server = make_server({"imap": {"preauth_timeout": "1s"}})
    with plain_client(server) as client:
        assert client.response().line.startswith(b"* BYE")
        client.closed()


def test_connection_limit(make_server):
    server = make_server({"imap": {"max_connections_per_ip": 3}})
    held = [server.imap(login=False) for _ in range(3)]
    try:
        with imap.Imap("127.0.0.1", server.imap_port, tls=False) as client:
            assert client.banner.line.startswith(b"* BYE")
    except imap.Closed:
        pass
    for client in held:
        client.close()
