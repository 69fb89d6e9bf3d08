"""ValiMail's ARC suite: validation and sealing."""
import re

import yaml

from harness import dkim

NOW = 1700000000

# Where the suite and the RFC differ: test -> (ours, why).
DECIDED = {
    "ams_fields_c_na": ("fail", "signed relaxed/relaxed; RFC 6376 §3.5, by RFC 8617 §4.1.2: the default is simple/simple"),
}


def scenarios(path):
    for scenario in yaml.safe_load_all(path.read_text()):
        if scenario:
            yield scenario


def wanted_result(cv):
    """The suite leaves the result open (an empty cv) for chains whose seal says cv=fail: fail (RFC 8617 §5.2)."""
    return {"None": "none", "Pass": "pass", "Fail": "fail", "": "fail"}[str(cv or "")]


def test_validation(material, tmp_path):
    wrong, count = [], 0
    for number, scenario in enumerate(scenarios(material / "auth/arc-suite/tests/arc-draft-validation-tests.yml")):
        names, messages = list(scenario["tests"]), []
        for name in names:
            path = tmp_path / f"{number}-{name}"
            path.write_bytes((scenario["tests"][name]["message"] or "").encode())
            messages.append((path, NOW))
        for name, (_, chain) in zip(names, dkim.verify(scenario["txt-records"] or {}, messages)):
            count += 1
            wanted = DECIDED[name][0] if name in DECIDED else wanted_result(scenario["tests"][name]["cv"])
            if chain["result"] != wanted:
                wrong.append((name, scenario["tests"][name]["cv"], chain))
    assert count == 171
    assert not wrong, "\n".join(map(str, wrong))


def merged_results(message, authserv_id):
    """The results of all Authentication-Results fields of that server, in the suite's layout."""
    header = re.sub(r"\r?\n[ \t]+", " ", message.partition("\n\n")[0])
    found = [line.split(":", 1)[1].strip() for line in header.splitlines()
             if line.lower().startswith("authentication-results:")]
    results = [part.strip() for text in found if text.startswith(authserv_id + ";")
               for part in text.split(";")[1:] if part.strip()]
    return f"{authserv_id}; {'; '.join(results)}"


def fields_of(text):
    """{name: [tag]} of sealed fields, with the white space gone."""
    unfolded = re.sub(r"\r\n[ \t]", "", text)
    return {name: tags_of(value) for name, value in (line.split(":", 1) for line in unfolded.splitlines() if line)}


def tags_of(text):
    return [re.sub(r"\s", "", part) for part in text.split(";")]


def without_b(fields):
    """Without the b= of the seal."""
    return fields | {"ARC-Seal": [tag for tag in fields["ARC-Seal"] if not tag.startswith("b=")]}


def test_sealing(material, tmp_path):
    """RSA's signatures are the same for the same bytes: our message signatures have to be the suite's. The b= of
    seals cannot: they sign the field before them, and the suite writes its b= in one long line where we fold.
    What we sealed has to pass instead."""
    wrong, count, chains = [], 0, {}
    for number, scenario in enumerate(scenarios(material / "auth/arc-suite/tests/arc-draft-sign-tests.yml")):
        key = tmp_path / f"key{number}"
        key.write_text(scenario["privatekey"])
        names, jobs = list(scenario["tests"]), []
        for name in names:
            test = scenario["tests"][name]
            path = tmp_path / f"{number}-{name}"
            path.write_bytes(test["message"].encode())
            jobs.append((test["t"], scenario["domain"], scenario["sel"], "relaxed/relaxed", test["sig-headers"], key,
                         path, merged_results(test["message"], test["srv-id"])))
        for name, got in zip(names, dkim.seal(scenario["txt-records"], jobs)):
            count += 1
            test, got = scenario["tests"][name], got.decode()
            if not test["AS"]:
                assert got.strip() == "refused: the chain has failed before"
                continue
            wanted = {"ARC-Seal": tags_of(test["AS"]), "ARC-Message-Signature": tags_of(test["AMS"]),
                      "ARC-Authentication-Results": tags_of(test["AAR"])}
            fields = fields_of(got)
            if without_b(fields) != without_b(wanted):
                wrong.append((name, fields, wanted))
            path = tmp_path / f"sealed-{name}"
            path.write_bytes(got.replace("\r\n", "\n").encode() + test["message"].encode())
            [(_, chains[name])] = dkim.verify(scenario["txt-records"], [(path, NOW)])
    assert count == 17
    assert {name: chain["result"] for name, chain in chains.items()} == {
        name: "fail" if name.endswith("_fail") else "pass" for name in chains}
    assert not wrong, "\n".join(map(str, wrong))
