"""What attacks cost the other clients: their requests a second with and without, by turns."""

import json
import os
import statistics
import sys
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
import abuse  # noqa: E402
import performance  # noqa: E402
from support import Env  # noqa: E402
from lab import lab as labs  # noqa: E402

AIM = 0.95
# Many and short: what the machine's neighbours do changes within seconds.
ROUNDS = 9
SECONDS = 0.6
# The attacker is at work before the clients are counted, and after.
EXTRA = 0.2
PAUSE = 0.1
# A million connections and some.
CHURN_SECONDS = 85
CHURN_PPS = "13000"
# An attacker's resets can get lost; what then stays is given up after fifteen time-outs: 522 s.
SETTLE_SECONDS = 600

ABOUT = """## Under attack

Requests a second of %(clients)d clients: in peace, while an attacker sends his frames to a MAC that
nobody has (the control: it costs the machine, which has two cores for all of them, what his sending
costs), and while he sends them to the node; %(rounds)d times %(seconds).1f s of each, in turn. Where his
frames follow from the node's answers, the control sends as many of the same size. The worker has a core,
everybody else the other one. Shares are medians of the rounds' ratios; the aim is for the last one.
Machine: %(machine)s. Commit: %(commit)s. Command: `make bench ONLY=abuse`.

| attack | his frames | requests/s in peace | control | attack | control/peace | attack/peace | attack/control | aim %(aim).2f | all given back after |
|---|---|---|---|---|---|---|---|---|---|
"""

def pinned(env):
    """The data plane's worker has the last CPU as its own; all others share the other ones, in every
    phase, so that the scheduler has nothing to decide."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return
    for pid in (os.getpid(), env.pid("store"), env.pid("controlplane")):
        os.sched_setaffinity(pid, cpus[:-1])


def phase(load, attacking):
    """(requests/s, the attacker's counts) while it lasts."""
    with attacking as finish:
        rate = load.rate(SECONDS)
        counts = finish()
    time.sleep(PAUSE)
    return rate, counts


def rounds(env, load, kind):
    """Rates of each phase, one round after the other."""
    rates = {"quiet": [], "control": [], "attack": []}
    frames = 0
    victim = load.victim()
    counts = phase(load, abuse.attack(env, kind, SECONDS + EXTRA, victim))[1]
    for i in range(ROUNDS):
        rates["quiet"].append(load.rate(SECONDS))
        # What drifts meanwhile favours neither.
        for what in ("control", "attack") if i % 2 else ("attack", "control"):
            if what == "control":
                other = abuse.control(env, kind, SECONDS + EXTRA, victim, counts)
            else:
                other = abuse.attack(env, kind, SECONDS + EXTRA, victim)
            rate, sent = phase(load, other)
            rates[what].append(rate)
            frames += sent["sent"] if what == "attack" else 0
    return rates, frames


def share(rates, what, of):
    """The median of the rounds' ratios: neighbours of one round are nearest in time."""
    return round(statistics.median(a / b for a, b in zip(rates[what], rates[of])), 3)


def figure(env, kind):
    with abuse.Load(env) as load:
        before = load.counted()
        load.rate(1)
        rates, frames = rounds(env, load, kind)
        took = abuse.settled(env, before, SETTLE_SECONDS)
    result = {"figure": "abuse-" + kind, "unit": "requests/s",
              **{what: round(statistics.median(values)) for what, values in rates.items()},
              "control_of_quiet": share(rates, "control", "quiet"),
              "attack_of_quiet": share(rates, "attack", "quiet"),
              "ratio": share(rates, "attack", "control"), "frames": frames, "rounds": ROUNDS,
              "aim": AIM, "settled_s": round(took, 1)}
    print("abuse-%s: %s" % (kind, {k: [round(v) for v in vs] for k, vs in rates.items()}),
          file=sys.stderr)
    print(json.dumps(result), flush=True)
    return result


def churn(env):
    """A million connections opened and closed; then all is as before."""
    with abuse.Load(env) as load:
        before = load.counted()
        with abuse.attack(env, "churn", CHURN_SECONDS, None, ("--pps", CHURN_PPS)) as finish:
            rate = load.rate(CHURN_SECONDS)
            counts = finish()
        took = abuse.settled(env, before, SETTLE_SECONDS)
    result = {"figure": "abuse-churn-long", "unit": "connections", "opened": counts["opened"],
              "closed": counts["closed"], "seconds": CHURN_SECONDS, "requests_per_s": round(rate),
              "settled_s": round(took, 1)}
    print(json.dumps(result), flush=True)
    return result


def figures(only):
    kinds = [k for k in abuse.ATTACKS if only in "abuse-" + k]
    if not kinds and only not in "abuse-churn-long":
        return True
    lab = labs.Lab("abuse%d" % os.getpid(), say=lambda text: print(text, file=sys.stderr))
    try:
        lab.up("single", dict(labs.DEFAULTS))
        env = Env(lab)
        with labs.net.inside(lab.ns(labs.CLIENT)):
            abuse.prepare(env)
            pinned(env)
            results = [figure(env, kind) for kind in kinds]
            long = churn(env) if only in "abuse-churn-long" else None
    finally:
        lab.down()
    if len(results) == len(abuse.ATTACKS) and long:
        write(results, long)
    return all(r["ratio"] >= AIM for r in results)


def write(results, long):
    head = ABOUT % {"clients": abuse.CLIENTS, "rounds": ROUNDS, "seconds": SECONDS, "aim": AIM,
                    "machine": performance.machine(), "commit": performance.commit()}
    rows = ["| %s | %s | %.2f | %.2f | %.2f | %s | %.1f s |" % (
        r["figure"][6:],
        " | ".join(format(r[k], ",") for k in ("frames", "quiet", "control", "attack")),
        r["control_of_quiet"], r["attack_of_quiet"], r["ratio"],
        "met" if r["ratio"] >= AIM else "**not met**", r["settled_s"]) for r in results]
    tail = "\n\n%s connections were opened and %s closed in %d s, beside %s requests/s; memory and " \
           "connections were as before %.1f s later." % (
               *(format(long[k], ",") for k in ("opened", "closed")), long["seconds"],
               format(long["requests_per_s"], ","), long["settled_s"])
    performance.write("abuse", head + "\n".join(rows) + tail)
