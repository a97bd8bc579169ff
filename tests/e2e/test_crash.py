"""Either process, or the store, may be killed with -9 at any moment."""

import subprocess
import threading
import time

from support import Error, check, equal, eventually, limit, say, short

LAB = {"options": {"set": {"dyn_o_mite.server_retry_timeout": "1000"}}}


class Load:
    """Clients in a thread of their own that note every reply that is not the right one."""

    def __init__(self, env, clients=4):
        self.env = env
        self.done = 0
        self.running = 0
        self.wrong = []
        self.worst = 0.0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True)
                        for i in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        # Who connects only after a kill has nothing to lose by it.
        eventually("all of the load runs",
                   lambda: (self.done > 100 and self.running == len(self.threads)) or self.wrong)
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join(30)

    def _run(self, number):
        try:
            with self.env.connect(6) as c:
                i = 0
                key = "load:%d" % number
                c.call("DEL", key)
                self.running += 1
                while not self.stop.is_set():
                    started = time.monotonic()
                    reply = c.call("INCR", key)
                    self.worst = max(self.worst, time.monotonic() - started)
                    i += 1
                    if reply != i:
                        self.wrong.append("client %d: got %s, want %d" % (number, short(reply), i))
                        return
                    self.done += 1
        except OSError as e:
            self.wrong.append("client %d: %s" % (number, e))


def benchmark(env, seconds):
    """redis-benchmark in the background, for so many seconds."""
    return subprocess.Popen(
        ["timeout", str(seconds), "redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", "get",
         "-n", "1000000000", "-c", "20", "-P", "8", "-q"], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)


@limit(60)
def test_control_plane_under_load(env):
    """A client that is mid-run notices nothing, and the control plane finds its way back."""
    bench = benchmark(env, 4)
    with Load(env) as load:
        for _ in range(3):
            env.kill("controlplane")
            before = load.done
            time.sleep(0.5)
            check(load.done > before, "no request was served while the control plane was dead")
            env.start("controlplane")
            env.lab.wait_rest(env.node)
    _, errors = bench.communicate(timeout=20)
    equal(load.wrong, [], "what clients noticed")
    equal((bench.returncode, errors), (124, ""), "redis-benchmark, ended by its time")
    say("%d requests, the longest took %.0f ms" % (load.done, load.worst * 1000))


@limit(90)
def test_data_plane_under_load(env):
    for _ in range(2):
        bench = benchmark(env, 30)
        with Load(env) as load:
            env.kill("dataplane")
            started = time.monotonic()
            env.start("dataplane")
            env.lab.wait_ready(env.node, 10)
            say("serves again %.2f s after it was started" % (time.monotonic() - started))
            # Those that had sent something are reset; those that only wait give up by themselves.
            eventually("all old connections end", lambda: len(load.wrong) == 4, 15)
            say("what clients saw: %s" % sorted({w.partition(": ")[2] for w in load.wrong}))
        bench.terminate()
        bench.wait(10)
        with env.connect() as c:
            equal(c.call("SET", "again", 1), b"OK", "SET")


@limit(60)
def test_serves_within_a_second_of_the_link(env):
    env.kill("dataplane")
    eventually("the control plane misses it",
               lambda: not env.lab.status(env.node)["data_plane"]["linked"], 15)
    env.start("dataplane")
    started = time.monotonic()
    served = linked = None
    while served is None or linked is None:
        check(time.monotonic() - started < 15, "after 15 s: served %s, linked %s", served, linked)
        if linked is None and env.lab.linked(env.node):
            linked = time.monotonic() - started
        if served is None and env.lab.ping(env.node, 0.1):
            served = time.monotonic() - started
    say("linked %.2f s after its start (that of DPDK included), serving after %.2f s"
        % (linked, served))
    check(served < linked + 1, "it served %.2f s after the link", served - linked)
    with env.connect() as c:
        equal(c.call("SET", "x", 1), b"OK", "SET")


