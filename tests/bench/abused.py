"""What attacks cost the other clients: their requests a second with and without, by turns."""

import json
import os
import statistics
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
import abuse  # noqa: E402
import performance  # noqa: E402
from support import Env  # noqa: E402
from lab import lab as labs  # noqa: E402

AIM = 0.95
ROUNDS = 5
SECONDS = 2
# Long enough that what is not given back would show.
CHURN_SECONDS = 60

ABOUT = """## Under attack

Requests a second of %(clients)d clients while an attacker is at work, as a share of theirs without him,
both in turn (%(rounds)d times %(seconds)d s, medians). He sends a fixed number of frames a second, since
the two cores of the machine are his, theirs and the node's alike: the question is whether state and
answers run out, not whether the CPU does.
Machine: %(machine)s. Commit: %(commit)s. Command: `make bench ONLY=abuse`.

| attack | frames sent | requests/s without | with | share | aim %(aim).2f |
|---|---|---|---|---|---|
"""


def figure(env, kind):
    rates = {False: [], True: []}
    frames = 0
    with abuse.Load(env) as load:
        before = load.counted()
        load.rate(1)
        for _ in range(ROUNDS):
            rates[False].append(load.rate(SECONDS))
            with abuse.attack(env, kind, SECONDS + 1, load.victim()) as finish:
                rates[True].append(load.rate(SECONDS))
                frames += finish()["sent"]
        abuse.settled(env, before, 60)
    quiet, attacked = (statistics.median(rates[k]) for k in (False, True))
    result = {"figure": "abuse-" + kind, "unit": "requests/s", "quiet": round(quiet),
              "attacked": round(attacked), "ratio": round(attacked / quiet, 3), "frames": frames,
              "rounds": ROUNDS, "aim": AIM}
    print(json.dumps(result), flush=True)
    return result


def churn(env):
    """Connections opened and closed for a minute; then all is as before."""
    with abuse.Load(env) as load:
        before = load.counted()
        with abuse.attack(env, "churn", CHURN_SECONDS, None, ("--pps", "8000")) as finish:
            rate = load.rate(CHURN_SECONDS)
            counts = finish()
        abuse.settled(env, before, 60)
    result = {"figure": "abuse-churn-long", "unit": "connections", "opened": counts["opened"],
              "closed": counts["closed"], "seconds": CHURN_SECONDS, "requests_per_s": round(rate)}
    print(json.dumps(result), flush=True)


def figures(only):
    kinds = [k for k in abuse.ATTACKS if only in "abuse-" + k]
    if not kinds:
        return True
    lab = labs.Lab("abuse%d" % os.getpid(), say=lambda text: print(text, file=sys.stderr))
    try:
        lab.up("single", dict(labs.DEFAULTS))
        env = Env(lab)
        with labs.net.inside(lab.ns(labs.CLIENT)):
            abuse.prepare(env)
            results = [figure(env, kind) for kind in kinds]
            if only in "abuse-churn-long":
                churn(env)
    finally:
        lab.down()
    if len(results) == len(abuse.ATTACKS):
        write(results)
    return all(r["ratio"] >= AIM for r in results)


def write(results):
    head = ABOUT % {"clients": abuse.CLIENTS, "rounds": ROUNDS, "seconds": SECONDS, "aim": AIM,
                    "machine": performance.machine(), "commit": performance.commit()}
    rows = ["| %s | %s | %s | %s | %.2f | %s |" % (
        r["figure"][6:], *(format(r[k], ",") for k in ("frames", "quiet", "attacked")), r["ratio"],
        "met" if r["ratio"] >= AIM else "**not met**") for r in results]
    performance.write("abuse", head + "\n".join(rows))
