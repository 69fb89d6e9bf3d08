"""Lists of our own: postern block, postern allow; and thresholds of accounts. What they say counts from
the next message on."""
import itertools
import json

import pytest

from harness import ALICE, nsd, postern, procs, sign

pytestmark = pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}")

BOB, CAROL = "bob@example.test", "carol@second.test"
FRIEND, STRANGER = "192.0.2.10", "198.51.100.7"  # the one sends for friend.test, the other for nobody
# Claims a domain whose mail is signed, asks for a refusal, and is from nowhere: SPF fails, too.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return sign.Key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def world(key):
    record = key.record
    text = " ".join(f'"{record[i:i + 200]}"' for i in range(0, len(record), 200))
    zone = f"@ TXT \"v=spf1 ip4:{FRIEND} -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"\ns._domainkey TXT ( {text} )\n"
    with nsd.Nsd({"friend.test": zone, "news.test": zone, "2.0.192.in-addr.arpa": "10 PTR mx.friend.test."}) as server:
        yield server


@pytest.fixture(scope="module")
def shared_server(world):
    instance = postern.Postern(settings=world.settings() | {
        "smtp": {"proxy_from": ["127.0.0.1"], "max_connections_per_ip": 200},
        # Made-up messages: only what these tests are about counts.
        "filter": {"junk_at": 5.0, "reject_at": 15.0, "findings": [
            {"name": name, "mode": "observe"} for name in
            ("RDNS_NONE", "RDNS_TEMPERROR", "HELO_UNKNOWN", "HELO_OTHER", "DATE_MISSING", "MESSAGE_ID_MISSING",
             "TO_MISSING")] + [{"name": "SUBJECT_CAPITALS", "score": 4.5}]}})
    try:
        instance.add_account(BOB)
        instance.verb("domain", "add", "second.test")
        instance.add_account(CAROL)
        instance.start()
        yield instance
        instance.stop()
        assert not instance.complaints(), instance.log()[-8000:]
    finally:
        instance.remove()


@pytest.fixture
def lists(server):
    """postern block, postern allow; what is left of it goes."""
    class Lists:
        def block(self, *words):
            return server.verb("block", "add", *words)

        def allow(self, *words):
            return server.verb("allow", "add", *words)

        def unblock(self, *words):
            return server.verb("block", "remove", *words)

    yield Lists()
    for verb in "block", "allow":
        for entry in json.loads(server.verb(verb, "list", "--json").stdout):
            whom = [] if entry["for"] == "all" else ["--for", entry["for"]]
            server.verb(verb, "remove", entry["subject"], *whom)


class Sent:
    """What the client was told, at which step, and where the message lies: by recipient."""
    def __init__(self, rcpt, data, end, subject):
        self.rcpt, self.data, self.end, self.subject = rcpt, data, end, subject

    @property
    def replies(self):
        return [r.lines[0] for r in [*self.rcpt, self.data, self.end] if r]


def send(server, to=(ALICE,), sender="a@away.test", author=None, client=STRANGER, subject="", body="x", key=None):
    subject = f"{subject or 'lunch'} {next(_numbers)}"
    author = author or sender or "postmaster@away.test"
    message = f"From: {author}\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()
    if key:
        message = sign.dkim(message, key, author.split("@")[1], "s")
    with server.smtp(before=f"PROXY TCP4 {client} 127.0.0.1 4000 25\r\n".encode()) as smtp:
        smtp.ehlo("mx.friend.test")
        smtp.expect(f"MAIL FROM:<{sender}>", "250 ")
        rcpt = [smtp.cmd(f"RCPT TO:<{recipient}>") for recipient in to]
        data = end = None
        if any(r.code == 250 for r in rcpt):
            data = smtp.cmd("DATA")
            if data.code == 354:
                smtp.send(message + b".\r\n")
                end = smtp.reply()
        return Sent(rcpt, data, end, subject)


def refused(sent, step, text=""):
    """At that step, with the id and without a word of the comment."""
    reply = {"rcpt": sent.rcpt[0], "data": sent.data, "end": sent.end}[step]
    if step == "rcpt" and reply.code == 250:  # who that is was asked less than a second ago
        reply = sent.data
    assert reply and reply.matches(r"550 5\.7\.1 This (server|recipient) takes no mail from " + text), sent.replies
    assert "secret" not in reply.text and "/24" not in reply.text
    assert len(reply.id) == 10
    return True


