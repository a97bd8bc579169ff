"""Original nodes beside ours in one cluster: as a rack, as a datacentre, in both directions."""

import socket
import time

from dnode_player import Requester, Responder, names
from dnode_stand_in import DYN_PORT, Others, answer_of, ask, call, die, kernel_at, originals
from dnode_wire import REQ, REQ_FORWARD, RES, Reader, header, message, request
from ring import LEVELS, Ring, failed, timed
from support import Error, check, equal, eventually, limit, net, say, short
from test_dnode_peer import HELD

TIMEOUT = 1.0
LAB = {"topology": "two-dcs", "options": {"set": {"dyn_o_mite.timeout": "%d" % (TIMEOUT * 1000)}}}
# What we refuse, for peers too.
REFUSED = {"script_load"}


def reached(ring, who, where, level="DC_QUORUM"):
    """Waits until node `who` sends to the original `where`."""
    with ring.connect(who, level) as c:
        eventually("%s gets messages of node%d" % (where.name, who), lambda: (
            c.call("SET", "reach", 1) is None or any(a[0] == b"SET" for _, a in where.seen)), 15, 0.1)
    time.sleep(0.1)
    where.seen.clear()


def store_all(ring, numbers, key, value):
    eventually("%s is %s in the stores of %s" % (key, value, numbers),
               lambda: [ring.in_store(n, "GET", key) for n in numbers] == [value] * len(numbers))


@limit(60)
def test_as_a_rack(env):
    ring = Ring(env)
    ring.flush()
    with originals(ring, 2) as nodes:
        other = nodes[2]
        reached(ring, 1, other)
        for level in LEVELS[:3]:
            ring.flush()
            other.seen.clear()
            with ring.connect(1, level) as c:
                equal(c.call("SET", "foo", "bar"), b"OK", "SET")
                equal(c.call("GET", "foo"), b"bar", "GET")
                equal(c.call("INCR", "n"), 1, "INCR")
                equal(c.call("MSET", "a", 1, "b", 2), b"OK", "MSET")
                equal(c.call("MGET", "a", "b", "c"), [b"1", b"2", None], "MGET")
                equal(c.call("DEL", "a", "b"), 2, "DEL")
                check(isinstance(c.call("INCR", "foo"), Error), "INCR of a text")
            store_all(ring, ring.numbers, "n", b"1")
            eventually("the last came", lambda: (REQ, [b"INCR", b"foo"]) in other.seen)
            reads = [a for k, a in other.seen if a[0] in (b"GET", b"MGET")]
            equal(len(reads), 0 if level == "DC_ONE" else 2, "reads that it got at " + level)
            equal({k for k, _ in other.seen}, {REQ}, "types of messages within a datacentre")
            equal([a for _, a in other.seen].count([b"INCR", b"n"]), 1, "INCRs")

        # The other way: its clients' writes get everywhere, once, through us.
        for i in range(1, 21):
            equal(call(ring, other, "INCR", "theirs"), b":%d\r\n" % i, "INCR")
            equal(call(ring, other, "GET", "theirs", level="DC_QUORUM"), b"$%d\r\n%d\r\n" % (
                len(str(i)), i), "GET at DC_QUORUM")
        store_all(ring, ring.numbers, "theirs", b"20")
        link = next(link for peer, link in other.links.items() if peer.name == "node1")
        equal((link.dropped, link.skipped), (0, 0), "answers that did not fit")
        other.check()


