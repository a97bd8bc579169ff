#!/usr/bin/python3
"""An original node (0.6) to test against: what it sends and takes on dyn_listen, and where it sends
requests to. It stands beside our nodes as a rack or as a datacentre.

    node = OriginalNode("n13", "dc1", "rack2", 0, ("127.0.0.1", 8101), DictStore())
    node.knows(other_node_or_Peer, ...)      # the rest of the cluster
    node.start()
    node.call("SET", "foo", "bar")           # as its client; the reply, as RESP

As a program: dnode_node.py --listen HOST:PORT --place DC:RACK:TOKEN [--store PATH|HOST:PORT]
[--peer HOST:PORT:RACK:DC:TOKEN]..., until SIGTERM. Without --store it has a dictionary.

What it does as the original does, though it is odd: it skips whatever is no header, it does not look
at the length of a request, it hands on a request of type 4 to all racks of its datacentre, and the
length in front of an answer that it hands on is too large. What it lacks: encryption, sending
gossip, requests with keys of several owners, read repair.
"""

import argparse
import signal
import socket
import threading

from dnode_link import Link, Pending, shut
from dnode_store import DictStore, RedisStore
from dnode_wire import GOSSIP, REQ, REQ_FORWARD, RES, Broken, Reader, arguments, header, request

READS = {b"get", b"exists", b"mget", b"ping", b"hget", b"hgetall", b"lrange", b"smembers",
         b"strlen", b"getrange", b"scard", b"llen", b"zrange", b"type"}
BAD_STATE = b"-ERR Dynomite: Dynomite's current state does not allow this request\r\n"
NO_QUORUM = b"-ERR Dynomite: Failed to achieve Quorum\r\n"
MASK = 0xffffffff


def murmur(key):
    """MurmurHash2 with the original's seed."""
    m, h = 0x5bd1e995, (0xdeadbeef * len(key) & MASK) ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at:at + 4], "little") * m & MASK
        h = (h * m & MASK) ^ ((k ^ k >> 24) * m & MASK)
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & MASK
    h = (h ^ h >> 13) * m & MASK
    return h ^ h >> 15


class Peer:
    """Where a node is, in the ring and in the network."""

    def __init__(self, name, dc, rack, token, address):
        self.name, self.dc, self.rack, self.token, self.address = name, dc, rack, token, address


