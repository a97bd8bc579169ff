"""The lab itself: repeatable, side by side with others, and gone when it is down."""

import json
import os
import signal
import subprocess
import time

from support import ROOT, check, equal, labs, limit, net, say, topology

LAB_SCRIPT = os.path.join(ROOT, "scripts/lab")


def name(which):
    return "e2elab%d-%s" % (os.getpid(), which)


def lab(which, *argv, ok=True):
    """scripts/lab, as typed. The stores alone are started: they are enough to see processes."""
    argv = [LAB_SCRIPT, "--name", name(which)] + list(argv)
    say("$ " + " ".join(argv[1:]))
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60)
    if ok:
        equal(done.returncode, 0, "status of %s (%s)" % (argv, done.stdout))
    return done.stdout


def gone(which):
    it = labs.Lab(name(which), say=lambda text: None)
    equal(it.namespaces(), [], "namespaces left")
    check(not os.path.exists(it.folder), "%s is left", it.folder)


def test_twice(env):
    del env
    try:
        for _ in range(2):
            lab("a", "up", "single", "--only", "store")
        check("pid" in lab("a", "ps"), "ps shows no process")
        equal(lab("a", "run", "node1", "--", "redis-cli", "-p", "22122", "ping"), "PONG\n", "PING")
        check("another topology" in lab("a", "up", "single", "--driver", "af_xdp", "--only", "store",
                                        ok=False), "other options were taken for the same lab")
        lab("a", "kill", "node1", "store")
        lab("a", "start", "node1", "store")
        check("Ready to accept" in lab("a", "logs", "node1", "store"), "logs lack the store's")
    finally:
        for _ in range(2):
            lab("a", "down")
    gone("a")


def test_side_by_side(env):
    del env
    try:
        lab("a", "up", "single", "--only", "store")
        lab("b", "up", "single", "--only", "store")
        lab("a", "run", "node1", "--", "redis-cli", "-p", "22122", "set", "which", "a")
        equal(lab("b", "run", "node1", "--", "redis-cli", "-p", "22122", "get", "which"), "\n",
              "a key of the other lab")
        lab("a", "down")
        equal(lab("b", "run", "node1", "--", "redis-cli", "-p", "22122", "ping"), "PONG\n",
              "PING after the other went down")
    finally:
        lab("a", "down")
        lab("b", "down")
    gone("a")
    gone("b")


