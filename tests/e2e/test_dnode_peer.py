"""The original nodes that others are tested against: they must talk to each other as was captured,
and the player of transcripts must notice what is wrong."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import dnode_node
from dnode_link import NOT_CONNECTED, Link
from dnode_node import BAD_STATE, OriginalNode, Peer, murmur
from dnode_player import Requester, Responder, names, read
from dnode_store import DictStore, RedisStore
from dnode_wire import Broken, Reader, StrictReader, header, message, request
from support import Failure, check, equal, eventually, say

LAB = {"start": ("store",)}
ANY = ("127.0.0.1", 0)
HALF = 1 << 31
# What the stores held when the transcripts were recorded.
HELD = {
    "del": [("MSET", "a", 1, "b", 2, "c", 3)],
    "mget": [("MSET", *"a va b vb c vc d vd f vf".split())],
    "wrongtype": [("RPUSH", "foo", "x")],
}


@contextlib.contextmanager
def cluster(*places):
    """Nodes that know each other; a place is (name, dc, rack, token), or with a store behind it."""
    nodes = []
    try:
        for name, dc, rack, token, *store in places:
            node = OriginalNode(name, dc, rack, token, ANY, *store or [DictStore()])
            nodes.append(node.start())
        for node in nodes:
            node.knows(*(n for n in nodes if n is not node))
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def five():
    return cluster(("n11", "dc1", "rack1", 0), ("n12", "dc1", "rack1", HALF),
                   ("n13", "dc1", "rack2", 0), ("n14", "dc2", "rackA", 0),
                   ("n15", "dc2", "rackB", 0))


def alone(store=None):
    return OriginalNode("n13", "dc1", "rack2", 0, ANY, store or DictStore())


def fails(what, body):
    try:
        body()
    except Failure as e:
        say("%s: %s" % (what, str(e)[:150]))
        return
    raise Failure("not noticed: %s" % what)


def exchange(sock, data, count):
    """Sends bytes; that many messages come back."""
    sock.sendall(data)
    reader = Reader(sock.recv)
    return [reader.message() for _ in range(count)]


def test_murmur(env):
    del env
    for key, token in ((b"a", 1262581116), (b"foo", 3303027599), (b"bar", 516654467),
                       (b"user:1000", 2384768711), (b"0123456789abcdef", 43138349),
                       (b"\xff\xfe\x80\x7a", 656625659), (b"", 0)):
        equal(murmur(key), token, "token of %r" % key)


def test_two_racks(env):
    del env
    with cluster(("n11", "dc1", "rack1", 0), ("n13", "dc1", "rack2", 0)) as (n11, n13):
        equal(n11.call("SET", "foo", "bar"), b"+OK\r\n", "SET")
        eventually("the other rack has it", lambda: n13.store.values == {b"foo": b"bar"})
        equal(n13.call("GET", "foo"), b"$3\r\nbar\r\n", "GET there")
        equal(n13.seen, [(3, [b"SET", b"foo", b"bar"])], "what came to the other rack")
        equal(n11.seen, [], "what came to the first")

        n13.store.values[b"foo"] = b"other"
        equal(n11.call("GET", "foo", level="DC_SAFE_QUORUM"), dnode_node.NO_QUORUM, "GET")
        check(n11.call("GET", "foo", level="DC_QUORUM").startswith(b"$"), "DC_QUORUM takes one")
        n13.standby = True
        equal(n11.call("GET", "foo", level="DC_QUORUM"), BAD_STATE, "a standby rack")
        n13.stop()
        eventually("the link is down", lambda: n11.links[n13].socket is None)
        equal(n11.call("GET", "foo", level="DC_QUORUM"), NOT_CONNECTED, "a rack that is gone")


def test_two_datacentres(env):
    """As captured: dc2's racks get a SET once each, and it comes to dc2 once."""
    del env
    with five() as nodes:
        n11, n12, n13, n14, n15 = nodes
        set_foo, set_q = [b"SET", b"foo", b"bar"], [b"SET", b"q", b"v"]
        equal(n11.call("SET", "foo", "bar"), b"+OK\r\n", "SET")
        eventually("all racks have it",
                   lambda: all(n.store.values for n in (n11, n13, n14, n15)))
        equal([n.seen for n in nodes], [[], [], [(3, set_foo)], [(4, set_foo)], [(3, set_foo)]],
              "what came to each node")
        equal(n11.call("SET", "q", "v"), b"+OK\r\n", "SET of a key of n12")
        eventually("all racks have it",
                   lambda: all(b"q" in n.store.values for n in (n12, n13, n14, n15)))
        check(b"q" not in n11.store.values, "n11 has a key of n12")
        equal(n12.seen, [(3, set_q)], "what came to n12")
        # The own number of the relay, not the coordinator's.
        equal((n14.counter, n15.counter), (2, 0), "messages that dc2 made")


