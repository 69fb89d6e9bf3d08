"""A load of messages that each carry a token, with a record of what became of every one."""
import collections
import os
import random
import re
import threading
import time

from . import imap, smtp


class Record:
    """Tokens and their fate. A token is sent again, as a real client would, until it has its 250.
    `uncertain` counts the sendings that may have been stored all the same: the reply was lost, or it
    was the 451 that says so of a delivery process which died in the middle."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted = {}  # token → accounts that shall hold it
        self.refused = collections.Counter()  # replies
        self.uncertain = collections.Counter()  # token → sendings
        self.flagged = {}  # token → account: its flag was acknowledged
        self.lost_connections = 0

    def accept(self, token, accounts):
        with self.lock:
            self.accepted[token] = accounts

    def count(self):
        with self.lock:
            return len(self.accepted)


class Sender(threading.Thread):
    """Sends until told to stop; reconnects whenever the connection or the server is gone."""

    def __init__(self, server, record, accounts, seed, tls=False):
        super().__init__(daemon=True)
        self.server, self.record, self.accounts, self.tls = server, record, accounts, tls
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        token = None
        while not self.stopping.is_set():
            try:
                with self.server.smtp() as client:
                    client.ehlo()
                    if self.tls:
                        client.starttls()
                        client.ehlo()
                    for _ in range(self.random.randint(1, 20)):
                        if self.stopping.is_set():
                            return
                        token = token or (os.urandom(10).hex(), self.random.sample(
                            self.accounts, self.random.choice((1, 1, 1, 2))))
                        if self.one(client, *token):
                            token = None
            except (smtp.Closed, OSError):
                with self.record.lock:
                    self.record.lost_connections += 1
                self.stopping.wait(0.01)
            except Exception as error:
                self.error = error
                return

    def one(self, client, token, accounts):
        """Whether the token is done with: accepted."""
        size = self.random.choice((0, 500, 4000, 4000, 60_000))
        message = (f"From: load@remote.test\r\nSubject: load\r\nX-Token: {token}\r\n\r\n".encode()
                   + b"0123456789abcdef" * 4 * (size // 64) + b"\r\n")
        steps = ["MAIL FROM:<load@remote.test>"] + [f"RCPT TO:<{one}>" for one in accounts] + ["DATA"]
        for step in steps:
            reply = client.cmd(step)
            if reply.code not in (250, 354):
                return self.refuse(client, reply)
        with self.record.lock:
            self.record.uncertain[token] += 1
        client.send(message + b".\r\n")
        reply = client.reply()
        if reply.code == 451:
            return self.refuse(client, reply)
        with self.record.lock:
            self.record.uncertain[token] -= 1
        if reply.code != 250:
            return self.refuse(client, reply)
        self.record.accept(token, accounts)
        return True

    def refuse(self, client, reply):
        if not 400 <= reply.code < 500:
            raise AssertionError(f"refused for good: {reply}")
        with self.record.lock:
            self.record.refused[reply.lines[0][:9]] += 1
        if reply.code != 421:
            client.cmd("RSET")
        time.sleep(0.005)
        return False


class Appender(Sender):
    """The same over IMAP: APPEND to Archive, and a flag on what was appended."""

    def run(self):
        while not self.stopping.is_set():
            try:
                with self.server.imap(self.accounts[0], login=False) as client:
                    self.session(client)
            except (imap.Closed, OSError):
                with self.record.lock:
                    self.record.lost_connections += 1
            except Exception as error:
                self.error = error
                return
            self.stopping.wait(0.01)

    def session(self, client):
        """Until a command is refused: a process behind it was killed."""
        account = self.accounts[0]
        if self.refused(client.cmd(b"LOGIN %s alice" % account.encode())):
            return
        client.cmd(b"CREATE Archive")
        while not self.stopping.is_set():
            token = os.urandom(10).hex()
            result = client.append(b"Archive", b"X-Token: %s\r\n\r\nbody\r\n" % token.encode())
            if self.refused(result):
                return
            self.record.accept(token, [account])
            uid = result.code(b"APPENDUID").split()[1]
            if self.refused(client.cmd(b"SELECT Archive")) or \
                    self.refused(client.cmd(b"UID STORE %s +FLAGS (\\Flagged)" % uid)):
                return
            with self.record.lock:
                self.record.flagged[token] = account

    def refused(self, result):
        assert result.status in ("OK", "NO"), result
        if result.status == "NO":
            with self.record.lock:
                self.record.refused[result.text[:20].decode()] += 1
        return result.status == "NO"


def logged_in(server, account, seconds=30):
    """A client; waits while a role that was killed comes back."""
    deadline = time.monotonic() + seconds
    while True:
        client = server.imap(account, login=False)
        result = client.cmd(b"LOGIN %s alice" % account.encode())
        if result.status == "OK":
            return client
        client.close()
        assert result.code(b"UNAVAILABLE") is not None and time.monotonic() < deadline, result
        time.sleep(0.02)


def stored_tokens(server, account, criteria=b"ALL"):
    """token → how many messages of the account carry it, over INBOX and Archive."""
    found = collections.Counter()
    with logged_in(server, account) as client:
        for mailbox in (b"INBOX", b"Archive"):
            opened = client.cmd(b"EXAMINE " + mailbox)
            if opened.code(b"NONEXISTENT") is not None:
                continue
            assert opened.status == "OK", opened
            uids = client.ok(b"UID SEARCH " + criteria).one(rb"\* SEARCH(.*)").group(1).split()
            if not uids:
                continue
            result = client.ok(b"UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (X-TOKEN)]")
            chosen = set(uids)
            for item in result.untagged:
                match = re.search(rb"X-Token: (\S+)", item.raw)
                if match and re.search(rb"UID (\d+)", item.line).group(1) in chosen:
                    found[match.group(1).decode()] += 1
    return found


def examine(server, record, accounts):
    """(lost, duplicated): tokens with a 250 that an account lacks, and flags with an OK; tokens that
    are there more often than uncertain sendings explain."""
    lost, duplicated = [], []
    for account in accounts:
        found = stored_tokens(server, account)
        flagged = stored_tokens(server, account, b"FLAGGED")
        for token, holders in record.accepted.items():
            if account in holders and not found[token]:
                lost.append((account, token))
        lost += [(account, token, "flag") for token, holder in record.flagged.items()
                 if holder == account and not flagged[token]]
        for token, count in found.items():
            if count > 1 + record.uncertain[token]:
                duplicated.append((account, token, count))
    return lost, duplicated
