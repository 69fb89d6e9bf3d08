"""kill -9 at random moments, under load: what got its 250 is in its mailbox afterwards.

POSTERN_TORTURE_ROUNDS says how often (10); POSTERN_TORTURE_SEED repeats a run's choices."""
import os
import random
import time

from harness import ALICE, load, procs

ROUNDS = int(os.environ.get("POSTERN_TORTURE_ROUNDS", "10"))
SEED = int(os.environ.get("POSTERN_TORTURE_SEED", random.randrange(1 << 30)))
TARGETS = ("delivery", "smtpd", "directory", "mailbox", "all")
PROGRESS_SECONDS = 60


def kill_role(server, role, choice):
    """One process of the role, if it is there at this moment."""
    pids = server.roles().get(role, [])
    if pids:
        server.kill_process(choice.choice(pids))


def test_kill_9(make_server):
    print(f"\nseed {SEED}")
    choice = random.Random(SEED)
    server = make_server({
        "supervisor": {"restart_delay": "1ms", "restart_delay_max": "50ms"},
        "smtp": {"max_connections_per_ip": 1000, "processes": 2},
        "imap": {"max_connections_per_ip": 1000, "processes": 2}}, start=False)
    accounts = [ALICE, "bob@example.test", "carol@example.test"]
    for account in accounts[1:]:
        server.add_account(account)
    server.start()
    record = load.Record()
    senders = [load.Sender(server, record, accounts, SEED + n, tls=n == 0) for n in range(6)]
    senders += [load.Appender(server, record, [account], SEED) for account in accounts[:2]]
    for sender in senders:
        sender.start()

    def progress(count):
        before = record.count()

        def more():
            for sender in senders:
                if sender.error:
                    raise sender.error
            return record.count() >= before + count
        procs.wait_until(more, PROGRESS_SECONDS, f"{count} accepted messages (seed {SEED})")

    try:
        for number in range(ROUNDS):
            # The moment: after some messages, and then anywhere within a commit.
            progress(choice.randint(1, 40))
            time.sleep(choice.random() * 0.02)
            target = TARGETS[number % len(TARGETS)] if number < len(TARGETS) else choice.choice(TARGETS)
            if target == "all":
                server.kill()
                server.start()
            else:
                kill_role(server, target, choice)
            if number % 10 == 9:
                print(f"round {number + 1} of {ROUNDS}: {record.count()} accepted")
        progress(10)
    finally:
        for sender in senders:
            sender.stopping.set()
        for sender in senders:
            sender.join(60)
    lost, duplicated = load.examine(server, record, accounts)
    print(f"{ROUNDS} rounds: {record.count()} accepted, {len(lost)} missing, {len(record.flagged)} flagged, "
          f"{sum(record.uncertain.values())} sendings in doubt, {record.lost_connections} connections lost, "
          f"refused {dict(record.refused)}")
    assert not lost, f"{len(lost)} of {record.count()} lost (seed {SEED}): {lost[:10]}"
    assert not duplicated, f"duplicates without a lost reply (seed {SEED}): {duplicated[:10]}"
    done = server.verify()
    assert done.returncode == 0, done.stdout + done.stderr


def test_kill_at_once_after_the_reply(make_server):
    """The sharpest moment: everything dies the instant a 250 is read."""
    server = make_server()
    tokens = []
    for _ in range(min(ROUNDS, 20)):
        token = os.urandom(8).hex()
        with server.smtp() as client:
            client.ehlo()
            client.send_message("a@remote.test", [ALICE], f"X-Token: {token}\r\n\r\nbody\r\n".encode())
            server.kill()
        tokens.append(token)
        server.start()
    found = load.stored_tokens(server, ALICE)
    assert [token for token in tokens if found[token] != 1] == []
    assert server.verify().returncode == 0