def test_relayed_answer(env):
    """An answer that was itself a peer's has too large a length; nothing after it is lost."""
    del env
    with five() as (n11, _, _, n14, _):
        set_q = request("SET", "q", "v")
        with socket.create_connection(n11.address, 5) as sock:
            first, second = exchange(sock, message(8, 4, set_q, 0) + message(
                9, 4, request("SET", "foo", "x"), 0), 2)
        equal(first.raw, header(8, 5, first.plen, 0) + b"+OK\r\n", "the answer to 8")
        check(first.plen > 5, "plen is %d", first.plen)
        equal(second.raw, message(9, 5, b"+OK\r\n", 0), "the answer to 9")
        pending = n14.ask(n11, 4, set_q)
        equal(pending.wait(5), b"+OK\r\n", "as another original reads it")


def test_parser(env):
    """What an original tolerates, in one piece and byte by byte."""
    del env
    get = request("GET", "x")
    junk = b"junk $2014 $2014$ x" + b" $2014$ 1 3 0 1  1 *1 d *4\r\n" + message(1, 3, get)
    stream = junk + header(2, 3, 999) + get + b"   $2014$ 3 3 15 1 0 *5 D1;cc    *20\r\n" + get \
        + b"xx" + message(4, 7, b"dc1$rack1$0,1,4,h", data=b"a") + message(5, 8, b"") \
        + message(6, 3, request("GET", "y" * 70000))
    want = [message(i, 5, b"$-1\r\n", same) for i, same in ((1, 1), (2, 1), (3, 0), (6, 1))]
    with alone() as node:
        for step in (len(stream), 1):
            with socket.create_connection(node.address, 5) as sock:
                for at in range(0, min(len(stream), 400), step):
                    sock.sendall(stream[at:at + step])
                got = exchange(sock, stream[400:] if step == 1 else b"", 4)
            equal([m.raw for m in got], want, "the answers")
        eventually("gossip was seen", lambda: (7, b"dc1$rack1$0,1,4,h") in node.seen)
        with socket.create_connection(node.address, 5) as sock:
            sock.sendall(message(1, 3, b"x" * 32, flags=1))
            equal(sock.recv(10), b"", "what comes for an encrypted message")


def test_answers_and_ids(env):
    """Lower than the head of the queue: dropped. Higher: the head has failed."""
    del env
    with socket.create_server(ANY) as listener, alone() as node:
        link = Link(node, Peer("p", "dc1", "rack1", 0, listener.getsockname()))
        asked = [link.send(3, request("GET", "x"), 1) for _ in range(4)]
        sock = listener.accept()[0]
        with sock:
            sock.sendall(message(1, 5, b":1\r\n") + message(1, 5, b":9\r\n")
                         + message(3, 5, b":3\r\n"))
            equal([p.wait(5)[:4] for p in asked[:3]], [b":1\r\n", b"-ERR", b":3\r\n"], "answers")
            equal((link.dropped, link.skipped, len(link.fifo)), (1, 1, 1), "the link")
        check(b"refused" in asked[3].wait(5), "the last fails with the connection")
        equal([p.id for p in asked], [1, 2, 3, 4], "ids")


