"""The kernel's end of a connection: sockets, the bytes that both ends know, TCP_INFO."""

import array
import contextlib
import fcntl
import select
import socket
import struct
import termios
import time

from bed import Failure, check

SECONDS = 15
MASK = (1 << 64) - 1
SIOCOUTQ = termios.TIOCOUTQ


def _words(n):
    out = array.array("Q", bytes(8 * n))
    for i in range(n):
        x = i * 0x9e3779b97f4a7c15 & MASK
        out[i] = (x ^ x >> 29) * 0xbf58476d1ce4e5b9 & MASK
    return out.tobytes()


class Stream:
    """The bytes of tests/interop/stack_host/task.c. That of key k begins 8 k bytes into that of 0."""

    def __init__(self, size):
        self.bytes = memoryview(_words(size // 8))

    def get(self, key, size):
        return self.bytes[8 * key:8 * key + size]


class Info:
    """TCP_INFO, as far as tests look at it."""

    def __init__(self, sock):
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        options, scales = raw[5], raw[6]
        self.state = raw[0]
        self.timestamps, self.sack = bool(options & 1), bool(options & 2)
        self.scaling, self.ecn, self.ecn_seen = (bool(options & 4), bool(options & 8),
                                                 bool(options & 16))
        self.snd_scale, self.rcv_scale = scales & 15, scales >> 4
        names = ("rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent "
                 "last_ack_sent last_data_recv last_ack_recv pmtu rcv_ssthresh rtt rttvar "
                 "snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans").split()
        for name, value in zip(names, struct.unpack_from("=%dI" % len(names), raw, 8)):
            setattr(self, name, value)
        self.delivered_ce, = struct.unpack_from("=I", raw, 196)
        self.dsack_dups, = struct.unpack_from("=I", raw, 216)
        self.bytes_acked, self.bytes_received = struct.unpack_from("=QQ", raw, 120)

    def __str__(self):
        return " ".join("%s=%s" % item for item in vars(self).items())


def make(v6, mss=0, congestion="cubic", rcvbuf=0, sndbuf=0):
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(SECONDS)
    if mss:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, 33, rcvbuf)  # SO_RCVBUFFORCE
    if sndbuf:
        sock.setsockopt(socket.SOL_SOCKET, 32, sndbuf)  # SO_SNDBUFFORCE
    return sock


def listener(v6, addr, port, **options):
    sock = make(v6, **options)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((addr, port))
    sock.listen(128)
    return sock


def exchange(sock, out, want, reads=True, seconds=SECONDS):
    """Sends `out` and receives `want` bytes, both at once. Returns what came."""
    until = time.monotonic() + seconds
    out = memoryview(out)
    got = bytearray()
    sock.setblocking(False)
    while len(out) or (reads and len(got) < want):
        left = until - time.monotonic()
        check(left > 0, "the exchange hangs: %d bytes to send, %d of %d received; %s",
              len(out), len(got), want, Info(sock))
        events = (select.POLLOUT if len(out) else 0) | (select.POLLIN if reads else 0)
        poll = select.poll()
        poll.register(sock, events)
        poll.poll(left * 1000)
        with contextlib.suppress(BlockingIOError):
            if len(out):
                out = out[sock.send(out[:1 << 18]):]
        with contextlib.suppress(BlockingIOError):
            if reads and len(got) < want:
                more = sock.recv(min(1 << 18, want - len(got)))
                check(more, "the end came after %d of %d bytes", len(got), want)
                got += more
    sock.settimeout(SECONDS)
    return got


def eof(sock):
    more = sock.recv(1 << 16)
    check(not more, "%d bytes came instead of an end", len(more))


def reset(sock):
    try:
        more = sock.recv(1 << 16)
    except ConnectionResetError:
        return
    raise Failure("%d bytes came instead of a reset" % len(more))


def drained(sock, seconds=SECONDS):
    """Everything sent is acknowledged."""
    until = time.monotonic() + seconds
    while struct.unpack("i", fcntl.ioctl(sock, SIOCOUTQ, bytes(4)))[0]:
        check(time.monotonic() < until, "not acknowledged in time; %s", Info(sock))
        time.sleep(0.0005)


def arrived(sock, size):
    until = time.monotonic() + SECONDS
    while Info(sock).bytes_received < size:
        check(time.monotonic() < until, "%d bytes did not arrive; %s", size, Info(sock))
        time.sleep(0.0005)


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
