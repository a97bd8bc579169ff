"""The link emulator itself, between two kernels, with numbered datagrams."""

import json
import socket
import struct
import time

from bed import LINKED, PERCENT, address, check, equal, limit, net

PORT = 7001
COUNT = 2000


class Numbers:
    """Sends numbers one way; tells which arrive, in which order, and how late."""

    def __init__(self, bed):
        self.link = bed.link("peer", realtime=True)
        # Any other frame would take a throw of the seed.
        net.ns_sysctl(bed.ns("peer"), "net.ipv6.conf.p1.disable_ipv6", "1")
        link = json.loads(net.command("ip", "-j", "-n", bed.ns("kern"), "link", "show", "k1"))
        net.command("ip", "-n", bed.ns("peer"), "neigh", "replace", address(LINKED, 1), "dev", "p1",
                    "lladdr", link[0]["address"], "nud", "permanent")
        with bed.inside():
            self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self.receiver.bind((address(LINKED, 1), PORT))
        with bed.inside("peer"):
            self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sender.connect((address(LINKED, 1), PORT))
        self.send(1, size=32)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sender.close()
        self.receiver.close()

    def send(self, count=COUNT, size=200, spacing=0.0001):
        """[(number, seconds)] of what arrives within half a second of silence."""
        out = []
        self.receiver.setblocking(False)
        quiet = time.monotonic() + 0.5
        sent = 0
        while time.monotonic() < quiet:
            now = time.monotonic()
            if sent < count:
                self.sender.send(struct.pack("Id", sent, now).ljust(size, b"."))
                sent += 1
                quiet = now + 0.5
            try:
                while True:
                    number, at = struct.unpack_from("Id", self.receiver.recv(2048))
                    out.append((number, time.monotonic() - at))
                    quiet = time.monotonic() + 0.5
            except BlockingIOError:
                pass
            time.sleep(spacing if sent < count else 0.001)
        return out


def numbers(arrivals):
    return [n for n, _ in arrivals]


@limit(90)
def test_what_it_does(bed):
    with Numbers(bed) as n:
        with bed.cell("nothing"):
            equal(numbers(n.send()), list(range(COUNT)), "what arrives")
        with bed.cell("delay and jitter keep the order"):
            n.link.set("a", delay_us=20000, jitter_us=5000)
            got = n.send()
            equal(numbers(got), list(range(COUNT)), "what arrives")
            check(min(s for _, s in got) >= 0.02, "one came after %.6f s", min(s for _, s in got))
            check(max(s for _, s in got) >= 0.022, "no jitter")
        with bed.cell("loss, the same for the same seed"):
            lists = []
            for seed in (1, 1, 2):
                n.link.set("a", loss=10 * PERCENT, seed=seed)
                lists.append(numbers(n.send()))
            equal(lists[0], lists[1], "what arrives with the same seed")
            check(lists[0] != lists[2], "another seed makes no difference")
            for got in lists:  # five standard deviations
                check(abs(COUNT - len(got) - COUNT * 0.1) < 68, "%d arrived", len(got))
        with bed.cell("bursts"):
            n.link.set("a", burst_enter=PERCENT, burst_leave=20 * PERCENT, seed=1)
            got = set(numbers(n.send()))
            lost = [i for i in range(COUNT) if i not in got]
            begins = [i for i in lost if i - 1 in got]
            check(len(lost) > 2 * len(begins) > 0, "%d lost in %d bursts", len(lost), len(begins))
        with bed.cell("duplicates"):
            n.link.set("a", dup=10 * PERCENT)
            got = numbers(n.send())
            check(abs(len(got) - COUNT * 1.1) < 68, "%d arrived", len(got))
            equal(sorted(set(got)), list(range(COUNT)), "what arrives")
        with bed.cell("reordering"):
            n.link.set("a", reorder=5 * PERCENT, reorder_us=3000)
            got = numbers(n.send())
            equal(sorted(got), list(range(COUNT)), "what arrives")
            check(got != sorted(got), "all came in order")
        with bed.cell("a bottleneck with a queue"):
            # 242 bytes each on the wire and 24 beside: at 1 Mbit/s 470 a second.
            n.link.set("a", rate_kbit=1000, queue=24200)
            got = n.send(400, spacing=0)
            check(100 <= len(got) <= 200, "%d arrived", len(got))
            check(0.15 < max(s for _, s in got) < 0.4, "it waited %.3f s", max(s for _, s in got))
        equal(n.link.counters()["to_a"]["no_room"], 0, "frames without room")
