"""ValiMail's ARC suite: validation."""
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
