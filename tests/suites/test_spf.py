"""SPF against other people's suites: openspf's for RFC 7208 and RFC 4408, and mail-auth's scenarios."""
import ipaddress
import re

from harness import spf

# Where mail-auth's scenarios and RFC 7208 differ: (scenario, address, result there) -> (ours, why).
MAIL_AUTH = {
    ("all: All test", "10.0.0.1", "fail"):
        ("permerror", "§4.6: a syntax error anywhere in the record counts, also behind \"all\""),
    ("basic: DNS Lookup Limits", "172.168.0.1", "softfail"):
        ("permerror", "§4.6.4: ten look-ups that find nothing; two are allowed"),
    ("basic: DNS Lookup Limits", "10.0.0.8", "pass"):
        ("permerror", "§4.6.4: an MX of eleven hosts is an error, whichever of them matches"),
    ("exists: Exists", "167.1.2.3", "pass"):
        ("fail", "§5.7: exists asks for A, also where the client has IPv6; the name has AAAA only"),
    ("macro: Macro expansion 2", "2001:db8::cb01", "pass"):
        ("fail", "§5.7: the same"),
    ("ip: IPv6 match", "10.1.2.3", "pass"):
        ("fail", "§5: an IPv4 client matches ip4 only, not an IPv4-mapped address in ip6"),
}


def run(path):
    """[(name, test, outcome)]"""
    zones, tests, zone = spf.Zones(), [], None
    for name, test, zonedata in spf.load(path):
        if zonedata is not zone:
            zones.reset()
            zones.add_suite(zonedata)
            zone = zonedata
        zones.check(test["host"], test["helo"], test["mailfrom"])
        tests.append((name, test))
    outcomes = zones.run()
    assert len(outcomes) == len(tests)
    return [(name, test, outcome) for (name, test), outcome in zip(tests, outcomes)]


def differences(path):
    """{test: what differs}"""
    found = {}
    for name, test, outcome in run(path):
        wanted = test["result"] if isinstance(test["result"], list) else [test["result"]]
        if outcome["result"] not in wanted:
            found[name] = outcome["result"]
        # DEFAULT: what a program says where the domain has no explanation; we say nothing.
        explanation = str(test.get("explanation", "DEFAULT"))
        if explanation != "DEFAULT" and outcome["explanation"] != explanation:
            found[name] = outcome["explanation"]
    return found


def test_rfc7208(material):
    path = material / "auth/spf-suite/test/rfc7208-tests.yml"
    assert len(list(spf.load(path))) == 203
    assert differences(path) == {}


def test_rfc4408(material):
    path = material / "auth/spf-suite/test/rfc4408-tests.yml"
    assert len(list(spf.load(path))) == 191
    # Where RFC 7208 decided otherwise than RFC 4408, this suite allows both results.
    assert differences(path) == {}


def test_default_explanation_is_empty(material):
    path = material / "auth/spf-suite/test/rfc7208-tests.yml"
    wrong = [name for name, test, outcome in run(path)
             if test.get("explanation") == "DEFAULT" and outcome["explanation"]]
    assert not wrong


class MailAuth:
    """Reads a scenario file of mail-auth: YAML in appearance, with keys that repeat, so lines. `domain`
    is the HELO name; what stands among the tests changes the zone from there on."""

    def __init__(self, path):
        self.zones, self.wanted = spf.Zones(), []
        self.path, self.name = path, ""
        for line in path.read_text().splitlines():
            key, _, value = re.sub(r"^\s*#.*|^\s*-(?!--)", "", line).strip().partition(":")
            value = value.strip()
            if key == "name" and not line.startswith(" "):
                self.records, self.name, self.test = [], value, {"sender": ""}
            elif key in ("a", "aaaa", "mx", "ptr", "spf", "exp"):
                self.record(key, *value.split(None, 1))
            elif key == "expect":
                self.expect(*(value.split(None, 1) + [""])[:2])
            elif key in ("domain", "sender", "ip"):
                self.test[key] = value

    def record(self, key, name, data):
        if key == "spf":
            self.records = [one for one in self.records if one[:2] != (name, "TXT")]
        if key in ("spf", "exp"):
            self.records.append((name, "TXT", spf.escape(data)))
        elif key == "ptr":
            for host in re.split(r",\s*", data):
                self.records.append((ipaddress.ip_address(name).reverse_pointer, "PTR", host.rstrip(".").encode()))
        else:
            for number, address in enumerate(re.split(r",\s*", data)):
                host = name if key != "mx" else f"mx{number}-of.{name}"
                if key == "mx":
                    self.records.append((name, "MX", f"{number} {host}".encode()))
                self.records.append((host, "AAAA" if ":" in address else "A", address.encode()))

    def expect(self, result, explanation):
        self.zones.reset()
        for record in self.records:
            self.zones.add(*record)
        for name in ("_dns_error.org", "_dns_error.test.org"):
            self.zones.add(name, "*", b"!servfail")
        # MAIL FROM is checked where HELO passes (RFC 7208 §2.3).
        self.zones.check(self.test["ip"], self.test["domain"], self.test["sender"], "helo")
        self.zones.check(self.test["ip"], self.test["domain"], self.test["sender"])
        self.wanted.append((f"{self.path.stem}: {self.name}", self.test["ip"], result, explanation))

    def differences(self):
        outcomes, found = iter(self.zones.run()), {}
        for (name, ip, result, explanation), helo, sender in zip(self.wanted, outcomes, outcomes, strict=True):
            outcome = sender if helo["result"] == "pass" else helo
            if outcome["result"] != result or outcome["explanation"] != explanation:
                found[name, ip, result] = outcome["result"]
        return found


def test_mail_auth(material):
    scenarios = [MailAuth(path) for path in sorted((material / "auth/mail-auth/resources/spf").glob("*.yml"))]
    assert sum(len(scenario.wanted) for scenario in scenarios) == 163
    found = {}
    for scenario in scenarios:
        found |= scenario.differences()
    assert found == {key: result for key, (result, _) in MAIL_AUTH.items()}
