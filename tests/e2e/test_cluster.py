"""Three racks of one node each: what clients get while parts of it are away."""

import time

from ring import FAILED, LEVELS, QUORUMS, Ring, failed, timed
from support import Error, check, encode, equal, eventually, limit, say, short

# A peer that died without a word is waited for 200 ms longer than the store.
TIMEOUT = 1.0
PEER_TIMEOUT = TIMEOUT + 0.2
LAB = {"topology": "three-racks", "options": {"set": {
    "dyn_o_mite.timeout": "%d" % (TIMEOUT * 1000), "dyn_o_mite.server_retry_timeout": "1000"}}}
HANG = 4 * PEER_TIMEOUT + 5
OTHERS = ("dc1/rack2", "dc1/rack3")


def write(clients, who, tag):
    """A row of the table: what a SET and a GET give at each level."""
    row = {}
    for level in LEVELS:
        with clients.connect(who, level) as c:
            written, first = timed(c, "SET", "row:" + level, tag)
            got, second = timed(c, "GET", "row:" + level)
        say("%-20s node%d %-20s SET %s %.0f ms, GET %s %.0f ms" % (
            tag, who, level, short(bytes(written)), first * 1000, short(bytes(got or b"none")),
            second * 1000))
        check(max(first, second) < HANG, "%s hung", level)
        row[level] = written, got
    return row


def all_work(row, tag):
    for level, replies in row.items():
        equal(replies, (b"OK", tag.encode()), "SET and GET at %s" % level)


def digests(ring):
    return ring.in_stores("DEBUG", "DIGEST")


def test_written_once_read_everywhere(env):
    """All kinds of data, each request through another node; the stores come to be the same."""
    ring = Ring(env)
    ring.flush()
    clients = [ring.connect(number) for number in ring.numbers]
    for i in range(600):
        c, key = clients[env.random.randrange(3)], "k%d" % env.random.randrange(150)
        # Writers of one key go through one node, so that every replica sees one order.
        owner = clients[int(key[1:]) % 3]
        request = (("SET", key, "v%d" % i), ("HSET", "h" + key, i, i), ("RPUSH", "l" + key, i),
                   ("SADD", "s" + key, i), ("ZADD", "z" + key, i, i), ("INCR", "n" + key),
                   ("DEL", key), ("MSET", key, i, key + "b", i))[i % 8]
        check(not isinstance(owner.call(*request), Error), "%s failed", request)
        check(not isinstance(c.call("GET", key), Error), "GET failed")
    took = eventually("all stores are alike", lambda: len(set(digests(ring))) == 1)
    say("alike %.0f ms after the last reply" % (took * 1000))
    check(ring.in_store(1, "DBSIZE") > 300, "only %d keys", ring.in_store(1, "DBSIZE"))
    equal(len({tuple(c.call("MGET", *("k%d" % i for i in range(150)))) for c in clients}), 1,
          "different answers by the three nodes")
    for c in clients:
        c.close()


def test_levels_by_connection(env):
    """Replicas that differ: one, two and three opinions, and letters that differ in case only."""
    ring = Ring(env)
    by_level = {level: ring.connect(1, level) for level in LEVELS}

    def ask(*values):
        for number, value in zip(ring.numbers, values):
            ring.in_store(number, "SET", "opinion", value)
        return {level: c.call("GET", "opinion") for level, c in by_level.items()}

    equal(set(ask("a", "a", "a").values()), {b"a"}, "all alike")
    got = ask("b", "c", "c")
    equal([got[level] for level in LEVELS], [b"b", b"c", b"c", b"c"], "the own rack is alone")
    got = ask("Yes", "yes", "Yes")
    equal([got[level] for level in LEVELS], [b"Yes"] * 4, "they differ in case")
    before = ring.counters(1)["client_non_quorum_r_responses"]
    got = ask("d", "e", "f")
    equal(got["DC_ONE"], b"d", "DC_ONE")
    check(got["DC_QUORUM"] in (b"d", b"e", b"f"), "DC_QUORUM: %s", got["DC_QUORUM"])
    for level in ("DC_SAFE_QUORUM", "DC_EACH_SAFE_QUORUM"):
        failed(got[level])
        check(b"3 of 3" in got[level] and b"not alike" in got[level], "%s: %s", level, got[level])
    equal(ring.counters(1)["client_non_quorum_r_responses"], before + 1, "answers without a quorum")

    # Each on its connection alone; what is behind it in the same packet goes by it already.
    ring.in_store(1, "SET", "opinion", "d")
    with ring.connect(1) as c:
        c.send(encode("DYNO_CONFIG:CONN_CONSISTENCY", "DC_SAFE_QUORUM")
               + encode("GET", "opinion") * 2)
        equal(c.reply(), b"OK", "the level")
        failed(c.reply())
        failed(c.reply())
        check(isinstance(c.call("DYNO_CONFIG:CONN_CONSISTENCY", "DC_ALL"), Error), "DC_ALL")
        failed(c.call("GET", "opinion"))
        equal(c.call("DYNO_CONFIG:CONN_CONSISTENCY", "dc_one"), b"OK", "dc_one")
        equal(c.call("GET", "opinion"), b"d", "GET")
    for c in by_level.values():
        c.close()


