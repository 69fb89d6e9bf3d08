"""SPF beside pyspf (Debian's python3-spf), which answers from the same tables: on openspf's scenarios, and
on the envelopes of real messages with zones made up for their domains."""
import ipaddress
import random
import re

import pytest

from harness import corpus, spf

pyspf = pytest.importorskip("spf")

MESSAGES = 600



def lookup_in(records):
    """pyspf's way to the DNS. Values are as its py3dns gives them."""
    table = {}
    for name, kind, data in records:
        table.setdefault(name, []).append((kind, data))

    def value(kind, data):
        if kind == "TXT":
            return (re.sub(rb"\\(\\|x(..))", lambda m: bytes.fromhex(m[2].decode()) if m[2] else b"\\", data),)
        if kind == "MX":
            priority, host = data.decode().split()
            return (int(priority), "" if host == "." else host)
        return data.decode()

    def lookup(name, kind, *_):
        found = []
        for of, data in table.get(name.rstrip(".").lower(), []):
            if data.startswith(b"!") and of == kind:
                raise pyspf.TempError("DNS timeout")
            if of in (kind, "CNAME") and not data.startswith(b"!"):
                found.append(((name, of), value(of, data)))
        return found

    return lookup


def theirs(records, ip, helo, sender):
    pyspf.DNSLookup = lookup_in(records)
    return pyspf.query(i=ip, s=sender, h=helo, receiver="receiver.example", strict=True).check()


def compare(cases):
    """cases: (name, records, ip, helo, sender). ({name: what differs}, {result: how often})"""
    zones = spf.Zones()
    for _, records, ip, helo, sender in cases:
        zones.reset()
        for record in records:
            zones.add(*record)
        zones.check(ip, helo, sender)
    differ, results = {}, {}
    for (name, *case), outcome in zip(cases, zones.run(), strict=True):
        peer, _, told = theirs(*case)
        results[outcome["result"]] = results.get(outcome["result"], 0) + 1
        if peer != outcome["result"]:
            differ[name] = (outcome["result"], peer, told, case[0])
    return differ, results


def suite_cases(path):
    for name, test, zonedata in spf.load(path):
        zones = spf.Zones()
        zones.add_suite(zonedata)
        yield f"{path.stem}: {name}", zones.records, test["host"], test["helo"], test["mailfrom"]


def test_suites(material):
    folder = material / "auth/spf-suite/test"
    cases = [case for name in ("rfc7208-tests.yml", "rfc4408-tests.yml") for case in suite_cases(folder / name)]
    differ, _ = compare(cases)
    assert not differ


RECEIVED = re.compile(rb"^Received:\s+from\s+(\S+)[^;]*?[\[(](?:IPv6:)?([0-9a-f.:]{7,39})[\])]", re.I | re.M | re.S)
SENDER = re.compile(rb"^(?:Return-Path|From):[^\n]*?([\w.+=-]+@[\w-]+(?:\.[\w-]+)+)", re.I | re.M)


def envelope(path):
    """(ip, helo, sender) as its header tells, or None."""
    head = re.split(rb"\r?\n\r?\n", path.read_bytes()[:65536])[0]
    sender = SENDER.search(head)
    for match in RECEIVED.finditer(head):
        try:
            ip = ipaddress.ip_address(match[2].decode())
        except ValueError:
            continue
        if sender and ip.is_global:
            return str(ip), match[1].decode("ascii", "replace"), sender[1].decode()
    return None


def zone_for(ip, helo, sender, seed):
    """Records for the domain of a sender, from a seed: sometimes they name the client, sometimes not; some are
    broken, some lead nowhere or time out."""
    dice = random.Random(seed)
    domain = sender.rpartition("@")[2].lower()
    address = ipaddress.ip_address(ip)
    net = ipaddress.ip_network(f"{ip}/{20 if address.version == 4 else 40}", strict=False)
    kind, other = ("A", "198.51.100.7") if address.version == 4 else ("AAAA", "2001:db8:77::7")
    somebody = lambda: dice.choice([ip, other, other]).encode()
    records = []

    def record(depth):
        terms = []
        for _ in range(dice.randint(1, 4)):
            target = f"n{dice.randrange(10 ** 6)}.{domain}"
            what = dice.randrange(15)
            if what < 2:
                terms.append(dice.choice([f"ip{address.version}:{net}", "ip4:203.0.113.0/24", "ip6:2001:db8::/32"]))
            elif what < 4:
                terms.append(f"a:{target}" + dice.choice(["", "/24", "//64", "/24//64"]))
                records.append((target, kind, somebody()))
            elif what == 4:
                terms.append(f"mx:{target}")
                for number in range(dice.randint(1, 3)):
                    records.append((target, "MX", f"{number} mx{number}.{target}".encode()))
                    records.append((f"mx{number}.{target}", kind, somebody()))
            elif what == 5:
                terms.append(dice.choice(["ptr", "ptr:%{d2}", f"?ptr:{domain}"]))
                if not any(one[1] == "PTR" for one in records):
                    records.append((address.reverse_pointer, "PTR", f"host.{domain}".encode()))
                    records.append((f"host.{domain}", kind, somebody()))
            elif what < 8 and depth < 3:
                terms.append(f"include:{target}")
                records.append((target, "TXT", record(depth + 1)))
            elif what == 8:
                terms.append(dice.choice(["exists:%{ir}.%{v}.", "exists:%{l1r+-}.%{ir}.", "exists:%{h}."]) + domain)
            elif what == 9:
                terms.append(dice.choice([f"exists:{target}", f"-exists:{target}"]))
                if dice.random() < 0.5:
                    records.append((target, "A", b"127.0.0.2"))
            elif what == 10:
                terms.append(f"a:{target}")
                records.append((target, kind, b"!timeout") if dice.random() < 0.2
                               else (target, kind, somebody()))
            elif what == 11 and dice.random() < 0.3:
                terms.append(dice.choice(["ip4:1.2.3", "a:%{x}", "all:", "mx/33", "include", "foo", "x=%", "ip6:::g"]))
            elif what == 12:
                terms.append(dice.choice(["unknown=%{d}", "exp=exp.%{o}", "match=x"]))
        end = dice.randrange(6)
        if end == 0:
            target = f"r{dice.randrange(10 ** 6)}.{domain}"
            terms.append(f"redirect={target}")
            if depth < 3 and dice.random() < 0.8:
                records.append((target, "TXT", record(depth + 1)))
        else:
            terms.append(dice.choice(["-all", "~all", "?all", "-all", ""]))
        return " ".join(["v=spf1", *terms]).encode()

    records.append((domain, "TXT", record(0)))
    return [(name, kind, spf.escape(data) if kind == "TXT" else data) for name, kind, data in records]


