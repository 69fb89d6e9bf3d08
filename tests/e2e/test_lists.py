"""Lists in the DNS, played by a real name server: what they say counts, what is broken does not."""
import concurrent.futures
import re
import socket

import pytest

from harness import nsd, procs

pytestmark = pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}")

# Answers are kept for a second: what a test changes is seen soon.
ZEN = """
2.0.0.127 1 A 127.0.0.2
10.2.0.192 1 A 127.0.0.2
14.2.0.192 1 A 127.0.0.2
14.2.0.192 1 A 127.0.0.4
11.2.0.192 1 A 127.0.0.10
12.2.0.192 1 A 127.0.0.99
"""
SURBL = """
surbl-org-permanent-test-point.com 1 A 127.0.0.254
phish.example 1 A 127.0.0.8
crime.example 1 A 127.0.0.80
9.2.0.192 1 A 127.0.0.64
"""
GOOD = "2.0.0.127 1 A 127.0.0.2\n20.2.0.192 1 A 127.0.0.2"
ZONES = {
    "zen.spamhaus.org": ZEN,
    "s3cret.zen.dq.spamhaus.net": ZEN,
    "multi.surbl.org": SURBL,
    "dbl.spamhaus.org": "dbltest.com 1 A 127.0.1.2\nspam.example 1 A 127.0.1.2\nhost.example 1 A 127.0.1.102",
    "bl.spamcop.net": "* 1 A 127.255.255.254",
    "all.example": "* 1 A 127.0.0.2",
    "list.dnswl.org": "2.0.0.127 1 A 127.0.10.0\n10.2.0.192 1 A 127.0.5.3\n13.2.0.192 1 A 127.0.5.2",
}
ALL = {"name": "ALL", "zone": "all.example", "kind": "ip", "of": "client",
       "replies": [{"code": "127.0.0.2", "score": 1.5}]}
SLOW = ALL | {"name": "SLOW", "zone": "slow.example"}


def settings(world, *lists, **filter):
    return world.settings() | {
        "log": {"level": "debug"},
        "smtp": {"proxy_from": ["127.0.0.1"]},
        "filter": {"lists": list(lists), "lists_check": "1s", "lists_timeout": "20s", "processes": 1} | filter}


def send(server, client, message=b"From: a@remote.test\r\n\r\nx\r\n", sender="sender@remote.test"):
    """Sends it as that client; what was decided, as JSON."""
    with server.smtp(before=f"PROXY TCP4 {client} 127.0.0.1 4000 25\r\n".encode()) as smtp:
        smtp.ehlo()
        smtp.envelope(sender=sender)
        reply = smtp.data(message)
    return server.record(reply.id)


def findings(record):
    return {f["name"]: f["score"] for f in record["findings"] if f["source"] == "lists"}


@pytest.fixture
def world():
    with nsd.Nsd(ZONES) as server:
        yield server


def test_what_lists_say_counts(make_server, world):
    server = make_server(settings=settings(world, {"use": "spamhaus-zen"}, {"use": "spamhaus-dbl"}, {"use": "dnswl"}))
    for name in "ZEN", "DBL", "DNSWL":
        server.wait_log(f"a list works .*list={name}")

    listed = send(server, "192.0.2.14")
    assert findings(listed) == {"ZEN_SBL": 4, "ZEN_XBL": 4} and listed["action"] == "junk"
    assert [e | {"ms": 0} for e in listed["lists"]] == [
        {"list": "ZEN", "of": "client", "asked": "192.0.2.14", "answer": "127.0.0.2", "name": "ZEN_SBL", "score": 4,
         "ms": 0},
        {"list": "ZEN", "of": "client", "asked": "192.0.2.14", "answer": "127.0.0.4", "name": "ZEN_XBL", "score": 4,
         "ms": 0},
        {"list": "DNSWL", "of": "client", "asked": "192.0.2.14", "answer": "", "ms": 0}]
    assert listed["lists_asked"] == 3  # and DBL, about remote.test
    told = server.verb("why", listed["id"]).stdout
    assert "+4.00  ZEN_SBL: 192.0.2.14 (client): Spamhaus SBL: a source of spam [lists]" in told

    assert findings(send(server, "192.0.2.11")) == {"ZEN_PBL": 2}
    assert findings(send(server, "192.0.2.1")) == {}
    # An answer that means nothing to us.
    odd = send(server, "192.0.2.12")
    assert findings(odd) == {} and odd["lists"][0]["answer"] == "127.0.0.99"
    # For and against it.
    assert findings(send(server, "192.0.2.10")) == {"ZEN_SBL": 4, "DNSWL_HIGH": -2}
    # Private addresses are asked about nowhere, neither as a client nor on the way.
    private = send(server, "192.168.2.10", b"Received: from a (b [10.2.0.192]) by c\r\n\r\nx\r\n", "")
    assert private["lists"] == [] and private["lists_asked"] == 1  # the HELO name

    # The way that it came counts less: nothing, for an address of a provider's customer.
    message = (b"Received: from a (b [192.0.2.14]) by c; x\r\nReceived: from d ([IPv6:2001:db8::1]) by e\r\n"
               b"Received: from f (192.0.2.11) by g\r\nFrom: A <a@www.Host.Example>, b@remote.test\r\n"
               b"Reply-To: c@spam.example\r\n\r\nx\r\n")
    way = send(server, "192.0.2.13", message)
    assert findings(way) == {"ZEN_SBL_RECEIVED": 3, "ZEN_XBL_RECEIVED": 1, "ZEN_PBL_RECEIVED": 0, "DNSWL_MEDIUM": -1,
                             "DBL_ABUSED": 2.5, "DBL_SPAM": 6.5}
    assert "DBL_ABUSED: host.example (from)" in server.verb("why", way["id"]).stdout
    # An address in a Received field that everybody can write speaks for nobody.
    assert "DNSWL_HIGH" not in findings(send(server, "192.0.2.1", b"Received: from a (b [192.0.2.10]) by c\r\n\r\n"))


