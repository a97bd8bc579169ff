"""Processes that outlive the script that started them.

Each is recorded in a file by its id and its start time, and is only ever ended when both still
match, so that a process of somebody else who inherited the id is safe.
"""

import contextlib
import os
import signal
import subprocess
import time


def start_time(pid):
    """Clock ticks since boot, or None when there is no such process, or only its corpse.

    A first thread that has ended is no corpse yet: the others still hold the sockets.
    """
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
        dead = fields[0] in "ZX" and len(os.listdir("/proc/%d/task" % pid)) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if dead else int(fields[19])


class Process:
    """One daemon of a host: what is recorded about it lives in `<folder>/<what>.pid`."""

    def __init__(self, folder, what):
        self.what = what
        self.folder = folder
        self.record = os.path.join(folder, what + ".pid")
        self.log = os.path.join(folder, what + ".log")

    def pid(self):
        """The id while it runs, else None."""
        try:
            with open(self.record) as f:
                pid, started = (int(x) for x in f.read().split())
        except (FileNotFoundError, ValueError):
            return None
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return pid if start_time(pid) == started else None

    def start(self, argv):
        """Starts it unless it runs. Its output goes to its log."""
        if self.pid():
            return self.pid()
        os.makedirs(self.folder, exist_ok=True)
        with open(self.log, "ab") as log:
            log.write(("--- %s %s\n" % (time.strftime("%H:%M:%S"), " ".join(argv))).encode())
            log.flush()
            # DPDK keeps its run-time files in this folder too, instead of in /run/dpdk.
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     cwd=self.folder, start_new_session=True,
                                     env={**os.environ, "RUNTIME_DIRECTORY": self.folder})
        # Waited for in pid(); keeps subprocess from warning about a child it still knows.
        child.returncode = 0
        with open(self.record + ".new", "w") as f:
            f.write("%d %d\n" % (child.pid, start_time(child.pid) or 0))
        os.rename(self.record + ".new", self.record)
        return child.pid

    def signal(self, number):
        pid = self.pid()
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    def wait_gone(self, seconds):
        until = time.monotonic() + seconds
        while self.pid():
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    def kill(self):
        """As `kill -9`. Returns whether it ran."""
        ran = self.signal(signal.SIGKILL) is not None
        if not self.wait_gone(5):
            raise TimeoutError("%s does not end after SIGKILL" % self.what)
        return ran

    def stop(self, seconds=5):
        """As `kill`. Returns whether it ended by itself in time; it is ended anyhow."""
        self.signal(signal.SIGTERM)
        graceful = self.wait_gone(seconds)
        if not graceful:
            self.kill()
        return graceful

    def tail(self, lines=20):
        try:
            with open(self.log, errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except FileNotFoundError:
            return ""


def end_all(pids):
    """Ends processes whose belonging to the lab is known otherwise: they live in its namespaces."""
    known = [(p, start_time(p)) for p in pids]
    until = time.monotonic() + 5
    for pid, started in known:
        if started is not None and start_time(pid) == started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    while any(s is not None and start_time(p) == s for p, s in known):
        for pid, _ in known:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > until:
            raise TimeoutError("processes do not end: %s" % pids)
        time.sleep(0.005)
