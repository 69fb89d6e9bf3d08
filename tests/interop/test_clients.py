"""Programs that people use to send and read mail."""
import imaplib
import os
import re
import smtplib
import subprocess
import time

import pytest

from harness import PASSWORD, procs

BODY = "A first message.\r\n.\r\n..two dots\r\nGrüße\r\n"


def run(*words, check=True, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, **more)
    assert not check or done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def stored(server, account, number=1):
    with server.imap(account, select="INBOX") as client:
        return client.body(number)


@pytest.mark.needs("swaks")
@pytest.mark.parametrize("options", [[], ["--tls"], ["--pipeline"], ["--tls", "--pipeline"], ["--ehlo", "[127.0.0.1]"]])
def test_swaks(server, account, options):
    done = run("swaks", "--server", f"127.0.0.1:{server.port}", "--from", "bob@remote.test", "--to", account,
               "--header", "Subject: by swaks", "--body", "swaks was here", *options)
    assert re.search(r"^<[~-]  250 2\.\d\.\d .*[0-9A-HJKMNP-TV-Z]{8}", done.stdout, re.M), done.stdout
    assert b"swaks was here" in stored(server, account)


@pytest.mark.needs("swaks")
def test_swaks_is_told_why(server):
    done = run("swaks", "--server", f"127.0.0.1:{server.port}", "--from", "bob@remote.test", "--to",
               "nobody@example.test", check=False)
    assert done.returncode == 24 and "550 5.1.1" in done.stdout


@pytest.mark.needs("curl")
@pytest.mark.parametrize("tls", [False, True])
def test_curl_sends(server, account, tls, tmp_path):
    message = tmp_path / "message"
    message.write_bytes(b"Subject: by curl\r\n\r\n" + BODY.encode())
    run("curl", "-sS", f"smtp://127.0.0.1:{server.port}", "--mail-from", "bob@remote.test", "--mail-rcpt", account,
        "--upload-file", message, *(["--ssl-reqd", "-k"] if tls else []))
    assert stored(server, account).endswith(message.read_bytes())


@pytest.mark.needs("curl")
def test_curl_reads(server, account):
    server.deliver(2, recipient=account, body="for curl")
    login = ["-sS", "--cacert", server.certificate, "-k", "--user", f"{account}:{PASSWORD}"]
    for url in (f"imaps://127.0.0.1:{server.imaps_port}/INBOX;MAILINDEX=2",
                f"imaps://127.0.0.1:{server.imaps_port}/INBOX;UID=2"):
        assert "for curl" in run("curl", *login, url).stdout
    assert "for curl" in run("curl", *login, "--ssl-reqd",
                             f"imap://127.0.0.1:{server.imap_port}/INBOX;MAILINDEX=1").stdout
    assert "EXISTS" in run("curl", *login, f"imaps://127.0.0.1:{server.imaps_port}", "-X", "EXAMINE INBOX").stdout
    assert "SEARCH 1 2" in run("curl", *login, f"imaps://127.0.0.1:{server.imaps_port}/INBOX?ALL").stdout
    run("curl", *login, "--login-options", "AUTH=PLAIN", f"imaps://127.0.0.1:{server.imaps_port}/")


@pytest.mark.needs("curl")
def test_curl_appends(server, account, tmp_path):
    message = tmp_path / "message"
    message.write_bytes(b"Subject: appended\r\n\r\nbody\r\n")
    run("curl", "-sS", "-k", "--user", f"{account}:{PASSWORD}", "-T", message,
        f"imaps://127.0.0.1:{server.imaps_port}/INBOX")
    assert stored(server, account) == message.read_bytes()


@pytest.mark.needs("msmtp")
@pytest.mark.parametrize("tls", [False, True])
def test_msmtp(server, account, tls, tmp_path):
    words = ["msmtp", "--host=127.0.0.1", f"--port={server.port}", "--from=bob@remote.test", "--auth=off"]
    words += ["--tls=on", "--tls-certcheck=on", f"--tls-trust-file={server.certificate}",
              "--tls-host-override=mx.example.test"] if tls else ["--tls=off"]
    run(*words, "--", account, input="Subject: by msmtp\n\nGrüße\n.\n", env=os.environ | {"HOME": str(tmp_path)})
    assert stored(server, account).endswith("Grüße\r\n.\r\n".encode())


def test_smtplib(server, account):
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.starttls(context=server.tls_context())
        refused = client.sendmail("bob@remote.test", [account, "nobody@example.test"], BODY.encode(),
                                  mail_options=["BODY=8BITMIME"])
        assert list(refused) == ["nobody@example.test"] and refused["nobody@example.test"][0] == 550
    assert stored(server, account).endswith(BODY.encode())


def test_imaplib(server, account):
    server.deliver(3, recipient=account)
    with imaplib.IMAP4("127.0.0.1", server.imap_port) as client:
        client.starttls(server.tls_context())
        client.login(account, PASSWORD)
        assert client.select() == ("OK", [b"3"])
        assert client.search(None, "ALL") == ("OK", [b"1 2 3"])
        assert client.store("1", "+FLAGS", "(\\Deleted)")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.append("INBOX", "(\\Seen)", imaplib.Time2Internaldate(time.time()), BODY.encode())[0] == "OK"
        assert client.status("INBOX", "(MESSAGES UNSEEN)")[1] == [b"INBOX (MESSAGES 3 UNSEEN 2)"] or \
            client.status("INBOX", "(MESSAGES UNSEEN)")[1] == [b'"INBOX" (MESSAGES 3 UNSEEN 2)']
        assert client.list()[0] == client.lsub()[0] == client.namespace()[0] == client.noop()[0] == "OK"


