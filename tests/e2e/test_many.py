"""Very many clients, and a flood of connections that never become any."""

import os
import random
import resource
import select
import socket
import struct
import time

from support import PORT, check, encode, equal, limit, say, topology

CONNECTIONS = 10000
AT_ONCE = 500


def allow_files(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))


def open_many(address, count):
    """Connections in groups, since the backlog is 512 and this is no flood."""
    made = []
    for first in range(0, count, AT_ONCE):
        group = []
        for _ in range(min(AT_ONCE, count - first)):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(address)
            group.append(s)
        wait_all(group, select.EPOLLOUT, 30, "connect")
        for s in group:
            equal(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0, "connect")
        made += group
    return made


def wait_all(sockets, event, seconds, what, done=None):
    """Until `done` says so of every socket, or the event came for each."""
    waiting = {s.fileno(): s for s in sockets}
    until = time.monotonic() + seconds
    with select.epoll() as ep:
        for fd in waiting:
            ep.register(fd, event)
        while waiting:
            check(time.monotonic() < until, "%s: %d of %d are missing after %d s", what,
                  len(waiting), len(sockets), seconds)
            for fd, _ in ep.poll(1):
                if fd in waiting and (done is None or done(waiting[fd])):
                    ep.unregister(fd)
                    del waiting[fd]


def ask_all(sockets, request, reply):
    got = {s.fileno(): b"" for s in sockets}

    def complete(s):
        more = s.recv(4096)
        check(more, "a connection was closed")
        got[s.fileno()] += more
        want = reply(s)
        check(want.startswith(got[s.fileno()]), "got %r, want %r", got[s.fileno()], want)
        return got[s.fileno()] == want

    for s in sockets:
        s.send(request(s))
    wait_all(sockets, select.EPOLLIN, 60, "replies", complete)


@limit(150)
def test_ten_thousand_clients(env):
    env.flush()
    allow_files(CONNECTIONS + 500)
    started = time.monotonic()
    sockets = open_many((env.node.data4, PORT), CONNECTIONS)
    try:
        say("%d connections in %.1f s" % (len(sockets), time.monotonic() - started))
        number = {s.fileno(): i for i, s in enumerate(sockets)}
        for turn in range(3):
            started = time.monotonic()
            ask_all(sockets, lambda s: encode("SET", "c:%d" % number[s.fileno()], turn)
                    + encode("GET", "c:%d" % number[s.fileno()]),
                    lambda s: b"+OK\r\n$1\r\n%d\r\n" % turn)
            say("a SET and a GET of each took %.1f s" % (time.monotonic() - started))
        with env.direct() as store:
            equal(store.call("DBSIZE"), CONNECTIONS, "keys at the store")
            listed = store.call("INFO", "clients")
            clients = int(listed.split(b"connected_clients:")[1].split()[0])
            say("the store sees %d connections" % clients)
            check(clients <= 64, "the store sees %d connections", clients)
        with env.connect() as c:
            equal(c.call("PING"), b"PONG", "PING of one more")
    finally:
        for s in sockets:
            s.close()
    with env.connect() as c:
        equal(c.call("PING"), b"PONG", "PING after they left")


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn_frame(rng, node, source):
    """A SYN from an address that is nobody's."""
    destination = socket.inet_aton(node.data4)
    tcp = struct.pack("!HHIIBBHHHBBH", rng.randrange(1024, 65536), PORT, rng.getrandbits(32), 0,
                      6 << 4, 2, 64240, 0, 0, 2, 4, 1460)
    pseudo = source + destination + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), rng.getrandbits(16), 0x4000, 64, 6, 0,
                     source, destination)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    mac = bytes.fromhex("0200c61200%02x" % node.octet)
    mine = bytes.fromhex("0200c61200%02x" % topology.CLIENT_OCTET)
    return mac + mine + b"\x08\x00" + ip + tcp


def flood(node, seconds):
    """In a process of its own: SYNs from neighbours that do not exist and from far away."""
    rng = random.Random(7)
    frames = []
    for i in range(20000):
        near = b"\xc6\x12\x00" + bytes([rng.randrange(30, 250)])
        far = bytes([rng.choice((10, 172, 203)), *rng.randbytes(3)])
        frames.append(syn_frame(rng, node, near if i % 2 else far))
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind(("eth1", 0))
    until = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < until:
        for frame in frames[:1000]:
            try:
                s.send(frame)
                sent += 1
            except OSError:
                time.sleep(0.001)
        frames = frames[1000:] + frames[:1000]
    return sent


@limit(90)
def test_syn_flood(env):
    """Established clients and new ones are served while SYNs pour in."""
    reader, writer = os.pipe()
    with env.connect(20) as old:
        equal(old.call("SET", "f", 1), b"OK", "SET")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.write(writer, b"%d" % flood(env.node, 6))
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        try:
            time.sleep(1.5)
            served = fresh = 0
            until = time.monotonic() + 4
            while time.monotonic() < until:
                equal(old.call("GET", "f"), b"1", "GET of an old client")
                served += 1
                if served % 20 == 0:
                    with env.connect(15) as new:
                        equal(new.call("GET", "f"), b"1", "GET of a new client")
                    fresh += 1
        finally:
            _, status = os.waitpid(child, 0)
        equal(status, 0, "status of the flood")
        say("%s SYNs; meanwhile %d requests of an old client, and %d new clients"
            % (os.read(reader, 100).decode(), served, fresh))
        os.close(reader)
        check(fresh > 0, "no new client got through")
        equal(old.call("GET", "f"), b"1", "GET after the flood")
