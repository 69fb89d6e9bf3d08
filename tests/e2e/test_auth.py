"""postern auth: what it says about messages, with a name server of the test's own."""
import json
import subprocess
import time

import pytest

from harness import dkim as harness_dkim
from harness import dns, nsd, postern, sign

ZONE = {
    ("mail.example.org", "A"): ["192.0.2.1"],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["mail.example.org"],
    ("example.org", "MX"): ["10 mail.example.org"],
    ("example.org", "TXT"): ["v=spf1 mx -all"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=reject; sp=quarantine"],
    ("broken.example", "TXT"): dns.SERVFAIL,
}
MESSAGE = b"""Return-Path: <alice@example.org>\r
Received: from mail.example.org (mail.example.org [192.0.2.1])\r
\tby mx.example.net with ESMTP id 1; Mon, 1 Jan 2024 00:00:00 +0000\r
From: Alice <alice@example.org>\r
To: bob@example.net\r
Subject: a test\r
\r
Hello.\r
"""
ENV = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


@pytest.fixture(scope="module")
def server():
    with dns.Dns(ZONE) as server:
        yield server


@pytest.fixture
def auth(server):
    def run(message, *words, code=0, server=server):
        done = subprocess.run([postern.BINARY, "auth", "-", "--dns", server.address, *words], input=message,
                              capture_output=True, env=ENV, timeout=60)
        assert done.returncode == code, done
        return json.loads(done.stdout) if "--json" in words else done.stdout.decode()
    return run


def test_the_envelope_comes_from_the_trace(auth):
    out = auth(MESSAGE, "--json")
    assert out["envelope"] == {
        "ip": "192.0.2.1", "ip_source": "from the topmost Received field that names a client",
        "helo": "mail.example.org", "helo_source": "from the topmost Received field that names a client",
        "sender": "alice@example.org", "sender_source": "from Return-Path"}
    assert out["rdns"]["result"] == "pass" and out["rdns"]["helo"] == "pass"
    assert out["spf"]["result"] == "pass" and out["spf"]["mechanism"] == "mx"
    assert out["spf"]["record"] == "v=spf1 mx -all"
    assert out["dmarc"]["result"] == "pass" and out["dmarc"]["spf_aligned"]
    assert out["authentication_results"].startswith("Authentication-Results: localhost;\r\n\tiprev=pass")
    assert "file" in out and not out["validating"]
    assert {"type": "TXT", "name": "example.org", "status": "found", "dnssec": "insecure", "why": ""} in out["lookups"]


def test_the_envelope_may_be_given(auth):
    out = auth(MESSAGE, "--json", "--ip", "2001:db8::1", "--helo", "x.example", "--from", "<>", code=1)
    assert out["envelope"]["ip"] == "2001:db8::1" and out["envelope"]["sender"] == ""
    assert out["spf"]["domain"] == "x.example"
    assert out["dmarc"]["result"] == "fail" and out["dmarc"]["applied"] == "reject"
    assert out["dmarc"]["tag"] == "p"


def test_text_tells_every_step(auth):
    text = auth(MESSAGE)
    for line in ("client       192.0.2.1  (from the topmost Received field that names a client)",
                 "sender       alice@example.org  (from Return-Path)",
                 "Reverse DNS  pass  mail.example.org",
                 "SPF          pass  example.org",
                 "  record     v=spf1 mx -all",
                 "  matched    mx in the record of example.org",
                 "DMARC        pass  example.org",
                 "  record     v=DMARC1; p=reject; sp=quarantine",
                 "  alignment  SPF aligns, DKIM no"):
        assert line in text.splitlines(), text
    text = auth(MESSAGE, "--ip", "198.51.100.1", code=1)
    assert "  policy     reject (p= at example.org); to be applied: reject" in text.splitlines()
    assert "  why        SPF fail; no DKIM signature" in text.splitlines()


def test_subdomains_and_broken_dns(auth):
    out = auth(MESSAGE.replace(b"<alice@example.org>\r\nTo", b"<alice@sub.example.org>\r\nTo"), "--json",
               "--ip", "198.51.100.1", code=1)
    assert (out["dmarc"]["tag"], out["dmarc"]["applied"]) == ("sp", "quarantine")
    assert out["dmarc"]["policy_domain"] == "example.org"
    out = auth(MESSAGE, "--json", "--from", "a@broken.example", "--suffix-list", code=1)
    assert out["spf"]["result"] == "temperror"


@pytest.mark.parametrize("received, client, helo", [
    (b"from a.example (b.example [192.0.2.7]) by x", "192.0.2.7", "a.example"),
    (b"from a.example (b.example [IPv6:2001:db8::7])\r\n\tby x", "2001:db8::7", "a.example"),
    (b"from b.example ([192.0.2.7] helo=a.example)\r\n by x", "192.0.2.7", "a.example"),
    (b"from a.example (192.0.2.7) by x", "192.0.2.7", "a.example"),
    (b"from [192.0.2.8] (b.example [192.0.2.7]) by x", "192.0.2.7", "[192.0.2.8]"),
    (b"by x with local", "192.0.2.1", "mail.example.org"),
    (b"from a.example (unknown) by x (192.0.2.9)", "192.0.2.1", "mail.example.org"),
    (b"from ", "192.0.2.1", "mail.example.org"),
    (b"from a (", "192.0.2.1", "mail.example.org"),
])
def test_received_fields(auth, received, client, helo):
    message = MESSAGE.replace(b"Received", b"Received: " + received + b"\r\nReceived")
    out = auth(message, "--json", code=1 if client != "192.0.2.1" else 0)
    assert (out["envelope"]["ip"], out["envelope"]["helo"]) == (client, helo)


def test_nothing_is_known(auth):
    out = auth(b"", "--json")
    assert out["envelope"] == {} and "spf" not in out and "rdns" not in out
    assert out["dmarc"]["result"] == "permerror"
    text = auth(b"From: a@unknown.example\n\n")
    assert "client       not known" in text and "sender       not known" in text
    # An mbox line is not the message's.
    assert auth(b"From x Mon Jan 1 00:00:00 2024\n" + MESSAGE, "--json")["dmarc"]["result"] == "pass"


def test_the_dns_is_asked_as_the_configuration_says(tmp_path):
    """Its zones and records, its name: nothing of this leaves the machine."""
    config = tmp_path / "postern.conf"
    config.write_text("""hostname = "mx.example.net"; resolver: { dnssec = false; forward = ["127.0.0.1:1"];
        local_zones = ["example.org", "2.0.192.in-addr.arpa"];
        records = ["example.org TXT \\"v=spf1 ip4:192.0.2.1 -all\\"",
                   "_dmarc.example.org TXT \\"v=DMARC1; p=reject\\""]; };""")
    done = subprocess.run([postern.BINARY, "auth", "-", "--json", "-c", config], input=MESSAGE, capture_output=True,
                          env=ENV, timeout=60)
    out = json.loads(done.stdout)
    assert (out["spf"]["result"], out["rdns"]["result"], out["dmarc"]["result"]) == ("pass", "none", "pass")
    assert out["authentication_results"].startswith("Authentication-Results: mx.example.net;")


@pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}")
def test_validation_is_told(make_server):
    zones = {"signed.example": '@ TXT "v=spf1 a -all"\n@ A 192.0.2.1', "plain.example": '@ TXT "v=spf1 -all"',
             "forged.example": '@ TXT "v=spf1 +all"'}
    with nsd.Nsd(zones, signed=["signed.example"], bogus=["forged.example"]) as server:
        config = make_server(start=False, settings=server.settings())

        def spf(domain):
            done = config.command("auth", "-", "--json", "-c", config.config, "--ip", "192.0.2.1", "--from",
                                  f"a@{domain}", text="From: a@b.invalid\n\n", check=False)
            out = json.loads(done.stdout)
            assert out["validating"]
            [found] = [look for look in out["lookups"] if (look["type"], look["name"]) == ("TXT", domain)]
            return out["spf"]["result"], found["status"], found["dnssec"], found["why"]

        assert spf("signed.example") == ("pass", "found", "secure", "")
        assert spf("plain.example") == ("fail", "found", "insecure", "")
        assert spf("none.signed.example") == ("none", "nxdomain", "secure", "")
        result, status, dnssec, why = spf("forged.example")
        assert (result, status, dnssec) == ("temperror", "bogus", "bogus") and "forged.example" in why


