"""Rspamd as Debian has it, with its own configuration and data in a scratch directory, on loopback."""
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request

from harness import ports, procs

# What asks others than the given name server, or is nothing that Postern does by default: lists in the
# DNS, feeds, Redis.
OFF = ("rbl", "surbl", "asn", "fuzzy_check", "url_redirector", "greylist", "redis", "rspamd_update")


def root_of(peers):
    """Where it is: unpacked, or installed; None where it is neither."""
    for root in (peers, pathlib.Path("/")):
        if (root / "usr/bin/rspamd").exists():
            return root
    return None


class Rspamd:
    """kind: "normal" (asked over HTTP) or "milter". compiled: its patterns, kept from run to run."""

    def __init__(self, root, nameserver, kind, workers, compiled):
        self.root, self.kind, self.workers = root, kind, workers
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="bench-rspamd-", dir="/var/tmp"))
        self.compiled = pathlib.Path(compiled)
        self.compiled.mkdir(parents=True, exist_ok=True)
        self.port = ports.free_port()
        self.control = ports.free_port()
        self.process = None
        for name in ("local.d", "db", "run", "log"):
            (self.home / name).mkdir()
        self._configure(nameserver)

    def _configure(self, nameserver):
        host, port = nameserver.rsplit(":", 1)
        off = "enabled = false;\n"
        where = f'bind_socket = "127.0.0.1:{self.port}";\ncount = {self.workers};\n'
        files = {
            "options.inc": f'dns {{ nameserver = ["{host}:{port}:1"]; timeout = 2s; sockets = 16; }}\n'
                           f'hs_cache_dir = "{self.compiled}/";\ndisable_monitoring = true;\n'
                           f'control_socket = "{self.home}/run/control mode=0600";\n',
            "logging.inc": 'type = "file";\nlevel = "warning";\n',
            "worker-controller.inc": f'bind_socket = "127.0.0.1:{self.control}";\n',
            "worker-normal.inc": where if self.kind == "normal" else off,
            "worker-proxy.inc": where + 'milter = yes;\nupstream "local" { default = yes; self_scan = yes; }\n'
            if self.kind == "milter" else off,
            # All of it has to be stored by both.
            "actions.conf": "reject = null;\ngreylist = null;\nadd_header = 6;\n",
            "phishing.conf": "phishtank_enabled = false;\nopenphish_enabled = false;\n",
        } | {f"{name}.conf": off for name in OFF}
        for name, text in files.items():
            (self.home / "local.d" / name).write_text(text)

    def _variables(self):
        share, home = self.root / "usr/share/rspamd", self.home
        return {"CONFDIR": self.root / "etc/rspamd", "LOCAL_CONFDIR": home, "DBDIR": home / "db",
                "RUNDIR": home / "run", "LOGDIR": home / "log", "SHAREDIR": share,
                "RULESDIR": share / "rules", "LUALIBDIR": share / "lualib", "PLUGINSDIR": share / "plugins",
                "WWWDIR": share / "www"}

    def start(self):
        lib = self.root / "usr/lib"
        env = os.environ | {"LD_LIBRARY_PATH": f"{lib}/rspamd:{lib}/{platform.machine()}-linux-gnu"}
        words = [self.root / "usr/bin/rspamd", "-c", self.root / "etc/rspamd/rspamd.conf", "-i", "-f"]
        words += [f"--var={key}={value}" for key, value in self._variables().items()]
        with open(self.home / "out", "wb") as out:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                                            start_new_session=True)
        self.pid = self.process.pid
        # The first start compiles patterns, and its workers take them over when they are ready.
        procs.wait_until(self._answers, 300, "Rspamd to answer")
        procs.wait_until(self._is_idle, 300, "Rspamd to have its patterns compiled")

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"Rspamd ended:\n{(self.home / 'out').read_text()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return urllib.request.urlopen(f"http://127.0.0.1:{self.control}/ping", timeout=5).status == 200
        except OSError:
            return False

    def _is_idle(self):
        """None of its processes has used any CPU for two seconds."""
        now = procs.cpu_seconds(self.pid)
        if getattr(self, "seen", None) is None or now > self.seen[0]:
            self.seen = (now, 0)
        self.seen = (now, self.seen[1] + 1)
        return self.seen[1] > 200  # wait_until() asks each 10 ms

    def stop(self):
        if self.process:
            members = procs.tree(self.pid)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                pass
            for pid in members:
                if procs.alive(pid):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
        for port in (self.port, self.control):
            ports.release(port)
        shutil.rmtree(self.home, ignore_errors=True)
