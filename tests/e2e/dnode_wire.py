"""The peer protocol as original nodes (0.6) read and write it. docs/peers.md has it byte by byte."""

import re

REQ, REQ_FORWARD, RES, GOSSIP = 3, 4, 5, 7
ID_MAX = (1 << 64) - 1
MAGIC = b"$2014$"
# Digits are separated by exactly one space; before the second star there may be several.
FIELDS = re.compile(rb" (\d+) (\d+) (\d+) (\d+) (\d) \*(\d+) ")
LENGTH = re.compile(rb" +\*(\d+)\r\n")
UNENDING = re.compile(rb"[ \d*]{0,80}\Z| +\*?\d*\r?\Z")


class Closed(ConnectionError):
    """The other side closed, between two messages."""


class Broken(Exception):
    """Bytes that an original node would not have sent, or not have understood."""


def header(number, kind, size, same_dc=1, data=b"d", flags=0):
    return b"   $2014$ %d %d %d 1 %d *%d %s *%d\r\n" % (number, kind, flags, same_dc, len(data),
                                                      data, size)


def message(number, kind, payload, same_dc=1, **more):
    return header(number, kind, len(payload), same_dc, **more) + payload


def request(*args):
    args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)


def value_end(data, at=0):
    """Where the one RESP value that begins there ends; None when it is not whole yet."""
    line = data.find(b"\r\n", at)
    if line < 0:
        return None
    kind, text, at = data[at:at + 1], data[at + 1:line], line + 2
    if kind in b"+-:":
        return at
    if kind not in b"$*" or not re.fullmatch(rb"-1|\d+", text):
        raise Broken("not RESP: %r" % bytes(data[line - len(text) - 1:line]))
    count = int(text)
    if kind == b"$":
        end = at if count < 0 else at + count + 2
        return end if end <= len(data) else None
    for _ in range(max(count, 0)):
        at = value_end(data, at)
        if at is None:
            return None
    return at


def arguments(payload):
    """A request's arguments."""
    out, at = [], payload.index(b"\r\n") + 2
    while at < len(payload):
        line = payload.index(b"\r\n", at)
        size = int(payload[at + 1:line])
        out.append(bytes(payload[line + 2:line + 2 + size]))
        at = line + 2 + size + 2
    return out


class Message:
    def __init__(self, fields, data, plen):
        self.id, self.kind, self.flags, self.version, self.same_dc = (int(f) for f in fields)
        self.data, self.plen = bytes(data), plen
        self.payload = b""
        self.raw = b""  # all of it, as it came

    def __repr__(self):
        return "message %d of type %d: %r" % (self.id, self.kind, self.raw[:200])


class Reader:
    """Messages from a stream, by the rules of an original node: whatever comes before the magic is
    skipped, and a request or reply ends where RESP says, not after plen bytes."""

    def __init__(self, receive):
        self.receive = receive  # like socket.recv
        self.buffer = bytearray()
        self.skipped = 0  # bytes that were no message

    def feed_more(self):
        more = self.receive(1 << 16)
        if not more:
            if self.buffer:
                raise Broken("closed within a message: %r" % bytes(self.buffer[:200]))
            raise Closed("closed by the other side")
        self.buffer += more

    def drop(self, count):
        self.skipped += count
        del self.buffer[:count]

    def until(self, find):
        while True:
            found = find()
            if found is not None:
                return found
            self.feed_more()

    def match(self, pattern, at):
        """The match; False if there can't be one, None if it takes more bytes to tell."""
        found = pattern.match(self.buffer, at)
        return found or (None if UNENDING.match(self.buffer, at) else False)

    def fields(self):
        """Hunts for a header; the message without its payload, and where that begins."""
        while True:
            at = self.until(self.find_magic)
            # Three spaces are a header's, more are not.
            lead = min(3, at - len(self.buffer[:at].rstrip(b" ")))
            self.drop(at - lead)
            start = lead + len(MAGIC)
            found = self.until(lambda: self.match(FIELDS, start))
            if found:
                end = found.end() + int(found[6])
                self.until(lambda: True if len(self.buffer) > end else None)
                size = self.until(lambda: self.match(LENGTH, end))
                if size:
                    data = self.buffer[found.end():end]
                    return Message(found.groups()[:5], data, int(size[1])), size.end()
            self.drop(start)

    def find_magic(self):
        at = self.buffer.find(MAGIC)
        if at >= 0:
            return at
        # What may be the beginning of the next header is kept.
        keep = len(MAGIC) + 2
        if len(self.buffer) > keep:
            self.drop(len(self.buffer) - keep)
        return None

    def message(self):
        got, at = self.fields()
        end = at
        if got.kind in (0, REQ, REQ_FORWARD, RES) and got.flags != 1:
            end = self.until(lambda: value_end(self.buffer, at))
        elif got.kind == GOSSIP or got.flags == 1:
            end = at + got.plen
            self.until(lambda: True if len(self.buffer) >= end else None)
        got.payload, got.raw = bytes(self.buffer[at:end]), bytes(self.buffer[:end])
        del self.buffer[:end]
        return got


class StrictReader(Reader):
    """For what our nodes send: everything that an original would only tolerate is an error."""

    def message(self):
        got = super().message()
        if self.skipped:
            raise Broken("%d bytes that are no message came before %r" % (self.skipped, got))
        if got.raw != message(got.id, got.kind, got.payload, got.same_dc, data=got.data,
                              flags=got.flags):
            raise Broken("not as an original writes it: %r" % got)
        if got.id > ID_MAX or got.same_dc > 1 or got.flags or got.data not in (b"d", b"a"):
            raise Broken("no original would send %r" % got)
        return got