def test_without_a_configuration(tmp_path):
    done = subprocess.run([postern.BINARY, "auth", "-", "--json"], input=b"", capture_output=True, cwd=tmp_path,
                          env=ENV, timeout=60)
    out = json.loads(done.stdout)
    assert done.returncode == 0 and out["validating"] and out["lookups"] == []


def test_wrong_use(server, tmp_path):
    for words in (["--ip", "x", "-"], ["--dns", "x", "-"], [str(tmp_path / "none")], [], ["a", "b"],
                  ["-c", str(tmp_path / "none.conf"), "-"]):
        done = subprocess.run([postern.BINARY, "auth", *words], input=b"", capture_output=True, env=ENV, timeout=60)
        assert done.returncode == 2 and done.stderr and not done.stdout, words


def test_signatures(auth, tmp_path):
    key = sign.Key(tmp_path)
    message = sign.dkim(MESSAGE, key, "example.org", "s1")
    with dns.Dns(ZONE | {("s1._domainkey.example.org", "TXT"): [key.record]}) as server:
        out = auth(message, "--json", "--ip", "198.51.100.1", server=server)
        assert [s["result"] for s in out["dkim"]] == ["pass"]
        assert out["dkim"][0]["key_bits"] == 2048 and out["dmarc"]["dkim_aligned"]
        assert "header.b=" in out["authentication_results"]
        broken = auth(message.replace(b"Hello", b"Hallo"), "--json", "--ip", "198.51.100.1", server=server, code=1)
        [signature] = broken["dkim"]
        assert signature["result"] == "fail" and not signature["body_matches"]
        assert signature["body_hash_expected"] != signature["body_hash_found"]
        text = auth(message.replace(b"Hello", b"Hallo"), "--ip", "198.51.100.1", server=server, code=1)
        assert "changed: bh= says " + signature["body_hash_expected"] in text


