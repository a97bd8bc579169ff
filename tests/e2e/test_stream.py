"""Much at once and little at a time: deep pipelines, big values, single bytes, slow readers."""

import random
import threading
import time

from support import check, encode, equal, limit, say

MB = 1 << 20
# Memory for packets that this lab's data plane has, far below the largest value; and what the
# process may take beside it.
POOL_MB, BESIDE_MB = 256, 192
LAB = {"options": {"set": {"dataplane.memory": str(POOL_MB)}}}


def pattern(size, seed):
    """Bytes in which no two stretches are alike, so that a lost or doubled one shows."""
    block = random.Random(seed).randbytes(1000003)
    return (block * (size // len(block) + 1))[:size]


def in_background(function):
    """Runs it beside the test, since both directions of a connection must move."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


@limit(120)
def test_deep_pipelines(env):
    env.flush()
    for depth in (100, 10000, 100000):
        say("a pipeline of %d INCRs, then as many GETs and ECHOs mixed" % depth)
        with env.connect(60) as c:
            c.call("DEL", "n")
            in_background(lambda c=c, depth=depth: c.send(encode("INCR", "n") * depth))
            for i in range(depth):
                equal(c.reply(), i + 1, "INCR")
            data = b"".join(encode("ECHO", i) if i % 3 else encode("GET", "n")
                            for i in range(depth))
            in_background(lambda c=c, data=data: c.send(data))
            for i in range(depth):
                equal(c.reply(), b"%d" % (i if i % 3 else depth), "reply %d" % i)


@limit(60)
def test_pipelines_of_many(env):
    """Every client's replies are its own, in its order, while all share a few store connections."""
    env.flush()
    say("100 clients, each 200 SETs and GETs of its own keys in one write")
    clients = [env.connect() for _ in range(100)]
    try:
        for number, c in enumerate(clients):
            c.send(b"".join(encode("SET", "%d:%d" % (number, i), "%d/%d" % (number, i))
                            + encode("GET", "%d:%d" % (number, i)) for i in range(200)))
        for number, c in enumerate(clients):
            for i in range(200):
                equal(c.reply(), b"OK", "SET")
                equal(c.reply(), b"%d/%d" % (number, i), "GET")
    finally:
        for c in clients:
            c.close()


def set_and_get(env, c, size, seed):
    value = pattern(size, seed)
    started = time.monotonic()
    writer = in_background(lambda: c.send(encode("SET", "big", value)))
    equal(c.reply(), b"OK", "SET of %d bytes" % size)
    writer.join()
    set_took = time.monotonic() - started
    got = c.call("GET", "big")
    if got != value:
        at = next((i for i, (a, b) in enumerate(zip(got, value)) if a != b), "the end")
        check(False, "GET of %d bytes gives %d, which differ from %s on", size, len(got), at)
    say("%d MB: SET %.1f s, both %.1f s; data plane's peak %d MB"
        % (size // MB, set_took, time.monotonic() - started, env.rss_peak_mb("dataplane")))


@limit(120)
def test_big_values(env):
    env.flush()
    with env.connect(60) as c:
        for size in (MB, 16 * MB - 1, 64 * MB):
            set_and_get(env, c, size, size)
        equal(c.call("STRLEN", "big"), 64 * MB, "STRLEN")
        equal(c.call("MSET", "m1", pattern(MB, 1), "m2", pattern(MB, 2)), b"OK", "MSET of 2 MB")
        check(c.call("MGET", "m1", "m2") == [pattern(MB, 1), pattern(MB, 2)], "MGET differs")
    env.flush()


@limit(180)
def test_largest_value(env):
    """512 MB in and out while others are served; memory stays bounded."""
    env.flush()
    stop = threading.Event()
    worst = [0.0, 0]

    def bystander():
        with env.connect(30) as c:
            while not stop.is_set():
                started = time.monotonic()
                equal(c.call("INCR", "beside"), worst[1] + 1, "INCR of a bystander")
                worst[0] = max(worst[0], time.monotonic() - started)
                worst[1] += 1
                time.sleep(0.01)

    thread = in_background(bystander)
    with env.connect(120) as c:
        set_and_get(env, c, 512 * MB, 3)
    stop.set()
    thread.join(30)
    check(not thread.is_alive() and worst[1] > 10, "a bystander was served %d times", worst[1])
    say("a bystander was served %d times, waiting %.0f ms at most" % (worst[1], worst[0] * 1000))
    peak = env.rss_peak_mb("dataplane")
    check(peak <= POOL_MB + BESIDE_MB, "the data plane took %d MB, its pool has %d", peak, POOL_MB)
    env.flush()


def test_too_large(env):
    """One byte beyond what Redis takes is refused before it is sent."""
    with env.connect() as c:
        c.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (512 * MB + 1))
        equal(c.rest(), b"-ERR Protocol error: invalid bulk length\r\n", "reply to 512 MB + 1")


def test_abandoned_value(env):
    """A client that dies in the middle of a large value harms nobody and leaves no value."""
    env.flush()
    say("20 clients die within a SET of 32 MB")
    with env.connect() as other:
        for i in range(20):
            with env.connect() as c:
                c.send(b"*3\r\n$3\r\nSET\r\n$4\r\ndead\r\n$%d\r\n" % (32 * MB))
                c.send(pattern((i + 1) * 100000, i))
            equal(other.call("INCR", "alive"), i + 1, "INCR of another client")
        equal(other.call("EXISTS", "dead"), 0, "EXISTS of the unfinished value")


def test_abandoned_replies(env):
    """Clients that ask for much and leave at once."""
    env.flush()
    with env.connect() as other:
        other.call("SET", "mb", pattern(MB, 4))
        for i in range(50):
            with env.connect() as c:
                c.send(encode("GET", "mb") * 8)
            equal(other.call("INCR", "alive"), i + 1, "INCR of another client")


@limit(90)
def test_one_byte_at_a_time(env):
    env.flush()
    data = (encode("SET", "k", "value") + encode("GET", "k") + b"PING\r\n" + encode("ECHO", "")
            + encode("HSET", "h", "f", "v") + encode("LRANGE", "l", 0, -1) + encode("nosuch"))
    say("%d bytes, a segment each" % len(data))
    with env.connect() as c:
        for i in range(len(data)):
            c.send(data[i:i + 1])
            time.sleep(0.001)
        equal([c.reply() for _ in range(6)], [b"OK", b"value", b"PONG", b"", 1, []], "replies")
        check(c.reply().startswith(b"ERR unknown command"), "the last is no error")


def test_odd_segments(env):
    """The same requests cut at every place give the same replies."""
    env.flush()
    data = encode("SET", "k", "v\r\n$5\r\n") + encode("GET", "k") + b"ECHO 'a b'\r\n" + encode("PING")
    with env.connect() as c:
        for cut in range(1, len(data)):
            c.send(data[:cut])
            time.sleep(0.0005)
            c.send(data[cut:])
            equal([c.reply() for _ in range(4)], [b"OK", b"v\r\n$5\r\n", b"a b", b"PONG"],
                  "cut at %d" % cut)


def test_garbage(env):
    """Random bytes end that connection or get errors; another client notices nothing."""
    rng = random.Random(5)
    say("300 connections with random bytes")
    with env.connect() as other:
        other.call("SET", "kept", "x")
        for i in range(300):
            junk = rng.randbytes(rng.randrange(1, 3000))
            if i % 3 == 0:
                junk = encode("GET", "kept")[:rng.randrange(1, 20)] + junk
            if i % 3 == 1:
                junk = b"*%d\r\n$%d\r\n" % (rng.randrange(-3, 9), rng.randrange(-3, 99)) + junk
            with env.connect() as c:
                c.send(junk)
                if i % 2:
                    c.socket.shutdown(1)
                    c.socket.settimeout(5)
                    c.rest()
            equal(other.call("GET", "kept"), b"x", "GET of another client")
    check(env.pid("dataplane"), "the data plane is gone")


@limit(90)
def test_slow_reader(env):
    """One that does not read its replies is stalled alone, and gets all of them later."""
    env.flush()
    value = pattern(MB, 6)
    with env.connect(60) as slow, env.connect() as other:
        other.call("SET", "mb", value)
        say("200 MB of replies wait for a client that does not read")
        slow.send(encode("GET", "mb") * 200)
        worst = 0.0
        for i in range(300):
            started = time.monotonic()
            equal(other.call("INCR", "n"), i + 1, "INCR of another client")
            worst = max(worst, time.monotonic() - started)
            time.sleep(0.005)
        say("another client waited %.0f ms at most; data plane's peak %d MB"
            % (worst * 1000, env.rss_peak_mb("dataplane")))
        for i in range(200):
            check(slow.reply() == value, "reply %d differs", i)
    check(env.rss_peak_mb("dataplane") <= POOL_MB + BESIDE_MB, "the data plane took %d MB",
          env.rss_peak_mb("dataplane"))
