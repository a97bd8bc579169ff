"""Two racks of three nodes: every request finds the owners of its keys, whoever is asked."""

import os
import signal
import socket
import time

from dnode_node import murmur
from dnode_wire import REQ, message, request
from ring import Ring, timed
from support import Error, check, encode, equal, eventually, limit, say, short, topology

LAB = {"topology": "sharded", "options": {"set": {"dyn_o_mite.hash_tag": '"{}"'}}}


def spread(ring, count=1, prefix="k"):
    """So many keys for each owner of rack1: its number -> keys."""
    found = {1: [], 2: [], 3: []}
    i = 0
    while min(map(len, found.values())) < count:
        key = "%s%d" % (prefix, i)
        owner = owner_of(ring, "rack1", key)
        if len(found[owner]) < count:
            found[owner].append(key)
        i += 1
    return found


def owner_of(ring, rack, key):
    """As the original's rules have it: the smallest token at or above the key's, or the lowest."""
    tag = key.partition("{")[2].partition("}")
    token = murmur((tag[0] if tag[1] else key).encode())
    nodes = sorted((int(n.tokens), i) for i, n in enumerate(ring.lab.nodes, 1) if n.rack == rack)
    return next((i for t, i in nodes if t >= token), nodes[0][1])


def holders(ring, key):
    return [n for n in ring.numbers if ring.in_store(n, "EXISTS", key)]


def test_owners(env):
    """Keys lie where REST says, where the original would have put them, and nowhere else."""
    ring = Ring(env)
    ring.flush()
    keys = ["key:%d" % i for i in range(60)] + ["{user:%d}.name" % i for i in range(10)] \
        + ["a{b", "{x}{y}", "%00", "sp ace"]
    for i, key in enumerate(keys):
        with ring.connect(1 + i % 6) as c:
            equal(c.call("SET", key, i), b"OK", "SET through node%d" % (1 + i % 6))
    wanted = {}
    for i, key in enumerate(keys):
        quoted = "".join("%%%02X" % b for b in key.encode())
        told = ring.owners(1 + i % 6, quoted)
        wanted[key] = sorted(told.values())
        for (_, rack), owner in told.items():
            equal(owner, owner_of(ring, rack, key), "the owner of %s in %s" % (key, rack))
    eventually("all keys lie where they must",
               lambda: all(holders(ring, k) == w for k, w in wanted.items()))
    equal(sorted({n for w in wanted.values() for n in w}), list(ring.numbers), "nodes with keys")
    for number in ring.numbers:
        with ring.connect(number) as c:
            equal([c.call("GET", k) for k in keys], [b"%d" % i for i in range(len(keys))], "GET")


def test_many_keys(env):
    """MGET, MSET, DEL, EXISTS over all shards, through each node, at three levels."""
    ring = Ring(env)
    ring.flush()
    for number in ring.numbers:
        for level in ("DC_ONE", "DC_QUORUM", "DC_SAFE_QUORUM"):
            keys = ["%s:%d:%d" % (level, number, i) for i in range(50)]
            with ring.connect(number, level) as c:
                pairs = [x for k in keys for x in (k, "v" + k)]
                equal(c.call("MSET", *pairs), b"OK", "MSET")
                asked = keys + ["nobody"] + keys[::-1] + [keys[0]] * 3
                equal(c.call("MGET", *asked),
                      [None if k == "nobody" else b"v" + k.encode() for k in asked], "MGET")
                equal(c.call("EXISTS", *(keys + ["nobody"] + keys[:5])), 55, "EXISTS")
                equal(c.call("DEL", *(keys[10:] + ["nobody"])), 40, "DEL")
                equal(c.call("MGET", *keys), [b"v" + k.encode() for k in keys[:10]] + [None] * 40,
                      "MGET after DEL")
                equal(c.call("UNLINK", *keys[5:]), 5, "UNLINK")
                check(isinstance(c.call("MSET", "a", 1, "b"), Error), "MSET of a key without value")
                equal(c.call("EXISTS", *keys), 5, "EXISTS")
    total = 6 * 3 * 5 * 2
    eventually("both racks have the rest, each key once",
               lambda: sum(ring.in_stores("DBSIZE")) == total)
    with ring.connect(1) as c:
        keys = ["big%d" % i for i in range(5000)]
        equal(c.call("MSET", *(x for k in keys for x in (k, k * 5))), b"OK", "MSET of 5000")
        equal(c.call("MGET", *keys), [(k * 5).encode() for k in keys], "MGET of 5000")
        equal(c.call("DEL", *keys), 5000, "DEL of 5000")


