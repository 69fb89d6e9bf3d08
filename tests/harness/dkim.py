"""Verifies messages with build-check/dkim_runner."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNNER = ROOT / "build-check" / "dkim_runner"


def verify(keys, messages):
    """keys: {name: record}; messages: [(path, now)]. A list of signatures for each message, top first."""
    lines = [f"dns {name} TXT {text}".replace("\\", "\\\\") for name, text in keys.items()]
    lines += [f"verify {now} {path}" for path, now in messages]
    done = subprocess.run([RUNNER], input="".join(f"{line}\n" for line in lines).encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    found, signatures = [], []
    for line in done.stdout.decode(errors="replace").splitlines():
        if line == "end":
            found.append(signatures)
            signatures = []
        else:
            result, domain, selector, body, header, reason = line.split("\t")
            signatures.append({"result": result, "d": domain, "s": selector, "body": body == "body",
                               "header": header == "header", "reason": reason})
    assert len(found) == len(messages)
    return found