def test_levels_by_rest(env):
    """They count at once for open connections that chose none, of this node alone."""
    ring = Ring(env)
    for number, value in zip(ring.numbers, "xyz"):
        ring.in_store(number, "SET", "opinion", value)
    with ring.connect(1) as c, ring.connect(2) as other, ring.connect(1, "DC_ONE") as own:
        try:
            ring.put(1, "/v1/consistency", read="DC_SAFE_QUORUM")
            failed(c.call("GET", "opinion"))
            equal(other.call("GET", "opinion"), b"y", "GET through node2")
            equal(own.call("GET", "opinion"), b"x", "GET of who chose DC_ONE")
            # Appending tells a replica from another: they never agree. Writing at DC_ONE does not ask.
            equal(c.call("APPEND", "opinion", "!!"), 3, "APPEND at DC_ONE")
            ring.in_store(2, "SET", "opinion", "longer")
            ring.in_store(3, "SET", "opinion", "longest")
            ring.put(1, "/v1/consistency", write="DC_SAFE_QUORUM")
            failed(c.call("APPEND", "opinion", "!"))
            check(all(v.endswith(b"!") for v in ring.in_stores("GET", "opinion")), "not undone")
            equal(own.call("SET", "opinion", "same"), b"OK", "SET")
            eventually("replicas agree", lambda: c.call("GET", "opinion") == b"same")
        finally:
            ring.put(1, "/v1/consistency", read="DC_ONE", write="DC_ONE")


@limit(120)
def test_data_planes_killed(env):
    """One rack is missed by nobody. Of two, quorums say so; what they wait for is a peer's timeout
    once, and nothing after that. Back again, they are used as soon as they are reached."""
    ring = Ring(env)
    ring.whole()
    missed = ring.counters(1)["missed_writes"]
    ring.kill(2, "dataplane")
    for tag in ("one is dead", "one is dead, later"):
        all_work(write(ring, 1, tag), tag)
        all_work(write(ring, 3, tag), tag)
        time.sleep(PEER_TIMEOUT)
    ring.kill(3, "dataplane")
    for tag in ("two are dead", "two are dead, later"):
        row = write(ring, 1, tag)
        equal(row["DC_ONE"], (b"OK", tag.encode()), "DC_ONE")
        for level in QUORUMS:
            for reply in row[level]:
                failed(reply, *OTHERS)
        equal(ring.in_store(1, "GET", "row:DC_QUORUM"), tag.encode(), "who accepted keeps it")
    with ring.connect(1, "DC_QUORUM") as c:
        _, took = timed(c, "GET", "a")
        check(took < PEER_TIMEOUT / 2, "dead ones that are known are waited for: %.1f s", took)
        for reply in (c.call("MGET", "a", "b"), c.call("MSET", "a", 1, "b", 2), c.call("DEL", "a")):
            failed(reply, *OTHERS)
        equal(c.call("PING"), b"PONG", "PING on the same connection")
    # 4 levels in 4 rows: all were missed by rack2, those of 2 rows by rack3; and MSET, DEL.
    missed = ring.counters(1)["missed_writes"] - missed
    say("node1 counts %d missed writes" % missed)
    check(4 * 4 + 2 * 4 <= missed <= 4 * 4 + 2 * 4 + 2 * 3, "missed writes: %d", missed)
    ring.start(2, "dataplane")
    ring.start(3, "dataplane")
    ring.whole()
    all_work(write(ring, 1, "back"), "back")


