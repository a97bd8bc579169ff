"""Bulk both ways over a link that delays, loses, doubles and reorders; kernel's CUBIC at its end."""

import socket
import time

import kernel
from bed import LINKED, PERCENT, address, check, equal, limit, say

PORT = 7000
SIZE = 1500000
STREAM = kernel.Stream(SIZE + (1 << 16))
PATIENCE = 40  # s, for what is lost several times in a row
WAN = dict(delay_us=5000, rate_kbit=100000, queue=150000)


class Pair:
    """Our stack at one end of the link, the kernel's at the other."""

    def __init__(self, bed, congestion="cubic", **settings):
        self.bed, self.congestion = bed, congestion
        self.infos = []
        self.link = bed.link(realtime=True)
        self.host = bed.ours(LINKED)
        self.host.stack(**settings)
        self.host.order("listen", port=PORT)
        with bed.inside():
            self.listeners = {v6: kernel.listener(v6, address(LINKED, 1, v6), PORT,
                                                  congestion=congestion)
                              for v6 in (False, True)}
        self.warm()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self.listeners.values():
            listener.close()

    def stop(self):
        for host in (self.host, self.link):
            self.bed.end(host)

    def warm(self):
        """Both ends learn their neighbour before packets are lost."""
        for v6 in self.listeners:
            sock, name = self.open(v6, True, end="shutdown")
            sock.close()
            self.host.wait(name)

    def open(self, v6, we_connect, **plan):
        if we_connect:
            name = self.host.plan("connect", to=address(LINKED, 1, v6), port=PORT, **plan)
            self.listeners[v6].settimeout(PATIENCE)
            return self.listeners[v6].accept()[0], name
        name = self.host.plan("expect", port=PORT, **plan)
        with self.bed.inside():
            sock = kernel.make(v6, congestion=self.congestion)
        sock.settimeout(PATIENCE)
        sock.connect((address(LINKED, 2, v6), PORT))
        return sock, name

    def bulk(self, v6, we_connect, up, down):
        """`up` bytes from us to the kernel and `down` bytes back, at once."""
        started = time.monotonic()
        sock, name = self.open(v6, we_connect, send=up, send_key=11, recv=down, recv_key=12,
                               end="shutdown")
        with sock:
            got = kernel.exchange(sock, STREAM.get(12, down), up, seconds=PATIENCE)
            check(got == STREAM.get(11, up), "wrong bytes came")
            sock.settimeout(PATIENCE)
            kernel.eof(sock)
            sock.shutdown(socket.SHUT_WR)
            kernel.drained(sock, PATIENCE)
            info = kernel.Info(sock)
            self.infos.append(info)
        end = self.host.wait(name, PATIENCE)
        equal((end["wrong"], end["received"], end["error"]), (0, down, ""),
              "what went wrong, how much came, and the error here")
        return time.monotonic() - started, info

    def table(self, size, **bad):
        """The link does the same to both directions."""
        self.link.set("both", **WAN, **bad)
        before = self.host.counters()
        for v6, we_connect, up, down in ((False, True, size, 0), (False, False, 0, size),
                                         (True, False, size, 0), (True, True, 0, size),
                                         (False, True, size // 2, size // 2)):
            text = "v%d %s, %d bytes from us, %d from the kernel" % (
                6 if v6 else 4, "we connect" if we_connect else "it connects", up, down)
            with self.bed.cell(text):
                seconds, info = self.bulk(v6, we_connect, up, down)
                say("%s: %.2f s, the kernel retransmitted %d" % (text, seconds,
                                                                 info.total_retrans))
        after = self.host.counters()
        say("here: %s" % ", ".join(
            "%s %d" % (n, after.get(n, 0) - before.get(n, 0)) for n in
            ("tcp_out_segs", "tcp_retrans_segs", "tcp_fast_retrans", "tcp_rto", "tcp_in_ooo")))
        counters = self.link.counters()
        say("link: %s" % counters)
        equal(counters["to_a"]["no_room"] + counters["to_b"]["no_room"], 0,
              "frames that the emulator had no room for")
        return counters


def lost(counters):
    return counters["to_a"]["lost"] and counters["to_b"]["lost"]


def test_clean(bed):
    with Pair(bed) as pair:
        pair.table(SIZE)


def test_loss_1(bed):
    with Pair(bed) as pair:
        check(lost(pair.table(SIZE, seed=1, loss=PERCENT)), "nothing was lost")


@limit(90)
def test_loss_5(bed):
    with Pair(bed) as pair:
        check(lost(pair.table(SIZE // 2, seed=2, loss=5 * PERCENT)), "nothing was lost")


@limit(90)
def test_bursts(bed):
    with Pair(bed) as pair:
        check(lost(pair.table(SIZE // 2, seed=3, burst_enter=PERCENT // 4,
                              burst_leave=30 * PERCENT)), "nothing was lost")


def test_reordering(bed):
    with Pair(bed) as pair:
        counters = pair.table(SIZE, seed=4, reorder=2 * PERCENT, reorder_us=2500)
        check(counters["to_a"]["reordered"] and counters["to_b"]["reordered"], "none reordered")


def test_reordering_costs_nothing(bed):
    """Frames later by a quarter of the round trip are not taken for lost, once that was seen."""
    size = 12000000
    stream = kernel.Stream(size)
    with Pair(bed) as pair:
        # Nothing is lost: the queue holds all that the windows allow.
        pair.link.set("both", delay_us=5000, rate_kbit=50000, queue=600000, seed=3,
                      reorder=2 * PERCENT, reorder_us=2500)
        sock, name = pair.open(False, True, send=size, end="shutdown")
        with sock:
            check(kernel.exchange(sock, b"", size) == stream.get(0, size), "wrong bytes came")
            kernel.eof(sock)
        equal(pair.host.wait(name)["error"], "", "our error")
        counters, link = pair.host.counters(), pair.link.counters()["to_a"]
        say("%d segments, %d reordered, %d sent again" % (
            link["in"], link["reordered"], counters.get("tcp_retrans_segs", 0)))
        equal(link["queue_full"], 0, "frames that the queue had no room for")
        # A sender that does not learn sends a third to all of them again.
        check(counters.get("tcp_retrans_segs", 0) <= link["reordered"] / 4,
              "%d of %d late segments were sent again", counters.get("tcp_retrans_segs", 0),
              link["reordered"])


@limit(90)
def test_all_at_once(bed):
    with Pair(bed) as pair:
        pair.table(SIZE // 2, seed=5, loss=PERCENT, reorder=PERCENT, reorder_us=3000,
                   dup=PERCENT, jitter_us=500)


def test_duplicates(bed):
    """The kernel hears by D-SACK that what it sent came twice."""
    with Pair(bed) as pair:
        pair.table(SIZE // 2, seed=7, dup=10 * PERCENT)
        check(any(i.dsack_dups for i in pair.infos), "the kernel heard of no duplicate")
        equal(pair.host.counters().get("tcp_retrans_segs", 0), 0, "segments retransmitted here")


@limit(90)
def test_newreno_without_sack(bed):
    with Pair(bed, sack=0, cc="newreno") as pair:
        check(lost(pair.table(SIZE // 2, seed=8, loss=PERCENT)), "nothing was lost")
        equal([i.sack for i in pair.infos], [False] * len(pair.infos), "SACK in use")


@limit(90)
def test_loss_without_timestamps(bed):
    with Pair(bed, timestamps=0) as pair:
        check(lost(pair.table(SIZE // 2, seed=9, loss=2 * PERCENT)), "nothing was lost")
        equal([i.timestamps for i in pair.infos], [False] * len(pair.infos), "timestamps in use")


@limit(90)
def test_kernel_reno_and_bbr(bed):
    """Other senders: one that halves, one that paces and probes."""
    for congestion in ("reno", "bbr"):
        with Pair(bed, congestion=congestion) as pair:
            pair.table(SIZE // 2, seed=10, loss=PERCENT)
            pair.stop()


def test_congestion_marks(bed):
    """CE instead of loss: each sender hears of it by ECE, and slows down without retransmitting."""
    bed.sysctl("tcp_ecn", 1)
    with Pair(bed, ecn="offer") as pair:
        counters = pair.table(SIZE // 2, seed=11, mark=20000)
        check(counters["to_a"]["marked"] and counters["to_b"]["marked"], "nothing was marked")
        check(any(i.delivered_ce for i in pair.infos), "the kernel heard of no mark of its own")
        check(pair.host.counters().get("tcp_cwr"), "we heard of no mark of our own")


@limit(90)
def test_bit_errors(bed):
    """Checksums find them, at both ends."""
    with Pair(bed) as pair:
        pair.table(SIZE // 2, seed=12, corrupt=PERCENT // 2)
        check(pair.host.counters().get("drop_TCP_CSUM"), "no segment with a bad checksum came")


def test_thinned_acks(bed):
    with Pair(bed) as pair:
        pair.table(SIZE // 2, seed=13, thin=1)


@limit(90)
def test_path_mtu(bed):
    """A router in the middle says what fits."""
    with Pair(bed) as pair:
        counters = pair.table(SIZE // 2, hole=1300, hole_icmp=1)
        check(counters["to_a"]["too_big"] and counters["to_b"]["too_big"], "everything fitted")


@limit(90)
def test_black_hole(bed):
    """Nobody says that large packets vanish."""
    bed.sysctl("tcp_mtu_probing", 1)
    with Pair(bed) as pair:
        counters = pair.table(SIZE // 8, hole=1300)
        check(counters["to_a"]["too_big"] and counters["to_b"]["too_big"], "everything fitted")


def test_simultaneous_close(bed):
    """Both FINs are on the way at once: CLOSING at both ends."""
    with Pair(bed) as pair:
        for v6, we_connect in ((False, True), (False, False), (True, True), (True, False)):
            pair.link.set("both", delay_us=20000)
            with bed.cell("v%d, %s" % (6 if v6 else 4, we_connect)):
                sock, name = pair.open(v6, we_connect, send=1000, send_key=1, recv=1000,
                                       recv_key=2, end="shutdown")
                with sock:
                    sock.sendall(STREAM.get(2, 1000))
                    sock.shutdown(socket.SHUT_WR)
                    check(kernel.exchange(sock, b"", 1000) == STREAM.get(1, 1000), "wrong bytes")
                    kernel.eof(sock)
                end = pair.host.wait(name)
                equal((end["error"], end["received"], end["wrong"]), ("", 1000, 0), "our end")
            pair.link.set("both")
        pair.host.settled()
        bed.kernel_settled()


@limit(120)
def test_lost_handshakes(bed):
    """Much is lost in both directions: connections open and end nonetheless."""
    with Pair(bed) as pair:
        pair.link.set("both", delay_us=1000, loss=10 * PERCENT, seed=6)
        for i in range(8):
            with bed.cell("connection %d" % i):
                pair.bulk(False, i % 2 == 0, 3000, 3000)
