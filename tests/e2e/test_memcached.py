"""Three racks of one node each before a memcached each: replication, levels, loss of a node."""

import socket

import memcache
from dnode_wire import message
from ring import Ring
from support import check, equal, eventually, limit, say, short, topology

LAB = {"topology": "three-racks", "options": {"backend": "memcached", "set": {
    "dyn_o_mite.timeout": "1000", "dyn_o_mite.server_retry_timeout": "1000"}}}
FAILED = b"SERVER_ERROR Dynomite: Failed to achieve Quorum"


def levels(ring, level, numbers=(1, 2, 3)):
    for number in numbers:
        ring.put(number, "/v1/consistency", read=level, write=level)


def in_stores(ring, key):
    out = []
    for node in ring.lab.nodes:
        with memcache.direct(ring.lab, node) as c:
            out.append(c.ask(b"get %b\r\n" % key))
    return out


def alike(ring, key, want):
    """All three stores come to have it."""
    wanted = b"END\r\n" if want is None else b"VALUE %b 0 %d\r\n%b\r\nEND\r\n" % (key, len(want), want)
    try:
        eventually("all stores have it", lambda: set(in_stores(ring, key)) == {wanted}, 5)
    except AssertionError:
        check(False, "%s: the stores have %s, want %s", key, short(in_stores(ring, key)), wanted)


def test_all_commands(env):
    """Each write reaches the memcached of every rack, whichever node it is sent to."""
    ring = Ring(env)
    memcache.flush(env.lab)
    for number, node in enumerate(env.lab.nodes, 1):
        key = b"k%d" % number
        steps = ((b"set %b 0 0 1\r\n5\r\n", b"STORED\r\n", b"5"), (b"add %b 0 0 1\r\n6\r\n", b"NOT_STORED\r\n", b"5"),
                 (b"append %b 0 0 1\r\n1\r\n", b"STORED\r\n", b"51"), (b"prepend %b 0 0 1\r\n2\r\n", b"STORED\r\n", b"251"),
                 (b"incr %b 9\r\n", b"260\r\n", b"260"), (b"decr %b 20\r\n", b"240\r\n", b"240"),
                 (b"replace %b 0 0 4\r\n\r\n\0\xff\r\n", b"STORED\r\n", b"\r\n\0\xff"),
                 (b"touch %b 100\r\n", b"TOUCHED\r\n", b"\r\n\0\xff"),
                 (b"gat 50 %b\r\n", b"VALUE %b 0 4\r\n\r\n\0\xff\r\nEND\r\n" % key, b"\r\n\0\xff"),
                 (b"delete %b\r\n", b"DELETED\r\n", None), (b"delete %b\r\n", b"NOT_FOUND\r\n", None),
                 (b"set %b 0 0 1 noreply\r\nn\r\nversion\r\n", b"VERSION ", b"n"))
        with memcache.connect(node) as c:
            for request, reply, left in steps:
                got = c.ask(request.replace(b"%b", key))
                check(got.startswith(reply), "%s: got %s, want %s", short(request), short(got), reply)
                alike(ring, key, left)


def test_levels(env):
    """gets is compared without its uniques, which differ; stores that differ are told of."""
    ring = Ring(env)
    memcache.flush(env.lab)
    with memcache.direct(env.lab, env.lab.nodes[1]) as c:
        for _ in range(5):
            c.set(b"other", b"x")  # so that the uniques are not alike
    try:
        for level in ("DC_QUORUM", "DC_SAFE_QUORUM", "DC_EACH_SAFE_QUORUM"):
            levels(ring, level)
            with memcache.connect(env.node) as c:
                equal(c.set(b"a", level.encode()), b"STORED\r\n", "set at %s" % level)
                equal(c.get(b"a"), [(b"a", level.encode())], "get at %s" % level)
                equal(memcache.values(c.ask(b"gets a none a\r\n")), [(b"a", level.encode())] * 2, "gets at %s" % level)
                equal(memcache.values(c.ask(b"gats 0 a\r\n")), [(b"a", level.encode())], "gats at %s" % level)
                for i, node in enumerate(env.lab.nodes):
                    with memcache.direct(env.lab, node) as store:
                        store.set(b"opinion", b"%d" % i)
                got = c.ask(b"gets opinion\r\n")
                check(got.startswith(FAILED) == ("SAFE" in level), "%s of three opinions: %s", level, got)
    finally:
        levels(ring, "DC_ONE")


def test_cas_is_refused(env):
    """The unique that a client has is one store's; the others would not know it."""
    with memcache.connect(env.node) as c:
        got = c.ask(b"cas a 0 0 1 1\r\nx\r\n")
        check(got.startswith(b"SERVER_ERROR Dynomite: cas is refused"), "got %s", got)
        got = c.ask(b"cas a 0 0 1 1 noreply\r\nx\r\nget none\r\n")
        equal(got, b"END\r\n", "a silent one")


def test_refused(env):
    """One line that says why, and the connection stays."""
    binary = b"\x80\x00\x00\x01\0\0\0\0\0\0\0\x01" + b"\0" * 12 + b"k"
    with memcache.connect(env.node) as c:
        for request, word in ((b"flush_all\r\n", b"flush_all"), (b"mg a v\r\n", b"meta"), (b"ms a 2\r\nxx\r\n", b"meta"),
                              (b"mn\r\n", b"meta"), (b"stats\r\n", b"stats"), (b"watch\r\n", b"watch"),
                              (binary, b"binary")):
            got = c.ask(request)
            check(got.startswith(b"SERVER_ERROR Dynomite: ") and word in got, "%s: %s", request, got)
        equal(c.ask(b"flush_all noreply\r\nget none\r\n"), b"END\r\n", "a silent flush_all")
        equal(c.ask(b"nosuch\r\n"), b"ERROR\r\n", "an unknown command")