# mbsync both ways

@pytest.mark.needs("mbsync")
def test_mbsync_both_ways(server, account, tmp_path):
    maildir, config = tmp_path / "mail", tmp_path / "mbsyncrc"
    maildir.mkdir()
    config.write_text(f"""\
IMAPStore far
Host localhost
Port {server.imaps_port}
User {account}
Pass {PASSWORD}
SSLType IMAPS
CertificateFile {server.certificate}

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
""")

    def sync():
        run("mbsync", "-c", config, "-a")

    def near(box="INBOX"):
        return sorted(path for name in ("new", "cur") for path in (maildir / box / name).iterdir())

    server.deliver(3, recipient=account)
    sync()
    assert len(near()) == 3

    # Flags and removals go out, new messages go both ways, folders too.
    flagged, removed, _ = near()
    flagged.rename(maildir / "INBOX" / "cur" / (flagged.name.split(":")[0] + ":2,FS"))
    removed.rename(maildir / "INBOX" / "cur" / (removed.name.split(":")[0] + ":2,T"))
    (maildir / "INBOX" / "new" / "1.mine.here").write_bytes(b"From: me\nSubject: mine\n\nnear to far\n")
    for name in ("", "/cur", "/new", "/tmp"):
        (maildir / f"Projects{name}").mkdir()
    server.deliver(1, recipient=account, body="far to near")
    sync()
    with server.imap(account, select="INBOX") as client:
        client.ok(b"STATUS Projects (MESSAGES)")
        found = client.ok(b"FETCH 1:* (FLAGS BODY.PEEK[TEXT])").untagged
        assert len(found) == 4
        assert sum(b"\\Flagged" in item.line and b"\\Seen" in item.line for item in found) == 1
        assert sum(b"near to far" in item.raw for item in found) == 1
        client.ok(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
        client.ok(b"EXPUNGE")
        client.ok(b"DELETE Projects")
    sync()
    assert near() == []
    sync()


# neomutt in a terminal

class Terminal:
    """A tmux session with one program in it."""

    def __init__(self, directory):
        self.socket = directory / "tmux"
        self.directory = directory

    def tmux(self, *words, check=True):
        return run("tmux", "-S", self.socket, "-f", "/dev/null", *words, check=check).stdout

    def start(self, command):
        self.tmux("new-session", "-d", "-x", "120", "-y", "40", "-s", "t",
                  f"env HOME={self.directory} LANG=C.UTF-8 TERM=screen {command}")

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def wait(self, text, gone=None):
        """Until the text stands on the screen, and the other one does not."""
        screen = ""

        def seen():
            nonlocal screen
            screen = self.tmux("capture-pane", "-p", "-t", "t", check=False)
            return text in screen and (gone is None or gone not in screen)
        try:
            procs.wait_until(seen, 30, text)
        except TimeoutError:
            pytest.fail(f"{text!r} does not appear in:\n{screen}")
        return screen

    def stop(self):
        self.tmux("kill-server", check=False)


@pytest.mark.needs("neomutt", "tmux")
def test_neomutt(server, account, tmp_path):
    """Reads, flags, deletes and answers through SMTP, as a person would."""
    server.deliver(2, recipient=account, subject="for mutt", body="read me in mutt")
    (tmp_path / "muttrc").write_text(f"""\
set folder="imaps://127.0.0.1:{server.imaps_port}/" spoolfile="+INBOX" record="+Sent" postponed="+Drafts"
set imap_user="{account}" imap_pass="{PASSWORD}" from="{account}" realname="Alice"
set certificate_file="{tmp_path}/certificates" ssl_ca_certificates_file="{server.certificate}"
set ssl_verify_host=no ssl_starttls=no ssl_force_tls=no
set smtp_url="smtp://127.0.0.1:{server.port}/" editor="true" quit=yes delete=yes copy=yes
set mail_check=1 timeout=1 imap_idle=yes wait_key=no header_cache="" use_threads=no sort=date fast_reply=yes include=yes
set abort_unmodified=no
""")
    terminal = Terminal(tmp_path)
    try:
        terminal.start(f"neomutt -n -F {tmp_path}/muttrc")
        terminal.wait("for mutt 1")
        terminal.keys("Enter")
        terminal.wait("read me in mutt")
        terminal.keys("q")
        terminal.wait("for mutt 0")
        server.deliver(1, recipient=account, subject="while open")
        terminal.wait("while open 0")
        terminal.keys("m")
        terminal.wait("To:")
        terminal.keys(account, "Enter")
        terminal.wait("Subject:")
        terminal.keys("from mutt", "Enter")
        terminal.wait("-- NeoMutt: Compose")
        terminal.keys("y")
        terminal.wait("from mutt", gone="-- NeoMutt: Compose")
        terminal.keys("q")
        procs.wait_until(lambda: not terminal.tmux("list-sessions", check=False), 30, "the end of neomutt")
    finally:
        terminal.stop()
    with server.imap(account) as client:
        client.ok(b"STATUS INBOX (MESSAGES)").one(rb"\* STATUS .*MESSAGES 4\b")
        client.ok(b"STATUS Sent (MESSAGES)").one(rb"\* STATUS .*MESSAGES 1\b")
        client.ok(b"SELECT INBOX")
        assert client.ok(b"SEARCH SUBJECT \"from mutt\"").one(rb"\* SEARCH(.*)").group(1).strip() == b"4"
        assert client.ok(b"SEARCH SEEN").one(rb"\* SEARCH(.*)").group(1).split()
