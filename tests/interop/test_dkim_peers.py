"""DKIM and ARC beside dkimpy and OpenDKIM: real messages, and ours."""
import base64
import re
import shutil
import subprocess
import time

import pytest

from harness import corpus, dkim

dkimpy = pytest.importorskip("dkim")

REAL = 300     # messages with keys, of the real-world set
SIGNED = 200   # messages of the corpus that we sign


def real(material):
    folder = material / "auth/dkim-real-world"
    keys = dict(line.split("\t") for line in (folder / "keys.tsv").read_text().splitlines())
    return keys, sorted((folder / "msg").iterdir())[:REAL]


def dkimpy_dns(keys):
    return lambda name, timeout=5: keys.get(name.decode().rstrip("."), "").encode()


def dkimpy_results(keys, message):
    """Whether dkimpy accepts each signature, top first."""
    count = sum(name.lower() == b"dkim-signature" for name, _ in dkimpy.rfc822_parse(message)[0])
    results = []
    for number in range(min(count, 8)):
        try:
            results.append(dkimpy.DKIM(message).verify(idx=number, dnsfunc=dkimpy_dns(keys)))
        except dkimpy.DKIMException:
            results.append(False)
    return results


def signature_time(path):
    """The t= of the first signature, so that x= does not matter."""
    found = re.search(rb"^dkim-signature:(?:[^\n]|\n[ \t])*?[;\s]t=(\d+)", path.read_bytes(), re.I | re.M)
    return int(found[1]) if found else int(time.time())


def test_dkimpy_on_real_messages(material, monkeypatch):
    keys, paths = real(material)
    monkeypatch.setattr(dkimpy, "validate_signature_fields", without_expiry(dkimpy.validate_signature_fields))
    ours = dkim.verify(keys, [(path, signature_time(path)) for path in paths])
    differ, passed = {}, 0
    for path, (signatures, _) in zip(paths, ours):
        got = [signature["result"] == "pass" for signature in signatures]
        wanted = dkimpy_results(keys, path.read_bytes())
        passed += sum(wanted)
        if got != wanted:
            differ[path.name] = (got, wanted, [signature["reason"] for signature in signatures])
    assert passed > 100
    assert differ == {}


def without_expiry(validate):
    def validate_fields(sig, *args, **more):
        return validate({name: value for name, value in sig.items() if name not in (b"x", b"t")}, *args, **more)
    return validate_fields


def opendkim_results(keys, paths, tmp_path):
    """{path: whether it verifies (its first acceptable signature), or None}"""
    table, conf = tmp_path / "keys", tmp_path / "opendkim.conf"
    table.write_text("".join(f"{name} {text}\n" for name, text in keys.items()))
    conf.write_text(f"TestPublicKeys {table}\nMode v\nSyslog no\nMinimumKeyBits 1024\n")
    if not shutil.which("opendkim"):
        pytest.skip("opendkim is not installed")
    return {path: opendkim_result(conf, path) for path in paths}


def opendkim_result(conf, path):
    done = subprocess.run(["opendkim", "-x", conf, "-v", "-t", path], capture_output=True, text=True,
                          errors="replace", timeout=60)
    text = done.stdout + done.stderr
    if "succeeded" in text:
        return True
    # An expired one (x=) says nothing: OpenDKIM knows no other time than now.
    return False if re.search("verification .* failed(?!: signature expired)", text) else None


def test_opendkim_on_real_messages(material, tmp_path):
    keys, paths = real(material)
    ours = dkim.verify(keys, [(path, signature_time(path)) for path in paths])
    theirs = opendkim_results(keys, paths, tmp_path)
    differ, both = {}, 0
    for path, (signatures, _) in zip(paths, ours):
        good = any(signature["result"] == "pass" for signature in signatures)
        both += good and theirs[path] is True
        if theirs[path] is not None and theirs[path] != good:
            differ[path.name] = (theirs[path], [(s["result"], s["reason"]) for s in signatures])
    assert both > 100
    assert differ == {}


