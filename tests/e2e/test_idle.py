"""Nodes that have nothing to do leave the machine to others: many share one in a lab."""

import os
import time

from ring import Ring
from support import check, limit, say

LAB = {"topology": "two-dcs", "options": {"set": {"dataplane.poll": "adaptive"}}}
SECONDS = 10
# Of one core, by all data planes together. Time that neighbours take from us is not counted.
SHARE_MAX = 0.20
# Of one node, beside its buffers: those are the file's `memory`, and shared with nobody.
RSS_MAX_MB = 400


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


@limit(60)
def test_idle(env):
    """Once with connections that were never used, once after a burst, with clients that stay."""
    ring = Ring(env)
    ring.whole()
    pids = {n: ring.lab.process("node%d" % n, "dataplane").pid() for n in ring.numbers}
    clients = [ring.connect(n) for n in ring.numbers for _ in range(25)]
    for c in clients:
        for i in range(20):
            check(c.call("SET", "idle", i) == b"OK", "SET")
    time.sleep(1)
    before = {n: cpu_seconds(p) for n, p in pids.items()}
    time.sleep(SECONDS)
    used = {n: (cpu_seconds(p) - before[n]) / SECONDS for n, p in pids.items()}
    rss = {n: rss_mb(p) for n, p in pids.items()}
    say("CPU of %d idle data planes: %s, together %.1f %% of a core; memory in MB: %s" % (
        len(used), " ".join("%.1f %%" % (u * 100) for u in used.values()), sum(used.values()) * 100,
        " ".join(map(str, rss.values()))))
    check(sum(used.values()) < SHARE_MAX, "idle nodes use %.0f %% of a core", sum(used.values()) * 100)
    check(max(rss.values()) < RSS_MAX_MB, "a node has %d MB", max(rss.values()))
    for c in clients:
        check(c.call("GET", "idle") == b"19", "GET after that")
        c.close()
