"""Two racks of three nodes before a memcached each: requests of many keys."""

import memcache
from ring import Ring
from support import check, equal, eventually, short

LAB = {"topology": "sharded", "options": {"backend": "memcached"}}


def test_multi_get(env):
    """Values come in the order of the keys, whoever has them, with one END."""
    ring = Ring(env)
    memcache.flush(env.lab)
    keys = [b"key%d" % i for i in range(200)]
    for i, key in enumerate(keys):
        with memcache.connect(env.lab.nodes[i % 6]) as c:
            equal(c.set(key, key * (i + 1)), b"STORED\r\n", "set")
    wanted = [(key, key * (i + 1)) for i, key in enumerate(keys)]
    for node in env.lab.nodes:
        with memcache.connect(node) as c:
            eventually("%s finds all" % node.name, lambda c=c: c.get(*keys) == wanted)
            equal(c.get(*reversed(keys)), wanted[::-1], "in the other order")
            mixed = [b"none1", keys[5], keys[5], b"none2", keys[0], keys[5]]
            equal(c.get(*mixed), [wanted[5], wanted[5], wanted[0], wanted[5]], "with some that are none")
            equal(c.get(*(b"none%d" % i for i in range(50))), [], "none at all")
            for command in (b"gets ", b"gat 0 ", b"gats 0 "):
                equal(memcache.values(c.ask(command + b" ".join(keys) + b"\r\n")), wanted, command)
    stored = [sum(1 for key in keys if direct_has(env.lab, node, key)) for node in env.lab.nodes]
    equal((sum(stored[:3]), sum(stored[3:])), (200, 200), "keys in the stores of either rack")
    check(min(stored) > 20, "keys of each store: %s", stored)
    ring.put(1, "/v1/consistency", read="DC_SAFE_QUORUM")
    try:
        with memcache.connect(env.node) as c:
            equal(memcache.values(c.ask(b"gets " + b" ".join(keys) + b"\r\n")), wanted, "gets at quorum")
    finally:
        ring.put(1, "/v1/consistency", read="DC_ONE")


def direct_has(lab, node, key):
    with memcache.direct(lab, node) as c:
        return c.ask(b"get %b\r\n" % key) != b"END\r\n"


def test_a_part_fails(env):
    """A part whose owners are away makes the whole an error, not a shorter answer."""
    ring = Ring(env)
    memcache.flush(env.lab)
    keys = [b"key%d" % i for i in range(100)]
    try:
        ring.kill(2, "store")
        ring.kill(5, "store")
        with memcache.connect(env.node) as c:
            got = c.ask(b"get " + b" ".join(keys) + b"\r\n")
            check(got.startswith(b"SERVER_ERROR Storage: "), "got %s", short(got))
            equal(c.ask(b"version\r\n")[:8], b"VERSION ", "the connection afterwards")
    finally:
        ring.start(2, "store")
        ring.start(5, "store")
