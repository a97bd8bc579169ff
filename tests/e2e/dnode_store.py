"""What an original node keeps its data in: a real Redis, or a dictionary where none is at hand.
Both take one request as RESP and give its reply as RESP."""

import socket
import threading

from dnode_wire import arguments, value_end

GONE = b"-ERR Storage: Datastore refused connection\r\n"


def bulk(value):
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


class DictStore:
    """Strings only: PING, GET, SET, DEL, EXISTS, MGET, MSET, APPEND, INCR."""

    def __init__(self):
        self.values = {}
        self.lock = threading.Lock()

    def call(self, payload):
        name, *args = arguments(payload)
        run = getattr(self, "do_" + name.decode("latin-1").lower(), None)
        if not run:
            return b"-ERR unknown command '%s'\r\n" % name
        with self.lock:
            return run(*args)

    def do_ping(self):
        return b"+PONG\r\n"

    def do_get(self, key):
        return bulk(self.values.get(key))

    def do_set(self, key, value):
        self.values[key] = value
        return b"+OK\r\n"

    def do_del(self, *keys):
        return b":%d\r\n" % sum(self.values.pop(k, None) is not None for k in keys)

    def do_exists(self, *keys):
        return b":%d\r\n" % sum(k in self.values for k in keys)

    def do_mget(self, *keys):
        return b"*%d\r\n" % len(keys) + b"".join(bulk(self.values.get(k)) for k in keys)

    def do_mset(self, *pairs):
        self.values.update(zip(pairs[::2], pairs[1::2]))
        return b"+OK\r\n"

    def do_append(self, key, value):
        self.values[key] = self.values.get(key, b"") + value
        return b":%d\r\n" % len(self.values[key])

    def do_incr(self, key):
        try:
            number = int(self.values.get(key, b"0")) + 1
        except ValueError:
            return b"-ERR value is not an integer or out of range\r\n"
        self.values[key] = b"%d" % number
        return b":%d\r\n" % number


class RedisStore:
    """Over one connection; `address` is a path, or (host, port)."""

    def __init__(self, address):
        self.address = address
        self.socket = None
        self.lock = threading.Lock()

    def call(self, payload):
        with self.lock:
            try:
                return self.exchange(payload)
            except OSError:
                self.socket = None
                return GONE

    def exchange(self, payload):
        if not self.socket:
            family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.connect(self.address)
        self.socket.sendall(payload)
        reply = b""
        while True:
            more = self.socket.recv(1 << 18)
            if not more:
                raise ConnectionError("closed")
            reply += more
            if value_end(reply) is not None:
                return reply
