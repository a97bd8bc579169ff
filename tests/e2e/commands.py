"""Random requests for every command of common/proto/resp_cmd.def, and how to compare replies.

GENERATORS has one entry for each row: a function that makes arguments, drawing everything from one
seeded generator, so that a seed replays a run. A row without an entry fails the differential test:
add one here when adding a command.
"""

import os
import re

from support import ROOT

# How two replies to the same request may differ. Anything not named here must be equal.
SORTED = {"smembers", "sinter", "sunion", "sdiff", "hkeys", "hvals", "keys"}
PAIRS = {"hgetall"}
SCANS = {"scan", "sscan", "hscan", "zscan"}
NEAR = {"ttl": 5, "pttl": 5000, "expiretime": 5, "pexpiretime": 5000, "object|idletime": 60}
RANDOM = {"srandmember", "hrandfield", "zrandmember", "randomkey", "time", "memory|usage",
          "dbsize"}
# Order inside of a serialised hash table is the store's affair.
LENGTH = {"dump"}
# Pops at random: the reference is told to remove what came out.
POPS = {"spop"}

# Answered by the data plane about itself; test_local looks at them.
LOCAL = {"command", "client", "config", "info", "memory", "object", "quit"}


def rows():
    """(name, arity, route) of each row."""
    with open(os.path.join(ROOT, "common/proto/resp_cmd.def")) as f:
        return [(m[1], int(m[2]), m[3]) for m in re.finditer(
            r'^CMD\(\w+,\s*"([^"]+)",\s*(-?\d+),\s*\w+,\s*\w+(?:\([^)]*\))?,\s*(\w+),', f.read(),
            re.M)]


class Maker:
    """Draws arguments. Keys are named by type, so that most requests meet the right one."""

    def __init__(self, rng):
        self.rng = rng
        self.payloads = [b"junk"]

    def key(self, kind):
        if self.rng.random() < 0.04:
            kind = self.rng.choice("slhtzgpbx")
        return "%s%d" % (kind, self.rng.randrange(8))

    def keys(self, kind, most=4):
        return [self.key(kind) for _ in range(self.rng.randint(1, most))]

    def value(self):
        r = self.rng.random()
        if r < 0.35:
            return str(self.rng.randint(-1000, 1000))
        if r < 0.45:
            return self.number()
        if r < 0.50:
            return self.rng.randbytes(self.rng.randrange(100))
        if r < 0.52:
            return bytes([97 + self.rng.randrange(26)]) * self.rng.randrange(6000)
        return "v%d" % self.rng.randrange(60)

    def member(self):
        return "m%d" % self.rng.randrange(50) if self.rng.random() < 0.7 else self.value()

    def members(self, most=5):
        return [self.member() for _ in range(self.rng.randint(1, most))]

    def number(self):
        return "%.6g" % self.rng.uniform(-1000, 1000)

    def int(self, low=-5, high=20):
        return self.rng.randint(low, high)

    def pick(self, *choices):
        return self.rng.choice(choices)

    def maybe(self, *args, chance=0.5):
        return list(args) if self.rng.random() < chance else []

    def seconds(self):
        """Far enough away, and never twice the same, or long past."""
        if self.rng.random() < 0.1:
            return self.pick(0, -1, -100000)
        return self.rng.randint(1000000, 2000000000)

    def at(self):
        return self.pick(1, 1000, self.rng.randint(3000000000, 4000000000))

    def expiry(self):
        return self.maybe(*self.pick(("EX", self.seconds()), ("PX", self.seconds() * 1000),
                                     ("EXAT", self.at()), ("PXAT", self.at() * 1000)))

    def score_range(self):
        ends = [self.pick("-inf", "+inf", "(%d" % self.int(), self.number(), str(self.int()))
                for _ in range(2)]
        return ends

    def lex_key(self):
        """Sorted sets of one score: among different scores a range of names has no meaning."""
        return "%s%d" % (self.pick(*"yyyyyyyys"), self.rng.randrange(8))

    def lex_range(self):
        return [self.pick("-", "+", "[m1", "(m2", "[m%d" % self.int(0, 50)) for _ in range(2)]

    def limit(self):
        return self.maybe("LIMIT", self.int(0, 5), self.int(-1, 10), chance=0.3)

    def place(self):
        return [self.rng.uniform(-180, 180).__format__(".6f"),
                self.rng.uniform(-85, 85).__format__(".6f")]

    def radius(self):
        return [self.rng.randint(1, 9000), self.pick("m", "km", "ft", "mi")]

    def geo_flags(self):
        return (self.maybe("WITHDIST", chance=0.2) + self.maybe("WITHCOORD", chance=0.2)
                + self.maybe("WITHHASH", chance=0.2)
                + self.maybe("COUNT", self.int(0, 5), chance=0.3)
                + self.maybe(self.pick("ASC", "DESC"), chance=0.5))

    def numkeys(self, kind):
        keys = self.keys(kind)
        return [len(keys)] + keys

    def weights(self, keys):
        n = keys[0] if isinstance(keys[0], int) else len(keys)
        return (self.maybe("WEIGHTS", *[self.int(-3, 3) for _ in range(n)], chance=0.3)
                + self.maybe("AGGREGATE", self.pick("SUM", "MIN", "MAX"), chance=0.3))

    def bitfield(self):
        kind = self.pick("u8", "i5", "u63", "i64", "u1")
        offset = self.pick("#%d" % self.int(0, 20), self.int(0, 200))
        return self.pick(["GET", kind, offset], ["SET", kind, offset, self.int(-300, 300)],
                         ["INCRBY", kind, offset, self.int(-300, 300)],
                         ["OVERFLOW", self.pick("WRAP", "SAT", "FAIL"), "INCRBY", kind, offset,
                          self.int(-300, 300)])

    def sort(self, key):
        """Only orders that the elements decide: a tie by weight falls as the store's table lies."""
        order = self.maybe("ALPHA", chance=0.7)
        if self.rng.random() < 0.3:
            order = ["BY", "nosort" if key[0] in "lz" else "w*"]
        return ([key] + order + self.limit() + self.maybe("GET", self.pick("#", "s*"), chance=0.2)
                + self.maybe(self.pick("ASC", "DESC")))


