"""Either process, or the store, may be killed with -9 at any moment."""

import json
import socket
import subprocess
import threading
import time
from http.client import HTTPConnection

from support import Error, check, equal, eventually, limit, net, say, short, topology

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


def setting(env, path, **members):
    """PUTs the members if there are any; what is in effect."""
    with net.inside(env.lab.ns("client")):
        connection = socket.create_connection((env.node.mgmt4, topology.REST), timeout=5)
    http = HTTPConnection(env.node.mgmt4)
    http.sock = connection
    http.request("PUT" if members else "GET", path, json.dumps(members) if members else None)
    answer = http.getresponse()
    text = answer.read().decode()
    http.close()
    equal(answer.status, 200, "status of %s: %s" % (path, text))
    return json.loads(text)


@limit(90)
def test_what_rest_set_outlives_the_control_plane(env):
    """A node that was taken out of service stays out, whatever becomes of its control plane."""
    refused = "Dynomite's current state does not allow this request"
    setting(env, "/v1/state", state="STANDBY")
    setting(env, "/v1/consistency", read="DC_QUORUM")
    setting(env, "/v1/timeouts", timeout_ms=777, factor=2)
    eventually("it is in use", lambda: env.lab.linked(env.node))
    for i in range(5):
        env.kill("controlplane")
        env.start("controlplane")
        with env.connect(10) as c:
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                reply = c.call("GET", "a")
                check(isinstance(reply, Error) and refused in str(reply),
                      "restart %d: GET in STANDBY: %s", i, short(reply))
        env.lab.wait_rest(env.node)
        eventually("linked again", lambda: env.lab.linked(env.node))
        equal(setting(env, "/v1/state")["state"], "STANDBY", "state")
    said = setting(env, "/v1/consistency")
    equal((said["read"], said["file"]["read"]), ("DC_QUORUM", "DC_ONE"), "consistency")
    said = setting(env, "/v1/timeouts")
    equal((said["timeout_ms"], said["factor"], said["effective_ms"]), (777, 2, 1554), "timeouts")
    check(said["file"]["timeout_ms"] != 777, "the file's: %s", said)
    # Of both, nobody is left who knows.
    env.kill("controlplane")
    env.kill("dataplane")
    env.start("controlplane")
    env.start("dataplane")
    env.lab.wait_ready(env.node, 10)
    equal(setting(env, "/v1/state")["state"], "NORMAL", "state after both were restarted")
    equal(setting(env, "/v1/consistency")["read"], "DC_ONE", "consistency after that")


def what_a_client_gets(env):
    try:
        with net.inside(env.lab.ns("client")):
            s = socket.create_connection((env.node.data4, topology.LISTEN), timeout=0.1)
        with s:
            s.sendall(b"PING\r\n")
            return s.recv(200).decode().strip() or "closed"
    except OSError as e:
        return type(e).__name__


@limit(240)
def test_data_plane_restarted_in_every_order(env):
    """Linked and serving again, however the two come and go."""
    orders = (("kill dataplane", "start dataplane"),
              ("stop dataplane", "start dataplane"),
              ("kill dataplane", "kill controlplane", "start controlplane", "start dataplane"),
              ("kill controlplane", "stop dataplane", "start dataplane", "start controlplane"))
    took = []
    seen = set()
    for i in range(20):
        for step in orders[i % len(orders)]:
            verb, what = step.split()
            getattr(env.lab, verb)(env.node.name, what)
        started = time.monotonic()
        while (got := what_a_client_gets(env)) != "+PONG":
            seen.add(got)
            check(time.monotonic() - started < 15, "order %d: still %s", i % len(orders), got)
        took.append(time.monotonic() - started)
        eventually("linked", lambda: env.lab.linked(env.node))
    say("20 restarts: served after %.2f s at most, %.2f s as a rule; before that clients got %s"
        % (max(took), sorted(took)[10], sorted(seen)))
    known = {"TimeoutError", "timeout", "ConnectionRefusedError", "ConnectionResetError", "OSError",
             "closed", "-ERR Dynomite: Dynomite's current state does not allow this request"}
    equal(seen - known, set(), "other answers than these")


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