def test_links(make_server, world):
    """SURBL's bits, registered domains, addresses in links; links before images, and each name once."""
    server = make_server(settings=settings(world, {"use": "surbl"}, {"use": "spamhaus-dbl"}, {"use": "spamhaus-zen"}))
    for name in "SURBL", "DBL", "ZEN":
        server.wait_log(f"a list works .*list={name}")
    plain = (b"From: a@remote.test\r\n\r\nhttp://www.phish.example/x http://WWW.phish.example/y "
             b"http://192.0.2.9/ https://deep.in.crime.example/\r\nhttps://alice.example.test/ http://10.0.0.1/\r\n")
    record = send(server, "192.0.2.1", plain)
    assert findings(record) == {"SURBL_PHISH": 7.5, "SURBL_MALWARE": 7.5, "SURBL_ABUSE": 4.5}
    assert record["action"] == "reject"
    assert {(e["asked"], e["of"], e["answer"]) for e in record["lists"] if e["list"] == "SURBL"} == {
        ("phish.example", "uri", "127.0.0.8"), ("crime.example", "uri", "127.0.0.80"),
        ("192.0.2.9", "uri", "127.0.0.64")}
    # The client at ZEN; three names at SURBL, two of them at DBL; remote.test at DBL.
    assert record["lists_asked"] == 1 + 3 + 2 + 1
    assert "SURBL_ABUSE: 192.0.2.9 (uri), crime.example (uri): SURBL ABUSE" in server.verb("why", record["id"]).stdout

    images = b"".join(b'<img src="http://i%d.example/">' % n for n in range(200))
    html = (b"From: a@remote.test\r\nContent-Type: text/html\r\n\r\n" + images +
            b'<a href="http://spam.example/">x</a>\r\n')
    record = send(server, "192.0.2.1", html.replace(b"><", b">\r\n<"))
    assert findings(record) == {"DBL_SPAM": 6.5}
    assert record["lists_asked"] == 1 + 1 + 2 * 30 and record["lists_truncated"]


