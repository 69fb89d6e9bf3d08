"""A private Postfix: its own configuration, queue and data below one directory, loopback only."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess

from . import DOMAIN, procs

DAEMONS = "/usr/lib/postfix/sbin"

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def available():
    return os.geteuid() == 0 and shutil.which("postfix") is not None


class Postfix:
    """settings: further main.cf parameters. With Maildir delivery by default."""

    def __init__(self, directory, port, **settings):
        self.directory = pathlib.Path(directory)
        self.port = port
        self.user = pwd.getpwnam("nobody")
        self.maildir = self.directory / "mail" / "alice"
        self.settings = {
            "compatibility_level": "3.6",
            "command_directory": "/usr/sbin",
            "daemon_directory": DAEMONS,
            "queue_directory": self.directory / "queue",
            "data_directory": self.directory / "data",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "myhostname": "postfix.example.test",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "alias_database": "",
            "virtual_mailbox_domains": DOMAIN,
            "virtual_mailbox_maps": "static:alice/",
            "virtual_mailbox_base": self.directory / "mail",
            "virtual_mailbox_limit": "0",
            "virtual_uid_maps": f"static:{self.user.pw_uid}",
            "virtual_gid_maps": f"static:{self.user.pw_gid}",
            "virtual_minimum_uid": "1",
            "virtual_transport": "virtual",
            "maillog_file": self.directory / "log" / "maillog",
            "maillog_file_prefixes": self.directory,
            "import_environment": "MAIL_CONFIG",
        } | settings
        for name in ("conf", "queue", "data", "log", "mail"):
            (self.directory / name).mkdir(parents=True)
        self.directory.chmod(0o755)
        shutil.chown(self.directory / "data", "postfix")
        shutil.chown(self.directory / "mail", self.user.pw_uid, self.user.pw_gid)
        conf = self.directory / "conf"
        (conf / "main.cf").write_text(
            "".join(f"{key} = {value}\n" for key, value in self.settings.items()))
        (conf / "master.cf").write_text(MASTER.format(port=port))
        self._control("check")

    def _control(self, verb):
        subprocess.run(["postfix", "-c", self.directory / "conf", verb], check=True,
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def start(self):
        self._control("start")
        self.pid = int((self.directory / "queue/pid/master.pid").read_text())

    def stop(self):
        members = procs.tree(self.pid)
        subprocess.run(["postfix", "-c", self.directory / "conf", "stop"], capture_output=True)
        for pid in members:
            if procs.alive(pid):
                os.kill(pid, signal.SIGKILL)

    def delivered(self):
        """Messages in the Maildir."""
        try:
            return len(os.listdir(self.maildir / "new"))
        except FileNotFoundError:
            return 0

    def queued(self):
        """Messages that it still holds."""
        return sum(len(files) for name in ("maildrop", "incoming", "active", "deferred")
                   for _, _, files in os.walk(self.directory / "queue" / name))

    def flush(self):
        self._control("flush")

    def log(self):
        path = self.directory / "log" / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""
