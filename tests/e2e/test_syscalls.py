"""A worker makes no system call but for its store and its port."""

import collections
import os
import re
import subprocess
import time

from support import check, equal, limit, say

LAB = {"options": {"set": {"dataplane.poll": "busy"}}}

# On sockets only, which strace -y shows: the store's, and the port's.
ON_SOCKETS = {"read", "readv", "write", "writev", "recvfrom", "recvmsg", "sendto", "sendmsg", "poll",
              "ppoll", "setsockopt", "getsockopt", "close", "connect", "shutdown", "fcntl"}
# When the store is connected anew.
PLAIN = {"socket"}


def threads(pid):
    """thread id -> name"""
    out = {}
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, tid)) as f:
            out[int(tid)] = f.read().strip()
    return out


def workers(env):
    found = {t: n for t, n in threads(env.pid("dataplane")).items() if re.match(r"worker-\d", n)}
    check(found, "no thread is named worker-N: %s", threads(env.pid("dataplane")))
    return found


def cpus(tid):
    with open("/proc/%d/status" % tid) as f:
        text = re.search(r"Cpus_allowed_list:\s*(\S+)", f.read())[1]
    out = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        out |= set(range(int(low), int(high or low) + 1))
    return out


def trace(tid, seconds):
    """Lines of strace on one thread."""
    argv = ["timeout", "-s", "INT", str(seconds), "strace", "-qq", "-y", "-s", "0", "-p", str(tid)]
    say("$ " + " ".join(argv))
    done = subprocess.run(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                          errors="replace", timeout=seconds + 20)
    lines = done.stderr.splitlines()
    check(not any("ptrace" in line and "attach" in line for line in lines), "strace: %s", lines[:3])
    return lines


def forbidden(line):
    """The name of a call that a worker may not make, or None."""
    call = re.match(r"(?:<\.\.\. )?(\w+)(?:\((.*)| resumed)", line)
    if not call or line.startswith("<..."):
        return None
    name, arguments = call.groups()
    if name in PLAIN:
        return None
    if name in ("poll", "ppoll"):
        return None if arguments.startswith(("[{fd=", "NULL", "0x")) else name
    if name in ON_SOCKETS and re.match(r"-?\d+<(socket:|UNIX|TCP|PACKET|XDP|UDP)", arguments or ""):
        return None
    return line[:160]


@limit(60)
def test_workers_only_touch_store_and_port(env):
    load = subprocess.Popen(["timeout", "12", "redis-benchmark", "-h", env.node.data4, "-p", "8102",
                             "-t", "set,get", "-n", "100000000", "-c", "50", "-P", "4", "-q"],
                            stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        for tid, name in sorted(workers(env).items()):
            lines = trace(tid, 4)
            calls = collections.Counter(m[1] for m in (re.match(r"(\w+)\(", x) for x in lines) if m)
            say("%s, %d calls: %s" % (name, sum(calls.values()), dict(calls.most_common())))
            check(sum(calls.values()) > 100, "strace saw next to nothing: %s", lines[:5])
            bad = [b for b in (forbidden(line) for line in lines) if b]
            equal(bad[:5], [], "%d forbidden calls" % len(bad))
        check(load.poll() is None, "the load ended early")
    finally:
        load.terminate()
        load.wait(10)


@limit(60)
def test_idle_worker(env):
    """With nothing to do a busy worker asks the kernel for nothing but the store and the port."""
    for tid in workers(env):
        bad = [b for b in (forbidden(line) for line in trace(tid, 2)) if b]
        equal(bad[:5], [], "%d forbidden calls" % len(bad))


def test_other_threads_keep_off(env):
    """nng's threads, and all others, may not run where a worker runs."""
    pid = env.pid("dataplane")
    mine = workers(env)
    taken = set().union(*(cpus(t) for t in mine))
    say("workers %s on CPUs %s" % (sorted(mine.values()), sorted(taken)))
    equal(len(taken), len(mine), "CPUs of %d workers" % len(mine))
    if taken >= cpus_online():
        say("no CPU is left for others on this machine: nothing to check")
        return
    for tid, name in sorted(threads(pid).items()):
        if tid not in mine:
            check(not cpus(tid) & taken, "thread %s may run on %s, where a worker is", name,
                  sorted(cpus(tid) & taken))
    say("%d other threads keep off" % (len(threads(pid)) - len(mine)))


def cpus_online():
    return os.sched_getaffinity(1)

