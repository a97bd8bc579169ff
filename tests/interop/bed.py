"""The test bed: network namespaces of the kernel's TCP, of ours, and of the link between them.

    kern  k0 ------------------ o0  ours      direct: MTU 9000
    kern  k1 --- m1 (link) m2 --- o1  ours    through the link emulator, once it is started
    kern  k1 --- m1 (link) m3 --- p1  peer    the same with another kernel at the far end
"""

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "scripts/lib"))
from lab import net  # noqa: E402

PREFIX = "dyn-interop%d-"
SECONDS = 20
FAILURES_MAX = 10
DIRECT, LINKED = 7, 8


class Failure(AssertionError):
    pass


def check(condition, text, *values):
    if not condition:
        raise Failure(text % values if values else text)


def equal(got, want, what):
    check(got == want, "%s: got %r, want %r", what, got, want)


def say(text):
    print("       " + text, flush=True)


def eventually(what, condition, seconds=5, pause=0.01):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, "within %d s: %s", seconds, what)
        time.sleep(pause)


def limit(seconds):
    """Decorator: how long a test may take."""
    def mark(test):
        test.seconds = seconds
        return test
    return mark


def program(name):
    return os.path.join(os.path.abspath(os.environ.get("DYN_BUILD", "build")), "interop", name)


def address(where, host, v6=False):
    return "fd00:%d::%d" % (where, host) if v6 else "198.18.%d.%d" % (where, host)


def prefixes(where, host):
    return [address(where, host) + "/24", address(where, host, True) + "/64"]


def sweep():
    """Takes down namespaces of earlier runs that were killed."""
    for ns in net.ns_list():
        match = re.fullmatch(r"dyn-interop(\d+)-\w+", ns)
        if match and not os.path.exists("/proc/" + match[1]):
            net.ns_delete(ns)