def test_leaves_nothing_after_a_crash(env):
    """kill -9 of the script at many moments of its `up`, and then `down`, or `up` again."""
    del env
    for i in range(12):
        script = subprocess.Popen([LAB_SCRIPT, "--name", name("c"), "up", "single", "--only",
                                   "store"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.06 + i * 0.04)
        script.send_signal(signal.SIGKILL)
        script.wait()
        if i % 3 == 0:
            lab("c", "up", "single", "--only", "store")
        lab("c", "down")
        gone("c")


def test_run_in_the_background(env):
    """What `run` left behind ends with the lab."""
    del env
    try:
        lab("d", "up", "single", "--only", "store")
        sleeper = subprocess.Popen([LAB_SCRIPT, "--name", name("d"), "run", "client", "--", "sleep",
                                    "1000"])
        time.sleep(0.3)
        equal(sleeper.poll(), None, "whether it ended")
    finally:
        lab("d", "down")
    equal(sleeper.wait(5), -signal.SIGKILL, "status of what ran in the lab")
    gone("d")


def reaches(it, host, address):
    return subprocess.run(["ip", "netns", "exec", it.ns(host), "ping", "-c1", "-W1", address],
                          stdout=subprocess.DEVNULL).returncode == 0


@limit(60)
def test_cut(env):
    """Nodes with kernel addresses stand in for any hosts: what is not cut still sees the others."""
    del env
    try:
        lab("e", "up", "two-dcs", "--only", "store")
        it = labs.Lab(name("e"))
        for node in it.nodes:
            net.command("ip", "-n", it.ns(node.name), "link", "set", "eth1", "arp", "on")
            net.command("ip", "-n", it.ns(node.name), "addr", "add", node.data4 + "/24", "dev", "eth1")
        one, two, three, four = it.nodes
        check(reaches(it, "node1", two.data4), "node1 does not reach node2")
        lab("e", "cut", "node1", "node2")
        check(not reaches(it, "node1", two.data4) and not reaches(it, "node2", one.data4), "no cut")
        check(reaches(it, "client", one.data4) and reaches(it, "client", two.data4),
              "the client is cut off")
        check(reaches(it, "node1", topology.mgmt4(two.octet)), "the management network is cut")
        lab("e", "heal")
        check(reaches(it, "node1", two.data4), "not healed")

        lab("e", "cut", "dc1", "dc2")
        lab("e", "cut", "dc1/rack1", "client")
        for a, b, whole in (("node1", two, True), ("node3", four, True), ("client", two, True),
                            ("node1", three, False), ("node1", four, False),
                            ("node4", two, False), ("client", one, False)):
            equal(reaches(it, a, b.data4), whole, "whether %s reaches %s" % (a, b.name))
        lab("e", "heal")
        check(reaches(it, "node1", four.data4) and reaches(it, "client", one.data4), "not healed")
        check("in common" in lab("e", "cut", "dc1", "node2", ok=False), "cut off from itself")
        check("there are: node1" in lab("e", "cut", "dc3", "node2", ok=False), "cut from nobody")
    finally:
        lab("e", "down")
    gone("e")


@limit(120)
def test_topologies(env):
    """Each is whole: a process of each kind on every node, and a ring that every node agrees on."""
    del env
    for which, nodes in (("three-racks", 3), ("sharded", 6), ("two-dcs", 4), ("two-dcs-sharded", 8)):
        try:
            lab("f", "up", which)
            it = labs.Lab(name("f"), say=lambda text: None)
            rings = set()
            for node in it.nodes:
                ring = json.loads(it.rest(node, "/v1/ring")[1])
                members = [(dc["name"], rack["name"], n["address"], n["owns_percent"])
                           for dc in ring["datacenters"] for rack in dc["racks"]
                           for n in rack["nodes"]]
                rings.add(json.dumps(sorted(members)))
                equal(len(members), nodes, "nodes in the ring of %s" % node.name)
            equal(len(rings), 1, "different rings in %s" % which)
            shares = {}
            for dc, rack, _, percent in json.loads(rings.pop()):
                shares[dc, rack] = shares.get((dc, rack), 0) + percent
            check(all(abs(s - 100) < 1e-6 for s in shares.values()), "shares of racks: %s", shares)
            said = lab("f", "status")
            equal(said.count("runs: store dataplane controlplane; NORMAL"), nodes, "whole nodes")
        finally:
            lab("f", "down")
        gone("f")


def test_kill_and_start_of_one_node(env):
    del env
    try:
        lab("g", "up", "three-racks")
        lab("g", "kill", "node2", "dataplane")
        said = lab("g", "status").splitlines()
        check("runs: store controlplane;" in said[1] and "not linked" in said[1], "%s", said[1])
        check("NORMAL" in said[0] and "not linked" not in said[0], "%s", said[0])
        lab("g", "start", "node2", "dataplane")
        it = labs.Lab(name("g"), say=lambda text: None)
        it.wait_ready(it.nodes[1])
        it.wait_rest(it.nodes[1])
        lab("g", "kill", "node3", "controlplane")
        check("no answer from REST" in lab("g", "status").splitlines()[2], "REST of a dead one")
        lab("g", "kill", "node1", "store")
        check("runs: dataplane controlplane" in lab("g", "status"), "status lacks a store's death")
    finally:
        lab("g", "down")
    gone("g")


def test_memcached_as_the_store(env):
    del env
    try:
        lab("h", "up", "three-racks", "--backend", "memcached", "--only", "store")
        for node in labs.Lab(name("h")).nodes:
            with open(os.path.join(labs.Lab(name("h")).folder, node.name, "dynomite.yml")) as f:
                check("data_store: 1" in f.read(), "the data plane is not told")
        equal(lab("h", "status").count("runs: store"), 3, "stores that run")
        check("Ready" not in lab("h", "logs", "node1", "store"), "a Redis runs there")
    finally:
        lab("h", "down")
    gone("h")
