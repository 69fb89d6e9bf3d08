"""Verifies messages with our library: DKIM and ARC in one pass."""
import os
import pathlib
import subprocess

from . import postern


def runner():
    return pathlib.Path(postern.BINARY).resolve().parent / "dkim_runner"


def verify(keys, messages):
    """keys: {name: record}; messages: [(path, now)]. For each message its signatures, top first, and its chain."""
    lines = [b"dns " + name.encode() + b" TXT " + text.encode().replace(b"\\", b"\\\\") for name, text in keys.items()]
    lines += [f"verify {now} {path}".encode() for path, now in messages]
    env = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1"}
    done = subprocess.run([runner()], input=b"".join(line + b"\n" for line in lines), capture_output=True, env=env)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-8000:]
    found, signatures = [], []
    for line in done.stdout.decode(errors="replace").split("\n")[:-1]:
        words = line.split("\t")
        if words[0] == "arc":
            found.append((signatures, dict(zip(("result", "oldest", "reason"), words[1:]))))
            signatures = []
        else:
            result, domain, selector, body, header, reason = words
            signatures.append({"result": result, "d": domain, "s": selector, "body": body == "body",
                               "header": header == "header", "reason": reason})
    assert len(found) == len(messages)
    return found