@limit(60)
def test_as_a_datacentre(env):
    ring = Ring(env)
    ring.flush()
    with originals(ring, 3, 4, kind=Others) as nodes, ring.connect(1) as one, ring.connect(2) as two:
        for number in (1, 2):
            with ring.connect(number, LEVELS[-1]) as c:
                eventually("both are reached", lambda c=c: c.call("SET", "x", 1) == b"OK", 15, 0.1)
        for node in nodes.values():
            node.seen.clear()
        set_foo, incr = [b"SET", b"foo", b"bar"], [b"INCR", b"n"]
        equal(one.call("SET", "foo", "bar"), b"OK", "SET through node1")
        equal(two.call("INCR", "n"), 1, "INCR through node2")
        store_all(ring, ring.numbers, "n", b"1")
        store_all(ring, ring.numbers, "foo", b"bar")
        equal(sorted(nodes[3].seen), sorted([(REQ_FORWARD, set_foo), (REQ, incr)]), "node3 got")
        equal(sorted(nodes[4].seen), sorted([(REQ_FORWARD, incr), (REQ, set_foo)]), "node4 got")
        for node in nodes.values():
            node.seen.clear()
        with ring.connect(1, LEVELS[-1]) as each:
            equal(each.call("INCR", "n"), 2, "INCR at DC_EACH_SAFE_QUORUM")
            equal(each.call("GET", "n"), b"2", "GET")
        equal([n.seen for n in nodes.values()], [[(REQ, incr), (REQ, [b"GET", b"n"])]] * 2,
              "what both got, for themselves alone")

        for number, node in nodes.items():
            for i in range(1, 11):
                equal(call(ring, node, "INCR", "by%d" % number), b":%d\r\n" % i, "INCR there")
            store_all(ring, ring.numbers, "by%d" % number, b"10")
        equal([(p.dropped, p.skipped) for n in nodes.values() for p in n.links.values()],
              [(0, 0)] * 6, "answers that did not fit")


@limit(60)
def test_headers(env):
    """What leaves node1 for each place: data `d`, type, same_dc, length; and what it answers."""
    ring = Ring(env)
    with originals(ring, 2, 3, 4) as nodes:
        got = {n: [] for n in nodes}
        for number, node in nodes.items():
            node.answer = lambda m, number=number, old=node.answer: (got[number].append(m), old(m))[1]
        with ring.connect(1, LEVELS[-1]) as c:
            eventually("all are reached", lambda: c.call("SET", "x", 1) == b"OK", 15, 0.1)
        with ring.connect(1) as c:
            for size in (1, 100, 70000):
                equal(c.call("SET", "size", "v" * size), b"OK", "SET of %d bytes" % size)
        eventually("all came", lambda: all(any(b"v" * 70000 in m.payload for m in got[n]) for n in (2, 3)))
        equal({(n, m.same_dc) for n in got for m in got[n] if m.id >= 1 << 56},
              {(2, 1), (3, 0), (4, 0)}, "same_dc")
        for node in nodes.values():
            relayed = [w for w in node.wrong if "is not one of ours" in w]
            node.wrong = [w for w in node.wrong if w not in relayed]
            node.check()

        node1 = next(p for p in nodes[2].links if p.name == "node1")
        for kind, args, answer in ((REQ, ("SET", "k", "v"), b"+OK\r\n"), (REQ, ("GET", "k"), b"$1\r\nv\r\n"),
                                   (REQ, ("GET", "none"), b"$-1\r\n"), (REQ, ("PING",), b"+PONG\r\n"),
                                   (REQ_FORWARD, ("INCR", "kk"), b":1\r\n")):
            for who in (2, 3):
                if kind == REQ_FORWARD and who == 2:
                    continue
                ring.in_stores("DEL", "kk")
                pending = ask(ring, nodes[who], node1, kind, request(*args))
                equal(pending.message.raw, message(pending.id, RES, answer, int(who == 2)),
                      "the answer to %s" % args[0])


def play(ring, name, chunk, pipelined):
    ring.flush()
    for command in HELD.get(name, ()):
        ring.in_store(1, *command)
        ring.in_store(2, *command)
    Requester(name, chunk).play((ring.node(1).data4, DYN_PORT), pipelined)