def test_transcripts(env):
    """Both ends of each conversation, with an original at the other, over a real Redis."""
    node = alone(RedisStore(env.lab.socket_path(env.node.name)))
    with node, env.direct() as store:
        for name in names():
            for chunk, pipelined in ((0, False), (1, False), (7, True)):
                store.call("FLUSHALL")
                for command in HELD.get(name, ()):
                    store.call(*command)
                Requester(name, chunk).play(node.address, pipelined)
            ask(node, name)
    say("%d transcripts: %s" % (len(names()), " ".join(names())))


def ask(node, name):
    """The node asks for what is recorded, and gets what is recorded."""
    with Responder(name, ANY) as player:
        link = Link(node, Peer("p", "dc1", "rack1", 0, player.address))
        equal(link.send(3, request("PING"), 1).wait(5), b"+PONG\r\n", "PING")
        lines = read(name)
        for (_, asked), (_, answer) in zip(lines[::2], lines[1::2]):
            pending = link.send(asked.kind, asked.payload, asked.same_dc)
            equal(pending.wait(5), answer.payload, "what the node got")
        player.finish()
        link.close()


def test_player_notices(env):
    """A player that takes anything would test nothing."""
    del env
    line = read("set_rack")[0][1].raw
    with alone() as node:
        fails("another answer", lambda: Requester("mget").play(node.address))

    def sent(data, more=b""):
        with Responder("gap", ANY, seconds=2) as player:
            with socket.create_connection(player.address, 5) as sock:
                sock.sendall(data)
                if more:
                    sock.recv(100)
                    sock.sendall(more)
                player.finish()

    get = read("gap")[2][1]
    fails("another data field", lambda: sent(line.replace(b"*1 d", b"*2 dd")))
    fails("another same_dc", lambda: sent(line.replace(b"1 1 *1", b"1 0 *1")))
    fails("another type", lambda: sent(line.replace(b" 5 3 ", b" 5 4 ")))
    fails("another payload", lambda: sent(line.replace(b"foo", b"fop")))
    fails("a wrong length", lambda: sent(line.replace(b"*31", b"*32")))
    fails("a leading zero", lambda: sent(line.replace(b" 5 3", b" 05 3")))
    fails("something before it", lambda: sent(b" " + line))
    fails("an id that does not grow", lambda: sent(line, message(5, 3, get.payload)))
    fails("one message too many", lambda: sent(line, get.raw + line))
    fails("half a message", lambda: sent(line, get.raw + line[:9]))
    fails("nothing at all", lambda: sent(b""))
    sent(line, get.raw)
    sent(message(1 << 63, 3, read("gap")[0][1].payload), message((1 << 63) + 9, 3, get.payload))


def test_strict_reader(env):
    del env
    for data in (b"   $2014$ 1 3 0 1 1 *2 d  *14\r\n", b"   $2014$ 1 3 0 1 1 *1 d  *14\r\n"):
        left = [data + request("PING")]
        try:
            StrictReader(lambda size: left.pop() if left else b"").message()
        except Broken:
            continue
        raise Failure("not noticed: %r" % data)


def test_program(env):
    """It stands in a lab as a process of its own."""
    del env
    with socket.create_server(ANY) as free:
        address = free.getsockname()
    program = subprocess.Popen([sys.executable, dnode_node.__file__, "--listen", "%s:%d" % address,
                                "--place", "dc1:rack2:0",
                                "--peer", "127.0.0.1:1:rack1:dc1:0"])
    try:
        set_foo = message(1, 3, request("SET", "foo", "bar"))
        eventually("it listens", lambda: socket.create_connection(address, 1).close() is None)
        with socket.create_connection(address, 5) as sock:
            equal(exchange(sock, set_foo, 1)[0].raw, message(1, 5, b"+OK\r\n"), "SET")
        started = time.monotonic()
        os.kill(program.pid, signal.SIGTERM)
        equal(program.wait(5), 0, "exit status")
        say("ends in %.2f s" % (time.monotonic() - started))
    finally:
        program.kill()
        program.wait()
