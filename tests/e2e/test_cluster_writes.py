"""The script that makes something fail within writes and then looks for each: that promises are kept, and
that it would notice if they were not."""

import os
import re
import subprocess
import sys

from support import ROOT, check, equal, limit, say

LAB = {"start": ("store",)}
SCRIPT = os.path.join(ROOT, "tests/e2e/cluster_writes")


def run(status, *options):
    """What it printed; killed with its lab if it takes too long."""
    argv = [sys.executable, SCRIPT] + list(options)
    say("$ cluster_writes " + " ".join(options))
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in done.stdout.splitlines():
        say("  " + line)
    equal(done.returncode, status, "exit status")
    return done.stdout


def number(pattern, text):
    found = re.search(pattern, text)
    check(found, "no %s in %s", pattern, text)
    return int(found[1])


@limit(90)
def test_safe_quorum(env):
    del env
    said = run(0, "--writes", "60000", "--level", "DC_SAFE_QUORUM")
    equal(number(r"refused +(\d+)", said), 0, "refused: two of three racks live")
    missed = number(r"rack2 misses (\d+)", said)
    check(missed > 1000, "the node that was dead misses only %d", missed)
    # One that is counted may have come all the same, too late.
    counted = sum(int(n) for n in re.findall(r"node\d+ (\d+)", said.partition("counted")[2]))
    check(counted >= missed, "%d were missed, %d are counted", missed, counted)


@limit(90)
def test_one(env):
    del env
    said = run(0, "--writes", "30000", "--level", "DC_ONE", "--topology", "two-dcs", "--kill", "3")
    check(number(r"dc2/rack1 misses (\d+)", said) > 1000, "the node that was dead misses none")


@limit(90)
def test_each_safe_quorum(env):
    del env
    said = run(0, "--writes", "20000", "--level", "DC_EACH_SAFE_QUORUM", "--topology", "two-dcs")
    acknowledged = number(r"acknowledged +(\d+)", said)
    for dc, via in re.findall(r"^(dc\d): .* acknowledged by (dc\d)", said, re.M):
        found = re.search(r"%s: (\d+) of (\d+) acknowledged by %s" % (dc, via), said)
        equal(found[1], found[2], "those of %s in %s" % (via, dc))
    check(acknowledged > 1000, "only %d were acknowledged", acknowledged)


@limit(90)
def test_a_store_is_lost(env):
    """What it had is gone with it; the two others have all."""
    del env
    said = run(0, "--writes", "40000", "--fault", "store")
    check(number(r"rack2 misses (\d+)", said) > 10000, "the store came back with what it had")
    for rack in (1, 3):
        equal(number(r"rack%d misses (\d+)" % rack, said), 0, "what rack%d misses" % rack)


@limit(90)
def test_datacentres_are_cut(env):
    """Each goes on for itself; what the other missed is sent again when the link is back so soon."""
    del env
    said = run(0, "--writes", "60000", "--fault", "cut", "--topology", "two-dcs")
    equal(number(r"refused +(\d+)", said), 0, "refused: each datacentre is whole")
    for rack in ("dc1/rack1", "dc1/rack2", "dc2/rack1", "dc2/rack2"):
        equal(number(rack + r" misses (\d+)", said), 0, "what %s misses" % rack)


@limit(60)
def test_a_loss_is_noticed(env):
    del env
    said = run(1, "--writes", "3000", "--forget", "2")
    check("broken for 2 writes" in said, "a wrong count")
