"""Real mail of all kinds comes in over SMTP, is judged by lists, a virus scanner and all checks with the thresholds
that everybody has, and is found again: what was taken once, where its record says; what was refused in its record;
and `postern why` tells of each.

make check sends a sample; POSTERN_CORPUS=all (make torture) sends all of it."""
import collections
import concurrent.futures
import contextlib
import imaplib
import re
import smtplib
import socket
import threading

import pytest

from harness import ALICE, PASSWORD, clamd, corpus, nsd, postern, procs

pytestmark = [
    pytest.mark.skipif(bool(nsd.missing()), reason=f"not installed: {', '.join(nsd.missing())}"),
    pytest.mark.skipif(not clamd.program(), reason="not installed: clamd")]

SAMPLE, CONNECTIONS = 150, 4
UNKNOWN_CLIENT = "198.51.100.7"
CLIENT = re.compile(rb"^Received:[^\[]{0,300}\[(\d{1,3}(?:\.\d{1,3}){3})\]", re.M)
PATH = re.compile(rb"^Return-Path:[ \t]*<([!-;=?-~]+@[A-Za-z0-9.-]+)>", re.M)
LINK = re.compile(rb"https?://(?:[a-z0-9-]+\.)*([a-z0-9-]+\.com)[/\"'<>\s]", re.I)
TESTS = re.compile(r"^X-Spam-Status: (Yes|No), score=(-?\d+\.\d) required=5\.0 tests=(.*?) autolearn=no version=Postern$",
                   re.M)
INFECTED = clamd.message(clamd.EICAR + b"\r\n")
BROKEN = {"use": "spamcop"}
SILENT = {"name": "SILENT", "zone": "silent.test", "kind": "ip", "of": "client",
          "replies": [{"code": "127.0.0.2", "score": 1.5}]}


class Sent:
    def __init__(self, path, message, reply):
        self.path, self.message = path, message
        self.code, text = reply
        self.text = text.decode()
        found = re.search(r"(?:accepted as |\()([0-9A-HJKMNP-TV-Z]{10})\)?$", self.text)
        assert found, f"{path}: no id in {self.code} {self.text}"
        self.id = found.group(1)

    def __repr__(self):
        return f"{self.path} ({self.id}): {self.code} {self.text}"


def client_of(message):
    """Who had brought it, where that can be read and is an address of the Internet."""
    found = CLIENT.search(message)
    octets = [int(n) for n in found.group(1).split(b".")] if found else [0]
    inside = octets[0] in (0, 10, 127, 172, 192) or octets[0] > 223 or max(octets) > 255
    return UNKNOWN_CLIENT if inside else ".".join(map(str, octets))


def sender_of(message):
    found = PATH.search(message)
    return found.group(1).decode() if found else "sender@remote.test"


@pytest.fixture(scope="module")
def letters(material):
    return [(str(path.relative_to(material / "mail")), corpus.normalized(path.read_bytes()))
            for path in corpus.messages(material, SAMPLE)] + [("EICAR", INFECTED)]


@pytest.fixture(scope="module")
def labels(material):
    return {path: label for label, path in
            (line.split(" ", 1) for line in (material / "mail/index").read_text().splitlines())}


@pytest.fixture(scope="module")
def listed(letters, labels):
    """Clients and domains of links that lists have: every second of those that only spam has."""
    clients, links = ({"ham": set(), "spam": set()} for _ in range(2))
    for path, message in letters[:-1]:
        clients[labels[path]].add(client_of(message))
        links[labels[path]].update(name.decode().lower() for name in LINK.findall(message))
    return [sorted(names["spam"] - names["ham"] - {UNKNOWN_CLIENT})[::2] for names in (clients, links)]


def zones(listed):
    clients, links = listed
    zen = [".".join(reversed(client.split("."))) + f" A 127.0.0.{4 if n % 2 else 2}" for n, client in enumerate(clients)]
    surbl = [f"{name} A 127.0.0.{8 if n % 2 else 64}" for n, name in enumerate(links)]
    return {".": "", "remote.test": "@ TXT \"v=spf1 ?all\"",
            "zen.spamhaus.org": "\n".join(["2.0.0.127 A 127.0.0.2"] + zen),
            "multi.surbl.org": "\n".join(["surbl-org-permanent-test-point.com A 127.0.0.254"] + surbl),
            "bl.spamcop.net": "* A 127.255.255.254"}