def _zcombine(m, with_scores=True):
    keys = m.numkeys("z")
    return keys + m.weights(keys) + (m.maybe("WITHSCORES", chance=0.3) if with_scores else [])


def _zrange(m):
    flags = m.maybe("REV", chance=0.3) + m.limit()
    key = m.key("z")
    form = m.pick("rank", "score", "lex")
    if form == "lex":
        return [m.lex_key()] + m.lex_range() + ["BYLEX"] + flags
    if form == "score":
        return [key] + m.score_range() + ["BYSCORE"] + flags
    return [key, m.int(), m.int()] + flags


def _geosearch(m):
    start = m.pick(["FROMMEMBER", m.member()], ["FROMLONLAT"] + m.place())
    by = m.pick(["BYRADIUS"] + m.radius(),
                ["BYBOX", m.int(1, 9000), m.int(1, 9000), m.pick("km", "m")])
    return start + by


def _set(m):
    return ([m.key("s"), m.value()] + m.maybe(m.pick("NX", "XX"), chance=0.2)
            + m.maybe("GET", chance=0.2)
            + (m.maybe("KEEPTTL", chance=0.2) or m.expiry()))


def _fields(m):
    return [x for _ in range(m.int(1, 4)) for x in (m.member(), m.value())]


def _pairs(m, kind):
    return [x for _ in range(m.int(1, 4)) for x in (m.key(kind), m.value())]


def _zrangestore(m):
    args = _zrange(m)
    return [args[0] if args[0][0] == "y" else m.key("z")] + args


def _zadd(m):
    if m.rng.random() < 0.3:
        return [m.lex_key()] + [x for member in m.members() for x in (0, member)]
    flags = (m.maybe(m.pick("NX", "XX"), chance=0.2) + m.maybe(m.pick("GT", "LT"), chance=0.2)
             + m.maybe("CH", chance=0.2))
    if m.rng.random() < 0.1:
        return [m.key("z")] + flags + ["INCR", m.number(), m.member()]
    return [m.key("z")] + flags + [x for _ in range(m.int(1, 6))
                                   for x in (m.pick(m.number(), m.int(), "inf"), m.member())]


