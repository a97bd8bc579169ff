"""Every reply through the data plane equals that of a Redis asked directly."""

import contextlib
import os
import random
import socket

import commands
from support import Client, Error, check, encode, equal, eventually, limit, proc, say, short

REQUESTS = 100000
SEED = int(os.environ.get("SEED", "20261"))
CONNECTIONS = 8


@contextlib.contextmanager
def reference(env):
    """A second Redis, of the same version and as empty as the store; yields a connection to it."""
    folder = os.path.join(env.lab.folder, "reference")
    process = proc.Process(folder, "reference")
    path = os.path.join(folder, "redis.sock")
    process.start(["ip", "netns", "exec", env.lab.ns("hub"), "redis-server", "--port", "0",
                   "--unixsocket", path, "--save", "", "--enable-debug-command", "yes"])
    try:
        def answers():
            with Client(path, family=socket.AF_UNIX) as c:
                return c.call("PING") == b"PONG"
        eventually("the reference Redis answers", answers)
        env.flush()
        with Client(path, family=socket.AF_UNIX) as c:
            yield c
    finally:
        process.kill()


def payloads(ref):
    """Values in serialised form for RESTORE, made by the reference, which is emptied again."""
    for request in (("SET", "a", "text"), ("RPUSH", "b", 1, 2, "x"), ("SADD", "c", 1, 2, 3),
                    ("ZADD", "d", 1, "m1"), ("HSET", "e", "m1", "v")):
        ref.call(*request)
    made = [ref.call("DUMP", k) for k in "abcde"]
    equal(ref.call("FLUSHALL"), b"OK", "FLUSHALL")
    return made + [b"junk", made[0][:-1]]


def pop_like(ref, name, args, reply):
    """Removes from the reference what came out at random through the data plane."""
    if isinstance(reply, Error) or len(args) < 2:
        return ref.call(*args)
    members = reply if isinstance(reply, list) else [] if reply is None else [reply]
    size = ref.call("SCARD", args[1])
    want = min(int(args[2]) if len(args) > 2 else 1, size)
    equal(len(members), want, "members out of %s %s" % (name, args))
    if members:
        equal(ref.call("SREM", args[1], *members), want, "those of %s that were there" % args)
    return reply


def batch(maker, names, left):
    """Requests that go out together; one whose reply decides what comes next ends it."""
    out = []
    for _ in range(min(left, maker.rng.choice((1, 1, 4, 16, 64, 300)))):
        out.append(commands.request(maker, maker.rng.choice(names)))
        if out[-1][0] in commands.POPS:
            break
    return out