LISTED = MESSAGE.replace(b"Subject: a", b"Subject: [things] a")


@pytest.mark.parametrize("signed, seen, told", [
    (MESSAGE, (b"Subject: ", b"Subject: [things] "), "the Subject was signed without [things]"),
    (MESSAGE, (b"Subject: ", b"Subject: Re: [things]  "), ""),
    (MESSAGE, (b"From: Alice <alice@example.org>", b"From: Alice via List <list@example.org>\r\nReply-To: Alice "
               b"<alice@example.org>"), "From was signed as it stands in Reply-To"),
    (MESSAGE, (b"From: ", b"Cc: carl@example.net\r\nFrom: "), "Cc was added, or was another when it was signed: "
                                                              "without it the rest is as it was"),
    (LISTED, (b"To: bob", b"To: rob"), ""),
])
def test_what_has_changed(auth, tmp_path, signed, seen, told):
    key = sign.Key(tmp_path)
    message = sign.dkim(signed, key, "example.org", "s1", (b"from", b"to", b"cc", b"subject"), more=b"cc")
    with dns.Dns(ZONE | {("s1._domainkey.example.org", "TXT"): [key.record]}) as server:
        words = ("--json", "--ip", "192.0.2.1", "--from", "a@example.org")
        [signature] = auth(message, *words, server=server)["dkim"]
        assert signature["header_matches"] and signature["header_changed"] == ""
        head, rest = message.split(b"Return-Path", 1)
        message = head + b"Return-Path" + rest.replace(*seen)
        [signature] = auth(message, *words, server=server)["dkim"]
        assert signature["body_matches"] and not signature["header_matches"]
        assert signature["header_changed"] == told
        text = auth(message, *words[1:], server=server)
        assert f"header     {told or 'one of the signed fields has changed, or the key is another'}\n" in text


def sealed(message, key, tmp_path, domains, results):
    """The message after servers of these domains, each with the next of the results, have passed it on."""
    path = tmp_path / "sealed"
    keys = {f"s1._domainkey.{domain}": key.record.encode() for domain in domains}
    for domain, result in zip(domains, results):
        path.write_bytes(message)
        [fields] = harness_dkim.seal(keys, [(int(time.time()), domain, "s1", "relaxed/relaxed", "from:subject:cc",
                                             key.path, path, result)])
        message = fields + message
    return message