STRINGS = {
    "append": lambda m: [m.key("s"), m.value()],
    "decr": lambda m: [m.key("s")],
    "decrby": lambda m: [m.key("s"), m.int()],
    "get": lambda m: [m.key("s")],
    "getdel": lambda m: [m.key("s")],
    "getex": lambda m: [m.key("s")] + (m.maybe("PERSIST", chance=0.2) or m.expiry()),
    "getrange": lambda m: [m.key("s"), m.int(), m.int()],
    "getset": lambda m: [m.key("s"), m.value()],
    "incr": lambda m: [m.key("s")],
    "incrby": lambda m: [m.key("s"), m.int()],
    "incrbyfloat": lambda m: [m.key("s"), m.number()],
    "lcs": lambda m: ["c%d" % m.int(0, 3), "c%d" % m.int(0, 3)] + m.maybe("LEN", chance=0.3)
    + m.maybe("IDX", chance=0.3) + m.maybe("MINMATCHLEN", m.int(0, 4), chance=0.3)
    + m.maybe("WITHMATCHLEN", chance=0.3),
    "mget": lambda m: m.keys("s", 8),
    "mset": lambda m: _pairs(m, m.pick("s", "s", "c")),
    "msetnx": lambda m: _pairs(m, "s"),
    "psetex": lambda m: [m.key("s"), m.seconds() * 1000, m.value()],
    "set": _set,
    "setex": lambda m: [m.key("s"), m.seconds(), m.value()],
    "setnx": lambda m: [m.key("s"), m.value()],
    "setrange": lambda m: [m.key("s"), m.int(0, 5000), m.value()],
    "strlen": lambda m: [m.key("s")],
    "substr": lambda m: [m.key("s"), m.int(), m.int()],
}

ANY = "slhtzgpbx"


def _expire(m, value):
    return [m.key(m.pick(*ANY)), value] + m.maybe(m.pick("NX", "XX", "GT", "LT"), chance=0.3)


GENERIC = {
    "copy": lambda m: [m.key(k := m.pick(*ANY)), m.key(k)] + m.maybe("DB", 0, chance=0.1)
    + m.maybe("REPLACE"),
    "del": lambda m: m.keys(m.pick(*ANY), 2),
    "dump": lambda m: [m.key(m.pick(*ANY))],
    "exists": lambda m: m.keys(m.pick(*ANY), 6),
    "expire": lambda m: _expire(m, m.seconds()),
    "expireat": lambda m: _expire(m, m.at()),
    "expiretime": lambda m: [m.key(m.pick(*ANY))],
    "keys": lambda m: [m.pick("*", "s*", "?1", "[lh]*", "nothing*")],
    "move": lambda m: [m.key(m.pick(*ANY)), m.pick(0, 1, 99)],
    "object|encoding": lambda m: [m.key(m.pick(*ANY))],
    "object|freq": lambda m: [m.key(m.pick(*ANY))],
    "object|help": lambda m: [],
    "object|idletime": lambda m: [m.key(m.pick(*ANY))],
    "object|refcount": lambda m: [m.key(m.pick(*ANY))],
    "persist": lambda m: [m.key(m.pick(*ANY))],
    "pexpire": lambda m: _expire(m, m.seconds() * 1000),
    "pexpireat": lambda m: _expire(m, m.at() * 1000),
    "pexpiretime": lambda m: [m.key(m.pick(*ANY))],
    "pttl": lambda m: [m.key(m.pick(*ANY))],
    "randomkey": lambda m: [],
    "rename": lambda m: [m.key(k := m.pick(*ANY)), m.key(k)],
    "renamenx": lambda m: [m.key(k := m.pick(*ANY)), m.key(k)],
    "restore": lambda m: [m.key("x"), m.pick(0, m.seconds()), m.pick(*m.payloads)]
    + m.maybe("REPLACE") + m.maybe("FREQ", 5, chance=0.1),
    "scan": lambda m: [0, "COUNT", 100000] + m.maybe("MATCH", m.pick("s*", "*1"), chance=0.3)
    + m.maybe("TYPE", m.pick("list", "zset"), chance=0.3),
    "sort": lambda m: m.sort(m.key(m.pick("l", "t", "z")))
    + m.maybe("STORE", m.key("l"), chance=0.2),
    "sort_ro": lambda m: m.sort(m.key(m.pick("l", "t", "z"))),
    "touch": lambda m: m.keys(m.pick(*ANY)),
    "ttl": lambda m: [m.key(m.pick(*ANY))],
    "type": lambda m: [m.key(m.pick(*ANY))],
    "unlink": lambda m: m.keys(m.pick(*ANY), 2),
    "memory|usage": lambda m: [m.key(m.pick(*ANY))] + m.maybe("SAMPLES", m.int(0, 5), chance=0.3),
    "dbsize": lambda m: [],
    "time": lambda m: [],
    "echo": lambda m: [m.value()],
    "ping": lambda m: m.maybe(m.value()),
    "select": lambda m: [0],
}

