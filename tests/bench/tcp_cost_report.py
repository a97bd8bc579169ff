"""The section of docs/performance.md about the cost of the stack alone."""

import performance

AIM_CYCLES, AIM_BYTES, AIM_MIB, AIM_RATIO = 800, 512, 1024, 0.6

ABOUT = """## The TCP stack alone

Packets in memory, one core, no port: frames go into `net_input`, the user reads and answers, frames
come out of `net_collect`. Connections take their turn in random order, in bursts of 32; a connection
comes again only when all others have been. Requests and replies have 32 bytes, timestamps are on, the
port checks and fills in checksums but where the table says otherwise. Cycles are ticks of the
time-stamp counter (%(tsc)d MHz; the core may run faster than that), the median of bursts;
instructions are counted by %(by)s (callgrind counts each turn of a repeated string instruction).

Machine: %(machine)s. Commit: %(commit)s. Command: `make bench ONLY=tcp-cost`.
"""

ANCHORS = """### Beside others

Their own figures, on their machines, none of them measured here:

* What is said of TAS is about 800 cycles of TCP a request on the server of a key-value store, and of
  a kernel's whole stack above 16,000 cycles. Our exchange with connections in the cache is below the
  first; with a hundred thousand or more, memory decides.
* libtpa answers 1.14 million Redis requests a second on a core at 2.4 GHz, the store's work
  included: 2,100 cycles each. Ours leaves that much less the exchange for everything else.
* IX lost half of its rate at 250,000 connections to cache misses. How ours falls is in the table.
* A kernel's idle socket takes 3 to 5 KB, VPP's record alone 0.6 to 0.7 KB beside its fifos, TAS's 128
  bytes beside two rings.
"""


def row(r):
    notes = [r["family"], "%s connections" % format(r["connections"], ",")]
    if r["active"] != r["connections"]:
        notes.append("%s active" % format(r["active"], ","))
    if r["checksums"] != "port":
        notes.append("checksums in software")
    if r["huge_pages"]:
        notes.append("buffers on huge pages")
    speed = "%.2f M/s" % (r["per_second"] / 1e6)
    if "mss" in r and r["figure"] != "tcp-stream-ack":
        speed += ", %.0f MB/s" % (r["per_second"] * r["mss"] / 1e6)
    return "| %s | %s | %d | %s | %s |" % (
        r["unit"], ", ".join(notes), r["cycles"], format(r.get("instructions", "-")), speed)


def exchange(results, connections, active):
    for r in results:
        if (r["figure"], r["family"], r["connections"], r["active"], r["checksums"]) == (
                "tcp-exchange", "ipv4", connections, active, "port"):
            return r
    raise KeyError("no such exchange")


def verdict(met):
    return "met" if met else "**not met**"


def aims(results):
    hundred = exchange(results, 100, 100)["cycles"]
    many = exchange(results, 100000, 100000)["cycles"]
    million = exchange(results, 1000000, 1000000)["cycles"]
    beside = exchange(results, 1000000, 100)["cycles"]
    idle = next(r for r in results if r["figure"] == "tcp-idle")
    held = idle["bytes"] * idle["connections"] / 2**20
    lines = [
        ("an exchange within 800 cycles, 100 connections", "%d" % hundred, hundred <= AIM_CYCLES),
        ("the same, 100,000 connections", "%d" % many, many <= AIM_CYCLES),
        ("at most 512 bytes for an idle connection, by the process's memory",
         "%d (record %d, table %.0f)" % (idle["bytes"], idle["record"], idle["table"]),
         idle["bytes"] <= AIM_BYTES),
        ("a million idle connections in at most 1 GiB", "%d MiB" % held, held <= AIM_MIB),
        ("100 active beside a million idle: at least 60 % of their rate alone",
         "%d %%" % (100 * hundred / beside), hundred / beside >= AIM_RATIO),
        ("a million active, in turn: at least 60 % of the rate of 100",
         "%d %%" % (100 * hundred / million), hundred / million >= AIM_RATIO),
    ]
    return ["| aim | measured | |", "|---|---|---|"] + [
        "| %s | %s | %s |" % (what, got, verdict(met)) for what, got, met in lines]


def write(results):
    by = {r["counted_by"] for r in results if "counted_by" in r}
    text = ABOUT % {"tsc": results[0]["tsc_mhz"], "machine": performance.machine(),
                    "by": " and ".join(sorted(by)) or "nothing on this machine",
                    "commit": performance.commit()}
    table = ["| operation | with | cycles | instructions | one core does |",
             "|---|---|---|---|---|"] + [row(r) for r in results if "cycles" in r]
    performance.write("tcp-cost", "\n".join([text] + aims(results) + [""] + table + ["", ANCHORS]))
