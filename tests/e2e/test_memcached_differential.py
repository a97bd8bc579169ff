"""Every byte through the data plane equals that of a memcached asked directly."""

import contextlib
import os
import random
import socket
import threading
import time

import memcache
from support import check, equal, eventually, limit, proc, say, short

LAB = {"options": {"backend": "memcached"}}
REQUESTS = 20000
BATCH = 40
FILLER = 600
OVER = b"VALUE over 0 8\r\n--over--\r\nEND\r\n"
SEED = int(os.environ.get("SEED", "20262"))


@contextlib.contextmanager
def reference(env):
    """A second memcached, as empty as the store; yields its address."""
    folder = os.path.join(env.lab.folder, "reference")
    process = proc.Process(folder, "reference")
    path = os.path.join(folder, "memcached.sock")
    process.start(["ip", "netns", "exec", env.lab.ns("hub"), "memcached", "-u", "root", "-U", "0",
                   "-t", "1", "-m", "64", "-s", path])
    try:
        def answers():
            with memcache.Memcached(path, family=socket.AF_UNIX) as c:
                return c.ask(b"version\r\n").startswith(b"VERSION ")
        eventually("the reference answers", answers)
        memcache.flush(env.lab)
        yield path
    finally:
        process.kill()


def everything(connection, sent):
    """All that comes for a batch, up to a value that nothing else has."""
    # Replies are read while requests are sent: there may be more than fits anywhere.
    sender = threading.Thread(target=connection.send, daemon=True, args=(
        b"set over 0 0 8\r\n--over--\r\n" + sent + b"get over\r\n",))
    sender.start()
    got = bytearray()
    while not got.endswith(OVER):
        more = connection.socket.recv(1 << 18)
        check(more, "closed behind %s; sent %s", short(bytes(got[-200:])), short(sent, 3000))
        got += more
    sender.join()
    return bytes(got)


@limit(300)
def test_random(env):
    """Each batch on a connection of its own, so that both sides read it to its end."""
    rng = random.Random(SEED)
    say("%d requests in batches of %d, SEED=%d" % (REQUESTS, BATCH, SEED))
    size = errors = 0
    with reference(env) as path:
        for i in range(REQUESTS // BATCH):
            sent = b"".join(memcache.request(rng) for _ in range(BATCH))
            # What a length that is too long swallows must not be the end.
            sent += b"\r\n" * FILLER
            with memcache.Memcached(path, family=socket.AF_UNIX) as c:
                want = everything(c, sent)
            with memcache.connect(env.node) as c:
                got = everything(c, sent)
            if got != want:
                at = next((k for k in range(min(len(got), len(want))) if got[k] != want[k]),
                          min(len(got), len(want)))
                check(False, "batch %d: from byte %d on got %s, memcached says %s; sent %s", i, at,
                      short(got[max(0, at - 60):at + 100]), short(want[max(0, at - 60):at + 100]),
                      short(sent.rstrip(), 3000))
            size += len(got)
            errors += got.count(b"ERROR")
        errors -= REQUESTS // BATCH * FILLER
        check(errors > REQUESTS // 50, "too few errors to mean anything: %d", errors)
        say("%d bytes of replies were equal, with %d errors" % (size, errors))
        with memcache.Memcached(path, family=socket.AF_UNIX) as ref, \
                memcache.direct(env.lab, env.node) as store:
            for n in range(30):
                equal(store.get(b"key%d" % n), ref.get(b"key%d" % n), "key%d in the end" % n)


def test_one_at_a_time(env):
    """What memcached 1.6 answers by chance behind other requests: it loses replies of requests that came
    before a get with too long a key, and fills numbers that got shorter up with spaces, or not."""
    key, longest = b"k" * 251, b"k" * 250
    requests = [b"set %b 0 0 1\r\nx\r\n" % longest, b"get %b\r\n" % longest, b"get %b\r\n" % key,
                b"get a %b b\r\n" % key, b"gets %b\r\n" % key, b"gat 0 %b\r\n" % key,
                b"set n 7 0 2\r\n10\r\n", b"decr n 3\r\n", b"get n\r\n", b"decr n 18446744073709551615\r\n",
                b"incr n 18446744073709551615\r\n", b"incr n 2\r\n", b"get n\r\n",
                b"delete %b\r\n" % key, b"incr %b 1\r\n" % key, b"touch %b 0\r\n" % key]
    with reference(env) as path, memcache.Memcached(path, family=socket.AF_UNIX) as ref, \
            memcache.connect(env.node) as c:
        for request in requests:
            equal(c.ask(request), ref.ask(request), "reply to %s" % short(request))


def test_cut_everywhere(env):
    """One request stream, cut at every place; replies are the same each time."""
    stream = (b"set cut 5 0 6\r\nab\r\ncd\r\nget cut none cut\r\nincr cut 1\r\nset cut 0 0 1 noreply\r\n1\r\n"
              b"incr cut 41\r\nnosuch\r\nset cut 0 0 2\r\nxyz\r\ngets none\r\ndelete cut\r\n")
    ending = b"quit\r\n"
    with reference(env) as path, memcache.Memcached(path, family=socket.AF_UNIX) as ref:
        ref.send(stream + ending)
        want = ref.rest()
    for at in range(1, len(stream)):
        with memcache.connect(env.node) as c:
            c.send(stream[:at])
            # So that the halves come one after the other, not in one segment.
            time.sleep(0.002)
            c.send(stream[at:] + ending)
            equal(c.rest(), want, "cut at %d" % at)