HASHES = {
    "hdel": lambda m: [m.key("h")] + m.members(3),
    "hexists": lambda m: [m.key("h"), m.member()],
    "hget": lambda m: [m.key("h"), m.member()],
    "hgetall": lambda m: [m.key("h")],
    "hincrby": lambda m: [m.key("h"), m.member(), m.int()],
    "hincrbyfloat": lambda m: [m.key("h"), m.member(), m.number()],
    "hkeys": lambda m: [m.key("h")],
    "hlen": lambda m: [m.key("h")],
    "hmget": lambda m: [m.key("h")] + m.members(),
    "hmset": lambda m: [m.key("h")] + _fields(m),
    "hrandfield": lambda m: [m.key("h")] + m.maybe(m.int(), *m.maybe("WITHVALUES")),
    "hscan": lambda m: [m.key("h"), 0, "COUNT", 100000] + m.maybe("MATCH", "m*", chance=0.3),
    "hset": lambda m: [m.key("h")] + _fields(m),
    "hsetnx": lambda m: [m.key("h"), m.member(), m.value()],
    "hstrlen": lambda m: [m.key("h"), m.member()],
    "hvals": lambda m: [m.key("h")],
}

LISTS = {
    "lindex": lambda m: [m.key("l"), m.int()],
    "linsert": lambda m: [m.key("l"), m.pick("BEFORE", "AFTER", "beside"), m.member(), m.value()],
    "llen": lambda m: [m.key("l")],
    "lmove": lambda m: [m.key("l"), m.key("l"), m.pick("LEFT", "RIGHT"), m.pick("LEFT", "RIGHT")],
    "lmpop": lambda m: m.numkeys("l") + [m.pick("LEFT", "RIGHT")] + m.maybe("COUNT", m.int(0, 5)),
    "lpop": lambda m: [m.key("l")] + m.maybe(m.int(), chance=0.3),
    "lpos": lambda m: [m.key("l"), m.member()] + m.maybe("RANK", m.int(-3, 3), chance=0.3)
    + m.maybe("COUNT", m.int(0, 3), chance=0.3) + m.maybe("MAXLEN", m.int(0, 9), chance=0.3),
    "lpush": lambda m: [m.key("l")] + m.members(),
    "lpushx": lambda m: [m.key("l")] + m.members(),
    "lrange": lambda m: [m.key("l"), m.int(), m.int(-5, 50)],
    "lrem": lambda m: [m.key("l"), m.int(-2, 2), m.member()],
    "lset": lambda m: [m.key("l"), m.int(), m.value()],
    "ltrim": lambda m: [m.key("l"), m.int(0, 3), m.int(-3, 60)],
    "rpop": lambda m: [m.key("l")] + m.maybe(m.int(), chance=0.3),
    "rpoplpush": lambda m: [m.key("l"), m.key("l")],
    "rpush": lambda m: [m.key("l")] + m.members(),
    "rpushx": lambda m: [m.key("l")] + m.members(),
}

