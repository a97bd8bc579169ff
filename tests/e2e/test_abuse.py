"""Other clients are served while a node is attacked, and afterwards it holds no more than before.

How much slower they are is tests/bench's matter: here every request must be answered rightly and
within seconds. test_many.py has the flood of SYNs at full speed."""

import abuse
from support import check, equal, limit, say

SECONDS = 3
# A time-out of the clients would end the test at 10 s; a single lost segment costs 200 ms.
WORST = 5


def under(env, kind, more=()):
    abuse.prepare(env)
    with abuse.Load(env) as load:
        load.round(0)
        before = load.counted()
        with abuse.attack(env, kind, SECONDS, load.victim(), more) as finish:
            rate = load.rate(SECONDS - 0.3)
            during = abuse.numbers(env)
            counts = finish()
        say("%s; meanwhile %.0f requests/s, the slowest round took %.3f s"
            % (counts, rate, load.worst))
        check(counts["sent"] > 100, "the attacker sent %d frames only", counts["sent"])
        check(load.worst < WORST, "a round took %.1f s", load.worst)
        abuse.settled(env, before)
        load.round(1)
    return counts, before, during, abuse.numbers(env)


def drops(before, after, *names):
    return sum(after["drops"][n] - before["drops"][n] for n in names)


@limit(60)
def test_ack_flood(env):
    counts, before, _, after = under(env, "ack")
    check(drops(before, after, "TCP_NO_CONN") > counts["sent"] // 2,
          "%d of %d were counted as nobody's", drops(before, after, "TCP_NO_CONN"), counts["sent"])
    # Answers are rate-limited (1,000 a second), so that spoofed addresses are not flooded.
    sent = after["counters"]["tcp_out_rsts"] - before["counters"]["tcp_out_rsts"]
    check(sent <= 1000 * (SECONDS + 2), "%d resets were sent", sent)


@limit(60)
def test_blind_reset_of_a_live_connection(env):
    """The connection lives through guesses at its sequence numbers; see rst_blind.script."""
    _, before, _, after = under(env, "blind")
    seen = drops(before, after, "TCP_SEQ", "TCP_RST_BLIND", "TCP_SYN_BLIND", "TCP_ACK",
                 "TCP_NO_TS", "TCP_PAWS", "TCP_RATE")
    check(seen > 100, "only %d segments were refused by the connection", seen)


@limit(60)
def test_garbage(env):
    under(env, "garbage")


@limit(60)
def test_closed_windows(env):
    """Sockstress: many ask for much and take nothing."""
    counts, _, during, _ = under(env, "zero-window")
    check(counts["opened"] > 100, "only %d connections were opened", counts["opened"])
    say("%d bytes were held for them" % during["gauges"]["tcp_mem_bytes"])
    check(during["gauges"]["tcp_mem_bytes"] > 0, "nothing was held for closed windows")


@limit(60)
def test_windows_of_one_byte(env):
    counts, _, _, _ = under(env, "tiny-window")
    check(counts["opened"] > 20, "only %d connections were opened", counts["opened"])


@limit(90)
def test_connections_come_and_go(env):
    counts, before, _, after = under(env, "churn", ("--pps", "8000"))
    check(counts["opened"] > 10000, "only %d connections were opened", counts["opened"])
    check(after["gauges"]["tcp_half_open"] <= 4096, "%d half-open connections",
          after["gauges"]["tcp_half_open"])


# The last one: for two minutes afterwards an ACK may carry a cookie, and is counted as one.
@limit(60)
def test_syn_flood_leaves_nothing(env):
    counts, _, during, _ = under(env, "syn")
    check(during["gauges"]["tcp_half_open"] <= 4096, "%d half-open connections",
          during["gauges"]["tcp_half_open"])
    equal(counts["opened"], 0, "connections of a flood that never answers")
