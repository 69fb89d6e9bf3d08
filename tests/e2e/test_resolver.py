"""The resolver beside a real authoritative name server."""
import json
import time

import pytest

from harness import nsd, procs

pytestmark = pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}")

BIG = " ".join('"' + 250 * "x" + '"' for _ in range(240))
SECURE = f"""
@ MX 10 mx
mx A 192.0.2.1
mx AAAA 2001:db8::1
www CNAME mx
out CNAME mx.insecure.test.
to-bogus CNAME mx.bogus.test.
loop CNAME loop2
loop2 CNAME loop
big TXT {BIG}
odd TXT "a\\000b\\027[31m" "c"
_25._tcp.mx TLSA 3 1 1 {64 * "ab"}
_imaps._tcp SRV 0 1 993 mx
xn--bcher-kva A 192.0.2.3
""" + "\n".join(f"many A 10.0.{n // 250}.{n % 250}" for n in range(1500)) + "\n" + \
    "".join(f"c{n} CNAME c{n + 1}\n" for n in range(30))
ZONES = {
    "secure.test": SECURE,
    "insecure.test": "mx A 192.0.2.2",
    "bogus.test": "mx A 192.0.2.3\n_25._tcp.mx TLSA 3 1 1 " + 64 * "ab",
    "2.0.192.in-addr.arpa": "1 PTR mx.secure.test.",
}


@pytest.fixture(scope="module")
def world():
    with nsd.Nsd(ZONES, signed=["secure.test"], bogus=["bogus.test"], broken=["broken.test"]) as server:
        yield server


@pytest.fixture(scope="module")
def client(shared_client, world):
    return shared_client


@pytest.fixture(scope="module")
def shared_client(world):
    from harness import postern
    instance = postern.Postern(settings=world.settings())
    yield instance
    instance.remove()


def lookup(server, kind, name):
    """What `postern dns lookup` finds out, and its exit status."""
    done = server.command("dns", "lookup", "--json", "-c", server.config, kind, name, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout) | {"exit": done.returncode}


@pytest.mark.parametrize("kind, name, status, secure, records", [
    ("MX", "secure.test", "found", True, [{"priority": 10, "name": "mx.secure.test"}]),
    ("A", "MX.secure.TEST.", "found", True, [{"address": "192.0.2.1"}]),
    ("AAAA", "mx.secure.test", "found", True, [{"address": "2001:db8::1"}]),
    ("A", "www.secure.test", "found", True, [{"address": "192.0.2.1"}]),
    ("CNAME", "www.secure.test", "found", True, [{"name": "mx.secure.test"}]),
    ("NS", "secure.test", "found", True, [{"name": "ns.secure.test"}]),
    ("SOA", "secure.test", "found", True,
     [{"name": "ns.secure.test", "mailbox": "hostmaster.secure.test", "serial": 1, "minimum": 60}]),
    ("TLSA", "_25._tcp.mx.secure.test", "found", True,
     [{"usage": 3, "selector": 1, "matching": 1, "data": 64 * "ab"}]),
    ("SRV", "_imaps._tcp.secure.test", "found", True,
     [{"priority": 0, "weight": 1, "port": 993, "name": "mx.secure.test"}]),
    ("TXT", "big.secure.test", "found", True, [{"text": 240 * 250 * "x"}]),
    ("TXT", "odd.secure.test", "found", True, [{"text": "a\0b\x1b[31mc"}]),
    ("A", "bücher.secure.test", "found", True, [{"address": "192.0.2.3"}]),
    ("A", "BÜCHER.secure.test", "found", True, [{"address": "192.0.2.3"}]),
    ("PTR", "192.0.2.1", "found", False, [{"name": "mx.secure.test"}]),
    ("A", "mx.insecure.test", "found", False, [{"address": "192.0.2.2"}]),
    # As secure as the weakest of the zones on the way.
    ("A", "out.secure.test", "found", False, [{"address": "192.0.2.2"}]),
    ("MX", "mx.secure.test", "nodata", True, []),
    ("A", "nobody.secure.test", "nxdomain", True, []),
    ("MX", "mx.insecure.test", "nodata", False, []),
    ("A", "nobody.insecure.test", "nxdomain", False, []),
])
def test_answers(client, kind, name, status, secure, records):
    start = time.monotonic()
    answer = lookup(client, kind, name)
    assert (answer["status"], answer["secure"], answer["records"]) == (status, secure, records)
    assert answer["exit"] == (0 if status == "found" else 1)
    assert answer["why"] == ""
    # What is left of it: while it is validated, a second may pass.
    ttl, passed = 300 if status == "found" else 60, int(time.monotonic() - start) + 1
    assert ttl - passed <= answer["ttl"] <= ttl


@pytest.mark.parametrize("kind, name, status, why", [
    ("A", "mx.bogus.test", "bogus", "bogus.test"),
    ("TLSA", "_25._tcp.mx.bogus.test", "bogus", "bogus.test"),
    ("TLSA", "_26._tcp.mx.bogus.test", "bogus", "bogus.test"),
    ("A", "to-bogus.secure.test", "bogus", "bogus.test"),
    ("A", "mx.broken.test", "temporary", "SERVFAIL"),
    ("A", "mx.of-nobody.example", "temporary", "SERVFAIL"),
    ("A", "loop.secure.test", "temporary", "SERVFAIL"),
    ("A", "c0.secure.test", "temporary", "SERVFAIL"),
    ("A", "many.secure.test", "temporary", "more records"),
])
def test_failures_are_temporary_and_never_an_absence(client, kind, name, status, why):
    answer = lookup(client, kind, name)
    assert (answer["status"], answer["exit"]) == (status, 2)
    assert why in answer["why"]
    assert answer["records"] == [] and not answer["secure"]