@limit(240)
def test_random(env):
    rng = random.Random(SEED)
    maker = commands.Maker(rng)
    names = [n for n, _, route in commands.rows() if route in ("KEY", "STORE")]
    names += ["echo", "ping", "select"]
    missing = [n for n in names if n not in commands.GENERATORS]
    check(not missing, "tests/e2e/commands.py has no generator for %s", missing)
    say("%d requests of %d commands over %d connections, SEED=%d"
        % (REQUESTS, len(names), CONNECTIONS, SEED))
    with reference(env) as ref, contextlib.ExitStack() as stack:
        maker.payloads = payloads(ref)
        clients = [stack.enter_context(env.connect()) for _ in range(CONNECTIONS)]
        done = errors = 0
        while done < REQUESTS:
            requests = batch(maker, names, REQUESTS - done)
            client = rng.choice(clients)
            client.send(b"".join(encode(*args) for _, args in requests))
            plain = requests[:-1] if requests[-1][0] in commands.POPS else requests
            ref.send(b"".join(encode(*args) for _, args in plain))
            for i, (name, args) in enumerate(requests):
                got = client.reply()
                want = ref.reply() if i < len(plain) else pop_like(ref, name, args, got)
                check(commands.same(name, got, want), "request %d, %s: got %s, Redis says %s",
                      done + i, short(args), short(got), short(want))
                errors += isinstance(want, Error)
            done += len(requests)
        say("%d replies were equal, %d of them errors" % (done, errors))
        check(errors > done // 100, "too few errors to mean anything: %d", errors)
        same_data(env, ref)


def same_data(env, ref):
    with env.direct() as store:
        keys = sorted(store.call("KEYS", "*"))
        equal(keys, sorted(ref.call("KEYS", "*")), "keys in the end")
        for key in keys:
            equal(store.call("DEBUG", "DIGEST-VALUE", key), ref.call("DEBUG", "DIGEST-VALUE", key),
                  "digest of %s in the end" % key)
        say("%d keys are equal in the end" % len(keys))


def test_arity(env):
    """Too few and too many arguments of every command and subcommand."""
    n = 0
    with reference(env) as ref, env.connect() as c:
        for name, arity, _ in commands.rows():
            words = name.split("|")
            known = ref.call("COMMAND", "INFO", name)[0]
            if known is None:
                say("%s is unknown to this Redis: skipped" % name)
                continue
            counts = [abs(arity) - 1] + ([arity + 1] if arity > 0 else [])
            for count in counts:
                if count < len(words):
                    continue
                request = words + ["x"] * (count - len(words))
                equal(c.call(*request), ref.call(*request), "reply to %s" % request)
                n += 1
    say("%d requests were refused alike" % n)


def test_unknown(env):
    """Words that are no command, and subcommands that do not exist."""
    requests = [("nosuch",), ("nosuch", "a", "b"), ("NoSuch", "x" * 300, "y"), ("",), ("get\r\n", "a"),
                ("object", "nosuch", "k"), ("OBJECT", "nosuch"), ("client", "nosuch"),
                ("nosuch",) + ("arg",) * 50, ("\x00\xff", "\r\n"), ("GETT", "k"), ("memory", "what")]
    with reference(env) as ref, env.connect() as c:
        for request in requests:
            equal(c.call(*request), ref.call(*request), "reply to %s" % short(request))
        equal(c.call("PING"), b"PONG", "PING afterwards")
    say("%d requests were refused alike" % len(requests))


def test_refused(env):
    """What would block, subscribe or change a shared connection is refused; the client stays."""
    requests = [("BLPOP", "k", 0), ("SUBSCRIBE", "c"), ("MULTI",), ("WATCH", "k"), ("MONITOR",),
                ("SELECT", 1), ("AUTH", "x"), ("SHUTDOWN",), ("FLUSHALL",), ("DEBUG", "SLEEP", 1),
                ("CLIENT", "REPLY", "OFF"), ("HELLO", "3"), ("WAIT", 1, 0), ("PSYNC", "?", -1)]
    env.flush()
    with env.connect() as c, env.connect() as other:
        c.call("SET", "kept", 1)
        for request in requests:
            reply = c.call(*request)
            say("%s: %s" % (" ".join(map(str, request)), short(reply, 80)))
            check(isinstance(reply, Error), "%s was not refused: %s", request, short(reply))
        equal(c.call("GET", "kept"), b"1", "GET afterwards")
        equal(other.call("GET", "kept"), b"1", "GET of another client afterwards")


MALFORMED = [b"*abc\r\n", b"*1\r\n+PING\r\n", b"*1\r\n$-5\r\n", b"*1\r\n$abc\r\nPING\r\n",
             b"*2147483648\r\n", b"*1\r\n$536870913\r\n", b"*1\r\n$99999999999999999999\r\n",
             b'set "unbalanced\r\n', b"*" + b"1" * 70000, b"x" * 70000]


def test_malformed(env):
    """The same protocol errors, after the replies to what came before, and then the end."""
    with reference(env) as ref:
        path = ref.socket.getpeername()
        for bytes_in in MALFORMED:
            data = encode("PING") + encode("ECHO", "x") + bytes_in
            with env.connect(5) as c, Client(path, 5, socket.AF_UNIX) as direct:
                replies = []
                for client in (c, direct):
                    client.send(data)
                    replies.append(client.rest())
                equal(replies[0], replies[1], "all bytes after %s" % short(bytes_in, 60))
    say("%d malformed requests were answered alike" % len(MALFORMED))
