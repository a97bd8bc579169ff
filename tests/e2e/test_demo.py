"""`make demo` as a user sees it: it must work, say what it says for a reason, and leave nothing."""

import os
import re
import subprocess

from support import ROOT, check, equal, labs, say

DEMO = os.path.join(ROOT, "scripts/demo")


def demo(lab, *argv):
    done = subprocess.run([DEMO] + list(argv), text=True, stdout=subprocess.PIPE, timeout=110,
                          stderr=subprocess.STDOUT, env=dict(os.environ, DEMO_LAB=lab))
    say(done.stdout)
    equal(done.returncode, 0, "status of the demo")
    return done.stdout


def test_demo(env):
    del env
    lab = "e2edemo%d" % os.getpid()
    try:
        story = demo(lab)
    finally:
        demo(lab, "--down")
    told = re.findall(r"\$ .*redis-cli.* GET greeting\n(.*)\n", story)
    old, new = "hello from the data plane", "two of three are enough"
    # Another node, the three stores; then with one dead, the store that missed it, and outvoted.
    equal(told, [old] * 4 + [new, old, new], "what GET said")
    rows = re.findall(r"rack(\d) .* (answers|no answer)\n", story)
    equal([what for _, what in rows],
          ["answers"] * 3 + ["answers", "no answer", "answers"] + ["answers"] * 3, "who answers")
    check(re.search(r"missed_writes\n[1-9]", story), "no write was missed")
    check("demo: works" in story, "no happy end")
    equal(labs.Lab(lab, say=lambda text: None).namespaces(), [], "namespaces left")
