"""Attacks on a node, and the clients that must not feel them. For test_abuse.py and tests/bench."""

import contextlib
import json
import os
import subprocess
import time

from support import PORT, check, encode, equal, eventually, say

CLIENTS = 16
BIG = 100000
BIG_KEY = "abuse:big"

# What each sends: options of the attacker. Rates are such that the machine's two cores, which are
# the attacker's, the clients' and the node's alike, are not what runs out.
ATTACKS = {
    "syn": ["--pps", "2000"],
    "ack": ["--pps", "2000"],
    "blind": ["--pps", "2000"],
    "garbage": ["--pps", "2000"],
    "zero-window": ["--pps", "200", "--conns", "400", "--request", "GET " + BIG_KEY],
    "tiny-window": ["--pps", "200", "--conns", "50", "--request", "GET " + BIG_KEY],
    "churn": ["--pps", "1000"],
}
# In these, what the attacker sends follows from what he is told.
STATEFUL = ("zero-window", "tiny-window", "churn")


def prepare(env):
    with env.connect() as c:
        equal(c.call("SET", BIG_KEY, b"x" * BIG), b"OK", "SET of the large value")


@contextlib.contextmanager
def attack(env, kind, seconds, victim=None, more=(), octet=None):
    """Under attack within. Yields a function that waits for the end and gives the counts. With
    another octet the frames go to the MAC of that host instead of to the node's."""
    program = os.path.join(os.path.abspath(os.environ.get("DYN_BUILD", "build")), "attack")
    argv = [program, kind, "--target", env.node.data4, "--port", str(PORT), "--mac",
            "02:00:c6:12:00:%02x" % (octet or env.node.octet), "--seconds", str(seconds),
            *ATTACKS[kind], *more]
    if victim:
        argv += ["--victim", victim[0], "--victim-port", str(victim[1])]
    process = subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish():
        out, err = process.communicate(timeout=seconds + 30)
        check(process.returncode == 0, "the attacker: %s", err)
        return {**json.loads(out), "seconds": seconds}

    try:
        yield finish
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


# Nobody's.
NO_OCTET = 254
# An IPv4 TCP segment without text.
HEADERS = 54


def control(env, kind, seconds, victim, counts):
    """As attack(), with as many frames of the same size, which the network carries to the node's port
    as all the others, but which are not for its stack. `counts` are those of the attack."""
    if kind not in STATEFUL:
        return attack(env, kind, seconds, victim, octet=NO_OCTET)
    each = max(0, round(counts["bytes"] / counts["sent"]) - HEADERS)
    more = ("--pps", str(round(counts["sent"] / counts["seconds"])), "--pad", str(each))
    return attack(env, "ack", seconds, victim, more, NO_OCTET)


# The data plane reports once a second.
REPORT_SECONDS = 1.5


def numbers(env):
    status, body = env.lab.rest(env.node, "/v1/stats")
    equal(status, 200, "status of /v1/stats")
    return json.loads(body)


def settled(env, before, seconds=20):
    """What connections hold is what they held before: buffers, records, clients."""
    names = ("tcp_mem_bytes", "tcp_curr_estab", "client_connections")

    def there():
        gauges = numbers(env)["gauges"]
        return all(gauges[n] <= before["gauges"][n] for n in names)

    time.sleep(REPORT_SECONDS)
    took = eventually("memory and connections are as before (%s)"
                      % {n: before["gauges"][n] for n in names}, there, seconds, 0.3)
    say("all as before after %.1f s" % took)
    return took


class Load:
    """Clients that ask and wait for the answer, all at once, round after round."""

    def __init__(self, env, seconds=10):
        self.clients = [env.connect(seconds) for _ in range(CLIENTS)]
        self.env = env
        self.worst = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for c in self.clients:
            c.close()

    def counted(self):
        """What the node reports when these clients are all there is."""
        eventually("the clients are counted", lambda: numbers(self.env)["gauges"]
                   ["client_connections"] == CLIENTS, 5, 0.2)
        time.sleep(REPORT_SECONDS)
        return numbers(self.env)

    def victim(self):
        return self.clients[0].socket.getsockname()

    def round(self, n):
        started = time.monotonic()
        for i, c in enumerate(self.clients):
            c.send(encode("SET", "abuse:%d" % i, n) + encode("GET", "abuse:%d" % i))
        for i, c in enumerate(self.clients):
            equal(c.reply(), b"OK", "SET of client %d" % i)
            equal(c.reply(), b"%d" % n, "GET of client %d" % i)
        self.worst = max(self.worst, time.monotonic() - started)

    def rate(self, seconds):
        """Requests a second."""
        started = time.monotonic()
        n = 0
        while time.monotonic() < started + seconds:
            self.round(n)
            n += 1
        return n * 2 * CLIENTS / (time.monotonic() - started)