def is_unknown_modifier_twice(ours, peer, told, records):
    """§6: unknown modifiers are ignored "no matter where, or how often, they appear". pyspf wants each once."""
    twice = any(kind == "TXT" and re.search(rb" (unknown|match)=.* \1=", data) for _, kind, data in records)
    return peer == "permerror" and re.search(r"(unknown|match)= MUST appear at most once", told) and twice


def counts_redirect_not_followed(ours, peer, told, records):
    """§4.6.4 limits the terms "during SPF evaluation". pyspf counts a redirect when it reads the record, also where
    a mechanism matches and it is never followed."""
    redirects = sum(data.count(b" redirect=") for _, kind, data in records if kind == "TXT")
    return peer == "permerror" and "Too many DNS lookups" in told and redirects > 1


def test_real_envelopes(material):
    cases = []
    for number, path in enumerate(corpus.messages(material, MESSAGES)):
        found = envelope(path)
        if found:
            cases.append((path.name, zone_for(*found, number), *found))
    assert len(cases) > 300
    differ, results = compare(cases)
    # All kinds of results, none of them rare.
    assert all(results.get(result, 0) >= 10
               for result in ("pass", "fail", "softfail", "neutral", "permerror", "temperror")), results
    unexplained = {name: what for name, what in differ.items() if not (
        is_unknown_modifier_twice(*what) or counts_redirect_not_followed(*what))}
    assert not unexplained, f"{len(unexplained)} of {len(cases)}"
    assert len(differ) <= len(cases) // 50


# Differences that the scenarios do not touch: name -> (records, ip, sender, ours, pyspf's).
KNOWN = {
    # §4.6.4 limits the terms whose look-ups find nothing. pyspf counts every question: here the hosts of one MX,
    # which have IPv4 addresses only.
    "an MX of IPv4 hosts, an IPv6 client": (
        [("d.example", "TXT", b"v=spf1 mx ip6:2001:db8::/32 -all")]
        + [("d.example", "MX", b"1 m%d.example" % n) for n in range(3)]
        + [("m%d.example" % n, "A", b"198.51.100.7") for n in range(3)],
        "2001:db8::1", "a@d.example", "pass", "permerror"),
    # The same with the names of the client, which the record's author has no say in (§5.5: errors there are "no
    # match").
    "a client with names that lead nowhere": (
        [("d.example", "TXT", b"v=spf1 ptr -all")]
        + [("1.2.0.192.in-addr.arpa", "PTR", b"n%d.d.example" % n) for n in range(3)],
        "192.0.2.1", "a@d.example", "fail", "permerror"),
    # §5.5: an error while the names of the client are looked up is "no match".
    "a time-out of the client's PTR": (
        [("d.example", "TXT", b"v=spf1 ptr -all"), ("1.2.0.192.in-addr.arpa", "PTR", b"!timeout")],
        "192.0.2.1", "a@d.example", "fail", "temperror"),
    # See counts_redirect_not_followed().
    "ten terms, and a redirect that is not followed": (
        [("d.example", "TXT", b"v=spf1 " + b"a " * 9 + b"a:e.example redirect=e.example"),
         ("d.example", "A", b"198.51.100.7"), ("e.example", "A", b"192.0.2.1")],
        "192.0.2.1", "a@d.example", "pass", "permerror"),
    # RFC 8616 §4: U-labels are converted.
    "a domain in UTF-8": (
        [("xn--bcher-kva.example", "TXT", b"v=spf1 -all")], "192.0.2.1", "a@b\u00fccher.example", "fail", "none"),
}


def test_known_differences():
    cases = [(name, records, ip, "h.example", sender) for name, (records, ip, sender, _, _) in KNOWN.items()]
    differ, _ = compare(cases)
    assert {name: what[:2] for name, what in differ.items()} == {
        name: (ours, peer) for name, (*_, ours, peer) in KNOWN.items() if ours != peer}
