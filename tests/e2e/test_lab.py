"""The lab itself: repeatable, side by side with others, and gone when it is down."""

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


@limit(60)
def test_partition_of_two(env):
    """Two nodes with kernel addresses stand in for any two hosts: the third sees both."""
    folder = env.lab.folder
    path = os.path.join(folder, "two.topology")
    with open(path, "w") as f:
        f.write("node1 dc1 rack1 0\nnode2 dc1 rack2 0\n")
    try:
        lab("e", "up", path, "--only", "store")
        it = labs.Lab(name("e"))
        for node in it.nodes:
            net.command("ip", "-n", it.ns(node.name), "link", "set", "eth1", "arp", "on")
            net.command("ip", "-n", it.ns(node.name), "addr", "add", node.data4 + "/24", "dev", "eth1")
        one, two = it.nodes

        def reaches(host, address):
            return subprocess.run(["ip", "netns", "exec", it.ns(host), "ping", "-c1", "-W1", address],
                                  stdout=subprocess.DEVNULL).returncode == 0

        check(reaches("node1", two.data4), "node1 does not reach node2")
        lab("e", "partition", "node1", "node2")
        check(not reaches("node1", two.data4) and not reaches("node2", one.data4), "no partition")
        check(reaches("client", one.data4) and reaches("client", two.data4), "the client is cut off")
        check(reaches("node1", topology.mgmt4(two.octet)), "the management network is cut")
        lab("e", "heal")
        check(reaches("node1", two.data4), "not healed")
    finally:
        lab("e", "down")
        os.unlink(path)
    gone("e")
