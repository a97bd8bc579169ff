"""Two cores over a port with one queue and no RSS: every packet finds the core of its connection."""

import json
import time

import test_basic
import test_benchmark
import test_many
from support import check, equal, limit, run, say

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


def test_one_core_receives_for_both(env):
    status = env.lab.status(env.node)["data_plane"]
    equal((status["port"]["queues"], status["port"]["steering"]), (1, "software"),
          "queues, who spreads")
    equal([w["queue"] for w in status["workers"]], [0, None], "queues of the workers")
    test_connections_on_both(env)
    time.sleep(1.5)  # figures are sent once a second
    one, two = (json.loads(env.lab.rest(env.node, "/v1/stats?worker=%d" % w)[1])["counters"]
                for w in (0, 1))
    say("handed over: %d of %d" % (one["rx_steered"], one["rx_packets"]))
    check(one["rx_steered"] > 100, "the first core hands nothing over: %s", one)
    equal((two["rx_packets"], two["rx_steered"], one["rx_misrouted"]), (0, 0, 0),
          "what the second core received and handed over, and what was misrouted")


@limit(120)
def test_redis_benchmark(env):
    tests = "set,get,lpush"
    test_benchmark.clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", tests,
                             "-n", "50000", "-P", "16", "-q", seconds=110), tests)


@limit(150)
def test_ten_thousand_clients(env):
    test_many.test_ten_thousand_clients(env)