@limit(60)
def test_transcripts_to_us(env):
    """An original speaks as was captured: in one piece, byte by byte, and all at once."""
    ring = Ring(env)
    ring.whole()
    for name in names():
        for chunk, pipelined in ((0, False), (1, False), (7, True)):
            if name not in REFUSED:
                play(ring, name, chunk, pipelined)
    with socket.create_connection((ring.node(1).data4, DYN_PORT), 5) as sock:
        load = request("SCRIPT", "LOAD", "return 1")
        sock.sendall(message(5, REQ, load, 0) + message(6, REQ, request("PING"), 0))
        reader = Reader(sock.recv)
        got = [reader.message() for _ in range(2)]
        check(got[0].payload.startswith(b"-ERR") and got[0].id == 5, "SCRIPT LOAD: %r", got[0])
        equal(got[1].raw, message(6, RES, b"+PONG\r\n", 0), "PING behind it")


@limit(90)
def test_transcripts_by_us(env):
    """Our node makes of a client's request what the original made of it."""
    ring = Ring(env)
    asked = {  # where the player stands, and who asks how
        "set_rack": (2, "DC_ONE", [("set", "foo", "bar")]),
        "get_none": (2, "DC_QUORUM", [("get", "nokey")]),
        "gap": (2, "DC_QUORUM", [("set", "foo", "bar"), ("get", "nokey")]),
        "mget": (2, "DC_QUORUM", [("mget", *"abcdf")]),
        "del": (2, "DC_QUORUM", [("del", "a", "b", "c")]),
        "sort_alpha": (2, "DC_QUORUM", [("sort", "sx", "alpha")]),
        "wrongtype": (2, "DC_QUORUM", [("get", "foo")]),
        "set_forward": (3, "DC_ONE", [("set", "foo", "bar")]),
    }
    equal(sorted(asked), [n for n in names() if n not in REFUSED], "transcripts")
    with kernel_at(ring, 2, 3, 4), ring.connect(1, LEVELS[-1]) as c:
        # Only who sends something learns that its connection is one of a node that was killed.
        failed(c.call("SET", "reach", 1))
        for name, (where, level, requests) in asked.items():
            ring.flush()
            for command in HELD.get(name, ()):
                ring.in_store(1, *command)
            with net.inside(ring.lab.ns("node%d" % where)):
                player = Responder(name, (ring.node(where).data4, DYN_PORT))
            with player:
                eventually("node1 has connected", lambda p=player: p.socket, 10)
                with ring.connect(1, level) as c:
                    for args in requests:
                        reply = c.call(*args)
                        check(name == "wrongtype" or not isinstance(reply, Error), "%s: %s", name, reply)
                player.finish()


def test_order_and_ids(env):
    """To an original, answers come in the order of its requests with their ids, each exactly once;
    what it does not want answered is not, and what we do not speak ends the connection."""
    ring = Ring(env)
    ring.flush()
    ring.whole()
    number, want, out = 3, [], []
    for i in range(1, 400):
        number += env.random.choice((1, 1, 2, 1000))
        what = env.random.randrange(5)
        if what == 0:
            out.append(message(number, 7, b"dc1$rack2$0,1,4,h", data=b"a"))
            continue
        if what == 1:
            out.append(message(number, REQ_FORWARD, request("APPEND", "log", "x")))
            want.append((number, None))
        elif what == 2:
            out.append(message(number, REQ, request("GET", "none")))
            want.append((number, b"$-1\r\n"))
        elif what == 3:
            out.append(message(number, REQ, request("NONSENSE")))
            want.append((number, None))
        else:
            out.append(message(number, REQ, request("ECHO", i)))
            want.append((number, b"$%d\r\n%d\r\n" % (len(str(i)), i)))
    stream = b"".join(out)
    check(len(want) > 200, "only %d requests", len(want))
    for step in (len(stream), 333):
        ring.flush()
        with socket.create_connection((ring.node(1).data4, DYN_PORT), 10) as sock:
            for at in range(0, len(stream), step):
                sock.sendall(stream[at:at + step])
            reader = Reader(sock.recv)
            length = 0
            for number, payload in want:
                got = reader.message()
                equal(got.raw, message(number, RES, got.payload), "the answer to %d" % number)
                if payload is not None:
                    equal(got.payload, payload, "the answer to %d" % number)
                elif got.payload.startswith(b":"):
                    length += 1
                    equal(got.payload, b":%d\r\n" % length, "APPENDs in order")
        eventually("each APPEND once", lambda n=length: ring.in_stores("STRLEN", "log")[:2] == [n, n])
        equal(ring.in_stores("EXISTS", "log")[2:], [0, 0], "a forwarded write came back")
    for name, data in (("encrypted", message(1, REQ, b"x" * 32, flags=1)),
                       ("garbage", b"GET / HTTP/1.0\r\n\r\n"),
                       ("a wrong length", header(1, REQ, 3) + request("PING"))):
        with socket.create_connection((ring.node(1).data4, DYN_PORT), 5) as sock:
            sock.sendall(data)
            try:
                got = sock.recv(1000)
            except ConnectionResetError:
                got = b""
            say("%s: %s" % (name, short(got)))
            check(got == b"" or b"-ERR" in got, "%s: %s", name, got)


