"""Two datacentres of two racks: every replica gets a write once; and what a cut between them costs."""

import threading
import time

from ring import FAILED, LEVELS, Ring, failed, timed
from support import check, equal, eventually, limit, say, short

TIMEOUT = 1.0
# What a node waits for one of another datacentre.
FAR_TIMEOUT = TIMEOUT + 5
LAB = {"topology": "two-dcs", "options": {"set": {"dyn_o_mite.timeout": "%d" % (TIMEOUT * 1000)}}}
HANG = FAR_TIMEOUT + 4


def test_each_replica_once(env):
    """Nothing is lost and nothing applied twice, whoever coordinates, at every level."""
    ring = Ring(env)
    ring.flush()
    ring.whole()
    for number in ring.numbers:
        for level in LEVELS:
            key = "%s:%d" % (level, number)
            with ring.connect(number, level) as c:
                for i in range(1, 51):
                    equal(c.call("INCR", "n" + key), i, "INCR through node%d at %s" % (number, level))
                    equal(c.call("RPUSH", "l" + key, i), i, "RPUSH")
                equal(c.call("MSET", "a" + key, 1, "b" + key, 2), b"OK", "MSET")
                equal(c.call("DEL", "a" + key), 1, "DEL")
    want = [b"%d" % i for i in range(1, 51)]
    for number in ring.numbers:
        for level in LEVELS:
            key = "%s:%d" % (level, number)
            eventually("all stores count 50 of %s" % key, lambda k=key: ring.in_stores("GET", "n" + k)
                       == [b"50"] * 4 and ring.in_stores("LRANGE", "l" + k, 0, -1) == [want] * 4)
    eventually("all stores are alike", lambda: len(set(ring.in_stores("DEBUG", "DIGEST"))) == 1)
    time.sleep(0.2)
    equal(len(set(ring.in_stores("DEBUG", "DIGEST"))), 1, "what comes late")
    equal([ring.counters(n)["missed_writes"] for n in ring.numbers], [0] * 4, "missed writes")


def test_each_is_asked(env):
    """DC_EACH_SAFE_QUORUM sees what another datacentre has; all other levels do not."""
    ring = Ring(env)
    for number, value in zip(ring.numbers, "1122"):
        ring.in_store(number, "SET", "each", value)
    for level in LEVELS:
        for number, value in ((1, b"1"), (4, b"2")):
            with ring.connect(number, level) as c:
                equal(c.call("GET", "each"), value, "GET through node%d at %s" % (number, level))
    ring.in_store(4, "SET", "each", "other")
    for level in LEVELS:
        with ring.connect(1, level) as c:
            got = c.call("GET", "each")
            if level != LEVELS[-1]:
                equal(got, b"1", level)
                continue
            failed(got)
            check(b"in dc2" in got and b"not alike" in got, "which datacentre: %s", got)


class Writer(threading.Thread):
    """Sets keys of its own one after another, and notes what was said to each."""

    def __init__(self, ring, number, level):
        super().__init__(daemon=True)
        self.client = ring.connect(number, level)
        self.level, self.number = level, number
        self.replies, self.worst = [], 0.0
        self.over = threading.Event()
        self.error = None

    def key(self, i):
        return "%s:%d:%d" % (self.level, self.number, i)

    def run(self):
        try:
            while not self.over.wait(0.002):
                reply, took = timed(self.client, "SET", self.key(len(self.replies)), "v")
                self.worst = max(self.worst, took)
                self.replies.append(bytes(reply))
        except OSError as e:
            self.error = e

    def finish(self):
        self.over.set()
        self.join(HANG)
        self.client.close()
        equal(self.error, None, "what ended the writer at " + self.level)

    def keys(self):
        return [self.key(i) for i in range(len(self.replies))]


def cut_and_heal(ring, writers, seconds):
    for w in writers:
        w.start()
    eventually("all write", lambda: all(len(w.replies) > 20 for w in writers))
    ring.lab.cut("dc1", "dc2")
    try:
        before = [len(w.replies) for w in writers]
        time.sleep(seconds)
        during = [len(w.replies) for w in writers]
    finally:
        ring.lab.heal()
    return before, during