def test_noreply_pipeline(env):
    """Thousands of requests without a reply, in their order, to every rack."""
    ring = Ring(env)
    memcache.flush(env.lab)
    with memcache.connect(env.node) as c:
        c.send(b"set n 0 0 1 noreply\r\n0\r\n" + b"".join(
            b"incr n 1 noreply\r\nset k%d 0 0 3 noreply\r\n%03d\r\n" % (i % 50, i % 1000) for i in range(3000)))
        equal(c.ask(b"get n\r\n"), b"VALUE n 0 4\r\n3000\r\nEND\r\n", "the first reply")
    alike(ring, b"n", b"3000")
    alike(ring, b"k49", b"999")


def test_large(env):
    """Values that stream, with and without a reply; what is too large is skipped."""
    ring = Ring(env)
    value = env.random.randbytes(900000)
    with memcache.connect(env.node) as c:
        equal(c.set(b"big", value), b"STORED\r\n", "set of 900 kB")
        equal(c.get(b"big"), [(b"big", value)], "get of 900 kB")
        alike(ring, b"big", value)
        c.send(b"set big 0 0 %d noreply\r\n%b\r\n" % (len(value), value[::-1]))
        equal(c.get(b"big"), [(b"big", value[::-1])], "after a silent one")
        alike(ring, b"big", value[::-1])
        got = c.ask(b"set big 0 0 %d\r\n%bxx" % (len(value), value))
        equal(got, b"CLIENT_ERROR bad data chunk\r\n", "a chunk without its end")
        got = c.set(b"big", b"x" * (1 << 20))
        equal(got, b"SERVER_ERROR object too large for cache\r\n", "what memcached does not take")
        equal(c.ask(b"get none\r\n"), b"END\r\n", "afterwards")


def test_from_a_peer(env):
    """What an original sends: the client's text. A word noreply in it means no answer; type 4 is spread."""
    ring = Ring(env)
    memcache.flush(env.lab)
    quiet = b"set p 0 0 1 noreply\r\n1\r\n"
    frames = ((quiet, 3), (b"incr p 1\r\n", 3), (b"get none p p\r\n", 3), (b"nosuch\r\n", 3),
              (b"set spread 0 0 2\r\n\r\n\r\n", 4))
    with socket.create_connection((env.lab.nodes[1].data4, topology.DYN_LISTEN), timeout=10) as s:
        s.sendall(b"".join(message(10 + i, kind, payload) for i, (payload, kind) in enumerate(frames)))
        got = b""
        while b"STORED" not in got:
            more = s.recv(65536)
            check(more, "the peer closed behind %s", got)
            got += more
    answers = [part.partition(b"\r\n") for part in got.split(b"   $2014$ ")[1:]]
    equal([(head.split()[0], payload) for head, _, payload in answers],
          [(b"11", b"2\r\n"), (b"12", b"VALUE p 0 1\r\n2\r\nVALUE p 0 1\r\n2\r\nEND\r\n"),
           (b"13", b"ERROR\r\n"), (b"14", b"STORED\r\n")], "answers")
    alike(ring, b"spread", b"\r\n")
    equal([reply != b"END\r\n" for reply in in_stores(ring, b"p")], [False, True, False], "type 3 goes to one store")


@limit(120)
def test_a_node_dies(env):
    """Reads and writes go on at DC_ONE and at quorum; two of three gone is told of."""
    ring = Ring(env)
    memcache.flush(env.lab)
    try:
        with memcache.connect(env.node) as c:
            equal(c.set(b"a", b"1"), b"STORED\r\n", "set")
            alike(ring, b"a", b"1")
            ring.kill(2, "dataplane")
            equal(c.set(b"a", b"2"), b"STORED\r\n", "set with a node gone")
            equal(c.get(b"a"), [(b"a", b"2")], "get with a node gone")
            levels(ring, "DC_SAFE_QUORUM", (1,))
            with memcache.connect(env.node) as q:
                equal(q.set(b"a", b"3"), b"STORED\r\n", "set at quorum")
                equal(q.get(b"a"), [(b"a", b"3")], "get at quorum")
                ring.kill(3, "store")
                got = q.set(b"a", b"4")
                check(got.startswith(FAILED), "two of three are gone: %s", got)
            levels(ring, "DC_ONE", (1,))
            # The own store dies: another rack answers.
            ring.start(3, "store")
            with memcache.connect(env.lab.nodes[2]) as other:
                eventually("rack3 is back", lambda: other.set(b"b", b"5") == b"STORED\r\n" and
                           in_stores(ring, b"b")[2] != b"END\r\n")
            ring.kill(1, "store")
            took = eventually("rack3 answers for rack1",
                              lambda: c.ask(b"get b\r\n") == b"VALUE b 0 1\r\n5\r\nEND\r\n")
            say("rack3 answers for rack1 after %.0f ms" % (took * 1000))
    finally:
        for number, what in ((1, "store"), (2, "dataplane"), (3, "store")):
            if env.lab.process(env.lab.nodes[number - 1].name, what).pid() is None:
                ring.start(number, what)
        say("all run again")
