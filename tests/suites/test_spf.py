"""SPF against other people's suites: openspf's for RFC 7208 and RFC 4408, and mail-auth's scenarios."""
import ipaddress
import re

import pytest

from harness import spf

yaml = pytest.importorskip("yaml")

# What RFC 7208 changed: test of the RFC 4408 suite -> (our result, why).
CHANGED = {}

# Where mail-auth's scenarios and RFC 7208 differ: (scenario, address, result there) -> (ours, why).
MAIL_AUTH = {}


def add_data(zones, name, kind, value):
    if value == "TIMEOUT":
        zones.add(name, kind, b"!timeout")
    elif kind == "MX":
        zones.add(name, kind, f"{value[0]} {value[1].rstrip('.') or '.'}".encode())
    elif kind == "TXT":
        parts = [value] if isinstance(value, str) else value
        # The suites mean bytes where they write \x80.
        zones.add(name, kind, b"".join(spf.escape(part.encode("latin-1")) for part in parts))
    else:
        zones.add(name, kind, value.rstrip(".").encode())


def add_zone(zones, zonedata):
    """Records of type SPF stand for TXT records, unless a name has TXT records of its own or says
    that it has none. TIMEOUT: what happens to questions of the other types."""
    for name, records in zonedata.items():
        pairs = [pair for record in records if isinstance(record, dict) for pair in record.items()]
        if not any(kind == "TXT" for kind, _ in pairs):
            pairs = [("TXT" if kind == "SPF" else kind, value) for kind, value in pairs]
        pairs = [(kind, value) for kind, value in pairs if kind != "SPF" and value != "NONE"]
        if "TIMEOUT" in records:
            there = {kind for kind, _ in pairs}
            pairs += [(kind, "TIMEOUT") for kind in ("A", "AAAA", "MX", "PTR", "TXT") if kind not in there]
        for kind, value in pairs:
            add_data(zones, name, kind, value)


def load(path):
    """(name, test, zone) of a suite."""
    for scenario in yaml.safe_load_all(path.read_text()):
        for name, test in scenario["tests"].items():
            yield name, test, scenario["zonedata"]


def run(path):
    """[(name, test, outcome)]"""
    zones, tests, zone = spf.Zones(), [], None
    for name, test, zonedata in load(path):
        if zonedata is not zone:
            zones.reset()
            add_zone(zones, zonedata)
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
    assert len(list(load(path))) == 203
    assert differences(path) == {}


def test_rfc4408(material):
    path = material / "auth/spf-suite/test/rfc4408-tests.yml"
    assert len(list(load(path))) == 191
    assert differences(path) == {name: result for name, (result, _) in CHANGED.items()}


def test_default_explanation_is_empty(material):
    path = material / "auth/spf-suite/test/rfc7208-tests.yml"
    wrong = [name for name, test, outcome in run(path)
             if test.get("explanation") == "DEFAULT" and outcome["explanation"]]
    assert not wrong