class OriginalNode(Peer):
    def __init__(self, name, dc, rack, token, address, store):
        super().__init__(name, dc, rack, token, address)
        self.store = store
        self.ring = [self]
        self.links = {}
        self.seconds = 5        # that an answer of a peer may take
        self.standby = False    # answers everything with an error
        self.counter = 0
        self.lock = threading.Lock()
        self.connections = set()
        self.listener = None
        self.seen = []          # every message that came: (type, arguments or payload)
        self.skipped = 0        # bytes that were no message

    # --- life

    def knows(self, *peers):
        for peer in peers:
            self.ring.append(peer)
            self.links[peer] = Link(self, peer)

    def start(self):
        self.listener = socket.create_server(self.address)
        self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def stop(self):
        if self.listener:
            shut(self.listener)
        for link in self.links.values():
            link.close()
        with self.lock:
            connections = list(self.connections)
        for sock in connections:
            shut(sock)

    def __enter__(self):
        return self.start() if not self.listener else self

    def __exit__(self, *_):
        self.stop()

    def next_id(self):
        with self.lock:
            self.counter += 1
            return self.counter

    # --- as a peer

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections.add(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        reader = Reader(sock.recv)
        try:
            while True:
                got = reader.message()
                if got.flags == 1:
                    raise Broken("encrypted")
                self.took(got)
                if got.kind in (REQ, REQ_FORWARD):
                    sock.sendall(self.answer(got))
        except (Broken, OSError):
            pass
        finally:
            with self.lock:
                self.connections.discard(sock)
                self.skipped += reader.skipped
            shut(sock)

    def took(self, got):
        what = arguments(got.payload) if got.kind in (REQ, REQ_FORWARD) else got.payload
        with self.lock:
            self.seen.append((got.kind, what))

    def answer(self, got):
        if got.kind == REQ:
            reply, size = self.local(got.payload), None
        else:
            reply, size = self.relay(got.payload)
        # same_dc is what the requester said.
        return header(got.id, RES, len(reply) if size is None else size, got.same_dc) + reply

    def local(self, payload):
        return BAD_STATE if self.standby else self.store.call(payload)

    def relay(self, payload):
        """To the owner in every rack here. The own rack's answer counts, the others' are
        swallowed. Also the size to announce, where that is not the reply's."""
        key = key_of(payload)
        mine = None
        if not key:
            return self.local(payload), None
        for rack in self.racks(self.dc):
            pending = self.ask(self.owner(self.dc, rack, key), REQ, payload)
            if rack == self.rack:
                mine = pending
        reply = mine.wait(self.seconds)
        return reply, len(mine.message.raw) if mine.message else None

    # --- as a coordinator

    def racks(self, dc):
        return sorted({p.rack for p in self.ring if p.dc == dc})

    def owner(self, dc, rack, key):
        """The node with the smallest token at or above the key's; requests without a key stay."""
        if not key:
            return self
        peers = sorted((p for p in self.ring if (p.dc, p.rack) == (dc, rack)),
                       key=lambda p: p.token)
        token = murmur(key)
        return next((p for p in peers if p.token >= token), peers[0])

    def ask(self, peer, kind, payload):
        if peer is self:
            return Pending().settle(self.local(payload))
        return self.links[peer].send(kind, payload, int(peer.dc == self.dc))

    def call(self, *args, level="DC_ONE"):
        """What a client of this node gets, for a request of one key. Levels: DC_ONE, DC_QUORUM,
        DC_SAFE_QUORUM."""
        payload = request(*args)
        key = key_of(payload)
        write = arguments(payload)[0].lower() not in READS
        racks = self.racks(self.dc) if write or level != "DC_ONE" else [self.rack]
        if not key:
            racks = [self.rack]
        asked = {rack: self.ask(self.owner(self.dc, rack, key), REQ, payload) for rack in racks}
        if write and key:
            self.send_abroad(key, payload)
        if level == "DC_ONE":
            return asked[self.rack].wait(self.seconds)
        return vote([p.wait(self.seconds) for p in asked.values()], level)

    def send_abroad(self, key, payload):
        """One message to each other datacentre, to a rack by the index of the own."""
        index = self.racks(self.dc).index(self.rack)
        for dc in sorted({p.dc for p in self.ring} - {self.dc}):
            racks = self.racks(dc)
            self.ask(self.owner(dc, racks[index % len(racks)], key), REQ_FORWARD, payload)


def key_of(payload):
    args = arguments(payload)
    return args[1] if len(args) > 1 else b""


def vote(replies, level):
    good = [r for r in replies if not r.startswith(b"-")]
    quorum = len(replies) // 2 + 1
    if len(good) < quorum:
        return next(r for r in replies if r.startswith(b"-"))
    # Two that are the same end the wait, whatever the third says.
    same = [r for r in good if good.count(r) >= min(2, quorum)]
    if same:
        return same[0]
    return good[0] if level == "DC_QUORUM" else NO_QUORUM


def address_of(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--listen", required=True, type=address_of)
    p.add_argument("--place", required=True)
    p.add_argument("--store")
    p.add_argument("--peer", action="append", default=[])
    args = p.parse_args()
    store = DictStore()
    if args.store:
        store = RedisStore(args.store if "/" in args.store else address_of(args.store))
    dc, rack, token = args.place.split(":")
    # Before threads, so that they are of no concern to the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    with OriginalNode("original", dc, rack, int(token), args.listen, store) as node:
        for text in args.peer:
            host, port, rack, dc, token = text.rsplit(":", 4)
            node.knows(Peer(text, dc, rack, int(token), (host, int(port))))
        signal.sigwait((signal.SIGTERM, signal.SIGINT))


if __name__ == "__main__":
    main()