class Program:
    """One that takes orders by line and answers in JSON."""

    def __init__(self, ns, argv):
        self.child = subprocess.Popen(["ip", "netns", "exec", ns] + argv, text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answers = queue.Queue()
        self.events = {}
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.wait("ready")

    def _read(self):
        for line in self.child.stdout:
            try:
                value = json.loads(line)
            except ValueError:
                say("not JSON: " + line.strip())
                continue
            if "answer" in value:
                self.answers.put(value)
                continue
            with self.changed:
                self.events[value.get("id", value["event"])] = value
                self.changed.notify_all()
        self.answers.put({"answer": "the program ended"})

    def order(self, verb, **settings):
        line = " ".join([verb] + ["%s=%s" % item for item in settings.items()])
        return self.order_line(line)

    def order_line(self, line):
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
            answer = self.answers.get(timeout=SECONDS)
        except (BrokenPipeError, queue.Empty) as e:
            raise Failure("no answer to %s: %r" % (line, e)) from None
        equal(answer["answer"], "ok", line)
        return answer

    def wait(self, name, seconds=SECONDS):
        """The event of that name or id, which is then forgotten."""
        with self.changed:
            self.changed.wait_for(lambda: name in self.events or self.child.poll() is not None,
                                  seconds)
            check(name in self.events, "no event %s after %d s (exit status %s)", name, seconds,
                  self.child.poll())
            return self.events.pop(name)

    def end(self):
        """None, or what was wrong with its end."""
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.close()
        try:
            status = self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            status = self.child.wait()
        self.reader.join(5)
        self.child.stdout.close()
        return None if status == 0 else "exit status %d of %s" % (
            status, os.path.basename(self.child.args[4]))


class Ours(Program):
    """A host with our stack."""

    def __init__(self, ns, interface, where, mtu, realtime=False, mbufs=16384):
        self.where = where
        self.serial = 0
        argv = [program("stack_host"), "--interface", interface, "--mtu", str(mtu),
                "--mbufs", str(mbufs)]
        super().__init__(ns, argv + (["--realtime"] if realtime else []))

    def stack(self, **settings):
        """A new stack, with these settings."""
        line = "stack " + " ".join("addr=" + p for p in prefixes(self.where, 2))
        self.order_line(line + "".join(" %s=%s" % item for item in settings.items()))

    def plan(self, verb, **settings):
        """`connect` or `expect`; returns the id under which its end will be told."""
        self.serial += 1
        self.order(verb, id=self.serial, **settings)
        return self.serial

    def counters(self):
        return self.order("counters")

    def settled(self):
        """Nothing of any connection is left."""
        def none():
            c = self.counters()
            return c["conns"] == c["half_open"] == c["mem"] == c["mbufs"] == 0
        try:
            eventually("all connections of ours are over", none)
        except Failure as e:
            raise Failure("%s; %s" % (e, self.counters())) from None


PERCENT = 10 ** 4  # of the chances in the link's settings


class Link(Program):
    """The link emulator. Side a is the kernel's."""

    def __init__(self, ns, far, realtime):
        super().__init__(ns, [program("link_emu"), "m1", far] + ["--realtime"] * realtime)

    def set(self, to="both", **settings):
        self.order("set", to=to, **settings)

    def counters(self):
        return self.order("counters")


class Bed:
    def __init__(self):
        self.prefix = PREFIX % os.getpid()
        self.passed = self.failed = 0
        self.programs = []
        try:
            self._build()
        except BaseException:
            self.down()
            raise

    def ns(self, name):
        return self.prefix + name

    def _build(self):
        for name in ("kern", "ours", "peer", "mid"):
            net.ns_add(self.ns(name))
        for a, b, mtu in ((("kern", "k0"), ("ours", "o0"), 9000),
                          (("kern", "k1"), ("mid", "m1"), 1500),
                          (("mid", "m2"), ("ours", "o1"), 1500),
                          (("mid", "m3"), ("peer", "p1"), 1500)):
            net.command("ip", "link", "add", a[1], "mtu", str(mtu), "netns", self.ns(a[0]), "type",
                        "veth", "peer", "name", b[1], "mtu", str(mtu), "netns", self.ns(b[0]))
            for name, device in (a, b):
                # Frames as they would be on a wire: whole, and no larger than that.
                with net.inside(self.ns(name)):
                    net.command("ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off",
                                "gro", "off")
                if name in ("ours", "mid"):
                    net.dataplane_port(self.ns(name), device)
        net.kernel_address(self.ns("kern"), "k0", *prefixes(DIRECT, 1))
        net.kernel_address(self.ns("kern"), "k1", *prefixes(LINKED, 1))
        net.kernel_address(self.ns("peer"), "p1", *prefixes(LINKED, 3))
        for name in ("kern", "peer"):
            self.sysctl("tcp_no_metrics_save", 1, name)

    def sysctl(self, name, value, ns="kern"):
        path = "/proc/sys/net/ipv4/" + name
        with net.inside(self.ns(ns)), open(path, "w") as f:
            f.write(str(value))

    def ours(self, where=DIRECT, mtu=1500, **settings):
        """Starts our stack's program. It has no stack yet."""
        host = Ours(self.ns("ours"), "o0" if where == DIRECT else "o1", where, mtu, **settings)
        self.programs.append(host)
        return host

    def link(self, far="ours", realtime=False):
        """Starts the link; it does nothing bad until told to."""
        link = Link(self.ns("mid"), "m2" if far == "ours" else "m3", realtime)
        self.programs.append(link)
        return link

    def end(self, host):
        """Ends a program before its time."""
        self.programs.remove(host)
        wrong = host.end()
        check(not wrong, "%s", wrong)

    def inside(self, ns="kern"):
        return net.inside(self.ns(ns))

    @contextlib.contextmanager
    def cell(self, name):
        """Counts what happens in the block as one test of many."""
        try:
            yield
            self.passed += 1
        except (Failure, OSError) as e:
            self.failed += 1
            say("%s: %s" % (name, e if isinstance(e, Failure) else repr(e)))
            check(self.failed < FAILURES_MAX, "more than enough cells failed")

    def kernel_settled(self, ns="kern"):
        """The kernel has no connection left but in TIME_WAIT."""
        def left():
            with self.inside(ns):
                lines = []
                for file in ("tcp", "tcp6"):
                    with open("/proc/thread-self/net/" + file) as f:
                        lines += f.readlines()[1:]
            return [line for line in lines if line.split()[3] not in ("06", "0A")]
        eventually("all connections of the kernel are over", lambda: not left())

    def down(self):
        """What it could not take down properly."""
        left = [text for text in (p.end() for p in reversed(self.programs)) if text]
        self.programs = []
        for name in ("kern", "ours", "peer", "mid"):
            net.ns_delete(self.ns(name))
        left += [ns for ns in net.ns_list() if ns.startswith(self.prefix)]
        return left
