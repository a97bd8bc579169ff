"""Every pair of options, segment sizes, who opens and who ends how: a few segments both ways."""

import itertools
import socket

import kernel
from bed import DIRECT, address, check, equal, limit

SIZE = {536: 12000, 1460: 40000, 8960: 120000}
FEW = 4000
PORT = 7000
STREAM = kernel.Stream(1 << 18)


# How a connection ends: our plan, what the kernel's side does, and the error that we must see.
# `io` sends and receives all; s is the kernel's socket.
def we_first(s, io):
    io()
    kernel.eof(s)


def they_first(s, io):
    io()
    s.shutdown(socket.SHUT_WR)
    kernel.eof(s)


def both(s, io):
    io(then=lambda: s.shutdown(socket.SHUT_WR))
    kernel.eof(s)


def half_we(s, io):
    io(send=False)
    kernel.eof(s)
    io(recv=False)


def half_they(s, io):
    io(recv=False)
    s.shutdown(socket.SHUT_WR)
    io(send=False)
    kernel.eof(s)


def we_abort(s, io):
    io()
    kernel.reset(s)


def they_abort(s, io):
    io()
    kernel.drained(s)
    kernel.abort(s)


def we_unread(s, io):
    io()
    kernel.reset(s)


def they_unread(s, io):
    io(recv=False)
    kernel.drained(s)
    kernel.arrived(s, FEW)
    s.close()


ORDERS = {
    we_first: (dict(end="shutdown"), ""),
    they_first: (dict(end="wait"), ""),
    both: (dict(end="shutdown"), ""),
    half_we: (dict(end="shutdown"), ""),
    half_they: (dict(end="wait", after_eof=1), ""),
    we_abort: (dict(end="abort"), ""),
    they_abort: (dict(end="wait"), "ECONNRESET"),
    we_unread: (dict(end="unread"), ""),
    they_unread: (dict(end="wait"), "ECONNRESET"),
}
OPTIONS = ("timestamps", "sack", "window_scaling")


class Side:
    """One listener of the kernel and one of ours, for one family and segment size."""

    def __init__(self, bed, host, v6, mss):
        self.host, self.v6, self.mss = host, v6, mss
        self.kern, self.our = address(DIRECT, 1, v6), address(DIRECT, 2, v6)
        self.limit = 0 if mss == 8960 else mss
        self.mss_want = min(mss, 9000 - (60 if v6 else 40))
        self.bed = bed
        with bed.inside():
            self.listener = kernel.listener(v6, self.kern, PORT, mss=self.limit)

    def open(self, we_connect, plan):
        """(the kernel's socket, our id)"""
        if we_connect:
            name = self.host.plan("connect", to=self.kern, port=PORT, **plan)
            sock, _ = self.listener.accept()
            sock.settimeout(kernel.SECONDS)
            return sock, name
        name = self.host.plan("expect", port=PORT, **plan)
        with self.bed.inside():
            sock = kernel.make(self.v6, mss=self.limit)
        try:
            sock.connect((self.our, PORT))
        except OSError:
            sock.close()
            raise
        return sock, name

    def cell(self, we_connect, order, options, key):
        few = order in (we_unread, they_unread)
        size = FEW if few else SIZE[self.mss]
        plan, error = ORDERS[order]
        sock, name = self.open(we_connect, dict(send=size, send_key=key, recv=size,
                                                recv_key=key + 1, **plan))
        out, want = STREAM.get(key + 1, size), STREAM.get(key, size)

        def io(send=True, recv=True, then=None):
            if then:
                kernel.exchange(sock, out, 0, reads=False)
                then()
                send = False
            got = kernel.exchange(sock, out if send else b"", size if recv else 0)
            check(not recv or got == want, "wrong bytes came")
            self.witness(sock, options)
        with sock:
            order(sock, io)
        end = self.host.wait(name)
        equal(end["error"], error, "our error")
        equal((end["wrong"], end["sent"]), (0, size), "wrong and sent bytes of ours")
        equal(end["received"], 0 if order == we_unread else size, "bytes received by us")

    def witness(self, sock, options):
        """The options are really what the cell is about."""
        info = kernel.Info(sock)
        equal({"timestamps": info.timestamps, "sack": info.sack, "window_scaling": info.scaling},
              options, "what the kernel says of the connection")
        equal(info.snd_mss, self.mss_want - (12 if options["timestamps"] else 0), "the MSS")
        check(info.rcv_mss <= self.mss_want, "we send %d bytes at once, %d were allowed",
              info.rcv_mss, self.mss_want)


def matrix(bed, v6, ours):
    """One of the two has the option or not; the other offers and accepts all."""
    host = bed.ours(mtu=9000, mbufs=4096)
    keys = itertools.cycle(range(0, 1000, 2))
    for mss in SIZE:
        side = Side(bed, host, v6, mss)
        with side.listener:
            for values in itertools.product((True, False), repeat=len(OPTIONS)):
                options = dict(zip(OPTIONS, values))
                host.stack(mtu=9000, **{n: int(on) for n, on in options.items() if ours})
                host.order("listen", port=PORT)
                for name, on in options.items():
                    bed.sysctl("tcp_" + name, int(on or ours))
                for we_connect, order in itertools.product((True, False), ORDERS):
                    text = "mss %d %s %s, %s" % (
                        mss, "we connect" if we_connect else "it connects",
                        " ".join("%s=%d" % (n, on) for n, on in options.items()), order.__name__)
                    with bed.cell(text):
                        side.cell(we_connect, order, options, next(keys))
                host.settled()
                bed.kernel_settled()


@limit(120)
def test_v4(bed):
    matrix(bed, False, ours=False)


@limit(120)
def test_v6(bed):
    matrix(bed, True, ours=False)


@limit(120)
def test_v4_switched_off_here(bed):
    matrix(bed, False, ours=True)


@limit(120)
def test_v6_switched_off_here(bed):
    matrix(bed, True, ours=True)
