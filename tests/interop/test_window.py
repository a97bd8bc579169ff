"""Windows that close: tiny buffers and slow readers at either end; and ECN."""

import time

import kernel
from bed import DIRECT, address, check, equal, limit, say

PORT = 7000
SIZE = 300000
STREAM = kernel.Stream(SIZE + (1 << 16))


def pair(bed, we_connect, host, options, **plan):
    if we_connect:
        with bed.inside(), kernel.listener(False, address(DIRECT, 1), PORT, **options) as listener:
            name = host.plan("connect", to=address(DIRECT, 1), port=PORT, **plan)
            return listener.accept()[0], name
    name = host.plan("expect", port=PORT, **plan)
    with bed.inside():
        sock = kernel.make(False, **options)
    sock.connect((address(DIRECT, 2), PORT))
    return sock, name


def slow_kernel(sock, size):
    """Reads little by little, with pauses in which the window closes and is probed."""
    got = bytearray()
    while len(got) < size:
        got += sock.recv(2000)
        if len(got) % 50000 < 2000:
            time.sleep(0.3)
    return got


def test_tiny_kernel_buffers(bed):
    """SO_RCVBUF and tcp_rmem at their least, and a reader with pauses."""
    host = bed.ours()
    host.stack()
    host.order("listen", port=PORT)
    bed.sysctl("tcp_rmem", "2304 4096 8192")
    for we_connect in (True, False):
        with bed.cell("we connect" if we_connect else "it connects"):
            sock, name = pair(bed, we_connect, host, dict(rcvbuf=1), send=SIZE // 2, send_key=5,
                              end="shutdown")
            with sock:
                check(slow_kernel(sock, SIZE // 2) == STREAM.get(5, SIZE // 2), "wrong bytes")
                kernel.eof(sock)
            equal(host.wait(name)["error"], "", "our error")
    counters = host.counters()
    say("our counters: %s" % counters)
    check(counters.get("tcp_zero_window_probes"), "the window never closed")
    host.settled()


def test_tiny_buffers_here(bed):
    """Our receive buffer is a few segments and is emptied slowly."""
    host = bed.ours()
    host.stack(rcv_buf=6000, snd_buf=6000)
    host.order("listen", port=PORT)
    for we_connect in (True, False):
        with bed.cell("we connect" if we_connect else "it connects"):
            sock, name = pair(bed, we_connect, host, {}, send=SIZE, send_key=5, recv=SIZE,
                              recv_key=6, slow=200, end="wait")
            with sock:
                got = kernel.exchange(sock, STREAM.get(6, SIZE), SIZE)
                check(got == STREAM.get(5, SIZE), "wrong bytes")
                kernel.drained(sock)
            end = host.wait(name)
            equal((end["received"], end["wrong"]), (SIZE, 0), "received and wrong bytes")
    host.settled()


@limit(60)
def test_stopped_reader_here(bed):
    """Nothing is read here for seconds: the kernel probes, and goes on when there is room again."""
    host = bed.ours()
    host.stack(rcv_buf=20000)
    host.order("listen", port=PORT)
    sock, name = pair(bed, False, host, {}, recv=60000, recv_key=6, slow=10, end="wait")
    with sock:
        kernel.exchange(sock, STREAM.get(6, 60000), 0, reads=False)
        kernel.drained(sock)
    equal(host.wait(name)["received"], 60000, "received bytes")


def test_ecn(bed):
    """The kernel offers or accepts it as it is told, and says what was agreed."""
    host = bed.ours()
    bed.sysctl("tcp_ecn", 1)
    for ours in ("off", "accept", "offer"):
        host.stack(ecn=ours)
        host.order("listen", port=PORT)
        for we_connect in (True, False):
            want = ours == "offer" or (ours == "accept" and not we_connect)
            with bed.cell("ecn=%s, %s" % (ours, "we connect" if we_connect else "it connects")):
                sock, name = pair(bed, we_connect, host, {}, send=SIZE, send_key=5, recv=SIZE,
                                  recv_key=6, end="shutdown")
                with sock:
                    got = kernel.exchange(sock, STREAM.get(6, SIZE), SIZE)
                    check(got == STREAM.get(5, SIZE), "wrong bytes")
                    info = kernel.Info(sock)
                    equal((info.ecn, info.ecn_seen), (want, want),
                          "ECN agreed, and ECT seen by the kernel")
                equal(host.wait(name)["error"], "", "our error")
