"""A client of Memcached's text protocol that keeps replies raw, and requests made by chance."""

import socket

from support import PORT, Client, Failure, equal, short

STORES = ("set", "add", "replace", "append", "prepend")


class Memcached(Client):
    """Replies come as they are, whole, with their line ends."""

    def reply(self):
        line = self._line()
        if not line.startswith(b"VALUE "):
            return line + b"\r\n"
        out = []
        while line.startswith(b"VALUE "):
            out.append(line + b"\r\n" + self.bulk(int(line.split()[3])) + b"\r\n")
            line = self._line()
        return b"".join(out) + line + b"\r\n"

    def ask(self, request):
        self.send(request)
        return self.reply()

    def get(self, *keys):
        """Values by key."""
        return values(self.ask(b"get " + b" ".join(keys) + b"\r\n"))

    def set(self, key, value, more=b""):
        return self.ask(b"set %b 0 0 %d%b\r\n%b\r\n" % (key, len(value), more, value))


def values(reply):
    """Of a whole reply: (key, value) in order."""
    out = []
    while reply.startswith(b"VALUE "):
        line, _, rest = reply.partition(b"\r\n")
        size = int(line.split()[3])
        out.append((line.split()[1], rest[:size]))
        reply = rest[size + 2:]
    if reply != b"END\r\n":
        raise Failure("not the end of values: %s" % short(reply))
    return out


def connect(node, seconds=20):
    return Memcached((node.data4, PORT), seconds)


def direct(lab, node):
    """The node's store, past the data plane."""
    return Memcached(lab.socket_path(node.name), family=socket.AF_UNIX)


def flush(lab):
    for node in lab.nodes:
        with direct(lab, node) as c:
            equal(c.ask(b"flush_all\r\n"), b"OK\r\n", "flush_all of a store")


def data(rng):
    size = rng.choice((0, 1, 1, 2, 10, 10, 100, 1000, 5000, 70000 if rng.random() < 0.02 else 20))
    if rng.random() < 0.5:
        return b"%d" % rng.randrange(1 << rng.randrange(1, 64))
    # Behind a line that is refused it is read as lines: memcached ends the connection for a long one.
    return rng.choice((b"a\r\n", b"END\r\n") + ((b"7", b"x", b"\0") if size < 2000 else ())) * size


def key(rng, longest=300):
    if rng.random() < 0.01:
        return b"k" * min(longest, rng.choice((249, 250, 251, 300)))
    if rng.random() < 0.01:
        return rng.choice((b"noreply", b"0", b"\xc3\xa4\xff", b"a,b:c{d}", b"-1"))
    return b"key%d" % rng.randrange(30)


def number(rng):
    if rng.random() < 0.05:
        return rng.choice((b"-1", b"+1000", b"x", b"1x", b"00700", b"18446744073709551615", b"0x1",
                           b"18446744073709551616", b"99999999999999999999999", b"-0", b"noreply",
                           b"4294967296", b"+"))
    # As times, none that is over before the test is.
    return b"%d" % rng.choice((0, 0, 0, 1000, 5000, 100000))


def length(rng):
    """Not one that memcached takes for another, since it keeps 32 bits of it."""
    return rng.choice((b"-1", b"x", b"1x", b"007", b"+3", b"0", b"5", b"18446744073709551616", b"2147483646",
                       b"1000"))


def noreply(rng):
    return rng.choice(([b"noreply"], [b"junk"], [b"noreply", b"junk"])) if rng.random() < 0.1 else []


def broken(rng):
    """Lines that are no request, or not quite one. None is a get of a key that is too long: memcached
    then loses replies of requests before it."""
    return rng.choice((
        b"", b" ", b"x", b"nosuch", b"GET a", b"get", b"get ", b"gets", b"gat", b"gat 0", b"gat x a", b"set",
        b"set a 0 0", b"set a 0 0 x", b"set a 0 0 -1", b"incr", b"incr a", b"incr a -1", b"touch a", b"delete",
        b"delete key1 0", b"delete key1 1", b"delete key1 0 noreply", b"delete key1 noreply noreply",
        b"delete a b c d", b"verbosity", b"verbosity 1", b"verbosity x", b"verbosity noreply",
        b"verbosity 1 noreply", b"verbosity 1 2 3", b"version", b"version x", b"  version", b"version  ",
        b"cas a 0 0 1", b"cas a 0 0 1 x", b"cas a 0 0 1 -1", b"flush_all 0 0 0", b"mset", b"mq", b"set a b c d noreply", b"incr a x noreply",
        b"get  key1   key2 ", b" get key1", b"delete " + b"k" * 300 + b" noreply", b"touch key1 x noreply"))


def valid(rng):
    """(words of a request, its data block or None)."""
    what = rng.choice(STORES + ("set", "set", "get", "get", "get", "gat", "incr", "decr", "touch",
                                "delete", "cas", "version"))
    if what in STORES or what == "cas":
        block, name = data(rng), key(rng)
        if what == "set" and rng.random() < 0.5:
            block, name = b"%d" % rng.randrange(1 << rng.randrange(1, 40)), b"number%d" % rng.randrange(5)
        words = [what.encode(), name, number(rng), rng.choice((b"0", number(rng))),
                 b"%d" % len(block) if rng.random() < 0.98 else length(rng)]
        if what == "cas":
            # Never a unique that one of two stores has given out, and the other not.
            words.append(rng.choice((b"999999999999", b"1000000000000", b"x", b"-1", b"+999999999999")))
        return words + noreply(rng), block
    if what in ("get", "gat"):
        return [what.encode()] + ([number(rng)] if what == "gat" else []) + \
            [key(rng, 250) for _ in range(rng.choice((1, 1, 2, 5, 40)))], None
    if what == "touch":
        return [b"touch", key(rng), number(rng)] + noreply(rng), None
    if what in ("incr", "decr"):
        # What gets shorter is filled up with spaces, or not, as memcached happens to hold it; and of a
        # value that is empty it reads what lies behind it.
        delta = rng.choice((b"0", b"+0", b"-0", b"x", b"-1", b"1x", b"18446744073709551616",
                            *((b"1", b"99", b"+7", b"007") if what == "incr" else ())))
        return [what.encode(), b"number%d" % rng.randrange(6), delta] + noreply(rng), None
    if what == "delete":
        return [b"delete", key(rng)] + ([b"noreply"] if rng.random() < 0.1 else []), None
    return [b"version"], None


def request(rng):
    """One request, now and then with something wrong in it."""
    end = b"\n" if rng.random() < 0.02 else b"\r\n"
    if rng.random() < 0.1:
        return broken(rng) + end
    words, block = valid(rng)
    line = (b"  " if rng.random() < 0.02 else b" ").join(words) + end
    if block is None:
        return line
    if rng.random() < 0.02:
        block = rng.choice((block + b"more", block[:-1], block + b"\r"))
    return line + block + (b"\r\n" if rng.random() < 0.98 else rng.choice((b"\n", b"xx", b"")))
