"""redis-benchmark runs clean. How fast is `make bench`'s matter; nothing here looks at the time."""

import re

from support import check, limit, run

SUITE = "set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,mset"


def clean(out, tests):
    """Every test has a result with a rate above zero, and nothing reads like an error."""
    lines = out.replace("\r", "\n")
    check(not re.search(r"(?i)error|could not|wrongtype", lines), "it said: %s", out[-1500:])
    rates = re.findall(r"^\s*([A-Z]+)\b.*: ([\d.]+) requests per second", lines, re.M)
    names = {name.lower() for name, rate in rates if float(rate) > 0}
    missing = set(tests.split(",")) - names
    check(not missing, "no result for %s in: %s", sorted(missing), out[-1500:])


@limit(180)
def test_pipelined(env):
    clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", SUITE, "-n", "100000",
              "-P", "16", "-q", seconds=170), SUITE)


@limit(180)
def test_unpipelined(env):
    clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", "set,get,incr,zadd",
              "-n", "50000", "-c", "50", "-q", seconds=170), "set,get,incr,zadd")


@limit(60)
def test_values(env):
    """Values that span frames and buffers."""
    for size in ("1460", "20000", "200000"):
        clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", "set,get",
                  "-n", "2000", "-c", "20", "-P", "4", "-d", size, "-r", "100", "-q"), "set,get")


@limit(60)
def test_random_keys_and_fresh_connections(env):
    """-k 0 makes a connection for each request: accept, serve, close."""
    clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", "set,get", "-n", "5000",
              "-c", "20", "-r", "1000", "-k", "0", "-q"), "set,get")
