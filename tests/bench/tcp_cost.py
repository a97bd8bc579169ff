"""The cost of the stack alone: runs of tcp_cost, instructions by the CPU's counters or callgrind."""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 3
SECONDS = 300
NO_COUNTER = 3

# figure, options, what callgrind counts inside of
FIGURES = [("exchange", ["--conns", str(n), "--huge"], "measured_turn*")
           for n in (1, 32, 100, 1000, 10000, 100000)]
FIGURES += [("exchange", ["--conns", "1000000", "--samples", "60000", "--huge"], None)]
FIGURES += [("exchange", ["--conns", "1000000", "--active", "100", "--huge"], None)]
FIGURES += [("exchange", ["--v6", "--conns", str(n), "--huge"], "measured_turn*")
            for n in (100, 1000, 100000)]
FIGURES += [("exchange", ["--conns", "100", "--software-csum"], "measured_turn*")]
FIGURES += [("exchange", ["--conns", "100000"], None)]
for v6 in ([], ["--v6"]):
    FIGURES += [("data-in", v6, "measured_turn*"), ("ack-in", v6, "measured_turn*"),
                ("reply-out", v6, "measured_send*"), ("open", v6, "measured_open*"),
                ("close", v6, "measured_close*"), ("stream-in", v6, "measured_stream_in*"),
                ("stream-out", v6, "measured_stream_out*"),
                ("stream-ack", v6, "measured_stream_ack*")]
FIGURES += [("idle", ["--conns", "1000000"], None)]


def program():
    return os.path.join(os.path.abspath(os.environ.get("DYN_BUILD", "build")), "tcp_cost")


def run(argv):
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=SECONDS)
    if done.returncode not in (0, NO_COUNTER):
        raise RuntimeError("%s: %s" % (" ".join(argv), done.stderr))
    return json.loads(done.stdout) if done.returncode == 0 else None


def callgrind(name, options, inside):
    """Instructions of one operation. Fewer samples than measured: the count is the same."""
    if inside is None or "100000" in options or shutil.which("valgrind") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        result = run(["valgrind", "-q", "--tool=callgrind", "--collect-atstart=no",
                      "--toggle-collect=" + inside, "--callgrind-out-file=" + out,
                      program(), name, *options, "--samples", "300"])
        with open(out) as f:
            total = re.search(r"^(?:summary|totals): (\d+)", f.read(), re.M)
    return round(int(total.group(1)) / result["operations"]) if total else None


def count(name, options, inside):
    """(instructions, by what), or (None, None)."""
    counted = run([program(), name, *options, "--samples", "1000", "--count"])
    if counted and "instructions" in counted:
        return counted["instructions"], "perf"
    counted = callgrind(name, options, inside)
    return (counted, "callgrind") if counted else (None, None)


def figure(name, options, inside):
    runs = [run([program(), name, *options]) for _ in range(1 if name == "idle" else ROUNDS)]
    result = runs[0]
    if "cycles" in result:
        result["cycles"] = round(statistics.median(r["cycles"] for r in runs))
        result["per_second"] = round(result["tsc_mhz"] * 1000000 / result["cycles"])
        instructions, by = count(name, options, inside)
        if instructions:
            result.update(instructions=instructions, counted_by=by)
    if name.startswith("stream"):
        result["mss"] = 1448 if result["family"] == "ipv4" else 1428
    print(json.dumps(result), flush=True)
    return result


def figures(only):
    """Those whose name contains `only`, printed as they come."""
    chosen = [f for f in FIGURES if only in "tcp-cost-" + f[0]]
    made = []
    for name, options, inside in chosen:
        print("tcp_cost %s %s" % (name, " ".join(options)), file=sys.stderr)
        made.append(figure(name, options, inside))
    return made if len(chosen) == len(FIGURES) else []