@pytest.fixture(scope="module")
def server(listed):
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(nsd.Nsd(zones(listed)))
        scanner = stack.enter_context(clamd.Clamd())
        silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind(("127.0.0.1", 0))
        settings = world.settings() | {
            "log": {"level": "debug"},
            "smtp": {"proxy_from": ["127.0.0.1"], "max_message_size": "50M"},
            "antivirus": {"servers": [scanner.local]},
            "filter": {"lists": [{"use": "spamhaus-zen"}, {"use": "surbl"}, BROKEN, SILENT], "timeout": "60s"}}
        settings["resolver"]["stub"].append("silent.test 127.0.0.1:%d" % silent.getsockname()[1])
        instance = postern.Postern(settings=settings)
        stack.callback(instance.remove)
        instance.start()
        filters = len(instance.roles()["filter"])
        for text in "works .*list=ZEN", "works .*list=SURBL", "is broken.* list=SPAMCOP", "is broken.* list=SILENT":
            procs.wait_until(lambda: len(re.findall(f"a list {text}", instance.log())) >= filters, 60, text)
        yield instance
        instance.stop()
        assert not instance.complaints()


def send(server, path, message):
    """As its own client, in a connection of its own."""
    client = smtplib.SMTP()
    client.timeout = 120
    client.sock = socket.create_connection(("127.0.0.1", server.port), 120)
    client.sock.sendall(f"PROXY TCP4 {client_of(message)} 127.0.0.1 4000 25\r\n".encode())
    code, text = client.getreply()
    assert code == 220, (code, text)
    client.ehlo("client.remote.test")
    for code, text in client.mail(sender_of(message), ["BODY=8BITMIME"]), client.rcpt(ALICE):
        assert code == 250, (code, text)
    found = Sent(path, message, client.data(message))
    client.quit()
    return found


