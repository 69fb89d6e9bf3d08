"""DKIM on other people's messages: 780 real ones with real keys, dkimpy's, mail-auth's."""
import json

from harness import dkim

NOW = 1700000000

# Messages whose publisher cut addresses out of the header, h= included: ours is permerror (RFC 6376 §6.1.1:
# h= must have From); the set calls it a wrong hash or signature, which it would be as well.
REDACTED = [f"msg/{number:04}.eml" for number in range(0, 58, 2) if number != 6]


def expected_class(signature):
    """In the words of the real-world set."""
    if signature["result"] == "pass":
        return "pass"
    if signature["reason"] == "no key":
        return "nokey"
    if signature["result"] == "permerror":
        return "permerror"
    assert signature["result"] == "fail"
    return "fail-signature" if signature["body"] else "fail-bodyhash"


def real_keys(folder):
    return {name: key["txt"] for name, key in json.loads((folder / "keys.json").read_text()).items()}


def real_messages(folder):
    return [json.loads(line) for line in (folder / "expected-share.jsonl").read_text().splitlines()]


def test_real_world(material):
    folder = material / "auth/dkim-real-world"
    keys, wanted = real_keys(folder), real_messages(folder)
    # Each signature is judged at the time at which it was made.
    tasks = [(message, number) for message in wanted for number in range(len(message["dkim"]))]
    found = dkim.verify(keys, [(folder / message["file"], message["dkim"][number]["at"] or 0)
                               for message, number in tasks])
    wrong = []
    for (message, number), (signatures, _) in zip(tasks, found):
        want = message["dkim"][number]
        if len(signatures) != min(len(message["dkim"]), 8):
            wrong.append((message["file"], "signatures", len(signatures)))
        elif number < 8:
            got = signatures[number]
            if want["result"] != "pass" and message["file"] in REDACTED:
                want = want | {"result": "permerror"}
                assert got["reason"] == "h= does not have From"
            if (expected_class(got), got["d"], got["s"]) != (want["result"], want["d"], want["s"]):
                wrong.append((message["file"], number, want["result"], got))
    assert len(tasks) == 985
    assert not wrong, "\n".join(map(str, wrong))


def test_real_world_chains(material):
    folder = material / "auth/dkim-real-world"
    keys = real_keys(folder)
    wanted = [message for message in real_messages(folder) if message["arc"]]
    found = dkim.verify(keys, [(folder / message["file"], message["arc"].get("at") or NOW) for message in wanted])
    wrong = []
    for message, (_, chain) in zip(wanted, found):
        got = "nokey" if chain["reason"].endswith("no key") else chain["result"]
        if got != message["arc"]["cv"]:
            wrong.append((message["file"], message["arc"], chain))
    assert len(wanted) == 573
    assert not wrong, "\n".join(map(str, wrong))