def test_a_dead_shard(env):
    """Keys of the others are not concerned, in the same request too as far as a rack can answer."""
    ring = Ring(env)
    ring.whole()
    keys = spread(ring)
    every = [k[0] for k in keys.values()]
    with ring.connect(1) as c, ring.connect(1, "DC_SAFE_QUORUM") as safe:
        equal(c.call("MSET", *(x for k in every for x in (k, k))), b"OK", "MSET")
        ring.kill(2, "store")
        equal(c.call("MGET", *every), [k.encode() for k in every], "MGET at DC_ONE")
        equal(safe.call("GET", keys[1][0]), keys[1][0].encode(), "GET of another shard's")
        for reply in (safe.call("GET", keys[2][0]), safe.call("MGET", *every),
                      safe.call("DEL", *every)):
            check(isinstance(reply, Error) and b"no answer from dc1/rack1" in reply,
                  "two racks of two were asked: %s", short(reply))
        ring.start(2, "store")
        eventually("it is back", lambda: not isinstance(safe.call("GET", keys[2][0]), Error), 15)


@limit(90)
def test_a_dead_owner(env):
    """Reads at DC_ONE of keys whose owner in the own rack was killed: another rack has them too."""
    ring = Ring(env)
    ring.whole()
    keys = spread(ring, 20, "owned")
    every = [k for some in keys.values() for k in some]
    with ring.connect(1) as c, ring.connect(1) as other, ring.connect(1) as writer:
        equal(c.call("MSET", *(x for k in every for x in (k, k))), b"OK", "MSET")
        eventually("both racks have all", lambda: sum(ring.in_stores("EXISTS", *every)) == 120)
        ring.kill(2, "dataplane")
        # Who asked while it was not known to be dead waits until TCP misses its acknowledgement;
        # nobody else's keys are concerned by that.
        started = time.monotonic()
        c.send(encode("GET", keys[2][0]))
        writer.send(encode("SET", keys[2][1], keys[2][1]))
        for key in keys[1] + keys[3]:
            reply, took = timed(other, "GET", key)
            equal(reply, key.encode(), "GET of a key of another node")
            check(took < 1, "it waited %.1f s for a node that it does not concern", took)
        equal(c.reply(), keys[2][0].encode(), "the first GET of a key of the dead node")
        equal(writer.reply(), b"OK", "the first SET of a key of the dead node")
        took = time.monotonic() - started
        say("the first read and write took %.2f s" % took)
        check(took < 2, "the first ones took %.1f s", took)
        started = time.monotonic()
        for key in keys[2]:
            equal(c.call("GET", key), key.encode(), "GET of a key of the dead node, later")
        equal(c.call("MGET", *every), [k.encode() for k in every], "MGET")
        say("20 more and all of them together took %.2f s" % (time.monotonic() - started))
        equal(c.call("MSET", *(x for k in every for x in (k, "new"))), b"OK", "MSET")
        eventually("the living have it", lambda: [ring.in_store(n, "GET", keys[2][0]) for n in (2, 5)]
                   == [keys[2][0].encode(), b"new"])
        ring.start(2, "dataplane")
        ring.whole()
        equal(c.call("GET", keys[2][0]), keys[2][0].encode(), "what the own rack has: it missed one")


@limit(90)
def test_an_owner_without_its_store(env):
    """Reads at DC_ONE when the owner in the own rack is there, but its store is down, hangs, or it is in
    STANDBY: another rack has them too."""
    ring = Ring(env)
    ring.whole()
    keys = spread(ring, 20, "storeless")
    every = [k for some in keys.values() for k in some]
    with ring.connect(1) as c:
        equal(c.call("MSET", *(x for k in every for x in (k, k))), b"OK", "MSET")
        eventually("both racks have all", lambda: sum(ring.in_stores("EXISTS", *every)) == 120)
        for number in ring.numbers:
            ring.put(number, "/v1/timeouts", timeout_ms=1000)
        try:
            ring.kill(2, "store")
            read_all(c, keys[2], every, 0.5, "the store is down")
            ring.start(2, "store")
            ring.whole()
            with ring.store(2) as store:
                equal(store.call("MSET", *(x for k in keys[2] for x in (k, k))), b"OK", "MSET")
            os.kill(ring.lab.process(ring.node(2).name, "store").pid(), signal.SIGSTOP)
            try:
                read_all(c, keys[2][:3], every, 2.5, "the store hangs")
            finally:
                os.kill(ring.lab.process(ring.node(2).name, "store").pid(), signal.SIGCONT)
            ring.put(2, "/v1/state", state="STANDBY")
            read_all(c, keys[2], every, 0.5, "STANDBY")
        finally:
            ring.put(2, "/v1/state", state="NORMAL")
            for number in ring.numbers:
                ring.put(number, "/v1/timeouts", timeout_ms=5000)
    ring.whole()


