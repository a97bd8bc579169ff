"""/v1/peers: what each worker says of other nodes is what happens to them."""

import os
import signal

from ring import Ring
from support import check, equal, eventually, limit, say

LAB = {"topology": "three-racks", "options": {"set": {
    "dyn_o_mite.timeout": "500", "dyn_o_mite.server_retry_timeout": "500", "dataplane.workers": "2"}}}
PEERS = "/v1/peers"


def rows(ring, who, host=None):
    """All rows of a node, page by page; of one peer, or of all."""
    found, cursor = [], ""
    for _ in range(100):
        page = ring.rest(who, "%s?limit=1%s" % (PEERS, cursor))
        check(len(page["peers"]) <= 1, "%d rows", len(page["peers"]))
        found += page["peers"]
        if page["next"] is None:
            return [row for row in found if host in (None, row["host"])]
        cursor = "&cursor=" + page["next"]
    return check(False, "the pages have no end")


def health(ring, who, host):
    return {row["health"] for row in rows(ring, who, host)}


def ask_all(ring, key="peers"):
    """A write through every connection, so that both workers have reason to talk to all."""
    for i in range(16):
        with ring.connect(1) as c:
            equal(c.call("SET", "%s:%d" % (key, i), "v"), b"OK", "SET")


@limit(60)
def test_peers_that_are_up(env):
    ring = Ring(env)
    ring.whole()
    ask_all(ring)
    found = rows(ring, 1)
    equal(sorted((r["worker"], r["datacenter"], r["rack"], r["address"], r["port"]) for r in found),
          sorted((w, "dc1", ring.node(n).rack, ring.node(n).data4, 8101)
                 for w in (0, 1) for n in (2, 3)), "rows")
    for row in found:
        equal((row["host"], row["state"], row["gone"], row["same_datacenter"]),
              (row["address"], "NORMAL", False, True), "row of %s" % row["rack"])
    for n in (2, 3):
        host = ring.node(n).data4
        eventually("node%d is up" % n, lambda host=host: "up" in health(ring, 1, host), 10)
        up = [r for r in rows(ring, 1, host) if r["health"] == "up"]
        check(all(r["connections"] > 0 for r in up), "no connections: %s", up)
        asked = [r for r in up if r["answers"] > 0]
        check(asked, "no worker got answers of node%d: %s", n, up)
        for row in asked:
            check(row["requests"] >= row["answers"], "answers to what was not asked: %s", row)
            check(0 < row["rtt_us"] < 5000000, "rtt_us is %d", row["rtt_us"])
            check(0 < row["tcp_srtt_us"] <= row["tcp_rto_us"], "TCP's times: %s", row)
        say("node%d: %s" % (n, [(r["worker"], r["requests"], r["answers"], r["rtt_us"]) for r in up]))
    equal(ring.rest(1, PEERS + "?worker=1")["workers"], 2, "workers")
    equal({r["worker"] for r in ring.rest(1, PEERS + "?worker=1")["peers"]}, {1}, "of worker 1")


@limit(120)
def test_a_peer_that_dies_and_comes_back(env):
    """It is down within seconds on each worker that had to do with it, and the others stay up."""
    ring = Ring(env)
    ring.whole()
    ask_all(ring)
    host, other = ring.node(2).data4, ring.node(3).data4
    eventually("node2 is up", lambda: health(ring, 1, host) == {"up"}, 10)
    before = sum(r["connects"] for r in rows(ring, 1, host))
    ring.kill(2, "dataplane")

    def down():
        ask_all(ring)
        return health(ring, 1, host) == {"down"}

    took = eventually("node2 is down", down, 10)
    gone = rows(ring, 1, host)
    say("down %.1f s after it died: %s" % (took, [
        (r["worker"], r["failures"], r["timeouts"], r["refused"], r["closed"], r["reset"], r["stuck"])
        for r in gone]))
    for row in gone:
        equal((row["rack"], row["gone"], row["state"]), ("rack2", False, "NORMAL"), "the row")
        check(row["connections"] == row["silent"], "connections that answer: %s", row)
        check(row["timeouts"] + row["refused"] + row["closed"] + row["reset"] + row["stuck"] > 0,
              "nothing says why it is down: %s", row)
    equal(health(ring, 1, other), {"up"}, "node3")
    ring.start(2, "dataplane")

    def up():
        ask_all(ring)
        return health(ring, 1, host) == {"up"}

    took = eventually("node2 is up again", up, 30)
    say("up %.1f s after it was ready" % took)
    check(sum(r["connects"] for r in rows(ring, 1, host)) > before, "no connection was made")


@limit(60)
def test_a_peer_that_leaves_the_ring(env):
    """Its row goes, or loses its names while what is on its way may still be answered."""
    ring = Ring(env)
    ring.whole()
    host, path = ring.node(3).data4, env.lab.conf_path(env.node.name)
    with open(path) as f:
        old = f.read()
    left = "".join(line for line in old.splitlines(True) if '"%s:8101:' % host not in line)
    check(left != old, "no seed for %s in %s", host, path)
    equal({r["rack"] for r in rows(ring, 1)}, {"rack2", "rack3"}, "racks")
    try:
        with open(path, "w") as f:
            f.write(left)
        os.kill(env.pid("controlplane"), signal.SIGHUP)
        eventually("its rows are gone",
                   lambda: {r["address"] for r in rows(ring, 1)} == {ring.node(2).data4}, 15)
    finally:
        with open(path, "w") as f:
            f.write(old)
        os.kill(env.pid("controlplane"), signal.SIGHUP)
    eventually("it is back", lambda: {r["rack"] for r in rows(ring, 1)} == {"rack2", "rack3"}, 15)
    ring.whole()