@pytest.fixture(params=["rsa", "ed25519"])
def key(request, tmp_path):
    """(key file, record)"""
    path = tmp_path / "key.pem"
    kind = ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"] if request.param == "rsa" else ["ed25519"]
    subprocess.run(["openssl", "genpkey", "-algorithm", *kind, "-out", path], check=True, capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True,
                         capture_output=True).stdout
    public = base64.b64encode(der if request.param == "rsa" else der[-32:]).decode()
    return path, f"v=DKIM1; k={request.param}; p={public}"


def header_of(path):
    return path.read_bytes().partition(b"\r\n\r\n")[0]


def ours_to_sign(material, tmp_path):
    """Messages of the corpus with CRLF and exactly one From."""
    paths = []
    for number, source in enumerate(corpus.messages(material, SIGNED)):
        message = corpus.normalized(source.read_bytes())
        header = message.partition(b"\r\n\r\n")[0]
        # dkimpy refuses lines that are no fields; a lone NUL or a first line that is folded is no mail.
        if len(re.findall(rb"^From:", header, re.M | re.I)) != 1 or header[:1] in b" \t":
            continue
        path = tmp_path / f"message{number}"
        path.write_bytes(message)
        try:
            dkimpy.rfc822_parse(message)
        except dkimpy.DKIMException:
            continue
        paths.append(path)
    return paths


@pytest.mark.parametrize("canon", ["relaxed/relaxed", "simple/simple"])
def test_peers_accept_ours(material, tmp_path, key, canon):
    path, record = key
    keys = {"sel._domainkey.example.org": record}
    messages = ours_to_sign(material, tmp_path)
    now = int(time.time()) - 10
    fields = dkim.sign([(now, "example.org", "sel", canon, "", path, message) for message in messages])
    assert len(fields) == len(messages) > SIGNED // 2
    refused, signed = [], []
    for message, field in zip(messages, fields):
        if field.startswith(b"refused"):
            refused.append((message.name, field))
            continue
        whole = field + message.read_bytes()
        out = tmp_path / f"{message.name}.signed"
        out.write_bytes(whole)
        signed.append(out)
        assert dkimpy_results(keys, whole)[0], (message.name, field)
    assert refused == []
    assert all(signatures[0]["result"] == "pass" for signatures, _ in dkim.verify(keys, [(p, now) for p in signed]))
    # OpenDKIM gets fields as in the milter protocol, where white space and a fold right behind the colon are lost: under "simple"
    # (RFC 6376 §3.4.1: not changed in any way) it then sees another field.
    if canon.startswith("simple"):
        signed = [path for path in signed if not re.search(rb"^[!-9;-~]+:[ \t]*\r\n", header_of(path), re.M)]
    theirs = opendkim_results(keys, signed[:100], tmp_path)
    assert sum(result is True for result in theirs.values()) > 50
    assert [p.name for p in theirs if theirs[p] is False] == []


def test_dkimpy_accepts_our_seals(material, tmp_path):
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", path, "2048"], check=True, capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True,
                         capture_output=True).stdout
    keys = {"sel._domainkey.example.org": f"v=DKIM1; p={base64.b64encode(der).decode()}"}
    messages = [message for message in ours_to_sign(material, tmp_path)
                if not re.search(rb"^arc-", message.read_bytes(), re.I | re.M)][:50]
    now = int(time.time()) - 10
    for hop in range(3):
        sets = dkim.seal(keys, [(now, "example.org", "sel", "relaxed/relaxed", "", path, message,
                                 f"hop{hop}.example.org; dmarc=pass") for message in messages])
        for message, fields in zip(messages, sets):
            message.write_bytes(fields + message.read_bytes())
    assert len(messages) > 20
    for message in messages:
        assert dkimpy.ARC(message.read_bytes()).verify(dnsfunc=dkimpy_dns(keys))[0] == b"pass", message.name