SETS = {
    "sadd": lambda m: [m.key("t")] + m.members(8),
    "scard": lambda m: [m.key("t")],
    "sdiff": lambda m: m.keys("t"),
    "sdiffstore": lambda m: [m.key("t")] + m.keys("t"),
    "sinter": lambda m: m.keys("t"),
    "sintercard": lambda m: m.numkeys("t") + m.maybe("LIMIT", m.int(0, 5)),
    "sinterstore": lambda m: [m.key("t")] + m.keys("t"),
    "sismember": lambda m: [m.key("t"), m.member()],
    "smembers": lambda m: [m.key("t")],
    "smismember": lambda m: [m.key("t")] + m.members(),
    "smove": lambda m: [m.key("t"), m.key("t"), m.member()],
    "spop": lambda m: [m.key("t")] + m.maybe(m.int(-1, 6), chance=0.4),
    "srandmember": lambda m: [m.key("t")] + m.maybe(m.int()),
    "srem": lambda m: [m.key("t")] + m.members(3),
    "sscan": lambda m: [m.key("t"), 0, "COUNT", 100000] + m.maybe("MATCH", "m*", chance=0.3),
    "sunion": lambda m: m.keys("t"),
    "sunionstore": lambda m: [m.key("t")] + m.keys("t"),
}

SORTED_SETS = {
    "zadd": _zadd,
    "zcard": lambda m: [m.key("z")],
    "zcount": lambda m: [m.key("z")] + m.score_range(),
    "zdiff": lambda m: m.numkeys("z") + m.maybe("WITHSCORES"),
    "zdiffstore": lambda m: [m.key("z")] + m.numkeys("z"),
    "zincrby": lambda m: [m.key("z"), m.number(), m.member()],
    "zinter": _zcombine,
    "zintercard": lambda m: m.numkeys("z") + m.maybe("LIMIT", m.int(0, 5)),
    "zinterstore": lambda m: [m.key("z")] + _zcombine(m, False),
    "zlexcount": lambda m: [m.lex_key()] + m.lex_range(),
    "zmpop": lambda m: m.numkeys("z") + [m.pick("MIN", "MAX")] + m.maybe("COUNT", m.int(0, 4)),
    "zmscore": lambda m: [m.key("z")] + m.members(),
    "zpopmax": lambda m: [m.key("z")] + m.maybe(m.int(), chance=0.3),
    "zpopmin": lambda m: [m.key("z")] + m.maybe(m.int(), chance=0.3),
    "zrandmember": lambda m: [m.key("z")] + m.maybe(m.int(), *m.maybe("WITHSCORES")),
    "zrange": lambda m: _zrange(m) + m.maybe("WITHSCORES", chance=0.3),
    "zrangebylex": lambda m: [m.lex_key()] + m.lex_range() + m.limit(),
    "zrangebyscore": lambda m: [m.key("z")] + m.score_range() + m.maybe("WITHSCORES") + m.limit(),
    "zrangestore": _zrangestore,
    "zrank": lambda m: [m.key("z"), m.member()],
    "zrem": lambda m: [m.key("z")] + m.members(3),
    "zremrangebylex": lambda m: [m.lex_key(), "[m4", "(m5"],
    "zremrangebyrank": lambda m: [m.key("z"), m.int(0, 3), m.int(0, 5)],
    "zremrangebyscore": lambda m: [m.key("z"), m.int(), m.int()],
    "zrevrange": lambda m: [m.key("z"), m.int(), m.int()] + m.maybe("WITHSCORES"),
    "zrevrangebylex": lambda m: [m.lex_key()] + m.lex_range() + m.limit(),
    "zrevrangebyscore": lambda m: [m.key("z")] + m.score_range() + m.maybe("WITHSCORES")
    + m.limit(),
    "zrevrank": lambda m: [m.key("z"), m.member()],
    "zscan": lambda m: [m.key("z"), 0, "COUNT", 100000] + m.maybe("MATCH", "m*", chance=0.3),
    "zscore": lambda m: [m.key("z"), m.member()],
    "zunion": _zcombine,
    "zunionstore": lambda m: [m.key("z")] + _zcombine(m, False),
}

