"""Plays an original node from recorded bytes, at either end of a connection.

A transcript (tests/e2e/transcripts/NAME.dnode) is a conversation of two original nodes over one
connection, as it was captured:

    # what it is about
    > "   $2014$ 5 3 0 1 1 *1 d *24\\r\\n"     by the side that connected; a message may take several
      "*2\\r\\n$3\\r\\nget\\r\\n$5\\r\\nnokey\\r\\n"  lines, all quoted; escapes: \\r \\n \\" \\\\ \\xHH
    < "   $2014$ 5 5 0 1 1 *1 d *5\\r\\n"      by the side that accepted
      "$-1\\r\\n"

The side that is played sends what is recorded, and what it gets must be the same, byte by byte. Only
ids are free, where the other side chooses them: they must grow, and answers carry them.
"""

import os
import re
import socket
import threading

from dnode_wire import Broken, Closed, Reader, StrictReader, message, request
from support import Failure, check, equal

FOLDER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "transcripts")
ESCAPE = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|([rn"\\])|(.?))', re.S)
QUIET_SECONDS = 0.2


def unescape(text, where):
    def one(found):
        check(found[3] is None, "%s: no such escape: \\%s", where, found[3])
        if found[1]:
            return bytes([int(found[1], 16)])
        return {b"r": b"\r", b"n": b"\n"}.get(found[2], found[2])
    return ESCAPE.sub(one, text)


def read(name):
    """The lines of a transcript: (">" or "<", Message)."""
    path = os.path.join(FOLDER, name + ".dnode")
    lines = []
    with open(path, "rb") as f:
        for number, line in enumerate(f, 1):
            where = "%s:%d" % (path, number)
            if line.startswith(b"#") or not line.strip():
                continue
            found = re.fullmatch(rb'([<> ]) +"(.*)"\s*', line)
            check(found, "%s: want > or < or a space, and text in quotes", where)
            text = unescape(found[2], where)
            if found[1] == b" ":
                check(lines, "%s: continues nothing", where)
                lines[-1][1] += text
            else:
                lines.append([found[1].decode(), text])
    return [(side, one_message(text, path)) for side, text in lines]


def one_message(text, path):
    left = [text]
    reader = Reader(lambda size: left.pop() if left else b"")
    got = reader.message()
    check(got.raw == text, "%s: not one whole message: %r", path, text)
    return got


class Player:
    """What both ends share. `chunk`: how many bytes are sent at once, 0 for whole messages."""

    def __init__(self, name, chunk=0, seconds=10):
        self.name, self.chunk, self.seconds = name, chunk, seconds
        self.lines = read(name)
        self.socket = self.reader = None

    def take(self, sock):
        self.socket = sock
        sock.settimeout(self.seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = StrictReader(sock.recv)

    def send(self, data):
        step = self.chunk or len(data)
        for at in range(0, len(data), step):
            self.socket.sendall(data[at:at + step])

    def get(self):
        try:
            return self.reader.message()
        except (Broken, OSError) as e:
            raise Failure("%s: %s" % (self.name, e)) from e

    def quiet(self):
        """Nothing more may come."""
        self.socket.settimeout(QUIET_SECONDS)
        try:
            got = self.reader.message()
        except (Closed, TimeoutError):
            check(not self.reader.buffer, "%s: more came: %r", self.name, self.reader.buffer)
            return
        raise Failure("%s: more came: %r" % (self.name, got))

    def close(self):
        if self.socket:
            self.socket.close()


class Requester(Player):
    """An original that connects to us. `pipelined`: all requests first, then all answers."""

    def play(self, address, pipelined=False):
        with socket.create_connection(address, self.seconds) as sock:
            self.take(sock)
            lines = self.lines
            if pipelined:
                lines = sorted(lines, key=lambda line: line[0] == "<")
            for side, line in lines:
                if side == ">":
                    self.send(line.raw)
                else:
                    equal(self.get().raw, line.raw, "%s: the answer" % self.name)
            self.quiet()


class Responder(Player):
    """An original that accepts our connections, and plays on the first over which a message comes.

        with Responder("set_rack", ("127.0.0.1", 8101)) as peer:
            ...                      # what makes our node send the recorded requests
            peer.finish()            # raises what went wrong

    `pings`: a PING that is not in the transcript is answered, as an original's store would."""

    def __init__(self, name, address, pings=True, **more):
        super().__init__(name, **more)
        self.pings = pings
        self.listener = socket.create_server(address)
        self.listener.settimeout(self.seconds)
        self.address = self.listener.getsockname()
        self.last = -1
        self.ids = {}  # recorded -> the other side's
        self.error = None
        self.thread = threading.Thread(target=self.body, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.close()

    def body(self):
        try:
            self.take(self.listener.accept()[0])
            for side, line in self.lines:
                if side == ">":
                    self.expect(line)
                else:
                    check(line.id in self.ids, "%s: answers nothing: %r", self.name, line)
                    self.send(message(self.ids[line.id], line.kind, line.payload, line.same_dc,
                                      data=line.data, flags=line.flags))
            self.quiet()
        except (Failure, OSError) as e:
            self.error = e

    def expect(self, line):
        got = self.get()
        while self.pings and got.payload != line.payload and got.payload == request("PING"):
            self.grows(got)
            self.send(message(got.id, 5, b"+PONG\r\n", got.same_dc))
            got = self.get()
        self.grows(got)
        self.ids[line.id] = got.id
        want = message(got.id, line.kind, line.payload, line.same_dc, data=line.data,
                       flags=line.flags)
        equal(got.raw, want, "%s: the request" % self.name)

    def grows(self, got):
        check(got.id > self.last, "%s: id %d after %d", self.name, got.id, self.last)
        self.last = got.id

    def finish(self):
        self.thread.join(self.seconds + 1)
        check(not self.thread.is_alive(), "%s: no end", self.name)
        if self.error:
            raise self.error


def names():
    return sorted(f[:-len(".dnode")] for f in os.listdir(FOLDER) if f.endswith(".dnode"))