@limit(120)
def test_originals_that_misbehave(env):
    """The request fails, clearly and in time; others do not, and nobody gets another's answer."""
    ring = Ring(env)
    ring.flush()

    def late(got, right):
        time.sleep(TIMEOUT + 0.7)
        return right

    mischief = {
        "dies within a request": die,
        "answers garbage": lambda got, right: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        "answers with an id to come": lambda got, right: answer_of(got, b"+OK\r\n", got.id + 1000),
        "answers with a broken value": lambda got, right: message(got.id, RES, b"+OK\r\n")[:-5] + b"?OK\r\n",
        "answers with an old id": lambda got, right: answer_of(got, b"+OLD\r\n", 1),
        "answers late": late,
    }
    with originals(ring, 2) as nodes:
        other = nodes[2]
        for name, what in mischief.items():
            with ring.connect(1, "DC_SAFE_QUORUM") as safe, ring.connect(1) as one:
                took = eventually("it is reached", lambda c=safe: c.call("SET", "k", 0) == b"OK", 20, 0.1)
                other.mischief = what
                reply, seconds = timed(safe, "SET", "k", name)
                say("%s: after %.2f s: %s (reached after %.1f s)" % (name, seconds, short(reply), took))
                failed(reply, "dc1/rack2")
                check(seconds < 5, "%s: %.1f s", name, seconds)
                equal(one.call("GET", "k"), name.encode(), "the own rack has it")
                for i in range(20):
                    equal(one.call("SET", "mine", i), b"OK", "SET of another client")
                    got = safe.call("GET", "k%d" % i)
                    check(got is None or got.startswith(b"ERR Dynomite: Failed"), "GET: %s", got)
        # Twice the answer, and an answer whose length is too large, as of one handed on.
        with ring.connect(1, "DC_SAFE_QUORUM") as safe:
            eventually("it is reached", lambda: safe.call("SET", "k", 0) == b"OK", 20, 0.1)
            for what in (lambda got, right: right + right,
                         lambda got, right: header(got.id, RES, 45) + b"+OK\r\n"):
                other.mischief = what
                equal(safe.call("SET", "k", 1), b"OK", "SET")
                for i in range(20):
                    equal(safe.call("SET", "k", i), b"OK", "SET behind it")
                    equal(safe.call("GET", "k"), b"%d" % i, "GET behind it")
        other.check()


@limit(60)
def test_an_answer_left_out(env):
    """A later answer says that an earlier request will have none: that one fails at once."""
    ring = Ring(env)
    with originals(ring, 2) as nodes, ring.connect(1, "DC_SAFE_QUORUM") as c:
        eventually("it is reached", lambda: c.call("SET", "k", 0) == b"OK", 15, 0.1)
        nodes[2].mischief = lambda got, right: b""
        started = time.monotonic()
        c.send(request("SET", "left", "out") + request("SET", "k", 2) + request("GET", "k"))
        failed(c.reply(), "dc1/rack2")
        equal((c.reply(), c.reply()), (b"OK", b"2"), "what came behind it")
        check(time.monotonic() - started < TIMEOUT, "it was waited for")
        nodes[2].check()
