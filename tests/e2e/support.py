"""What every end-to-end test uses: the lab, a client that keeps replies raw, and waiting."""

import os
import random
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "scripts/lib"))
from lab import lab as labs, net, proc, topology  # noqa: E402,F401

PORT = topology.LISTEN


class Failure(AssertionError):
    pass


def check(condition, text, *values):
    if not condition:
        raise Failure(text % values if values else text)


def equal(got, want, what):
    check(got == want, "%s: got %s, want %s", what, short(got), short(want))


def short(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "... (%d)" % len(text)


def say(text):
    print("       " + text, flush=True)


def eventually(what, condition, seconds=10, pause=0.02):
    """Waits until the condition holds; returns how long it took."""
    started = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - started
        except OSError:
            pass
        check(time.monotonic() < started + seconds, "within %d s: %s", seconds, what)
        time.sleep(pause)


def run(*argv, seconds=60, ok=True, stdin=None):
    """Runs a command where the test runs, on the client's machine. Returns what it printed."""
    say("$ " + " ".join(argv))
    try:
        done = subprocess.run(argv, text=True, errors="replace", timeout=seconds, input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        raise Failure("no end after %d s: %s" % (seconds, " ".join(argv))) from None
    if ok:
        check(done.returncode == 0, "exit status %d of %s: %s", done.returncode, " ".join(argv),
              done.stdout[-2000:])
    return done.stdout


def encode(*args):
    """A request as RESP."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode()
        elif isinstance(arg, int):
            arg = b"%d" % arg
        parts += [b"$%d\r\n" % len(arg), arg, b"\r\n"]
    return b"".join(parts)


class Error(bytes):
    """An error reply; its text without the '-'."""


class Status(bytes):
    """A simple string."""


class Client:
    """One connection. Replies come as bytes, int, None, list, Status, Error."""

    def __init__(self, address, seconds=20, family=socket.AF_INET):
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def call(self, *args):
        self.send(encode(*args))
        return self.reply()

    def eof(self):
        """Whether the other side closed, with nothing left to read."""
        if self.at < len(self.buffer):
            return False
        try:
            return self.socket.recv(1 << 16) == b""
        except ConnectionResetError:
            return True

    def rest(self, limit=1 << 20):
        """All bytes until the other side closes."""
        out = bytearray(self.buffer[self.at:])
        self.buffer, self.at = b"", 0
        while len(out) < limit:
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                break
            if not more:
                break
            out += more
        return bytes(out)

    def _more(self):
        more = self.socket.recv(1 << 18)
        if not more:
            raise ConnectionError("connection closed, %d bytes unread"
                                  % (len(self.buffer) - self.at))
        self.buffer = self.buffer[self.at:] + more
        self.at = 0

    def _line(self):
        while True:
            end = self.buffer.find(b"\r\n", self.at)
            if end >= 0:
                line = self.buffer[self.at:end]
                self.at = end + 2
                return line
            self._more()

    def bulk(self, size):
        if size + 2 <= len(self.buffer) - self.at:
            out = self.buffer[self.at:self.at + size]
            self.at += size + 2
            return out
        out = bytearray(size + 2)
        at = len(self.buffer) - self.at
        out[:at] = self.buffer[self.at:]
        self.buffer, self.at = b"", 0
        with memoryview(out) as view:
            while at < size + 2:
                n = self.socket.recv_into(view[at:])
                if n == 0:
                    raise ConnectionError("connection closed within a value")
                at += n
        check(out[-2:] == b"\r\n", "a value does not end with CR LF but with %r", bytes(out[-2:]))
        del out[-2:]
        # A copy of a very large value takes seconds; it compares equal to bytes as it is.
        return bytes(out) if size < 1 << 24 else out

    def reply(self):
        line = self._line()
        kind, text = line[:1], line[1:]
        if kind == b"+":
            return Status(text)
        if kind == b"-":
            return Error(text)
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == b"-1" else self.bulk(int(text))
        if kind == b"*":
            return None if text == b"-1" else [self.reply() for _ in range(int(text))]
        raise Failure("not a reply: %s" % short(line))


class Env:
    """Handed to every test: a lab that is up, and the ways to talk to it."""

    def __init__(self, lab):
        self.lab = lab
        self.node = lab.nodes[0] if lab.nodes else None
        self.random = random.Random(1)

    def connect(self, seconds=20):
        return Client((self.node.data4, PORT), seconds)

    def connect6(self, seconds=20):
        return Client((self.node.data6, PORT), seconds, socket.AF_INET6)

    def direct(self):
        """The node's store, past the data plane."""
        return Client(self.lab.socket_path(self.node.name), family=socket.AF_UNIX)

    def flush(self):
        with self.direct() as c:
            equal(c.call("FLUSHALL"), b"OK", "FLUSHALL of the store")

    def process(self, what):
        return self.lab.process(self.node.name, what)

    def pid(self, what):
        pid = self.process(what).pid()
        check(pid, "%s does not run. Its last lines:\n%s", what, self.process(what).tail())
        return pid

    def kill(self, what):
        say("kill -9 %s" % what)
        check(self.lab.kill(self.node.name, what), "%s did not run", what)

    def start(self, what):
        say("start %s" % what)
        self.lab.start(self.node.name, what)

    def serving(self):
        return self.lab.ping(self.node)

    def rss_peak_mb(self, what):
        with open("/proc/%d/status" % self.pid(what)) as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) >> 10
        raise Failure("no VmHWM")


def limit(seconds):
    """Decorator: how long a test may take."""
    def mark(test):
        test.seconds = seconds
        return test
    return mark
