"""docs/performance.md: a section of it, between its two markers, is written by each bench."""

import os
import subprocess

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
PATH = os.path.join(ROOT, "docs/performance.md")
HEAD = """# Performance

Written by `make bench`; every section says what made it. Absolute figures are the machine's, and its
neighbours'; ratios travel.
"""


def machine():
    """The CPU, how many of it, and the kernel."""
    with open("/proc/cpuinfo") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return "%d x %s, Linux %s" % (len(names), names[0] if names else "unknown", os.uname().release)


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--tags", "--always", "--dirty"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.strip() or "unknown"


def write(name, text):
    """Puts the text in place of the section's, or at the end."""
    begin, end = "<!-- %s:begin -->" % name, "<!-- %s:end -->" % name
    try:
        with open(PATH) as f:
            whole = f.read()
    except FileNotFoundError:
        whole = HEAD
    section = "%s\n%s\n%s" % (begin, text.strip(), end)
    if begin in whole and end in whole:
        head, rest = whole.split(begin, 1)
        whole = head + section + rest.split(end, 1)[1]
    else:
        whole = whole.rstrip() + "\n\n" + section + "\n"
    with open(PATH, "w") as f:
        f.write(whole)