def test_chains_tell_each_set(auth, tmp_path):
    key = sign.Key(tmp_path)
    domains = ["one.example", "two.example", "three.example"]
    message = sealed(MESSAGE, key, tmp_path, domains, [f"{name}; dmarc=pass".encode() for name in domains])
    with dns.Dns(ZONE | {(f"s1._domainkey.{name}", "TXT"): [key.record] for name in domains}) as server:
        arc = auth(message, "--json", server=server)["arc"]
        assert arc["result"] == "pass" and "broken" not in arc
        assert [(one["domain"], one["cv"], one["seal"], one["message_signature"]) for one in arc["sets"]] == [
            ("one.example", "none", "pass", "pass"), ("two.example", "pass", "pass", "pass"),
            ("three.example", "pass", "pass", "pass")]
        # Somebody rewrites what the second found.
        broken = message.replace(b"two.example; dmarc=pass", b"two.example; dmarc=fail")
        arc = auth(broken, "--json", server=server)["arc"]
        assert (arc["result"], arc["broken"]) == ("fail", 3)
        assert arc["reason"] == "seal 3: header has changed: b= does not verify"
        assert [one["seal"] for one in arc["sets"]] == ["not checked", "not checked", "fail"]
        text = auth(broken, server=server)
        for line in ("ARC          fail", "  why        seal 3: header has changed: b= does not verify",
                     "  set 3      sealed by three.example, cv=pass; seal: fail, message signature: pass",
                     "             three.example; dmarc=pass"):
            assert line in text.splitlines(), text


def test_signed_fields_that_are_missing_or_too_many(auth, tmp_path):
    key = sign.Key(tmp_path)
    message = sign.dkim(MESSAGE, key, "example.org", "s1")
    message = message.replace(b"Subject: a test\r\n", b"").replace(b"To: bob", b"To: x@example.net\r\nTo: bob")
    with dns.Dns(ZONE | {("s1._domainkey.example.org", "TXT"): [key.record]}) as server:
        [signature] = auth(message, "--json", server=server)["dkim"]
        assert signature["body_matches"] and not signature["header_matches"]
        assert signature["signed_but_missing"] == ["subject"] and signature["present_beyond_signed"] == ["to"]
        text = auth(message, server=server)
        assert "             signed as absent, or removed since: subject" in text.splitlines(), text
        assert "             there are more than are signed: to" in text.splitlines()


# Control characters, and what turns text around.
NASTY = "\x1b[2J\x07\u202e\x9b31m"


def test_nothing_reaches_the_terminal(auth):
    message = f"Return-Path: <{NASTY}@{NASTY}>\nFrom: {NASTY}@{NASTY}\n\n".encode()
    table = ZONE | {("evil.example", "TXT"): [f"v=spf1 {NASTY} -all".encode()],
                    ("_dmarc.evil.example", "TXT"): [f"v=DMARC1; p=reject; x={NASTY}".encode()]}
    with dns.Dns(table) as server:
        for extra in ([], ["--from", "a@evil.example"]):
            text = auth(message + b"x", "--ip", "192.0.2.1", "--helo", NASTY, *extra, server=server)
            assert not set(text) & set(NASTY) - set("[2J31m"), text
        text = auth(b"From: a@evil.example\n\n", "--ip", "192.0.2.1", "--from", "a@evil.example", server=server,
                    code=1)
        assert not set(text) & set(NASTY) - set("[2J31m"), text


SIGNATURE = b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example; s=s; h=from; bh=AAAA; b=" + b"A" * 60000 + b"\r\n"
HOSTILE = {
    "signatures": b"".join(SIGNATURE % n for n in range(15)) + b"From: a@example.org\r\n\r\n",
    "arc sets": b"".join(
        b"ARC-Seal: i=%d; a=rsa-sha256; d=d%d.example; s=s; cv=pass; b=AAAA\r\n"
        b"ARC-Message-Signature: i=%d; a=rsa-sha256; d=d%d.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
        b"ARC-Authentication-Results: i=%d; x; %s\r\n" % (n, n, n, n, n, b"spf=pass " * 1500)
        for n in range(50, 0, -1)) + b"From: a@example.org\r\n\r\n",
    "authors": b"From: " + b",\r\n ".join(b"a@d%d.example" % n for n in range(60000)) + b"\r\n\r\n",
    "authors in Unicode": b"From: " + b",".join(b"a@\xc3\xbc%d.example" % n for n in range(60000)) + b"\r\n\r\n",
    "From fields": b"From: a@example.org\r\n" * 50000 + b"\r\n",
    "fields": b"A:b\r\n" * 200000 + b"From: a@example.org\r\n\r\n",
    "Received fields": b"Received: from x (\r\n" * 50000 + b"\r\n",
    "one line": b"From: " + b"(" * (1 << 20),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_end(server, name):
    """How long they take is measured by hand; here they come to an end, with questions in bounds."""
    done = subprocess.run([postern.BINARY, "auth", "-", "--dns", server.address, "--json", "--ip", "192.0.2.1"],
                          input=HOSTILE[name], capture_output=True, env=ENV, timeout=120)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert len(json.loads(done.stdout)["lookups"]) < 300
