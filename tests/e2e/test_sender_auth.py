"""Sender authentication and its policies, with a real name server in which each domain has its own."""
import re

import pytest

from harness import ALICE, nsd, postern, senders, sign
from harness.senders import CAREFUL, CLIENT6, CURIOUS, FORWARDER, JUNK, NAMELESS, PAL_CLIENT, SCORE, TRUSTING, Mail

pytestmark = pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}")


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return sign.Key(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def world(key):
    with senders.world(key) as server:
        yield server


@pytest.fixture(scope="module")
def shared_server(world):
    instance = postern.Postern(settings=world.settings() | senders.SETTINGS)
    try:
        senders.add_domains(instance)
        instance.start()
        yield instance
        instance.stop()
        assert not instance.complaints(), instance.log()[-8000:]
    finally:
        instance.remove()


@pytest.fixture(scope="module")
def reader(shared_server):
    with shared_server.imap() as client:
        yield client

# What is found, and what follows

REFUSED = "550 5.7.1 The DMARC policy of good.test (p=reject) asks to refuse this message: "
LATER = "451 4.4.3 The sender cannot be verified now: the DNS does not answer for "
FOOTED = {"signed": "good.test", "changed": senders.footer, "sender": "list-bounces@list.test", "client": FORWARDER}

# The mail; its results, but for iprev=pass, helo=none, dkim=none, arc=none; what is done with it; findings
# that count, and with ~ those that do not.
CASES = {
    # Everything is as it should be, or enough of it.
    "pass": (Mail(signed="good.test"), "spf=pass dkim=pass:good.test dmarc=pass:good.test", "accept",
             "SPF_PASS DKIM_VALID DMARC_PASS RDNS_PASS HELO_PASS"),
    "pass over IPv6": (Mail(signed="good.test", client=CLIENT6),
                       "spf=pass dkim=pass:good.test dmarc=pass:good.test", "accept", "SPF_PASS RDNS_PASS HELO_PASS"),
    "fail over IPv6": (Mail("a@hard.test", client=CLIENT6), "spf=fail dmarc=none:hard.test", "accept", "SPF_FAIL"),
    "pass by SPF": (Mail(), "spf=pass dmarc=pass:good.test", "accept", "SPF_PASS DKIM_NONE DMARC_PASS"),
    "pass by SPF of a subdomain": (Mail(sender="news@mx.good.test"), "spf=pass dmarc=pass:good.test", "accept", ""),
    "forwarded": (Mail(signed="good.test", client=FORWARDER), "spf=fail dkim=pass:good.test dmarc=pass:good.test",
                  "accept", "SPF_FAIL DMARC_PASS"),
    "pass in a signed zone": (Mail("anna@secure.test", signed="secure.test"),
                              "spf=pass dkim=pass:secure.test dmarc=pass:secure.test", "accept", ""),
    # SPF alone.
    "fail": (Mail("a@hard.test", client=FORWARDER), "spf=fail dmarc=none:hard.test", "accept",
             "SPF_FAIL DKIM_NONE DMARC_NONE"),
    "fail refused": (Mail("a@hard.test", client=FORWARDER, to=CAREFUL), "", "early 550 5.7.23 The SPF record of "
                     "hard.test does not let 198.51.100.7 send for it (-all). It explains: 198.51.100.7 is none of "
                     "ours", ""),
    "forwarded and refused": (Mail(signed="good.test", client=FORWARDER, to=CAREFUL), "", "early 550 5.7.23 ", ""),
    "softfail": (Mail("a@soft.test", to=CAREFUL), "spf=softfail dmarc=none:soft.test", "accept", "SPF_SOFTFAIL"),
    "neutral": (Mail("a@neutral.test", to=CAREFUL), "spf=neutral dmarc=none:neutral.test", "accept", "SPF_NEUTRAL"),
    "none": (Mail("a@none.test", to=CAREFUL), "spf=none dmarc=none:none.test", "accept", "SPF_NONE"),
    "permerror": (Mail("a@wrong.test", to=CAREFUL), "spf=permerror dmarc=none:wrong.test", "accept", "SPF_PERMERROR"),
    # A pass that everybody gets is worth nothing, and tips the scale beside little else.
    "everyone": (Mail("a@everyone.test"), "spf=pass dmarc=pass:everyone.test", "accept", "SPF_WORTHLESS"),
    "everyone, nameless": (Mail("a@everyone.test", client=NAMELESS),
                           "iprev=permerror spf=pass dmarc=pass:everyone.test", "junk",
                           "SPF_WORTHLESS RDNS_NONE HELO_UNKNOWN"),
    # Bounces have the HELO name only.
    "bounce": (Mail("postmaster@good.test", sender="", helo="mx.good.test"), "spf=pass dmarc=pass:good.test",
               "accept", "SPF_PASS"),
    "forged bounce": (Mail("postmaster@good.test", sender="", helo="mx.good.test", client=FORWARDER),
                      "spf=fail dmarc=fail:good.test:reject", REFUSED + "SPF fail", "SPF_FAIL DMARC_REJECT"),
    "HELO of another": (Mail(helo="mx.good.test", client=FORWARDER, signed="good.test"),
                        "spf=fail helo=fail dkim=pass:good.test dmarc=pass:good.test", "accept", "SPF_HELO_FAIL"),
    # Misaligned.
    "misaligned SPF": (Mail(sender="a@other.test"), "spf=pass dmarc=fail:good.test:reject",
                       REFUSED + "SPF passes for other.test, which does not align; no DKIM signature",
                       "SPF_PASS DMARC_REJECT"),
    "misaligned DKIM": (Mail(signed="other.test", client=FORWARDER),
                        "spf=fail dkim=pass:other.test dmarc=fail:good.test:reject",
                        REFUSED + "SPF fail; DKIM passes for other.test, which does not align",
                        "SPF_FAIL DKIM_VALID DMARC_REJECT"),
    "strict": (Mail("a@strict.test", sender="a@mail.strict.test", signed="mail.strict.test"),
               "spf=pass dkim=pass:mail.strict.test dmarc=fail:strict.test:reject",
               "550 5.7.1 The DMARC policy of strict.test (p=reject) asks to refuse this message: SPF passes for "
               "mail.strict.test, which does not align (aspf=s); DKIM passes for mail.strict.test, which does not "
               "align (adkim=s)", ""),
    "one of two signatures": (Mail(signed="good.test other.test", client=FORWARDER),
                              "spf=fail dkim=pass:other.test dkim=pass:good.test dmarc=pass:good.test", "accept", ""),
    # What the author's domain asks for, and the administrator honours.
    "quarantine": (Mail("a@quarantine.test"), "spf=fail dmarc=fail:quarantine.test:quarantine", "junk",
                   "DMARC_QUARANTINE"),
    "nothing asked": (Mail("a@watch.test"), "spf=fail dmarc=fail:watch.test:none", "accept", "DMARC_FAIL"),
    "sp": (Mail("a@here.split.test"), "spf=none dmarc=fail:here.split.test:quarantine", "junk", "DMARC_QUARANTINE"),
    "sp by public suffix": (Mail("a@here.split.test", to=JUNK),
                            "spf=none dmarc=fail:here.split.test:quarantine", "junk", "DMARC_QUARANTINE"),
    "np": (Mail("a@gone.split.test"), "spf=none dmarc=fail:gone.split.test:none", "accept", "DMARC_FAIL"),
    "p beside sp": (Mail("a@split.test"), "spf=fail dmarc=fail:split.test:reject", "550 5.7.1 ", "DMARC_REJECT"),
    "pct=0": (Mail("a@some.test"), "spf=fail dmarc=fail:some.test:quarantine", "junk", "DMARC_QUARANTINE"),
    "pct=100": (Mail("a@all.test"), "spf=fail dmarc=fail:all.test:reject", "550 5.7.1 ", "DMARC_REJECT"),
    "t=y": (Mail("a@testing.test"), "spf=fail dmarc=fail:testing.test:none", "accept", "DMARC_FAIL"),
    "reject as junk": (Mail(sender="a@other.test", to=JUNK), "spf=pass dmarc=fail:good.test:reject", "junk",
                       "DMARC_REJECT"),
    "quarantine as junk": (Mail("a@quarantine.test", to=JUNK), "spf=fail dmarc=fail:quarantine.test:quarantine",
                           "junk", "DMARC_QUARANTINE"),
    "reject as score": (Mail(sender="a@other.test", to=SCORE), "spf=pass dmarc=fail:good.test:reject", "accept",
                        "DMARC_REJECT"),
    # Several authors, or none.
    "two From fields": (Mail(signed="good.test", changed=senders.above("From: m@quarantine.test")),
                        "spf=pass dkim=pass:good.test dmarc=fail:quarantine.test:quarantine", "junk", ""),
    "two From fields, the other way": (
        Mail("m@quarantine.test", changed=senders.above("From: anna@good.test"), sender="anna@good.test"),
        "spf=pass dmarc=fail:quarantine.test:quarantine", "junk", ""),
    "two authors": (Mail("anna@good.test, m@quarantine.test", sender="anna@good.test"),
                    "spf=pass dmarc=fail:quarantine.test:quarantine", "junk", ""),
    "no author": (Mail("Anna", sender="anna@good.test"), "spf=pass dmarc=permerror:", "accept", "DMARC_PERMERROR"),
    # Lists that change what was signed, and who is believed.
    "list": (Mail(**FOOTED), "spf=pass dkim=fail:good.test dmarc=fail:good.test:reject", REFUSED,
             "SPF_PASS DKIM_FAIL DMARC_REJECT"),
    "list that signs": (Mail(**FOOTED, resigned="list.test"),
                        "spf=pass dkim=pass:list.test dkim=fail:good.test dmarc=fail:good.test:reject",
                        REFUSED + "SPF passes for list.test, which does not align; DKIM passes for list.test, which "
                        "does not align", ""),
    "list that seals": (Mail(**FOOTED, sealed="list.test"),
                        "spf=pass dkim=fail:good.test arc=pass dmarc=fail:good.test:reject", REFUSED, "ARC_PASS"),
    "trusted list": (Mail(**FOOTED, sealed="list.test", to=TRUSTING),
                     "spf=pass dkim=fail:good.test arc=pass dmarc=fail:good.test:reject", "accept",
                     "ARC_PASS ARC_TRUSTED ~DMARC_REJECT"),
    "trusted list, and one more": (
        Mail(**FOOTED, sealed="list.test otherlist.test", to=TRUSTING),
        "spf=pass dkim=fail:good.test arc=pass dmarc=fail:good.test:reject", "accept", "ARC_TRUSTED ~DMARC_REJECT"),
    "untrusted list": (Mail(**FOOTED, sealed="otherlist.test", to=TRUSTING),
                       "spf=pass dkim=fail:good.test arc=pass dmarc=fail:good.test:reject", REFUSED, "DMARC_REJECT"),
    "trusted list that saw it fail": (
        Mail(**FOOTED, sealed="list.test", seal_says="dmarc=fail header.from=good.test", to=TRUSTING),
        "spf=pass dkim=fail:good.test arc=pass dmarc=fail:good.test:reject", REFUSED, "DMARC_REJECT"),
    "changed behind the trusted list": (
        Mail(**FOOTED, sealed="list.test", then=senders.footer, to=TRUSTING),
        "spf=pass dkim=fail:good.test arc=fail dmarc=fail:good.test:reject", REFUSED, "ARC_FAIL DMARC_REJECT"),
    # allow_domains, from both sides.
    "friend, signed": (Mail("a@friend.test", signed="friend.test", to=TRUSTING),
                       "spf=fail dkim=pass:friend.test dmarc=none:friend.test", "accept",
                       "ALLOW_AUTHENTICATED ~SPF_FAIL"),
    "friend, by its client's name": (Mail("a@pal.test", client=PAL_CLIENT, to=TRUSTING),
                                     "spf=fail dmarc=fail:pal.test:quarantine", "accept",
                                     "ALLOW_AUTHENTICATED ~SPF_FAIL ~DMARC_QUARANTINE"),
    "false friend": (Mail("a@friend.test", to=TRUSTING), "spf=fail dmarc=none:friend.test", "550 5.7.23 ",
                     "ALLOW_FAILED SPF_FAIL"),
    "false friend by score": (Mail("a@friend.test", to=SCORE), "spf=fail dmarc=none:friend.test", "junk",
                              "ALLOW_FAILED SPF_FAIL"),
    "a stranger": (Mail("a@friend.test"), "spf=fail dmarc=none:friend.test", "accept", "SPF_FAIL"),
    # What does not answer counts for nothing, or is a reason to wait.
    "bogus": (Mail("a@bogus.test", signed="bogus.test"),
              "spf=temperror dkim=temperror:bogus.test dmarc=temperror:bogus.test", "accept",
              "SPF_TEMPERROR DKIM_TEMPERROR DMARC_TEMPERROR DNS_FAILURE"),
    "bogus, later": (Mail("a@bogus.test", to=CAREFUL), "spf=temperror dmarc=temperror:bogus.test",
                     LATER + "TXT _dmarc.bogus.test", "DNS_FAILURE"),
    "broken": (Mail("a@broken.test"), "spf=temperror dmarc=temperror:broken.test", "accept", "DNS_FAILURE"),
    "broken, later": (Mail("a@broken.test", to=CAREFUL), "spf=temperror dmarc=temperror:broken.test",
                      LATER + "TXT _dmarc.broken.test", ""),
    "broken key, later": (Mail("a@none.test", signed="broken.test", to=CAREFUL),
                          "spf=none dkim=temperror:broken.test dmarc=none:none.test",
                          LATER + "TXT s1._domainkey.broken.test", "DKIM_TEMPERROR"),
    "broken, but passed": (Mail(signed="good.test", sender="a@broken.test", to=CAREFUL),
                           "spf=temperror dkim=pass:good.test dmarc=pass:good.test", "accept", "DNS_FAILURE"),
    # Names beyond ASCII.
    "IDN": (Mail("anna@bücher.test", signed="xn--bcher-kva.test", options=" SMTPUTF8"),
            "spf=pass dkim=pass:xn--bcher-kva.test dmarc=pass:xn--bcher-kva.test", "accept", "DMARC_PASS"),
    "IDN, forged": (Mail("anna@bücher.test", client=FORWARDER, options=" SMTPUTF8"),
                    "spf=fail dmarc=fail:xn--bcher-kva.test:reject",
                    "550 5.7.1 The DMARC policy of xn--bcher-kva.test (p=reject) ", "SPF_FAIL DMARC_REJECT"),
    "IDN in A-labels": (Mail("anna@xn--bcher-kva.test"), "spf=pass dmarc=pass:xn--bcher-kva.test", "accept", ""),
}


def parsed(mail, told):
    """Method → results with what belongs to them."""
    said = {"iprev": ["pass"], "helo": ["none"] if mail.sender else [], "dkim": ["none"], "arc": ["none"]}
    named = {}
    for word in told.split():
        method, _, value = word.partition("=")
        named.setdefault(method, []).append(value)
    return said | named


def in_header(mail, told):
    said = parsed(mail, told)
    identity = f"smtp.mailfrom={mail.sender}" if mail.sender else f"smtp.helo={mail.helo}"
    lines = [f"iprev={value} policy.iprev={mail.client}" for value in said["iprev"]]
    lines += [f"spf={value} {identity}" for value in said["spf"]]
    lines += [f"spf={value} smtp.helo={mail.helo}" for value in said["helo"]]
    for value in said["dkim"]:
        result, _, domain = value.partition(":")
        lines.append(f"dkim={result}" + (f" header.d={domain} header.i=@{domain} header.s=s1 header.a=rsa-sha256 "
                                         "header.b=*" if domain else ""))
    for result in said["arc"]:
        lines.append(f"arc={result}" + (f" smtp.remote-ip={mail.client}" if result != "none" else "") +
                     (" header.oldest-pass=0" if result == "pass" else ""))
    for value in said["dmarc"]:
        result, domain, applied, *_ = value.split(":") + [""]
        lines.append(f"dmarc={result}" + (f" header.from={domain}" if domain else "") +
                     (f" policy.dmarc={applied}" if applied else ""))
    return lines


def in_record(mail, told):
    said = parsed(mail, told)
    result, domain, applied, *_ = said["dmarc"][0].split(":") + [""]
    return {"rdns": said["iprev"][0].replace("permerror", "none"), "spf": said["spf"][0],
            "spf_helo": (said["helo"] or [None])[0],
            "dkim": [tuple(value.split(":")) for value in said["dkim"] if value != "none"],
            "arc": said["arc"][0], "dmarc": (result, domain, applied or "none")}


def recorded(auth):
    dmarc = auth["dmarc"]
    return {"rdns": auth["rdns"]["result"], "spf": auth["spf"]["result"],
            "spf_helo": auth.get("spf_helo", {}).get("result"),
            "dkim": [(item["result"], item["domain"]) for item in auth["dkim"]],
            "arc": auth["arc"]["result"], "dmarc": (dmarc["result"], dmarc["domain"], dmarc["applied"])}


def check_findings(found, wanted):
    modes = {finding["name"]: finding["mode"] for finding in found["findings"]}
    for name in wanted.split():
        assert modes.get(name.lstrip("~")) == ("observe" if name.startswith("~") else "score"), (name, modes)
    total = sum(finding["score"] for finding in found["findings"] if finding["mode"] == "score")
    assert found["score"] == pytest.approx(total, abs=0.005)


def check(sent, reader, told, outcome, findings):
    found = sent.record()
    folder, content = senders.stored(reader, sent.reply.id)
    if outcome in ("accept", "junk"):
        assert sent.reply.matches("250 2.0.0 "), sent.reply
        assert folder == {"accept": "INBOX", "junk": "Junk"}[outcome]
        assert senders.results(senders.header_of(content)) == in_header(sent.mail, told)
        assert content.endswith(sent.content)
        assert found["action"] == outcome
    else:
        before, reply = outcome.startswith("early "), outcome.removeprefix("early ")
        assert folder is None and sent.before == before
        assert " ".join(sent.reply.lines).startswith(reply), sent.reply
        assert found["action"] == ("reject" if reply.startswith("5") else "defer")
        assert found["reply"].startswith(reply)
    if told:
        assert recorded(found["auth"]) == in_record(sent.mail, told)
        check_findings(found, findings)


@pytest.mark.parametrize("mail, told, outcome, findings", CASES.values(), ids=CASES.keys())
def test_results_and_what_follows(server, reader, key, mail, told, outcome, findings):
    check(senders.send(server, mail, key), reader, told, outcome, findings)


@pytest.mark.needs("swaks")
@pytest.mark.parametrize("name", ["pass", "fail", "forwarded", "list", "misaligned SPF", "everyone"])
def test_by_swaks(server, reader, key, tmp_path, name):
    mail, told, outcome, findings = CASES[name]
    check(senders.swaks(server, mail, key, tmp_path), reader, told, outcome, findings)


@pytest.mark.parametrize("client", ["[UNAVAILABLE]", "[TEMPUNAVAIL]"])
def test_client_that_nobody_knows(server, reader, key, client):
    """Who is behind a front end that does not know it is not judged by the front end's address."""
    sent = senders.send(server, Mail("a@hard.test", client=client, helo="mx.good.test", to=CAREFUL), key)
    assert sent.reply.matches("250 2.0.0 "), sent.reply  # SPF would refuse any address
    _, content = senders.stored(reader, sent.reply.id)
    header = senders.header_of(content)
    assert "from mx.good.test (unknown [unknown])" in senders.fields(header, "Received")[0]
    assert senders.results(header) == ["dkim=none", "arc=none", "dmarc=none header.from=hard.test"]
    found = sent.record()
    assert found["client"]["ip"] == ""
    assert not [finding for finding in found["findings"] if finding["name"].startswith(("SPF_", "RDNS_", "HELO_"))]


# The message as it is kept

FORGED = [
    "Authentication-Results: mx.example.test; dmarc=pass header.from=bank.test",
    "authentication-results:MX.Example.Test 1;spf=pass",
    "Authentication-Results:\r\n (who else)\r\n\tmx.example.test;\r\n\tdkim=pass header.d=bank.test",
    'Authentication-Results: "mx.example.test"; spf=pass',
    "Authentication-Results: spf=pass smtp.mailfrom=bank.test",
]
FOREIGN = ["Authentication-Results: mx.elsewhere.test; spf=pass", "X-Authentication-Results: mx.example.test; spf=pass"]


def kept(reader, sent):
    folder, content = senders.stored(reader, sent.reply.id)
    assert folder == "INBOX", sent.reply
    return content


def without(content, fields):
    for field in fields:
        assert content.count(field.encode() + b"\r\n") == 1
        content = content.replace(field.encode() + b"\r\n", b"")
    return content


@pytest.mark.parametrize("filling", [0, 80 * 1024], ids=["short", "behind 80 KiB"])
def test_results_in_our_name_are_removed(server, reader, key, filling):
    """All of them, wherever they stand; and nothing else."""
    lines = [f"X-Line-{n}: {'x' * 70}" for n in range(filling // 80)]
    for n, field in enumerate(FORGED + FOREIGN):
        lines += [field, f"X-Between: {n}"]
    sent = senders.send(server, Mail(signed="good.test", more="\r\n".join(lines) + "\r\n"), key)
    content = kept(reader, sent)
    assert content.endswith(b"\r\n" + without(sent.content, FORGED))
    header = senders.header_of(content)
    assert senders.results(header)[-1] == "dmarc=pass header.from=good.test"
    assert len(senders.fields(header, "Authentication-Results")) == 2
    found, = (finding for finding in sent.record()["findings"] if finding["name"] == "RESULTS_FORGED")
    assert found["mode"] == "observe" and found["evidence"] == f"{len(FORGED)} removed"


def test_results_in_our_name_too_far_behind(server, key):
    lines = [f"X-Line-{n}: {'x' * 900}" for n in range(1200)] + FORGED[:1]
    sent = senders.send(server, Mail(more="\r\n".join(lines) + "\r\n"), key)
    assert sent.reply.matches("550 5.6.0 The header is too large")


def test_another_name_and_received_spf(server, reader, key):
    """auth.authserv_id; the host's own name is ours all the same."""
    forged = [f"Authentication-Results: {name}; spf=pass" for name in ("mx.example.test", "auth.curious.test")]
    sent = senders.send(server, Mail(to=CURIOUS, more="".join(f"{field}\r\n" for field in forged)), key)
    content = kept(reader, sent)
    header = senders.header_of(content)
    assert content.endswith(b"\r\n" + without(sent.content, forged))
    assert senders.results(header, "auth.curious.test")[1] == "spf=pass smtp.mailfrom=anna@good.test"
    assert senders.fields(header, "Received-SPF") == [
        "pass (auth.curious.test: good.test: ip4:192.0.2.1)\treceiver=auth.curious.test; client-ip=192.0.2.1;"
        '\tenvelope-from="anna@good.test"; helo=mx.client.test;\tidentity=mailfrom; mechanism="ip4:192.0.2.1"']


def test_received_spf_of_a_bounce(server, reader, key):
    mail = Mail("postmaster@good.test", sender="", helo="mx.good.test", to=CURIOUS)
    value, = senders.fields(senders.header_of(kept(reader, senders.send(server, mail, key))), "Received-SPF")
    assert value.startswith("pass ") and "helo=mx.good.test" in value and "identity=helo" in value


def test_no_received_spf_unless_asked_for(server, reader, key):
    assert not senders.fields(senders.header_of(kept(reader, senders.send(server, Mail(), key))), "Received-SPF")


def test_comments_say_why(server, reader, key):
    sent = senders.send(server, Mail("a@everyone.test"), key)
    value, = senders.fields(senders.header_of(kept(reader, sent)), "Authentication-Results")
    for words in ("(everyone.test: +all; worthless, the record passes\teveryone)", "(mx.client.test)",
                  "(mx.client.test publishes no SPF record)", "(p=quarantine at everyone.test)"):
        assert words in value, value


# Whose rules

def test_recipients_under_other_rules_wait(server, key):
    """Each message is judged once, by one set of rules: those of its first recipient."""
    mail = Mail("a@hard.test", client=FORWARDER)
    for first, other, same in ((ALICE, CAREFUL, "alice+books@example.test"), (CAREFUL, ALICE, "alice+x@careful.test")):
        with server.smtp() as client:
            senders.greeted(client, mail)
            client.expect(f"MAIL FROM:<{mail.sender}>", "250 ")
            client.expect(f"RCPT TO:<{first}>", "250 ")
            client.expect(f"RCPT TO:<{other}>", "452 4.5.3 ")
            client.expect(f"RCPT TO:<{same}>", "250 ")
            if first == CAREFUL:
                client.expect("DATA", "550 5.7.23 ")
                continue
            reply = client.data(mail.content(key))
            assert reply.code == 250
            found = server.record(reply.id, action="accept")
            assert found["recipients"] == [first, same]


# postern why

def test_why_tells_it_all(server, key):
    sent = senders.send(server, Mail(**FOOTED, sealed="otherlist.test"), key)
    sent.record()
    told = server.verb("why", sent.reply.id).stdout
    for words in (r"SPF +passes; domain list\.test", r"DKIM +fails; domain good\.test; selector s1",
                  r"ARC +passes", r"ARC_PASS: otherlist\.test", r"DMARC +fails; domain good\.test;.* applied reject",
                  r"\+\d\.\d\d  DMARC_REJECT: good\.test: SPF passes for list\.test",
                  "decision +reject: The DMARC policy", r"reply +550 5\.7\.1 The DMARC policy"):
        assert re.search(words, told), told


def test_why_of_what_was_refused_early(server, key):
    sent = senders.send(server, Mail("a@hard.test", client=FORWARDER, to=CAREFUL), key)
    found = sent.record()
    assert (found["sender"], found["recipients"], found["client"]["ip"]) == ("a@hard.test", [CAREFUL], FORWARDER)
    assert found["reply"].startswith("550 5.7.23 The SPF record of hard.test")