OTHERS = {
    "pfadd": lambda m: [m.key("p")] + m.members(8),
    "pfcount": lambda m: m.keys("p"),
    "pfmerge": lambda m: [m.key("p")] + m.keys("p"),
    "geoadd": lambda m: [m.key("g")] + m.maybe(m.pick("NX", "XX", "CH"), chance=0.2)
    + [x for _ in range(m.int(1, 4)) for x in m.place() + [m.member()]],
    "geodist": lambda m: [m.key("g"), m.member(), m.member()] + m.maybe(m.pick("km", "ft", "xx")),
    "geohash": lambda m: [m.key("g")] + m.members(),
    "geopos": lambda m: [m.key("g")] + m.members(),
    "georadius": lambda m: [m.key("g")] + m.place() + m.radius()
    + (m.maybe(m.pick("STORE", "STOREDIST"), m.key("g"), chance=0.2) or m.geo_flags()),
    "georadius_ro": lambda m: [m.key("g")] + m.place() + m.radius() + m.geo_flags(),
    "georadiusbymember": lambda m: [m.key("g"), m.member()] + m.radius() + m.geo_flags(),
    "georadiusbymember_ro": lambda m: [m.key("g"), m.member()] + m.radius() + m.geo_flags(),
    "geosearch": lambda m: [m.key("g")] + _geosearch(m) + m.geo_flags(),
    "geosearchstore": lambda m: [m.key("g"), m.key("g")] + _geosearch(m)
    + m.maybe("STOREDIST", chance=0.3),
    "bitcount": lambda m: [m.key("b")] + m.maybe(m.int(), m.int(), *m.maybe(m.pick("BIT", "BYTE"))),
    "bitfield": lambda m: [m.key("b")] + m.bitfield(),
    "bitfield_ro": lambda m: [m.key("b"), "GET", m.pick("u8", "i16"), m.int(0, 50)],
    "bitop": lambda m: [m.pick("AND", "OR", "XOR"), m.key("b")] + m.keys("b"),
    "bitpos": lambda m: [m.key("b"), m.pick(0, 1, 2)] + m.maybe(m.int(), *m.maybe(m.int())),
    "getbit": lambda m: [m.key("b"), m.int(0, 3000)],
    "setbit": lambda m: [m.key("b"), m.int(0, 3000), m.pick(0, 1, 1, 2)],
}

GENERATORS = {**STRINGS, **GENERIC, **HASHES, **LISTS, **SETS, **SORTED_SETS, **OTHERS}

BAD = ["abc", "", "-1", "9223372036854775808", "1.5", "nan", "\x00"]


def request(maker, name):
    """(what rules hold, arguments) of one random request; one in twelve is damaged."""
    rng = maker.rng
    args = name.split("|") + GENERATORS[name](maker)
    if rng.random() < 0.2:
        args[0] = args[0].upper()
    if rng.random() < 0.08:
        damage = rng.randrange(4)
        if damage == 0 and len(args) > 1:
            args.pop()
        elif damage == 1:
            args.append(maker.value())
        elif damage == 2 and len(args) > 2 and name not in SCANS | {"sort", "sort_ro"}:
            args[rng.randrange(2, len(args))] = rng.choice(BAD)
        elif damage == 3:
            args = ["no" + args[0]] + args[1:]
    return name, args


def by(name, reply):
    """A reply in the form in which it must be equal."""
    if isinstance(reply, list):
        if name in SORTED:
            return sorted(reply)
        if name in PAIRS:
            return sorted(zip(reply[::2], reply[1::2]))
        if name in SCANS and len(reply) == 2:
            items = reply[1]
            return [reply[0], sorted(zip(items[::2], items[1::2])) if name in ("hscan", "zscan")
                    else sorted(items)]
        if name in ("sort", "sort_ro"):
            return sorted(reply, key=lambda r: (r is None, r or b""))
    return reply


def same(name, a, b):
    if type(a) is not type(b):
        return False
    if name in NEAR and isinstance(a, int) and min(a, b) >= 0:
        return abs(a - b) <= NEAR[name]
    if name in RANDOM:
        return isinstance(a, list) and len(a) == len(b) or a == b or type(a) in (bytes, int)
    if name in LENGTH and isinstance(a, bytes):
        return len(a) == len(b)
    return by(name, a) == by(name, b)
