"""A node in daily use: redis-cli, a Python client, both families of addresses, ping, REST."""

import json
import os
import re
import time

import redis

from support import Client, check, equal, eventually, limit, run, say

CLI = ("redis-cli", "-e", "-p", "8102", "-h")


def test_redis_cli(env):
    env.flush()
    cli = CLI + (env.node.data4,)
    equal(run(*cli, "PING"), "PONG\n", "PING")
    equal(run(*cli, "SET", "k", "a value\nof two lines"), "OK\n", "SET")
    equal(run(*cli, "--raw", "GET", "k"), "a value\nof two lines\n", "GET")
    equal(run(*cli, "GET", "nothing"), "\n", "GET of nothing")
    equal(run(*cli, "RPUSH", "l", "1", "2", "3"), "3\n", "RPUSH")
    equal(run(*cli, "LRANGE", "l", "0", "-1"), "1\n2\n3\n", "LRANGE")
    with env.direct() as store:
        equal(store.call("GET", "k"), b"a value\nof two lines", "GET at the store")


def test_redis_cli_pipe(env):
    """Mass insertion: redis-cli --pipe ends with an ECHO of its own and counts replies."""
    env.flush()
    lines = "".join("SET key:%d %d\r\n" % (i, i) for i in range(20000))
    out = run(*CLI, env.node.data4, "--pipe", stdin=lines)
    check("errors: 0, replies: 20000" in out, "redis-cli --pipe said: %s", out)
    with env.direct() as store:
        equal(store.call("DBSIZE"), 20000, "keys at the store")


def test_python_client(env):
    env.flush()
    r = redis.Redis(env.node.data4, 8102, socket_timeout=10)
    say("redis-py %s: set, get, pipeline, sets, sorted sets, hashes, errors" % redis.__version__)
    equal(r.ping(), True, "ping")
    equal(r.set("a", b"\x00\xff"), True, "set")
    equal(r.get("a"), b"\x00\xff", "get")
    pipe = r.pipeline(transaction=False)
    for i in range(1000):
        pipe.incrby("n", i)
    equal(pipe.execute()[-1], 499500, "the last of 1000 INCRBY")
    equal(r.sadd("s", *range(100)), 100, "sadd")
    equal({int(x) for x in r.smembers("s")}, set(range(100)), "smembers")
    equal(r.zadd("z", {"x": 1.5, "y": -2}), 2, "zadd")
    equal(r.zrange("z", 0, -1, withscores=True), [(b"y", -2.0), (b"x", 1.5)], "zrange")
    equal(r.hset("h", mapping={"f": "1", "g": "2"}), 2, "hset")
    equal(r.hgetall("h"), {b"f": b"1", b"g": b"2"}, "hgetall")
    try:
        r.lpush("a", "x")
        check(False, "LPUSH to a string was accepted")
    except redis.ResponseError as e:
        check("WRONGTYPE" in str(e), "LPUSH to a string: %s", e)
    r.close()


def test_ipv6(env):
    env.flush()
    equal(run(*CLI, env.node.data6, "SET", "six", "6"), "OK\n", "SET")
    with env.connect6() as c:
        equal(c.call("GET", "six"), b"6", "GET over IPv6")
        equal(c.call("SET", "big", b"x" * 1000000), b"OK", "SET of 1 MB over IPv6")
        equal(c.call("GET", "big"), b"x" * 1000000, "GET of 1 MB over IPv6")


def ping(*cases):
    for argv in cases:
        out = run("ping", "-c", "3", "-i", "0.2", "-W", "2", *argv, ok=False)
        check(" 3 received" in out, "ping %s said: %s", argv, out)


def test_ping(env):
    """Fragments both ways: 8000 bytes do not fit a frame. Of IPv4 only over af_xdp: DPDK's
    af_packet lets the kernel put fragments together, and the result fits no buffer."""
    ping(("-4", env.node.data4), ("-4", "-s", "1472", env.node.data4), ("-6", env.node.data6),
         ("-6", "-s", "8000", env.node.data6))