def test_what_is_broken_counts_for_nothing_and_comes_back(make_server, world):
    """One that refuses public resolvers, one that lists everybody, one that is silent from the start."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        all_settings = settings(world, {"use": "spamcop"}, ALL, SLOW, {"use": "spamhaus-zen"}, lists_timeout="5s")
        all_settings["resolver"]["stub"].append("slow.example 127.0.0.1:%d" % silent.getsockname()[1])
        server = make_server(settings=all_settings)
        server.wait_log(r"a list is broken.* list=SPAMCOP zone=bl.spamcop.net why=.*public resolvers")
        server.wait_log(r"a list is broken.* list=ALL .*lists what must not be listed")
        server.wait_log(r"a list is broken.* list=SLOW .*does not answer")
        server.wait_log("a list works .*list=ZEN")
        record = send(server, "192.0.2.14")
        assert findings(record) == {"ZEN_SBL": 4, "ZEN_XBL": 4, "LIST_BROKEN": 0}
        broken = [f["evidence"] for f in record["findings"] if f["name"] == "LIST_BROKEN"]
        assert [text.split(":")[0] for text in broken] == ["SPAMCOP", "ALL", "SLOW"]
        assert {entry["list"] for entry in record["lists"]} == {"ZEN"}
        assert "LIST_BROKEN: SPAMCOP: it does not answer public resolvers" in server.verb("why", record["id"]).stdout

        world.change("bl.spamcop.net", GOOD)
        world.change("all.example", GOOD)
        server.wait_log("a list works again .*list=SPAMCOP")
        server.wait_log("a list works again .*list=ALL")
        assert findings(send(server, "192.0.2.20")) == {"SPAMCOP": 2.5, "ALL": 1.5, "LIST_BROKEN": 0}

    # An error in an answer: at once.
    world.change("all.example", GOOD + "\n21.2.0.192 1 A 127.255.255.255")
    assert findings(send(server, "192.0.2.21")) == {"LIST_BROKEN": 0}
    server.wait_log("a list is broken.* list=ALL .*too many questions")
    world.change("all.example", GOOD)
    procs.wait_until(lambda: len(re.findall("a list works again .*list=ALL", server.log())) > 1, 20, "ALL")
    log = server.log()
    assert len(re.findall("a list is broken.* list=SPAMCOP .*public resolvers", log)) == 1  # not at every check


def test_one_that_stops_answering(make_server, world):
    with nsd.Nsd({"slow.example": GOOD}) as slow:
        # Long enough for the one that answers.
        all_settings = settings(world, SLOW, {"use": "spamhaus-zen"}, lists_timeout="6s", lists_check="1d")
        all_settings["resolver"]["stub"].append(f"slow.example {slow.address}")
        server = make_server(settings=all_settings)
        for name in "ZEN", "SLOW":
            server.wait_log(f"a list works .*list={name}")
        assert findings(send(server, "192.0.2.20")) == {"SLOW": 1.5}
        slow.pause()
        records = [send(server, "192.0.2.14")]
        assert findings(records[0]) == {"ZEN_SBL": 4, "ZEN_XBL": 4}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            records += pool.map(lambda host: send(server, f"192.0.2.{host}"), (31, 32))
        for record in records:
            [entry] = [entry for entry in record["lists"] if entry["list"] == "SLOW"]
            assert entry["why"] == "no answer" and "SLOW" not in findings(record)
        server.wait_log("a list is broken.* list=SLOW .*does not answer")
        record = send(server, "192.0.2.33")
        assert [entry["list"] for entry in record["lists"]] == ["ZEN"]
        assert findings(record) == {"LIST_BROKEN": 0}
        # It is tried again at once after a reload.
        slow.resume()
        server.reload()
        server.wait_log("a list works again .*list=SLOW", 60)
        assert findings(send(server, "192.0.2.20")) == {"SLOW": 1.5}


def test_a_key_is_shown_nowhere(make_server, world):
    """A secret before the zone: neither in the log nor in records nor in replies."""
    keyed = {"use": "spamhaus-zen", "zone": "zen.dq.spamhaus.net", "key": "s3cret"}
    server = make_server(settings=settings(
        world, keyed, keyed | {"name": "WRONG", "key": "wr0ng"}, findings=[{"name": "LISTED", "mode": "reject"}]))
    server.wait_log("a list works .*list=ZEN")
    server.wait_log("a list is broken.* list=WRONG")
    with server.smtp(before=b"PROXY TCP4 192.0.2.14 127.0.0.1 4000 25\r\n") as smtp:
        smtp.ehlo()
        smtp.envelope()
        reply = smtp.data(b"Subject: x\r\n\r\nx\r\n")
    assert reply.matches("550 5.7.1 ") and "ZEN_SBL: 192.0.2.14" in repr(reply)
    record = str(server.record("--last", "1"))
    check = server.verb("check", check=False)
    for text in server.log(), repr(reply), record, server.verb("why", "--last", "1").stdout, check.stdout + check.stderr:
        assert "s3cret" not in text and "wr0ng" not in text


def test_check_warns_of_a_list_that_decides_alone(make_server):
    server = make_server(start=False, settings={"filter": {"lists": [
        {"use": "spamhaus-zen"}, {"use": "surbl"},
        ALL | {"replies": [{"code": "127.0.0.2", "score": 5.0}, {"name": "X", "mask": 4, "score": 9, "decisive": True}]}]}})
    warnings = [line for line in server.verb("check", check=False).stdout.splitlines() if "filter.lists" in line]
    assert len(warnings) == 1 and "ALL scores 5.0, and Junk is from 5.0 on" in warnings[0]
