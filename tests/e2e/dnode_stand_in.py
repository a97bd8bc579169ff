"""Original nodes in the places of nodes of ours: their programs are stopped, and a kernel takes over
their address. What ours send there must be as an original would send it, byte by byte."""

import contextlib
import threading

from dnode_node import OriginalNode
from dnode_store import RedisStore
from dnode_wire import ID_MAX, RES, Broken, message
from support import check, net, say

DYN_PORT = 8101
OURS_MIN, OURS_MAX = 1 << 56, (1 << 57) - 1


class Witness(OriginalNode):
    """Notes what came that no original would send."""

    def __init__(self, *args):
        super().__init__(*args)
        self.wrong = []
        self.last = {}  # thread of the connection -> id
        self.mischief = None

    def took(self, got):
        super().took(got)
        last = self.last.get(threading.current_thread(), -1)
        self.last[threading.current_thread()] = got.id
        if got.raw != message(got.id, got.kind, got.payload, got.same_dc) or got.kind not in (3, 4):
            self.wrong.append("not as an original writes it: %r" % got)
        if not last < got.id <= ID_MAX:
            self.wrong.append("id %d after %d" % (got.id, last))
        if not OURS_MIN <= got.id <= OURS_MAX:
            self.wrong.append("id %d is not one of ours" % got.id)

    def answer(self, got):
        right = super().answer(got)
        # Only once: the next connection finds it well again, unless it is told anew.
        mischief, self.mischief = self.mischief, None
        return mischief(got, right) if mischief else right

    def check(self):
        check(not self.wrong, "%s: %s", self.name, self.wrong[:3])
        check(self.skipped == 0, "%s: %d bytes that are no message", self.name, self.skipped)


class Others(Witness):
    """Also takes what originals send."""

    def took(self, got):
        OriginalNode.took(self, got)


def die(got, right):
    raise Broken("killed within a request")


def answer_of(got, payload, number=None):
    return message(got.id if number is None else number, RES, payload, got.same_dc)


@contextlib.contextmanager
def kernel_at(ring, *numbers):
    """The kernel has the addresses of these nodes, whose programs do not run meanwhile."""
    nodes = [ring.node(n) for n in numbers]
    taken = []
    try:
        for node in nodes:
            for what in ("dataplane", "controlplane"):
                ring.lab.kill(node.name, what)
            ns = ring.lab.ns(node.name)
            taken.append(node)
            net.command("ip", "-n", ns, "link", "set", "eth1", "arp", "on")
            net.command("ip", "-n", ns, "addr", "add", node.data4 + "/24", "dev", "eth1")
        yield
    finally:
        for node in taken:
            ns = ring.lab.ns(node.name)
            net.command("ip", "-n", ns, "addr", "flush", "dev", "eth1")
            net.command("ip", "-n", ns, "link", "set", "eth1", "arp", "off")


@contextlib.contextmanager
def originals(ring, *numbers, kind=Witness):
    """Original nodes there, over the stores of those nodes: number -> node."""
    places = {}
    for number in ring.numbers:
        node = ring.node(number)
        places[number] = kind(node.name, node.datacenter, node.rack, int(node.tokens),
                              (node.data4, DYN_PORT),
                              RedisStore(ring.lab.socket_path(node.name)))
    say("originals: %s" % " ".join("node%d" % n for n in numbers))
    with kernel_at(ring, *numbers):
        try:
            for number in numbers:
                node = places[number]
                node.knows(*(p for n, p in places.items() if n != number))
                with net.inside(ring.lab.ns(node.name)):
                    node.start()
            yield {n: places[n] for n in numbers}
        finally:
            for number in numbers:
                places[number].stop()


def call(ring, node, *args, **how):
    """As a client of an original."""
    with net.inside(ring.lab.ns(node.name)):
        return node.call(*args, **how)


def ask(ring, node, peer, kind, payload):
    """A message of an original to a peer: what it got, as it came."""
    with net.inside(ring.lab.ns(node.name)):
        pending = node.ask(peer, kind, payload)
    pending.wait(10)
    check(pending.message, "no answer to %r: %r", payload, pending.payload)
    return pending
