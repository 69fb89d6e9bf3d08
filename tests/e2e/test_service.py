"""The service as its administrator sees it: first use, reload, end, restart, privileges."""
import contextlib
import itertools
import os
import pathlib
import pwd
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from harness import ALICE, imap, procs, smtp

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
ROLES = "directory", "resolver", "antivirus", "smtpd", "filter", "delivery", "mailbox"
# What not every configuration has.
EVERY_ROLE = {"antivirus": {"servers": ["unix:/nowhere/clamd"]}}


def count(server, user=ALICE):
    with server.imap(user) as client:
        return int(client.ok(b"STATUS INBOX (MESSAGES)").one(rb"\* STATUS .*MESSAGES (\d+)").group(1))


# First use

def test_init_as_it_comes(make_server):
    """What init writes is complete, parses, and is not overwritten by a second init."""
    server = make_server(start=False)
    server.write_config(server.made)
    done = server.verb("check")
    assert done.returncode == 0
    again = server.command("init", "--dir", server.home, "--domain", "example.test", check=False)
    assert again.returncode != 0 and again.stderr
    key = server.data / server.settings["tls"]["key"]
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text, words", [
    ("smtp: { listn = [ \"[::]:25\" ]; };", ["listn", "listen"]),
    ("hostnam = \"a.b\";", ["hostnam", "hostname"]),
    ("smtp: { max_message_size = \"lots\"; };", ["max_message_size"]),
    ("smtp: { max_recipients = \"many\"; };", ["max_recipients"]),
    ("smtp: { max_recipients = 1; };", ["max_recipients", "100"]),
    ("imap: { listen = [ \"nowhere\" ]; };", ["listen"]),
    ("smtp: {", []),
])
def test_check_says_where_and_what(make_server, text, words):
    server = make_server(start=False)
    server.write_config('# first line\nhostname = "mx.example.test";\n' + text + "\n")
    done = server.verb("check", check=False)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert re.search(r"postern\.conf:[34]: ", said), said
    for word in words:
        assert word in said, said


def test_help_and_unknown_verb(make_server):
    server = make_server(start=False)
    assert "serve" in server.command("--help").stdout
    done = server.command("sevre", check=False)
    assert done.returncode != 0 and "serve" in done.stderr


def test_accounts_by_command_line(make_server):
    server = make_server()
    made = server.verb("account", "add", "bob@example.test", "--generate")
    password = made.stdout.split()[-1]
    with server.imap("bob@example.test", password) as client:
        client.ok(b"NOOP")
    assert "bob@example.test" in server.verb("account", "list").stdout
    assert server.verb("account", "add", "bob@example.test", check=False).returncode != 0
    assert server.verb("account", "add", "x@elsewhere.test", check=False).returncode != 0
    server.verb("account", "remove", "bob@example.test")
    with server.imap(login=False) as client:
        client.no(f"LOGIN bob@example.test {password}".encode())
    assert "example.test" in server.verb("domain", "list").stdout


def test_no_password_on_disk(make_server):
    server = make_server(start=False)
    server.add_account("bob@example.test", "a-very-recognizable-secret")
    server.start()
    with server.imap("bob@example.test", "a-very-recognizable-secret") as client:
        client.ok(b"NOOP")
    for path in server.home.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # SQLite's own go with who was the last to use them
            if path.is_file():
                assert b"a-very-recognizable-secret" not in path.read_bytes(), path
    assert "a-very-recognizable-secret" not in server.log()


# Processes