@limit(90)
def test_stores_killed(env):
    """A node without its store still serves: reads by the next rack, writes by all others."""
    ring = Ring(env)
    ring.whole()
    for who in (1, 2):
        ring.kill(who, "store")
        for tag in ("store%d is dead" % who, "store%d is dead, later" % who):
            all_work(write(ring, 1, tag), tag)
            time.sleep(0.5)
        with ring.connect(1, "DC_SAFE_QUORUM") as c:
            ring.kill(3, "store")
            away = "dc1/rack%d" % who
            failed(c.call("SET", "k", 1), away, "dc1/rack3")
            failed(c.call("GET", "k"), away, "dc1/rack3")
            ring.start(3, "store")
            ring.start(who, "store")
            took = eventually("the same connection works", lambda c=c: c.call("SET", "k", 1) == b"OK")
            say("works again %.1f s after the stores" % took)
        ring.whole()


@limit(60)
def test_reads_fall_over(env):
    """DC_ONE: the own rack's node answers as long as it can; then another's does, and back again."""
    ring = Ring(env)
    ring.whole()
    for number in ring.numbers:
        ring.in_store(number, "MSET", "where", number, "other", number)
    with ring.connect(1) as c:
        equal(c.call("GET", "where"), b"1", "all is well")
        before = ring.counters(1)["read_failovers"]
        ring.kill(1, "store")
        for _ in range(20):
            check(c.call("GET", "where") in (b"2", b"3"), "the own store is dead")
            check(c.call("MGET", "where", "other")[0] in (b"2", b"3"), "MGET")
        say("%d reads fell over" % (ring.counters(1)["read_failovers"] - before))
        check(ring.counters(1)["read_failovers"] > before, "no read is counted")
        ring.kill(2, "store")
        for _ in range(20):
            equal(c.call("GET", "where"), b"3", "only the third store is there")
        ring.kill(3, "store")
        reply, took = timed(c, "GET", "where")
        check(isinstance(reply, Error), "GET without any store: %s", reply)
        say("no store: %s after %.0f ms" % (reply, took * 1000))
        for number in ring.numbers:
            ring.start(number, "store")
            ring.in_store(number, "SET", "where", number)
        eventually("the own rack answers again", lambda: c.call("GET", "where") == b"1")


@limit(60)
def test_states(env):
    """standby, writes_only, resuming by REST: what the node's own clients and its peers' get."""
    ring = Ring(env)
    ring.whole()
    reads = {"STANDBY": False, "WRITES_ONLY": False, "RESUMING": False, "NORMAL": True}
    with ring.connect(1) as c, ring.connect(2) as other, ring.connect(2, "DC_SAFE_QUORUM") as safe:
        for state, may_read in reads.items():
            for number in ring.numbers:
                ring.in_store(number, "SET", "where", number)
            ring.put(1, "/v1/state", state=state)
            equal(c.call("GET", "where") == b"1", may_read, "it reads its own store in %s" % state)
            check(not isinstance(c.call("GET", "where"), Error), "nobody answers in %s", state)
            equal(isinstance(c.call("PING"), Error), not may_read, "PING fails in %s" % state)
            tag = state.encode()
            equal(other.call("SET", "where", state), b"OK", "SET through another node")
            equal(safe.call("SET", "safe", state), b"OK", "SET at DC_SAFE_QUORUM")
            equal(safe.call("GET", "safe"), tag, "GET at DC_SAFE_QUORUM")
            eventually("the others have it", lambda t=tag: ring.in_stores("GET", "where")[1:] == [t, t])
            if state == "STANDBY":
                equal(ring.in_store(1, "GET", "where"), b"1", "a store in standby")
            else:
                eventually("it takes writes in " + state,
                           lambda t=tag: ring.in_store(1, "GET", "where") == t)
        try:
            ring.put(1, "/v1/state", state="STANDBY")
            ring.put(3, "/v1/state", state="STANDBY")
            failed(safe.call("SET", "safe", 2), "dc1/rack1", "dc1/rack3")
            failed(safe.call("GET", "safe"), "dc1/rack1", "dc1/rack3")
            equal(other.call("SET", "one", 1), b"OK", "DC_ONE")
        finally:
            ring.put(1, "/v1/state", state="NORMAL")
            ring.put(3, "/v1/state", state="NORMAL")
    check(FAILED not in other_text(ring), "a quorum fails after all are NORMAL again")


def other_text(ring):
    ring.whole()
    with ring.connect(2, "DC_SAFE_QUORUM") as c:
        return bytes(c.call("SET", "safe", 3)) + bytes(c.call("GET", "safe"))
