"""Verifies messages with our library: DKIM and ARC in one pass."""
import os
import pathlib
import subprocess

from . import postern, spf


def runner():
    return pathlib.Path(postern.BINARY).resolve().parent / "dkim_runner"


def run(lines):
    env = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1"}
    done = subprocess.run([runner()], input=b"".join(line + b"\n" for line in lines), capture_output=True, env=env)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-8000:]
    return done.stdout


def table(keys):
    return [b"dns " + name.encode() + b" TXT " + spf.escape(text.strip()) for name, text in keys.items()]


def answers(output):
    return [part + b"\n" for part in output.split(b"\n.\n")[:-1]]


def sign(jobs):
    """jobs: [(time, domain, selector, canon, fields, key file, path)]: the field that goes above each message."""
    lines = ["\t".join(map(str, job)).encode() for job in jobs]
    return answers(run([b"sign " + line for line in lines]))


def seal(keys, jobs):
    """The same for ARC; each job has the results (bytes) as its last word."""
    lines = ["\t".join(map(str, job[:-1])).encode() + b"\t" + spf.escape(job[-1]) for job in jobs]
    return answers(run(table(keys) + [b"seal " + line for line in lines]))


def verify(keys, messages):
    """keys: {name: record}; messages: [(path, now)]. For each message its signatures, top first, and its chain."""
    output = run(table(keys) + [f"verify {now} {path}".encode() for path, now in messages])
    found, signatures = [], []
    for line in output.decode(errors="replace").split("\n")[:-1]:
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
