"""Two cores with a queue each: the kernel spreads flows over the port's sockets by a hash that it
does not tell, so that segments find their core in software; and what only one core hears (ARP,
neighbour discovery) both must know."""

import json
import os
import time

import test_benchmark
from support import check, equal, limit, net, run, say

LAB = {"options": {"set": {"dataplane.workers": "2",
                           "dataplane.port": "net_af_packet0,iface=eth1,qpairs=2"}}}


def worker_ticks(env):
    """CPU time of each worker's thread. One that has nothing to do sleeps."""
    out = {}
    folder = "/proc/%d/task" % env.pid("dataplane")
    for tid in os.listdir(folder):
        with open("%s/%s/stat" % (folder, tid)) as f:
            name, _, rest = f.read().partition("(")[2].rpartition(")")
        if name.startswith("worker-"):
            out[name] = sum(int(x) for x in rest.split()[11:13])
    return out


def test_queues(env):
    status = env.lab.status(env.node)["data_plane"]
    equal(status["port"]["queues"], 2, "queues of the port")
    equal(status["port"]["steering"], "software", "who spreads")
    equal([w["queue"] for w in status["workers"]], [0, 1], "queues of the workers")


@limit(120)
def test_both_serve(env):
    before = worker_ticks(env)
    equal(sorted(before), ["worker-0", "worker-1"], "threads")
    tests = "set,get"
    test_benchmark.clean(run("redis-benchmark", "-h", env.node.data4, "-p", "8102", "-t", tests,
                             "-c", "50", "-n", "200000", "-P", "4", "-q", seconds=110), tests)
    used = {n: t - before[n] for n, t in worker_ticks(env).items()}
    say("CPU time of the workers, in ticks: %s" % used)
    check(min(used.values()) > sum(used.values()) / 20, "one worker did all the work: %s", used)


def counters(env, worker):
    return json.loads(env.lab.rest(env.node, "/v1/stats?worker=%d" % worker)[1])


@limit(60)
def test_segments_change_cores(env):
    """Both receive, and both hand over; nothing is lost on the way, and no reset is sent for a
    connection that is another core's."""
    env.flush()
    before = [counters(env, w) for w in (0, 1)]
    clients = [env.connect() for _ in range(60)] + [env.connect6() for _ in range(60)]
    try:
        for i, c in enumerate(clients):
            equal(c.call("INCR", "cores"), i + 1, "INCR of connection %d" % i)
    finally:
        for c in clients:
            c.close()
    time.sleep(2.5)  # figures are sent once a second
    for w in (0, 1):
        now = counters(env, w)
        grown = {n: now["counters"][n] - before[w]["counters"][n]
                 for n in ("rx_packets", "rx_steered", "rx_misrouted", "tcp_out_rsts")}
        say("worker %d: %s" % (w, grown))
        check(grown["rx_packets"] > 100, "worker %d received %s", w, grown)
        check(grown["rx_steered"] > 50, "worker %d handed over %s", w, grown)
        equal((grown["rx_misrouted"], grown["tcp_out_rsts"]), (0, 0), "misrouted, resets")
        equal(now["drops"]["HAND_OVER"], before[w]["drops"]["HAND_OVER"], "lost between cores")


@limit(60)
def test_neighbours_are_shared(env):
    """Connections of both families, on whichever core, before and after the client's entry and
    the node's are forgotten."""
    env.flush()
    total = 0
    for _ in range(3):
        net.command("ip", "-n", env.lab.ns("client"), "neigh", "flush", "dev", "eth1")
        clients = [env.connect() for _ in range(30)] + [env.connect6() for _ in range(30)]
        try:
            for c in clients:
                total += 1
                equal(c.call("INCR", "shared"), total, "INCR")
            for c in clients:
                equal(c.call("GET", "shared"), b"%d" % total, "GET")
        finally:
            for c in clients:
                c.close()
    say("%d connections agree" % total)