def read_all(client, keys, every, seconds, what):
    worst = 0
    for key in keys:
        reply, took = timed(client, "GET", key)
        equal(reply, key.encode(), "GET, %s" % what)
        worst = max(worst, took)
    reply, took = timed(client, "MGET", *every)
    equal(reply, [k.encode() for k in every], "MGET, %s" % what)
    say("%s: the longest read took %.2f s" % (what, max(worst, took)))
    check(max(worst, took) < seconds, "%s: a read took %.1f s", what, max(worst, took))


@limit(90)
def test_a_dead_owner_and_hedges(env):
    """With read_hedge_ms, not even the first notices."""
    ring = Ring(env)
    ring.whole()
    keys = spread(ring, 20, "hedged")
    with ring.connect(1) as c:
        for key in keys[2]:
            equal(c.call("SET", key, key), b"OK", "SET")
        eventually("both racks have all", lambda: sum(ring.in_stores("EXISTS", *keys[2])) == 40)
        try:
            ring.put(1, "/v1/timeouts", read_hedge_ms=20)
            ring.kill(2, "dataplane")
            worst = 0
            for key in keys[2] * 5:
                reply, took = timed(c, "GET", key)
                equal(reply, key.encode(), "GET of a key of the dead node")
                worst = max(worst, took)
            say("the longest of 100 reads took %.0f ms" % (worst * 1000))
            check(worst < 2, "a read took %.1f s", worst)
            check(ring.counters(1)["read_hedges"] > 0, "none is counted")
        finally:
            ring.put(1, "/v1/timeouts", read_hedge_ms=0)
    ring.start(2, "dataplane")
    ring.whole()


def test_hash_tags(env):
    """What is in braces alone says where a key lies."""
    ring = Ring(env)
    ring.flush()
    with ring.connect(4) as c:
        for tag in ("a", "b", "foo", "user:1000"):
            keys = ["{%s}%d" % (tag, i) for i in range(20)]
            for key in keys:
                equal(c.call("SET", key, key), b"OK", "SET")
            owners = ring.owners(4, "%%7B%s%%7Dx" % tag)
            eventually("%s lie together" % keys[0], lambda k=keys, o=owners: all(
                ring.in_store(n, "EXISTS", *k) == 20 for n in o.values()))
            equal(c.call("MGET", *keys), [k.encode() for k in keys], "MGET")
        equal(c.call("SADD", "{foo}s1", 1, 2, 3), 3, "SADD")
        equal(c.call("SADD", "{foo}s2", 2, 3, 4), 3, "SADD")
        equal(sorted(c.call("SINTER", "{foo}s1", "{foo}s2")), [b"2", b"3"], "SINTER")
        equal(c.call("SUNIONSTORE", "{foo}s3", "{foo}s1", "{foo}s2"), 4, "SUNIONSTORE")
        eventually("it is in both racks",
                   lambda: ring.in_stores("EXISTS", "{foo}s3") .count(1) == 2)


def test_keys_that_must_lie_together(env):
    """Commands that can't be split run on one node or nowhere; scripts, which may touch any key, nowhere."""
    ring = Ring(env)
    ring.flush()
    keys = spread(ring, 2)
    with ring.connect(1) as c:
        for one, two in keys.values():
            equal(c.call("SADD", one, 1, 2), 2, "SADD")
            equal(c.call("SMOVE", one, two, 1), 1, "SMOVE within a node")
            equal(c.call("RENAME", two, one), b"OK", "RENAME within a node")
        here, there = keys[1][0], keys[2][0]
        for request in (("SUNIONSTORE", here, there, keys[3][0]), ("SMOVE", there, here, 1),
                        ("RENAME", here, there), ("SINTER", there, here),
                        ("ZUNIONSTORE", here, 2, there, here), ("PFCOUNT", here, there)):
            got = c.call(*request)
            check(isinstance(got, Error) and b"node" in got, "%s: %s", request[0], short(got))
            say("%s over nodes: %s" % (request[0], short(got)))
        for key, in ([keys[n][0]] for n in keys):
            equal(c.call("SMEMBERS", key), [b"1"], "a set, after all that was refused")
        script = "return redis.call('SET', KEYS[1], 'x')"
        for request in (("EVAL", script, 2, here, there), ("EVAL", script, 1, here),
                        ("SCRIPT", "LOAD", script), ("EVALSHA", "0" * 40, 2, here, there)):
            got = c.call(*request)
            check(isinstance(got, Error), "%s: %s", request[0], short(got))
        equal(c.call("TYPE", here), b"set", "the key of the scripts")
        equal(c.call("PING"), b"PONG", "PING on the same connection")


