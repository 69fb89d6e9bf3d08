"""Process trees as /proc shows them: who belongs to a server, what it costs."""
import contextlib
import ctypes
import os
import pathlib
import signal
import time

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """The fields of /proc/PID/stat after the name; None when the process is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2:].split()


def start_time(pid):
    stat = _stat(pid)
    return int(stat[19]) if stat and stat[0] != "Z" else None


def alive(pid, started=None):
    now = start_time(pid)
    return now is not None and started in (None, now)


def children(pid):
    found = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return found
    for thread in threads:
        try:
            text = pathlib.Path(f"/proc/{pid}/task/{thread}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [int(word) for word in text.split()]
    return found


@contextlib.contextmanager
def stopped(pid):
    """Meanwhile it does nothing, and waits for nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: (_stat(pid) or "Z")[0] in "TZ", 20, f"{pid} to stop or to end")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def unreaped(pid):
    """Meanwhile its parent does not hear of its end: we trace it, and whoever traces is told first."""
    ptrace_seize, wait_all = 0x4206, 0x40000000
    if ctypes.CDLL(None, use_errno=True).ptrace(ptrace_seize, pid, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"tracing {pid}")
    yield
    os.waitpid(pid, wait_all)


def tree(pid):
    """pid and all its living descendants."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        if alive(pid):
            found.append(pid)
            todo += children(pid)
    return found


def title(pid):
    try:
        raw = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def cpu_seconds(pid):
    """User and system time of the tree, with that of its reaped children: every process that ever
    belonged to it is counted once, provided that each was reaped within the tree."""
    ticks = 0
    for member in tree(pid):
        stat = _stat(member)
        if stat:
            ticks += sum(int(field) for field in stat[11:15])
    return ticks / TICK


def pss_kib(pid):
    """Proportional set size of the tree: shared pages are counted once."""
    total = 0
    for member in tree(pid):
        try:
            lines = pathlib.Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def kernel_socket_kib():
    """Kernel memory in TCP buffers, machine-wide: not part of any PSS."""
    for line in pathlib.Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return 0


def wait_until(condition, seconds, what):
    """Waits for what gives no event of its own (another program's file, a process table)."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