@limit(60)
def test_store_under_load(env):
    """Requests fail fast while the store is away, connections stay, and then all is well again."""
    with env.connect(10) as c:
        equal(c.call("SET", "a", 1), b"OK", "SET")
        env.kill("store")
        started = time.monotonic()
        first = c.call("GET", "a")
        check(isinstance(first, Error), "GET without a store: %s", short(first))
        say("error after %.0f ms: %s" % ((time.monotonic() - started) * 1000, short(first)))
        check(time.monotonic() - started < 5, "the error took too long")
        for _ in range(20):
            check(isinstance(c.call("GET", "a"), Error), "GET without a store")
        equal(c.call("PING"), b"PONG", "PING without a store")
        env.start("store")
        took = eventually("GET works again on the same connection",
                          lambda: not isinstance(c.call("GET", "a"), Error), 15)
        say("works again after %.2f s" % took)


@limit(60)
def test_store_killed_within_requests(env):
    """Every request in flight gets an answer, right or an error, in order."""
    with env.connect(20) as c:
        for _ in range(3):
            c.send(b"*2\r\n$4\r\nINCR\r\n$1\r\nq\r\n" * 5000 + b"*2\r\n$4\r\nECHO\r\n$3\r\nend\r\n")
            env.kill("store")
            replies = [c.reply() for _ in range(5001)]
            equal(replies[-1], b"end", "the last reply")
            failed = sum(isinstance(r, Error) for r in replies)
            say("%d of 5000 failed" % failed)
            good = [r for r in replies[:-1] if not isinstance(r, Error)]
            equal(good, sorted(good), "order of those that did not")
            env.start("store")
            eventually("the store is back", lambda: not isinstance(c.call("GET", "a"), Error), 15)


@limit(60)
def test_store_stopped(env):
    """A store that hangs: the request waits, others of this node that need no store do not."""
    import os
    import signal
    store = env.pid("store")
    with env.connect(20) as c, env.connect() as other:
        os.kill(store, signal.SIGSTOP)
        try:
            c.send(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n")
            for _ in range(50):
                equal(other.call("PING"), b"PONG", "PING")
        finally:
            os.kill(store, signal.SIGCONT)
        check(not isinstance(c.reply(), Error), "the reply after the store went on is an error")


@limit(60)
def test_either_first(env):
    for first, second in (("controlplane", "dataplane"), ("dataplane", "controlplane")):
        env.kill("dataplane")
        env.kill("controlplane")
        env.start(first)
        time.sleep(1.0)
        check(env.process(first).pid(), "%s alone ended: %s", first, env.process(first).tail())
        env.start(second)
        env.lab.wait_ready(env.node, 10)
        env.lab.wait_rest(env.node, 10)
        with env.connect() as c:
            equal(c.call("SET", "first", first), b"OK", "SET")


@limit(60)
def test_sigterm(env):
    """Asked to end, both do, and the data plane's clients see their connections end."""
    with env.connect(10) as c:
        equal(c.call("PING"), b"PONG", "PING")
        for what in ("dataplane", "controlplane"):
            started = time.monotonic()
            check(env.lab.stop(env.node.name, what), "%s ignores SIGTERM", what)
            say("%s ended %.2f s after SIGTERM" % (what, time.monotonic() - started))
        check(c.eof(), "the client's connection is still there")
    folder = env.process("dataplane").folder
    import os
    ours = (".log", ".pid", ".yml", ".sock", "dpdk")
    left = [f for f in os.listdir(folder) if not f.endswith(ours)]
    equal(left, [], "files left behind")
    env.start("controlplane")
    env.start("dataplane")
    env.lab.wait_ready(env.node)


@limit(60)
def test_partition(env):
    """Nothing passes between client and node, then everything that was sent."""
    with env.connect(20) as c:
        equal(c.call("SET", "p", 1), b"OK", "SET")
        env.lab.cut("client", env.node.name)
        try:
            c.send(b"*2\r\n$3\r\nGET\r\n$1\r\np\r\n")
            c.socket.settimeout(1)
            try:
                check(False, "a reply came through: %s", short(c.reply()))
            except TimeoutError:
                say("nothing came within 1 s")
            equal(env.lab.rest(env.node, "/ping")[0], 200, "the management network")
        finally:
            env.lab.heal()
        c.socket.settimeout(20)
        equal(c.reply(), b"1", "the reply after `heal`")