@pytest.fixture(scope="module")
def sent(server, letters):
    done, errors = [], []

    def run(share):
        for path, message in share:
            try:
                done.append(send(server, path, message))
            except Exception as error:
                errors.append((path, error))

    threads = [threading.Thread(target=run, args=(letters[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[:10]
    assert len({item.id for item in done}) == len(letters)
    return done


@pytest.fixture(scope="module")
def records(server, sent):
    """What `postern why ID --json` tells, by id."""
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        return dict(zip((item.id for item in sent), pool.map(lambda item: server.record(item.id), sent)))


class Kept:
    def __init__(self, mailbox, uid, message):
        self.mailbox, self.uid, self.message = mailbox, uid, message
        header, _, _ = message.partition(b"\r\n\r\n")
        self.header = re.sub(r"\r\n(?=[ \t])", "", header.decode("latin-1")).replace("\t", " ").replace("\r\n", "\n")

    def field(self, name):
        """The values of such fields in front, where ours stand."""
        ours = self.header.split("\nX-Spam-Status:")[0] + "\nX-Spam-Status:" + \
            self.header.split("\nX-Spam-Status:")[1].split("\n")[0]
        return re.findall(rf"^{name}: (.*)$", ours, re.M)


@pytest.fixture(scope="module")
def kept(server, sent):
    """All that IMAP has, by the id in the Received field: a list of copies."""
    found = collections.defaultdict(list)
    client = imaplib.IMAP4_SSL("127.0.0.1", server.imaps_port, ssl_context=server.tls_context())
    client.login(ALICE, PASSWORD)
    status, names = client.list()
    assert status == "OK"
    for name in [re.search(rb' "?([^" ]+)"?$', line).group(1).decode() for line in names]:
        status, (count,) = client.select(name, readonly=True)
        assert status == "OK"
        for first in range(1, int(count) + 1, 100):
            _, items = client.fetch(f"{first}:{min(first + 99, int(count))}", "(UID BODY.PEEK[])")
            for head, message in filter(lambda item: isinstance(item, tuple), items):
                uid = int(re.search(rb"UID (\d+)", head).group(1))
                id = re.search(rb"by mx\.example\.test[^;]*?\bid ([0-9A-Z]{10})\b", message).group(1).decode()
                found[id].append(Kept(name, uid, message))
    client.logout()
    return found


def test_nothing_is_lost_or_doubled(sent, kept):
    taken = {item.id for item in sent if item.code == 250}
    assert set(kept) == taken
    assert [copies for copies in kept.values() if len(copies) != 1] == []
    for item in sent:
        assert item.code in (250, 550), item
        if item.code == 250:
            got = corpus.without_our_fields(kept[item.id][0].message, sender_of(item.message))
            assert got == corpus.as_kept(item.message), item


def test_each_is_where_its_record_says(sent, kept, records):
    """Its action, and the mailbox and number that it was delivered to."""
    mailboxes = collections.defaultdict(set)
    for item in sent:
        record = records[item.id]
        assert (item.code == 550) == (record["action"] == "reject"), (item, record["action"])
        if item.code != 250:
            assert "deliveries" not in record
            continue
        (copy,), (delivery,) = kept[item.id], record["deliveries"]
        assert copy.mailbox == {"accept": "INBOX", "junk": "Junk"}[record["action"]], item
        assert (delivery["uid"], delivery["result"]) == (copy.uid, 0), item
        mailboxes[copy.mailbox].add(delivery["mailbox"])
    assert sorted(len(numbers) for numbers in mailboxes.values()) == [1, 1]


def test_refused_as_recorded(sent, records):
    refused = [item for item in sent if item.code != 250]
    for item in refused:
        assert f"{item.code} {item.text}" == f"{records[item.id]['reply']} ({item.id})", item
    assert "EICAR" in {item.path for item in refused}
    assert clamd.EICAR_SIGNATURE in next(item.text for item in sent if item.path == "EICAR")


def test_scores_and_fields_agree(sent, kept, records):
    for item in sent:
        record = records[item.id]
        counted = [f for f in record["findings"] if f["mode"] != "observe"]
        assert abs(sum(f["score"] for f in counted) - record["score"]) < 0.006, item
        assert record["thresholds"] == {"junk": 5, "reject": 15}
        if record["action"] in ("accept", "junk") and not record["why"].startswith("the DMARC"):
            assert (record["score"] >= 5) == (record["action"] == "junk"), item
        if item.code != 250:
            continue
        copy = kept[item.id][0]
        junk = record["action"] == "junk"
        assert copy.field("X-Spam-Flag") == ["YES"] * junk, item
        spam, score, tests = TESTS.search(copy.header).groups()
        assert spam == ("Yes" if junk else "No"), item
        assert score == copy.field("X-Spam-Score")[0] and abs(float(score) - record["score"]) < 0.051, item
        names = [] if tests == "none" else re.split(r", ?", tests)
        assert names == [f["name"] for f in counted if f["score"] != 0], item


def test_why_tells_each(server, sent, records):
    """In words: the decision, what counted for it, what the client was told."""
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        stories = pool.map(lambda item: server.verb("why", item.id).stdout, sent)
    for item, told in zip(sent, stories):
        record = records[item.id]
        assert told.startswith(f"{item.id}, "), item
        assert f"  decision    {record['action']}" in told, item
        assert f"  score       {record['score']:.2f}; junk from 5.00 on; rejected from 15.00 on" in told, item
        shown = re.findall(r"^ +([-+]\d+\.\d\d)  ([A-Z0-9_]+)[: ]", told, re.M)
        wanted = [(f"{f['score']:+.2f}", f["name"]) for f in record["findings"]]
        assert sorted(shown) == sorted(wanted) or len(wanted) > 50, item
        if item.code == 250:
            assert f"UID {record['deliveries'][0]['uid']}" in told, item
        else:
            assert f"  reply       {item.code} " in told, item


def test_lists_and_scanner_had_their_say(sent, records, listed):
    """What is listed counts, also as bits; what is broken or silent counts for nothing; all were scanned."""
    clients, links = listed
    names = collections.Counter()
    for item in sent:
        record = records[item.id]
        found = {f["name"] for f in record["findings"]}
        names.update(found)
        if "virus" in {check["name"] for check in record["checks"] if check.get("skipped")}:
            assert record["action"] == "reject", item  # for good, before all had been asked
            continue
        client = client_of(item.message)
        wanted = {f"ZEN_{'XBL' if clients.index(client) % 2 else 'SBL'}"} if client in clients else set()
        assert {name for name in found if re.fullmatch("ZEN_[A-Z]+", name) and "RECEIVED" not in name} == wanted, item
        assert not [name for name in found if name.startswith(("SPAMCOP", "SILENT"))], item
        broken = [f["evidence"] for f in record["findings"] if f["name"] == "LIST_BROKEN"]
        assert [text.split(":")[0] for text in broken] == ["SPAMCOP", "SILENT"], item
        assert record["virus"]["result"] == ("infected" if item.path == "EICAR" else "clean"), (item, record["virus"])
        for entry in record.get("lists", []):
            if entry["list"] == "SURBL" and entry.get("name"):
                assert entry["asked"] in links
                assert entry["name"] == f"SURBL_{'PHISH' if links.index(entry['asked']) % 2 else 'ABUSE'}"
    print(f"\n{names}")
    assert names["SURBL_PHISH"] and names["SURBL_ABUSE"] and names["ZEN_XBL"] and names["ZEN_SBL"]


def test_junk_is_mostly_spam(sent, records, labels):
    """The judge tells them apart; how well is for the bench to measure."""
    counts = {kind: collections.Counter(records[item.id]["action"] for item in sent if labels.get(item.path) == kind)
              for kind in ("ham", "spam")}
    print(f"\n{counts}")
    aside = {kind: (c["junk"] + c["reject"]) / c.total() for kind, c in counts.items()}
    assert aside["ham"] < 0.15 and aside["spam"] > 3 * aside["ham"], counts


def test_verify_is_clean(server, sent):
    done = server.verify()
    assert done.returncode == 0, done.stdout + done.stderr
