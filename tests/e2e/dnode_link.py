"""A connection that an original node opens to a peer: requests go out, answers come back in order."""

import collections
import socket
import threading
import time

from dnode_wire import RES, Broken, Reader, message

NOT_CONNECTED = b"-ERR Peer: Peer Node is not connected\r\n"
REFUSED = b"-ERR Peer: Peer Node refused connection\r\n"
SKIPPED = b"-ERR Dynomite: Failed to achieve Quorum\r\n"
RETRY_FIRST, RETRY_MAX = 1, 10


class Pending:
    """An answer to come: the message, or the text of an error made here."""

    def __init__(self, number=0):
        self.id = number
        self.done = threading.Event()
        self.message = None
        self.payload = None

    def settle(self, payload, got=None):
        self.payload, self.message = payload, got
        self.done.set()
        return self

    def wait(self, seconds):
        return self.payload if self.done.wait(seconds) else REFUSED


class Link:
    def __init__(self, node, peer):
        self.node, self.peer = node, peer
        self.lock = threading.Lock()
        self.socket = None
        self.fifo = collections.deque()
        self.retry_at, self.retry = 0, RETRY_FIRST
        self.dropped = 0  # answers with an id that was not waited for
        self.skipped = 0  # requests that were never answered

    def connected(self):
        """Under the lock."""
        if self.socket:
            return True
        if time.monotonic() < self.retry_at:
            return False
        try:
            self.socket = socket.create_connection(self.peer.address, 2)
        except OSError:
            self.retry_at = time.monotonic() + self.retry
            self.retry = min(self.retry * 2, RETRY_MAX)
            return False
        self.retry = RETRY_FIRST
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self.read, args=(self.socket,), daemon=True).start()
        return True

    def send(self, kind, payload, same_dc):
        """Puts a request on the connection; its Pending, which may be settled already."""
        with self.lock:
            if not self.connected():
                return Pending().settle(NOT_CONNECTED)
            # Under the lock, so that ids grow along the connection.
            pending = Pending(self.node.next_id())
            self.fifo.append(pending)
            try:
                self.socket.sendall(message(pending.id, kind, payload, same_dc))
            except OSError:
                self.lost(self.socket)
            return pending

    def read(self, sock):
        reader = Reader(sock.recv)
        try:
            while True:
                got = reader.message()
                if got.kind == RES:
                    with self.lock:
                        self.answer(got)
        except (Broken, OSError):
            with self.lock:
                self.lost(sock)

    def answer(self, got):
        """By comparison with the head of the queue, as an original does."""
        while self.fifo and got.id > self.fifo[0].id:
            self.fifo.popleft().settle(SKIPPED)
            self.skipped += 1
        if self.fifo and got.id == self.fifo[0].id:
            self.fifo.popleft().settle(got.payload, got)
        else:
            self.dropped += 1

    def lost(self, sock):
        if sock is not self.socket:
            return
        self.socket = None
        self.retry_at = time.monotonic() + self.retry
        while self.fifo:
            self.fifo.popleft().settle(REFUSED)
        shut(sock)

    def close(self):
        with self.lock:
            if self.socket:
                self.lost(self.socket)


def shut(sock):
    """Also wakes a thread that reads from it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()
