"""The same node on another kind of port."""

import test_basic
import test_benchmark
from support import check, equal, limit, net, run, say

LAB = {"options": {"driver": "af_xdp"}}


def test_port(env):
    """It is an XDP socket that carries the bytes, not something else that happened to work."""
    links = net.command("ip", "-n", env.lab.ns(env.node.name), "link", "show", "dev", "eth1")
    say(links.splitlines()[0])
    check("xdp" in links, "no XDP program on the port: %s", links)


def test_redis_cli(env):
    test_basic.test_redis_cli(env)


def test_python_client(env):
    test_basic.test_python_client(env)


def test_ping(env):
    """Fragments both ways, of both families."""
    test_basic.ping(("-4", env.node.data4), ("-4", "-s", "8000", env.node.data4),
                    ("-6", env.node.data6), ("-6", "-s", "8000", env.node.data6))


@limit(120)
def test_redis_benchmark(env):
    tests = "set,get,incr,lpush,zadd"
    test_benchmark.clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", tests,
                             "-n", "50000", "-P", "16", "-q", seconds=110), tests)


@limit(60)
def test_big_value(env):
    with env.connect(30) as c:
        equal(c.call("SET", "big", b"0123456789" * 800000), b"OK", "SET of 8 MB")
        check(c.call("GET", "big") == b"0123456789" * 800000, "GET differs")
