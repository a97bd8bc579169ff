"""Attackers who vanish without a word, their replies outstanding, and what then is given back."""

import time

import abuse
from support import check, limit, say

# Given up after six seconds of silence instead of 120; see silent_peer.script.
KEEPALIVE_MS = 3000
LAB = {"options": {"set": {"dataplane.keepalive": str(KEEPALIVE_MS)}}}
SECONDS = 3
# Twice the keepalive of silence, then the time-out that is running, of at most 12.8 s by now.
BOUND = 2 * KEEPALIVE_MS / 1000 + 12.8


def vanish(env, kind):
    abuse.prepare(env)
    with abuse.Load(env) as load:
        load.round(0)
        before = load.counted()
        with abuse.attack(env, kind, SECONDS, more=("--vanish",)) as finish:
            load.rate(SECONDS - 0.3)
            counts = finish()
        gone = time.monotonic()
        time.sleep(abuse.REPORT_SECONDS)
        after = abuse.numbers(env)["gauges"]
        say("%s; %d bytes are held for %d connections" % (
            counts, after["tcp_mem_bytes"], after["tcp_curr_estab"]))
        check(counts["opened"] > 20, "only %d connections were opened", counts["opened"])
        check(after["tcp_curr_estab"] > before["gauges"]["tcp_curr_estab"] + 20,
              "the connections of who vanished are gone at once: nothing is tested")
        abuse.settled(env, before, BOUND + 5)
        say("%.1f s after they vanished nothing is left" % (time.monotonic() - gone))
        load.round(1)


@limit(90)
def test_closed_windows_of_nobody(env):
    vanish(env, "zero-window")


@limit(90)
def test_windows_of_one_byte_of_nobody(env):
    vanish(env, "tiny-window")