def test_roles_and_their_confinement(make_server):
    server = make_server(settings=EVERY_ROLE)
    roles = server.roles()
    for role in ROLES:
        assert role in roles, roles
    for role in ROLES:
        for pid in roles[role]:
            status = dict(line.split(":\t", 1) for line in
                          pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
            assert status["NoNewPrivs"] == "1", role
            assert status["Seccomp"] == "2", role
            if os.geteuid() == 0:
                assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split(), role
                assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, role


@pytest.mark.root
def test_each_role_has_its_own_user(make_server):
    users = {}
    server = make_server(settings=EVERY_ROLE)
    for role, pids in server.roles().items():
        for pid in pids:
            users.setdefault(role, set()).add(os.stat(f"/proc/{pid}").st_uid)
    for role in ROLES:
        assert len(users[role]) == 1, users
    assert len(set.union(*users.values())) == len(ROLES), users


@pytest.mark.root
def test_as_an_ordinary_user(make_server):
    server = make_server(user=pwd.getpwnam("nobody").pw_uid)
    server.deliver()
    assert count(server) == 1
    assert server.verify().returncode == 0


@pytest.mark.parametrize("role", ROLES)
def test_a_killed_role_comes_back(make_server, role):
    server = make_server(settings=EVERY_ROLE)
    server.deliver()
    for pid in server.roles()[role]:
        server.kill_process(pid)

    def works():
        try:
            server.deliver()
            return count(server) >= 2
        except (OSError, AssertionError, smtp.Closed, imap.Closed):
            return False
    procs.wait_until(works, 20, f"service after {role} was killed")
    # Mail goes on without some of them.
    procs.wait_until(lambda: role in server.roles(), 20, f"{role} after it was killed")


def test_one_that_dies_before_it_is_ready(make_server):
    """It is not said to be there: while the others are told of it, one hangs that should hear of it."""
    server = make_server({"smtp": {"processes": 1}})
    [smtpd], [first] = server.roles()["smtpd"], server.roles()["directory"]
    with procs.stopped(smtpd):
        server.kill_process(first)
        second, = procs.wait_until(lambda: server.roles().get("directory"), 20, "the next directory")
        procs.wait_until(lambda: "\nSeccomp:\t2\n" in pathlib.Path(f"/proc/{second}/status").read_text(), 20,
                         "its configuration")
        server.kill_process(second)
        procs.wait_until(lambda: not pathlib.Path(f"/proc/{second}").exists(), 20, "the supervisor to notice")
    third, = procs.wait_until(lambda: server.roles().get("directory"), 20, "the third directory")
    server.wait_log(rf"started .*process=directory pid={third}\b")
    assert not server.logged(rf"started .*process=directory pid={second}\b")
    server.deliver()


def test_lookup_failure_is_temporary(make_server):
    """With the directory stopped, a recipient is neither accepted nor unknown."""
    server = make_server({"supervisor": {"restart_delay": "30s", "restart_delay_max": "30s"}})
    with server.smtp() as client:
        client.ehlo()
        client.expect("MAIL FROM:<a@remote.test>", "250")
        pid, = server.roles()["directory"]
        server.kill_process(pid)
        for recipient in (ALICE, "nobody@example.test"):
            client.expect(f"RCPT TO:<{recipient}>", "45[01] 4.[34].[0-9]")


def test_delivery_failure_is_temporary(make_server):
    server = make_server({"supervisor": {"restart_delay": "30s", "restart_delay_max": "30s"}})
    with server.smtp() as client:
        client.ehlo()
        client.envelope()
        client.expect("DATA", "354")
        pid, = server.roles()["delivery"]
        server.kill_process(pid)
        client.send(MESSAGE + b".\r\n")
        assert client.reply().matches("45[01] 4.[23].[0-9]")
        client.expect("NOOP", "250")


# Ending and reloading

def test_ends_cleanly(make_server):
    server = make_server()
    server.deliver()
    assert server.stop() == 0
    server.start()
    assert count(server) == 1


def test_end_finishes_what_is_in_flight(make_server):
    """A message of which half has come when SIGTERM arrives is accepted; then the session ends."""
    server = make_server()
    idle = server.smtp()
    reader = server.imap(select="INBOX")
    with server.smtp() as client:
        client.ehlo()
        client.envelope()
        client.expect("DATA", "354")
        client.send(b"Subject: in flight\r\n\r\n")
        os.kill(server.pid, signal.SIGTERM)
        assert idle.reply().matches("421 4.3.2")
        assert reader.response().line.startswith(b"* BYE")
        client.send(b"body\r\n.\r\n")
        assert client.reply().code == 250
        assert client.reply().matches("421 4.3.2")
        client.closed()
    assert server.process.wait(20) == 0
    server.process = None
    server.start()
    assert count(server) == 1


def unfinished(server):
    """A client in the middle of a message."""
    client = server.smtp()
    client.ehlo()
    client.envelope()
    client.expect("DATA", "354")
    client.send(b"Subject: never finished\r\n")
    return client


def test_end_is_bounded(make_server):
    """A peer that sends nothing more cannot hold the server up; it is told. Where the configuration has more
    patience, it may still go on by then."""
    quick, patient = [make_server({"supervisor": {"shutdown_grace": grace}}) for grace in ("1s", "1m")]
    with unfinished(quick) as client, quick.imap() as reader, unfinished(patient) as other:
        reader.send(b"x APPEND INBOX {100+}\r\nnever finished")
        os.kill(patient.pid, signal.SIGTERM)
        start = time.monotonic()
        os.kill(quick.pid, signal.SIGTERM)
        assert client.reply().matches("421 4.3.2")
        assert time.monotonic() - start > 0.9
        assert reader.response().line.startswith(b"* BYE ")
        assert quick.process.wait(20) == 0
        quick.process = None
        other.send(b".\r\n")
        assert other.reply().code == 250
    assert patient.process.wait(20) == 0
    patient.process = None


def test_the_end_of_processes_that_hang(make_server):
    """All together have their time, not one after the other: it ends before the service manager's patience does."""
    server = make_server({"supervisor": {"shutdown_grace": "0s"}})
    server.expected = "a process did not end in time"
    pids = list(itertools.chain(*server.roles().values()))
    with contextlib.ExitStack() as hanging:
        for pid in pids:
            hanging.enter_context(procs.stopped(pid))
        assert server.stop() == 0
    assert len(server.logged(server.expected)) == len(pids)


@pytest.mark.root
def test_the_end_when_a_process_cannot_be_killed(make_server):
    """As one in a disk that does not answer: here whoever traces it holds it back. The server ends without it."""
    server = make_server({"supervisor": {"shutdown_grace": "0s"}})
    server.expected = "a process did not end in time"
    pid, = server.roles()["delivery"]
    with procs.unreaped(pid):
        assert server.stop() == 1
    assert len(server.logged(server.expected)) == 1


def test_reload_keeps_connections(make_server):
    server = make_server({"smtp": {"max_message_size": "1M"}})
    with server.smtp() as client, server.imap(select="INBOX") as reader:
        client.ehlo()
        server.configure({"smtp": {"max_message_size": "2M"}})
        server.reload()
        server.wait_log(r"reload")

        def announced():
            with server.smtp() as other:
                other.ehlo()
                return other.extensions["SIZE"] == ["2097152"]
        procs.wait_until(announced, 20, "the new limit")
        client.send_message("a@remote.test", [ALICE], MESSAGE)
        reader.ok(b"NOOP").one(rb"\* 1 EXISTS")


@pytest.mark.parametrize("text, where", [
    ("hostname = \"mx.example.test\";\nsmtp: { nonsense = 1; };", ":2:"), ("hostname = ", ":1:")])
def test_bad_reload_keeps_the_old(make_server, text, where):
    server = make_server({"smtp": {"max_message_size": "1M"}})
    roles = server.roles()
    server.write_config(text)
    server.reload()
    server.wait_log(r"postern\.conf" + where)
    with server.smtp() as client:
        client.ehlo()
        assert client.extensions["SIZE"] == ["1048576"]
    assert server.roles() == roles
    server.deliver()


def test_reload_under_load(make_server):
    server = make_server()
    stop, errors, sent = threading.Event(), [], []

    def load():
        try:
            with server.smtp() as client:
                client.ehlo()
                while not stop.is_set():
                    sent.append(client.send_message("a@remote.test", [ALICE], MESSAGE))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        seen = len(sent)
        server.reload()
        procs.wait_until(lambda: len(sent) > seen + 10 or errors, 20, "progress after the reload")
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert count(server) == len(sent)


# The service manager

def test_notifies_the_service_manager(make_server):
    """READY=1 comes when connections are taken; STOPPING=1 at the end."""
    server = make_server(start=False)
    server.launch()
    server.wait_ready()
    with server.smtp() as client:
        assert client.banner.code == 220
    os.kill(server.pid, signal.SIGTERM)
    server.notify.settimeout(20)
    while b"STOPPING=1" not in server.notify.recv(4096):
        pass
    assert server.process.wait(20) == 0
    server.process = None


LAUNCHER = """\
import os, socket, sys
ports, command = [int(p) for p in sys.argv[1].split(",")], sys.argv[2:]
for n, port in enumerate(ports):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port)); s.listen(100)
    os.dup2(s.fileno(), 3 + n); os.set_inheritable(3 + n, True)
os.environ.update(LISTEN_FDS=str(len(ports)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="smtp:imap:imaps")
os.execv(command[0], command)
"""


def test_socket_activation(make_server):
    server = make_server(start=False)
    ports = [server.port, server.imap_port, server.imaps_port]
    server.configure({"smtp": {"listen": [f"127.0.0.1:{ports[0]}"]}})
    server.launch(command=[sys.executable, "-c", LAUNCHER, ",".join(map(str, ports)), *server.serve_command()])
    server.wait_ready()
    server.deliver()
    assert count(server) == 1


@pytest.mark.needs("systemd-socket-activate")
def test_systemd_socket_activate(make_server):
    """systemd's own: it listens, and starts the server with the first connection."""
    server = make_server({"imap": {"listen": [], "listen_tls": []}}, start=False)
    server.configure({"smtp": {"listen": [f"127.0.0.1:{server.port}"]}, "imap": {"listen": []}})
    server.launch(command=["systemd-socket-activate", "-l", f"127.0.0.1:{server.port}", "--fdname=smtp",
                           "-E", f"ASAN_OPTIONS={server.env['ASAN_OPTIONS']}", *server.serve_command()])

    def greeted():
        try:
            with server.smtp() as client:
                return client.banner.code == 220
        except ConnectionRefusedError:
            return False
    procs.wait_until(greeted, 20, "the banner")


def test_port_in_use_is_said(make_server):
    server = make_server(start=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        server.launch()
        assert server.process.wait(20) != 0
        server.process = None
        assert str(server.port) in server.log() and "in use" in server.log()


def test_out_of_descriptors(make_server):
    """At the limit the server neither spins nor dies, and takes connections again afterwards."""
    server = make_server({"smtp": {"max_connections_per_ip": 10000, "processes": 1}}, start=False)
    server.launch(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)))
    server.wait_ready()
    held = []
    for _ in range(200):
        held.append(socket.create_connection(("127.0.0.1", server.port), 5))
    cpu = procs.cpu_seconds(server.pid)
    # Without room the new ones wait in the kernel or are told 421; neither costs anything.
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(2)
    assert procs.cpu_seconds(server.pid) - cpu < 1.0
    for client in held:
        client.close()

    def greeted():
        try:
            with server.smtp() as client:
                return client.banner.code == 220
        except (smtp.Closed, OSError):
            return False
    procs.wait_until(greeted, 20, "a banner after the rush")


# Upgrades

def test_verify_of_an_account_unused_since_an_upgrade(make_server):
    server = make_server()
    server.deliver(3)
    server.stop()
    file = server.data / "accounts" / "1.db"
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.executescript("ALTER TABLE body_chunk DROP COLUMN unpacked;"
                         "UPDATE schema_version SET version = 1")
    done = server.verify()
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.with_name("1.db.before-2").exists()
    server.start()
    server.deliver()
    assert count(server) == 4
    assert server.verify().returncode == 0