def test_inline(env):
    with env.connect() as c:
        say("inline: PING, SET, GET with quotes")
        c.send(b"PING\r\n")
        equal(c.reply(), b"PONG", "inline PING")
        c.send(b"set inl \"a b\"\r\nget inl\r\n")
        equal([c.reply(), c.reply()], [b"OK", b"a b"], "inline SET and GET")


def test_no_command_left_out(env):
    """COMMAND lists what the original's clients ask for at start; INFO has sections."""
    with env.connect() as c:
        count = c.call("COMMAND", "COUNT")
        say("COMMAND COUNT is %s" % count)
        check(isinstance(count, int) and count > 100, "COMMAND COUNT is %s", count)
        names = c.call("COMMAND", "LIST")
        check(b"get" in names and b"zadd" in names, "COMMAND LIST lacks get or zadd")
        info = c.call("INFO")
        check(re.search(rb"redis_version:\d+\.", info), "INFO lacks redis_version: %r", info[:200])
        equal(c.call("SELECT", "0"), b"OK", "SELECT 0")


def test_quit(env):
    with env.connect() as c:
        c.send(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n")
        equal([c.reply(), c.reply()], [b"PONG", b"OK"], "PING and QUIT")
        check(c.eof(), "still open after QUIT")


def test_half_close(env):
    """A client that ends its side still gets its replies, as `printf ... | nc` does."""
    import socket
    with env.connect() as c:
        c.send(b"*1\r\n$4\r\nPING\r\n" * 100)
        c.socket.shutdown(socket.SHUT_WR)
        equal(c.rest(), b"+PONG\r\n" * 100, "replies after the half-close")


def test_rest(env):
    say("GET /ping /info /v1/status")
    status, body = env.lab.rest(env.node, "/ping")
    equal((status, body.strip()), (200, b"OK"), "/ping")
    with env.connect() as c:
        for i in range(100):
            equal(c.call("SET", "rest", i), b"OK", "SET")
    status, body = env.lab.rest(env.node, "/info")
    equal(status, 200, "/info")
    info = json.loads(body)
    pools = [v for v in info.values() if isinstance(v, dict)]
    check(pools and "client_connections" in pools[0], "/info lacks the pool: %s", body[:500])
    status, body = env.lab.rest(env.node, "/v1/status")
    equal(status, 200, "/v1/status")
    told = json.loads(body)
    equal(told["data_plane"]["linked"], True, "data_plane.linked")
    equal(told["epoch"]["applied"], told["epoch"]["asked"], "the epoch applied")
    equal(env.lab.rest(env.node, "/no/such/path")[0], 404, "status of an unknown path")


@limit(90)
def test_rest_counts(env):
    """The figures in /info are the data plane's, not decoration."""
    def reads():
        info = json.loads(env.lab.rest(env.node, "/info")[1])
        pool = [v for v in info.values() if isinstance(v, dict)][0]
        return pool["client_read_requests"]
    before = reads()
    say("client_read_requests before: %d; then 1000 GETs" % before)
    with env.connect() as c:
        c.send(b"*2\r\n$3\r\nGET\r\n$4\r\nrest\r\n" * 1000)
        for _ in range(1000):
            c.reply()
    took = eventually("client_read_requests grows by 1000", lambda: reads() >= before + 1000, 70)
    say("client_read_requests after %.1f s: %d" % (took, reads()))


def test_many_sequential_connections(env):
    say("2000 connections, one after the other")
    for i in range(2000):
        with Client((env.node.data4, 8102)) as c:
            equal(c.call("PING"), b"PONG", "PING %d" % i)


def test_idle(env):
    """`poll: adaptive`, the default: a node with nothing to do leaves the CPU to others."""
    def used():
        with open("/proc/%d/stat" % env.pid("dataplane")) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    time.sleep(0.5)
    before = used()
    time.sleep(2)
    spent = (used() - before) / 2
    say("%.1f %% of a CPU" % (spent * 100))
    check(spent < 0.25, "an idle data plane takes %.0f %% of a CPU", spent * 100)