@limit(90)
def test_large_values(env):
    """Through a node that is not the owner, both ways, at two levels; nobody else is held up."""
    ring = Ring(env)
    ring.flush()
    keys = spread(ring, 1, "large")
    with ring.connect(1, "DC_ONE") as c, ring.connect(1) as small, \
            ring.connect(5, "DC_SAFE_QUORUM") as safe:
        for size in (100 << 10, 5 << 20):
            for owner, (key,) in keys.items():
                value = os.urandom(size >> 2) * 4
                for client in (c, safe):
                    client.send(encode("SET", key, value) + encode("STRLEN", key))
                    equal(small.call("SET", "small", 1), b"OK", "SET of another client")
                    equal(client.reply(), b"OK", "SET of %d bytes of node%d" % (size, owner))
                    equal(client.reply(), size, "STRLEN")
                    client.send(encode("GET", key) + encode("PING"))
                    equal(small.call("GET", "small"), b"1", "GET of another client")
                    check(client.reply() == value, "GET of %d bytes differs", size)
                    equal(client.reply(), b"PONG", "PING behind it")
                for _, holder in ring.owners(1, key).items():
                    eventually("node%d has it" % holder, lambda h=holder, k=key, v=value:
                               ring.in_store(h, "GET", k) == v)
        every = [k[0] for k in keys.values()]
        equal(list(map(len, c.call("MGET", *every))), [5 << 20] * 3, "MGET of 15 MB")
        half = os.urandom(1 << 20)
        equal(c.call("MSET", *(x for k in every for x in (k, half))), b"OK", "MSET of 3 MB")
        eventually("both racks give 3 MB", lambda: safe.call("MGET", *every) == [half] * 3)


@limit(60)
def test_a_peer_that_reads_slowly(env):
    """It has more answers to come than there is memory to hold them: it gets them all, and nobody else
    notices."""
    ring = Ring(env)
    ring.whole()
    key, value, count = spread(ring)[2][0], b"v" * 1000000, 120
    with ring.connect(2) as c:
        equal(c.call("SET", key, value), b"OK", "SET")
        equal(c.call("GET", key), value, "GET")
        with socket.create_connection((ring.node(2).data4, topology.DYN_LISTEN), timeout=20) as peer:
            peer.sendall(b"".join(message(i + 1, REQ, request("GET", key)) for i in range(count)))
            until = time.monotonic() + 7
            worst = 0
            while time.monotonic() < until:
                reply, took = timed(c, "GET", key)
                equal(reply, value, "GET of another client")
                worst = max(worst, took)
            say("the longest GET of another client took %.2f s" % worst)
            check(worst < 1, "another client waited %.1f s", worst)
            got = bytearray()
            while len(got) < count * len(value) or not got.endswith(value + b"\r\n"):
                more = peer.recv(1 << 20)
                check(more, "the peer's connection was closed after %d MB", len(got) // 1000000)
                got += more
                check(b"-ERR" not in more, "an error: %s", short(bytes(more[-100:])))
        equal(got.count(b"$1000000\r\n"), count, "answers")


def test_pipelines(env):
    """Answers come in the order of requests, though keys lie on three nodes and here."""
    ring = Ring(env)
    ring.flush()
    for level in ("DC_ONE", "DC_SAFE_QUORUM"):
        with ring.connect(2, level) as c:
            out, want = [], []
            values = {}
            for i in range(4000):
                key = "p%d" % env.random.randrange(200)
                what = env.random.randrange(6)
                if what == 0:
                    values[key] = b"%d" % i
                    out.append(encode("SET", key, i))
                    want.append(b"OK")
                elif what == 1:
                    out.append(encode("ECHO", i))
                    want.append(b"%d" % i)
                elif what == 2:
                    more = ["p%d" % env.random.randrange(200) for _ in range(4)]
                    out.append(encode("MGET", key, *more))
                    want.append([values.get(k) for k in [key] + more])
                elif what == 3:
                    out.append(encode("DEL", key))
                    want.append(int(values.pop(key, None) is not None))
                else:
                    out.append(encode("GET", key))
                    want.append(values.get(key))
            c.send(b"".join(out))
            for i, value in enumerate(want):
                equal(c.reply(), value, "reply %d at %s" % (i, level))
        ring.flush()