def anew(account):
    """A recipient is remembered for a second: another address of the account is looked up anew."""
    return account.replace("@", f"+{next(_numbers)}@")


def where(server, sent, user):
    """"INBOX", "Junk", or None; and the message's header."""
    with server.imap(user) as imap:
        for mailbox in "INBOX", "Junk":
            if imap.cmd(f"SELECT {mailbox}".encode()).status != "OK":
                continue
            found = imap.ok(f'SEARCH HEADER SUBJECT "{sent.subject}"'.encode()).one(rb"\* SEARCH(.*)")
            numbers = found.group(1).split()
            for number in numbers:
                body = imap.body(int(number))
                if f"Subject: {sent.subject}\r\n".encode() in body:
                    return mailbox, body.decode()
    return None, ""


# Blocked, for all

@pytest.mark.parametrize("entry, mail, step, whom", [
    (STRANGER, {}, "data", STRANGER),
    ("198.51.100.0/24", {}, "data", STRANGER),
    ("a@away.test", {}, "data", "a@away.test"),
    ("away.test", {"sender": "a@deep.in.away.test"}, "data", "a@deep.in.away.test"),
    ("a@away.test", {"sender": "b@other.test", "author": "A@Away.test"}, "end", "A@Away.test"),
    ("away.test", {"sender": "", "author": "x@away.test"}, "end", "x@away.test"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_blocked_at_once_and_taken_again(server, lists, entry, mail, step, whom):
    assert send(server, **mail).end.code == 250
    lists.block(entry, "--comment", "a secret of ours")
    no = send(server, **mail)
    assert refused(no, step, whom)
    decided = server.record((no.data if step == "data" else no.end).id)
    assert decided["action"] == "reject"
    if step == "end":
        local = decided["local"][0]
        assert local["list"] == "block" and local["subject"] == entry and local["comment"] == "a secret of ours"
        assert local["for"] == "" and local["found"] == whom and local["counts"]
        told = server.verb("why", no.end.id).stdout
        assert "blocked" in told and entry in told and "a secret of ours" in told and "for all" in told
    lists.unblock(entry)
    assert send(server, **mail).end.code == 250


def test_others_are_not_concerned(server, lists):
    for entry in "198.51.100.8", "198.51.100.128/25", "b@away.test", "faraway.test":
        lists.block(entry)
    assert send(server).end.code == 250


def test_a_list_from_a_file(server, lists):
    text = "".join(f"203.0.{i >> 8}.{i & 255} # number {i}\n" for i in range(2000)) + f"{STRANGER}\n"
    server.verb("block", "add", "--file", "-", text=text)
    assert refused(send(server), "data")
    assert server.verb("block", "remove", "--file", "-", text=text).stdout == "2001 removed for all\n"
    assert send(server).end.code == 250


def test_what_has_expired_counts_for_nothing(server, lists):
    lists.block(STRANGER, "--expires", "1s")
    procs.wait_until(lambda: send(server).replies[-1].startswith("250"), 20, "the end of the entry")
    assert json.loads(server.verb("block", "list", "--json").stdout) == []


# Allowed

def test_allow_wins(server, lists):
    lists.block(STRANGER)
    lists.block("away.test")
    assert refused(send(server), "data")
    lists.allow("198.51.100.0/24")
    sent = send(server)
    assert sent.end.code == 250
    assert "LOCAL_ALLOW_IP" in where(server, sent, ALICE)[1]


def test_who_is_allowed_is_taken_whatever_it_scores(server, lists):
    spam = {"subject": "BUY THIS NOW", "author": "a@friend.test"}  # DMARC asks to refuse it, too
    junk = send(server, **spam)
    assert where(server, junk, ALICE)[0] == "Junk" or junk.end.code == 550
    lists.allow(STRANGER)
    sent = send(server, **spam)
    mailbox, message = where(server, sent, ALICE)
    assert mailbox == "INBOX" and "X-Spam-Flag" not in message


def test_a_pattern_for_tests_is_found_all_the_same(server, lists):
    lists.allow(STRANGER)
    assert send(server, body=GTUBE).end.code == 550


@pytest.mark.parametrize("mail, believed", [
    ({"client": FRIEND}, True),                                             # SPF
    ({"signed": True}, True),                                               # DKIM
    ({"signed": True, "sender": "bounces@other.test"}, True),               # it is From that is allowed
    ({"client": FRIEND, "author": "x@other.test"}, True),                   # the envelope
    ({}, False),
    ({"sender": "bounces@other.test"}, False),
    ({"author": "x@other.test"}, False),
], ids=str)
@pytest.mark.parametrize("entry", ["friend.test", "pal@friend.test"])
def test_an_allowed_sender_is_believed_where_it_is_shown(server, lists, key, mail, believed, entry):
    mail = {"sender": "pal@friend.test", "author": "pal@friend.test"} | mail
    mail["key"] = key if mail.pop("signed", False) else None
    lists.block(mail.get("client", STRANGER))
    lists.allow(entry)
    sent = send(server, **mail)
    if believed:
        assert sent.end.code == 250, sent.replies
    else:
        assert refused(sent, "end")
        names = {f["name"] for f in server.record(sent.end.id)["findings"]}
        assert "LOCAL_ALLOW_UNPROVEN" in names and "LOCAL_BLOCK_IP" in names


# For one account, for one domain

def test_for_one_account(server, lists):
    lists.block("a@away.test", "--for", BOB, "--comment", "a secret of his")
    bob = anew(BOB)
    sent = send(server, to=(ALICE, bob))
    assert [r.code for r in sent.rcpt] == [250, 550] and sent.end.code == 250
    assert sent.rcpt[1].matches(r"550 5\.7\.1 This recipient takes no mail from a@away\.test \(")
    assert where(server, sent, ALICE)[0] == "INBOX" and where(server, sent, BOB)[0] is None
    assert server.record(sent.end.id, action="reject")["recipients"] == [bob]
    assert server.record(sent.end.id, action="accept")["recipients"] == [ALICE]
    assert "a secret of his" in server.verb("why", sent.end.id, check=False).stdout
    assert refused(send(server, to=(BOB,)), "rcpt", "a@away.test")
    lists.block(STRANGER, "--for", ALICE)
    assert refused(send(server, to=(ALICE,)), "rcpt", STRANGER)


def test_an_author_that_one_account_has_blocked(server, lists):
    mail = {"sender": "bounces@other.test", "author": "news@away.test"}
    lists.block("news@away.test", "--for", BOB)
    both = send(server, to=(ALICE, BOB), **mail)
    assert both.end.code == 250
    mailbox, message = where(server, both, ALICE)
    assert mailbox == "INBOX" and "LOCAL_BLOCK" not in message and "X-Spam-Flag" not in message
    mailbox, message = where(server, both, BOB)
    assert mailbox == "Junk" and "LOCAL_BLOCK_ADDRESS" in message and "X-Spam-Flag: YES" in message
    decided = server.record(both.end.id)
    assert [(d["recipient"], d["action"]) for d in decided["destinations"]] == [(ALICE, "accept"), (BOB, "junk")]
    told = server.verb("why", both.end.id).stdout
    assert f"for {BOB}" in told and f"{ALICE}: accept" in told and f"{BOB}: junk" in told
    assert refused(send(server, to=(BOB,), **mail), "end", "news@away.test")
    assert send(server, to=(ALICE,), **mail).end.code == 250


def test_for_one_domain(server, lists):
    lists.block("away.test", "--for", "second.test")
    sent = send(server, to=(anew(CAROL), ALICE))
    assert [r.code for r in sent.rcpt] == [550, 250] and sent.end.code == 250
    mail = {"sender": "bounces@other.test", "author": "news@away.test"}
    both = send(server, to=(CAROL, ALICE), **mail)
    assert where(server, both, CAROL)[0] == "Junk" and where(server, both, ALICE)[0] == "INBOX"
    assert refused(send(server, to=(CAROL,), **mail), "end")


def test_the_narrower_scope_decides(server, lists):
    lists.block(STRANGER)
    lists.allow(STRANGER, "--for", "example.test")
    lists.block(STRANGER, "--for", BOB)
    sent = send(server, to=(ALICE, anew(BOB)))
    assert [r.code for r in sent.rcpt] == [250, 550] and sent.end.code == 250
    assert refused(send(server, to=(CAROL,)), "data")
    # One takes it, for the other it is refused: it cannot be both.
    mixed = send(server, to=(ALICE, CAROL))
    assert where(server, mixed, ALICE)[0] == "INBOX" and where(server, mixed, CAROL)[0] == "Junk"


def test_an_account_that_is_removed_leaves_nothing(server, lists):
    server.add_account("passing@example.test")
    lists.block(STRANGER, "--for", "passing@example.test")
    server.verb("account", "remove", "passing@example.test")
    assert json.loads(server.verb("block", "list", "--json").stdout) == []


# Thresholds of an account

@pytest.fixture
def thresholds(server):
    def set_to(account, *words):
        server.verb("account", "set", account, *words)
    yield set_to
    for account in ALICE, BOB:
        server.verb("account", "reset", account)


def score_of(message):
    return message.split("X-Spam-Status: ")[1].split("\r\n")[0]


def fresh(server):
    return anew(ALICE), anew(BOB)


def test_junk_for_one(server, thresholds):
    spam = {"subject": "BUY THIS NOW"}  # 4.5 of 5
    assert where(server, send(server, to=fresh(server), **spam), BOB)[0] == "INBOX"
    thresholds(BOB, "--junk-at", "4.2")
    to = fresh(server)
    sent = send(server, to=to, **spam)
    mailbox, message = where(server, sent, ALICE)
    assert mailbox == "INBOX" and "required=5.0" in score_of(message) and "X-Spam-Flag" not in message
    mailbox, message = where(server, sent, BOB)
    assert mailbox == "Junk" and "required=4.2" in score_of(message) and "X-Spam-Flag: YES" in message
    decided = server.record(sent.end.id)
    assert [(d["action"], d["junk_at"], d["own"]) for d in decided["destinations"]] == [
        ("accept", 5.0, False), ("junk", 4.2, True)]
    told = server.verb("why", sent.end.id).stdout
    assert f"4.2 is Junk for {to[1]}" in told


def test_refused_only_where_all_would(server, thresholds):
    spam = {"subject": "BUY THIS NOW"}
    thresholds(BOB, "--junk-at", "1", "--reject-at", "3.5")
    alice, bob = fresh(server)
    alone = send(server, to=(bob,), **spam)
    assert alone.end.matches(r"550 5\.7\.1 This message looks like spam: it scores [0-9.]+, and 3\.5 is refused")
    both = send(server, to=(alice, bob), **spam)
    assert both.end.code == 250
    assert where(server, both, ALICE)[0] == "INBOX" and where(server, both, BOB)[0] == "Junk"
    thresholds(ALICE, "--reject-at", "3")
    assert send(server, to=fresh(server), **spam).end.code == 550


def test_scan_knows_the_lists(server, lists, tmp_path):
    """postern scan judges as the server would: by its lists, for one of its accounts."""
    (tmp_path / "letter").write_bytes(b"From: a@far.test\r\nTo: b@example.test\r\nSubject: x\r\n\r\nx\r\n")

    def scan(*words, status=0):
        done = server.verb("scan", str(tmp_path / "letter"), "--no-dns", "--json", "--ip", STRANGER, "--helo", "h.far.test",
                           "--from", "a@far.test", *words, check=False)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if status < 2 else done.stderr
    assert scan()["action"] == "accept"
    lists.block("far.test", "--for", BOB, "--comment", "no more")
    assert scan()["action"] == "accept" and scan("--rcpt", ALICE)["action"] == "accept"
    found = scan("--rcpt", BOB, status=1)
    assert found["action"] == "reject" and found["recipients"] == [BOB]
    assert found["local"][0]["subject"] == "far.test" and found["local"][0]["comment"] == "no more"
    lists.block("198.51.100.0/24")
    assert scan(status=1)["action"] == "reject"
    assert "nobody here has the address" in scan("--rcpt", "nobody@example.test", status=2)
