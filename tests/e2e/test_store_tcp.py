"""A store over loopback TCP, one that hangs, and one that is left alone after failures."""

import os
import signal
import time

import test_basic
import test_benchmark
from support import Error, check, equal, eventually, limit, run, say, short

TIMEOUT_MS = 500
LAB = {"options": {"store": "tcp", "set": {
    "dyn_o_mite.timeout": str(TIMEOUT_MS),
    "dyn_o_mite.server_retry_timeout": "1000",
    "dyn_o_mite.auto_eject_hosts": "true",
    "dyn_o_mite.server_failure_limit": "2",
    "dyn_o_mite.datastore_connections": "4",
    "dyn_o_mite.preconnect": "true",
}}}


def test_python_client(env):
    test_basic.test_python_client(env)


@limit(120)
def test_redis_benchmark(env):
    tests = "set,get,lpush,hset"
    test_benchmark.clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", tests,
                             "-n", "50000", "-P", "16", "-q", seconds=110), tests)


def test_preconnect(env):
    with env.direct() as store:
        clients = store.call("CLIENT", "LIST").decode().splitlines()
        tcp = [c for c in clients if "addr=127.0.0.1" in c]
        say("%d connections over TCP before any request" % len(tcp))
        equal(len(tcp) >= 4, True, "whether there are datastore_connections")


def stopped(env, body):
    """Runs `body` while the store is alive but does nothing."""
    store = env.pid("store")
    os.kill(store, signal.SIGSTOP)
    try:
        return body()
    finally:
        os.kill(store, signal.SIGCONT)


@limit(60)
def test_timeout(env):
    """The request fails after `timeout`, and not much later; afterwards all is well."""
    with env.connect(20) as c:
        equal(c.call("SET", "t", 1), b"OK", "SET")

        def ask():
            started = time.monotonic()
            reply = c.call("GET", "t")
            return reply, time.monotonic() - started

        reply, took = stopped(env, ask)
        say("after %.2f s: %s" % (took, short(reply)))
        check(isinstance(reply, Error), "GET of a store that hangs: %s", short(reply))
        check(took > TIMEOUT_MS / 1000 * 0.8, "the error came early")
        eventually("GET works again", lambda: c.call("GET", "t") == b"1", 15)
        for i in range(100):
            equal(c.call("INCR", "after"), i + 1, "INCR afterwards")
        c.call("DEL", "after")


@limit(60)
def test_killed(env):
    with env.connect(20) as c:
        equal(c.call("SET", "t", 1), b"OK", "SET")
        env.kill("store")
        for _ in range(10):
            reply = c.call("GET", "t")
            check(isinstance(reply, Error), "GET without a store: %s", short(reply))
        say("error: %s" % short(reply))
        env.start("store")
        took = eventually("GET works again", lambda: not isinstance(c.call("GET", "t"), Error), 15)
        say("works again after %.2f s" % took)