@limit(120)
def test_cut(env):
    """For longer than timeouts. Who needs one datacentre notices nothing; who needs both gets an
    error that says so in time, at once when it is known; and each write that is missed is counted."""
    ring = Ring(env)
    ring.flush()
    ring.whole()
    missed = [ring.counters(n)["missed_writes"] for n in ring.numbers]
    writers = [Writer(ring, n, level) for n in (1, 4) for level in LEVELS]
    before, during = cut_and_heal(ring, writers, FAR_TIMEOUT + 3)
    ring.whole(40)
    for w, a, b in zip(writers, before, during):
        errors = [r for r in w.replies if r != b"OK"]
        say("node%d %-20s %d writes, %d in the cut, %d errors, the longest took %.1f s%s" % (
            w.number, w.level, len(w.replies), b - a, len(errors), w.worst,
            ": " + short(errors[0]) if errors else ""))
        check(w.worst < HANG, "a write at %s took %.1f s", w.level, w.worst)
        if w.level != LEVELS[-1]:
            equal(errors, [], "errors at " + w.level)
            check(b - a > 500, "only %d writes at %s", b - a, w.level)
            check(w.worst < TIMEOUT, "%s waited for the other datacentre: %.1f s", w.level, w.worst)
        else:
            far = "dc2" if w.number == 1 else "dc1"
            check(len(errors) > 100, "only %d errors: after the first, they come at once", len(errors))
            for e in errors:
                check(e.startswith(FAILED) and ("%s/rack" % far).encode() in e, "an error: %s", e)
    for w in writers:
        w.finish()
    ring.whole()
    missed = [ring.counters(n)["missed_writes"] - m for n, m in zip(ring.numbers, missed)]
    for number, others in ((1, (3, 4)), (4, (1, 2))):
        mine = [k for w in writers if w.number == number for k in w.keys()]
        lacks = {}
        for store in ring.numbers:
            with ring.store(store) as c:
                lacks[store] = len(mine) - sum(c.call("EXISTS", *mine[i:i + 1000])
                                               for i in range(0, len(mine), 1000))
        say("of %d writes through node%d the stores lack %s; node%d counted %d missed" % (
            len(mine), number, lacks, number, missed[number - 1]))
        for store in ring.numbers:
            if store not in others:
                equal(lacks[store], 0, "what store %d of the own datacentre lacks" % store)
            # Some of what was counted came late.
            check(lacks[store] <= missed[number - 1], "uncounted: %d", lacks[store])
        check(min(lacks[o] for o in others) > 200, "the cut did not cut")


@limit(60)
def test_short_cut(env):
    """What TCP bridges is not missed: no error and no loss, only later."""
    ring = Ring(env)
    ring.flush()
    ring.whole()
    missed = [ring.counters(n)["missed_writes"] for n in (1, 4)]
    writers = [Writer(ring, n, level) for n in (1, 4) for level in (LEVELS[0], LEVELS[-1])]
    cut_and_heal(ring, writers, 1.0)
    time.sleep(0.5)
    for w in writers:
        w.finish()
        equal(set(w.replies), {b"OK"}, "replies to %s" % w.level)
        say("node%d %-20s %d writes, the longest took %.1f s"
            % (w.number, w.level, len(w.replies), w.worst))
        keys = w.keys()
        eventually("all stores have them", lambda k=keys: ring.in_stores("EXISTS", *k) == [len(k)] * 4)
    equal([ring.counters(n)["missed_writes"] for n in (1, 4)], missed, "missed writes")


@limit(60)
def test_entry_rack_killed(env):
    """The rack that passes writes on is dead: its neighbour does, as soon as that is known."""
    ring = Ring(env)
    ring.flush()
    ring.whole()
    entry = {n: ring.rest(n, "/v1/keys/k/replicas")["datacenters"][1]["forward_to"] for n in (1, 2)}
    equal(entry, {1: "rack1", 2: "rack2"}, "racks that are sent to")
    ring.kill(3, "dataplane")
    with ring.connect(1) as c:
        def passes():
            key = "entry:%d" % time.monotonic_ns()
            equal(c.call("SET", key, 1), b"OK", "SET")
            time.sleep(0.05)
            return ring.in_store(4, "EXISTS", key) == 1
        took = eventually("rack2 of dc2 gets writes of node1", passes, HANG)
        say("after %.1f s, and by rack2 of dc1 at once" % took)
    with ring.connect(2) as c:
        equal(c.call("SET", "direct", 1), b"OK", "SET")
        eventually("it is in dc2", lambda: ring.in_store(4, "EXISTS", "direct") == 1)
    with ring.connect(1, "DC_EACH_SAFE_QUORUM") as c:
        reply, took = timed(c, "SET", "each", 1)
        failed(reply, "dc2/rack1")
        say("two racks are a quorum of two: %s after %.1f s" % (short(reply), took))
    ring.start(3, "dataplane")
    ring.whole()
