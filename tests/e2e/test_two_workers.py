"""Two cores over a port with one queue and no RSS: every packet finds the core of its connection."""

import test_basic
import test_benchmark
import test_many
from support import equal, limit, run, say

LAB = {"options": {"set": {"dataplane.workers": "2"}}}


def test_python_client(env):
    test_basic.test_python_client(env)


def test_connections_on_both(env):
    """Two hundred connections, whichever core they land on, see the same data."""
    env.flush()
    clients = [env.connect() for _ in range(200)]
    try:
        for i, c in enumerate(clients):
            equal(c.call("INCR", "shared"), i + 1, "INCR of connection %d" % i)
        for c in clients:
            equal(c.call("GET", "shared"), b"200", "GET")
    finally:
        for c in clients:
            c.close()
    say("200 connections agree")


@limit(120)
def test_redis_benchmark(env):
    tests = "set,get,lpush"
    test_benchmark.clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", tests,
                             "-n", "50000", "-P", "16", "-q", seconds=110), tests)


@limit(150)
def test_ten_thousand_clients(env):
    test_many.test_ten_thousand_clients(env)
