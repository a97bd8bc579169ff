"""Connections, trace and captures over REST: what they show is what happens."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from http.client import HTTPConnection

from support import PORT, check, encode, equal, eventually, limit, run, say, topology

LAB = {"options": {"set": {"dataplane.workers": "2"}}}
CONNECTIONS = "/v1/connections"


def ask(env, method, path, body=None):
    """(status, headers, body) of a request to the control plane."""
    with contextlib.closing(HTTPConnection(env.node.mgmt4, topology.REST, timeout=20)) as http:
        http.request(method, path, body)
        answer = http.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def get(env, path):
    status, _, body = ask(env, "GET", path)
    equal(status, 200, "GET %s: %s" % (path, body[:200]))
    return json.loads(body)


def refused(env, method, path, status, *words):
    got, _, body = ask(env, method, path)
    equal(got, status, "status of %s %s" % (method, path))
    message = json.loads(body)["error"]["message"]
    for word in words:
        check(word in message, "%s %s: no %r in %r", method, path, word, message)


def pages(env, query, size):
    """All rows, gathered page by page."""
    rows, cursor = [], None
    for _ in range(10000):
        page = get(env, "%s?limit=%d%s%s" % (CONNECTIONS, size, query,
                                             "&cursor=" + cursor if cursor else ""))
        check(len(page["connections"]) <= size, "%d rows", len(page["connections"]))
        rows += page["connections"]
        cursor = page["next"]
        if cursor is None:
            return rows
    check(False, "the pages have no end")


def own_port(client):
    return client.socket.getsockname()[1]


def packets(pcap):
    """(time, frame) of each packet of a file in nanosecond pcap format."""
    magic, major, minor, _, _, snap, link = struct.unpack_from("<IHHIIII", pcap)
    equal((magic, major, minor, link), (0xa1b23c4d, 2, 4, 1), "the file's header")
    at, found = 24, []
    while at < len(pcap):
        s, ns, kept, length = struct.unpack_from("<IIII", pcap, at)
        check(kept <= length and kept <= snap and at + 16 + kept <= len(pcap), "a record's length")
        found.append((s + ns / 1e9, pcap[at + 16:at + 16 + kept]))
        at += 16 + kept
    equal(at, len(pcap), "the end of the file")
    return found


def tcp(frame):
    """(source, port), (destination, port), flags, payload of an IPv4 frame."""
    equal(frame[12:14], b"\x08\x00", "EtherType")
    header, total = (frame[14] & 15) * 4, struct.unpack_from(">H", frame, 16)[0]
    equal(frame[23], 6, "IP protocol")
    src, dst = (socket.inet_ntoa(frame[a:a + 4]) for a in (26, 30))
    at = 14 + header
    sport, dport = struct.unpack_from(">HH", frame, at)
    return (src, sport), (dst, dport), frame[at + 13], frame[at + (frame[at + 12] >> 4) * 4:14 + total]


@limit(60)
def test_connection_of_a_client(env):
    """A client's connection is there with its ports, a plausible round trip, and then gone."""
    with env.connect() as c:
        for _ in range(20):
            equal(c.call("PING"), b"PONG", "PING")
        port = own_port(c)
        rows = pages(env, "&port=%d" % port, 10)
        equal(len(rows), 1, "rows with port %d" % port)
        row = rows[0]
        equal((row["remote_port"], row["local"], row["local_port"], row["state"]),
              (port, env.node.data4, PORT, "ESTABLISHED"), "the row")
        equal(row["remote"], c.socket.getsockname()[0], "remote")
        check(1 <= row["srtt_us"] < 2000000, "srtt_us is %d", row["srtt_us"])
        check(row["rto_us"] >= row["srtt_us"], "rto_us is %d", row["rto_us"])
        check(500 <= row["mss_bytes"] <= 1460 and row["cwnd_bytes"] >= row["mss_bytes"],
              "mss %d, cwnd %d", row["mss_bytes"], row["cwnd_bytes"])
        check("timestamps" in row["options"] and "wscale" in row["options"], "%s", row["options"])
        check(row["heard_us"] < 10000000, "heard %d us ago", row["heard_us"])
        say("srtt %d us, rto %d us, cwnd %d bytes, %s" % (row["srtt_us"], row["rto_us"],
                                                        row["cwnd_bytes"], row["cc"]))
        equal(pages(env, "&port=%d&state=FIN-WAIT-2" % port, 10), [], "in another state")
        equal(pages(env, "&port=%d&remote=192.0.2.99" % port, 10), [], "of another peer")
    eventually("the connection is gone", lambda: not pages(env, "&port=%d" % port, 10), 10)


@limit(60)
def test_redis_cli(env):
    """redis-cli is found by the port that the kernel says it has."""
    cli = subprocess.Popen(["redis-cli", "-h", env.node.data4, "-p", str(PORT)], text=True,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        cli.stdin.write("SET seen 1\n")
        cli.stdin.flush()
        equal(cli.stdout.readline().strip(), "OK", "SET")
        with open("/proc/%d/net/tcp" % cli.pid) as f:
            lines = [line.split() for line in f.readlines()[1:]]
        ports = {int(line[1].split(":")[1], 16) for line in lines if line[3] == "01"}
        rows = [r for r in pages(env, "", 50) if r["remote_port"] in ports]
        check(any(r["state"] == "ESTABLISHED" and r["srtt_us"] > 0 for r in rows),
              "no row for redis-cli; ports %s, rows %s", ports, rows)
    finally:
        cli.stdin.close()
        cli.wait(10)


@limit(90)
def test_two_hundred_in_pages(env):
    """Each connection that stays comes exactly once, while others come and go."""
    clients = [env.connect() for _ in range(200)]
    ended = threading.Event()

    def churn():
        while not ended.is_set():
            with env.connect() as c:
                c.call("PING")
    try:
        for c in clients:
            equal(c.call("PING"), b"PONG", "PING")
        ports = sorted(own_port(c) for c in clients)
        thread = threading.Thread(target=churn)
        thread.start()
        try:
            rows = pages(env, "", 7)
        finally:
            ended.set()
            thread.join()
        seen = sorted(r["remote_port"] for r in rows if r["remote_port"] in set(ports))
        equal(seen, ports, "ports of the 200")
        workers = {r["worker"] for r in rows}
        equal(workers, {0, 1}, "workers")
        some = pages(env, "&worker=1", 50)
        equal({r["worker"] for r in some}, {1}, "rows of ?worker=1")
    finally:
        for c in clients:
            c.close()


@limit(60)
def test_trace(env):
    """A connection's life is in the trace of its worker."""
    with env.connect() as c:
        port = own_port(c)
        equal(c.call("PING"), b"PONG", "PING")
        worker = pages(env, "&port=%d" % port, 10)[0]["worker"]
    path = "/v1/trace?worker=%d&port=%d" % (worker, port)

    def lines():
        status, headers, body = ask(env, "GET", path)
        equal(status, 200, "status of " + path)
        check(headers["Content-Type"].startswith("text/plain"), "%s", headers)
        return body.decode().splitlines()
    eventually("its end is in the trace", lambda: any(" END " in line for line in lines()), 10)
    text = lines()
    events = [line.split(" ", 4)[4] for line in text]
    for event in ("STATE from=CLOSED to=ESTABLISHED", "STATE from=ESTABLISHED to=CLOSE-WAIT"):
        check(event in events, "no %r in %s", event, events)
    check(events.index("STATE from=CLOSED to=ESTABLISHED")
          < events.index("STATE from=ESTABLISHED to=CLOSE-WAIT"), "order of %s", events)
    times = [line.split()[0] for line in text]
    equal(times, sorted(times), "times")
    check(all(":%d " % port in line for line in text), "another port in %s", text)
    ago = time.time() - time.mktime(time.strptime(text[-1][:19], "%Y-%m-%dT%H:%M:%S")) \
        + time.timezone
    check(-2 < ago < 30, "the last event was %.1f s ago", ago)
    equal(len(ask(env, "GET", "/v1/trace?worker=%d&limit=3" % worker)[2].splitlines()), 3,
          "lines with limit=3")


def start_capture(env, query, body=None):
    status, _, text = ask(env, "POST", "/v1/captures" + query, body)
    equal(status, 201, "POST: %s" % text[:200])
    return json.loads(text)["id"]


def capture(env, id):
    """The entry in the list, or None."""
    found = [c for c in get(env, "/v1/captures")["captures"] if c["id"] == id]
    return found[0] if found else None


@limit(60)
def test_capture_of_one_flow(env):
    """SYN and request of the chosen flow are in the file, and nothing of another one."""
    s = socket.socket()
    s.bind(("", 0))
    port = s.getsockname()[1]
    id = start_capture(env, "?port=%d&snap=2048" % port)
    with s, env.connect() as other:
        s.connect((env.node.data4, PORT))
        s.sendall(encode("ECHO", "needle in the flow"))
        check(b"needle" in s.recv(100), "no reply")
        for _ in range(20):
            other.call("ECHO", "hay")
    frames = []

    def complete():
        status, headers, body = ask(env, "GET", "/v1/captures/%d" % id)
        equal((status, headers["Content-Type"]), (200, "application/vnd.tcpdump.pcap"), "GET")
        frames[:] = packets(body)
        return any(tcp(f)[2] & 1 for _, f in frames)  # FIN
    eventually("the FIN is captured", complete, 10)
    peers = {(env.node.data4, PORT)}
    segments = [tcp(frame) for _, frame in frames]
    for src, dst, _, payload in segments:
        check({src[1], dst[1]} == {port, PORT} and peers & {src, dst}, "%s -> %s", src, dst)
        check(b"hay" not in payload, "another flow's payload")
    equal(segments[0][2] & 0x3f, 0x02, "flags of the first segment: a SYN")
    equal(segments[1][2] & 0x3f, 0x12, "flags of the second: SYN-ACK")
    check(any(dst[1] == PORT and b"needle" in p for _, dst, _, p in segments), "no request")
    check(any(src[1] == PORT and b"needle" in p for src, _, _, p in segments), "no reply")
    times = [t for t, _ in frames]
    equal(times, sorted(times), "times")
    check(abs(time.time() - times[-1]) < 30, "the last packet's time is off")
    entry = capture(env, id)
    equal((entry["packets"], entry["port"], entry["running"]), (len(frames), port, True), "list")
    equal(ask(env, "DELETE", "/v1/captures/%d" % id)[0], 200, "DELETE")
    equal(capture(env, id), None, "the entry after DELETE")
    refused(env, "GET", "/v1/captures/%d" % id, 404, "/v1/captures")
    refused(env, "DELETE", "/v1/captures/%d" % id, 404)


@limit(60)
def test_captures_are_bounded(env):
    with env.connect() as c:
        ids = [start_capture(env, "", json.dumps({"remote": c.socket.getsockname()[0],
                                                  "port": own_port(c), "packets": 5,
                                                  "seconds": 2})),
               start_capture(env, "?port=%d&bytes=1024&snap=64&seconds=2" % own_port(c)),
               start_capture(env, "?port=%d&seconds=1" % own_port(c))]
        for _ in range(50):
            c.call("PING")
        eventually("all end by themselves",
                   lambda: not any(capture(env, id)["running"] for id in ids), 10)
        # Each worker has its own bounds: one may see what comes in, and another what goes out.
        few = capture(env, ids[0])["packets"]
        check(5 <= few <= 10, "%d packets of at most 5 on each worker", few)
        check(capture(env, ids[1])["bytes"] <= 2048, "bytes")
        body = ask(env, "GET", "/v1/captures/%d" % ids[1])[2]
        check(all(len(frame) <= 64 for _, frame in packets(body)), "a frame is longer than 64")
        running = [start_capture(env, "?port=1") for _ in range(4)]
        equal([capture(env, id) for id in ids], [None] * 3, "those that had ended gave way")
        refused(env, "POST", "/v1/captures?port=1", 503, "DELETE")
        for id in running:
            equal(ask(env, "DELETE", "/v1/captures/%d" % id)[0], 200, "DELETE")


@limit(60)
def test_bad_requests(env):
    for query, word in (("port=0", "from 1 to 65535"), ("port=x", "port"), ("limit=0", "from 1 to 1000"),
                        ("limit=1001", "1000"), ("state=OPEN", "ESTABLISHED"),
                        ("remote=1.2.3", "address"), ("cursor=5", "next"), ("who=1", "cursor"),
                        ("port=1&port=2", "twice"), ("worker", "worker"), ("port=%zz", "port")):
        refused(env, "GET", "%s?%s" % (CONNECTIONS, query), 400, word)
    refused(env, "GET", CONNECTIONS + "?worker=7", 404, "worker")
    refused(env, "GET", "/v1/trace?worker=7", 404, "worker")
    refused(env, "GET", "/v1/trace?state=LISTEN", 400, "worker")
    refused(env, "POST", "/v1/captures", 400, "remote")
    refused(env, "POST", "/v1/captures?port=1&snap=1", 400, "64")
    refused(env, "GET", "/v1/captures/x", 404)
    refused(env, "GET", "/v1/captures/7", 404)
    refused(env, "POST", CONNECTIONS, 405, "GET")
    refused(env, "DELETE", "/v1/captures", 405, "POST")
    equal(ask(env, "HEAD", CONNECTIONS)[0], 200, "HEAD")
    for body in (b"{", b"[]", b'{"port": 1.5}', b'{"port": null}', b'{"x": 1}'):
        equal(ask(env, "POST", "/v1/captures", body)[0], 400, "POST of %s" % body)
    equal(get(env, "/v1/captures"), {"captures": []}, "captures after all that")


@limit(60)
def test_many_at_once(env):
    """More askers than may wait: each gets an answer, or is told that there are too many."""
    results = []

    def one():
        results.append(ask(env, "GET", CONNECTIONS)[0])
    threads = [threading.Thread(target=one) for _ in range(100)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(set(results) <= {200, 503} and results.count(200) >= 50, "%s", results)
    say("%d of 100 answered" % results.count(200))


@limit(60)
def test_data_plane_away(env):
    """Without the data plane: an error that says since when, at once; and all is well after it."""
    env.kill("dataplane")
    eventually("the control plane misses it",
               lambda: not env.lab.status(env.node)["data_plane"]["linked"], 15)
    started = time.monotonic()
    for method, path in (("GET", CONNECTIONS), ("GET", "/v1/trace"), ("GET", "/v1/captures"),
                         ("POST", "/v1/captures?port=1"), ("DELETE", "/v1/captures/1")):
        refused(env, method, path, 503, "away", "s ago")
        check("Age" in ask(env, method, path)[1], "no Age")
    check(time.monotonic() - started < 5, "it took too long")
    env.start("dataplane")
    env.lab.wait_ready(env.node)
    env.lab.wait_rest(env.node)
    with env.connect() as c:
        equal(len(pages(env, "&port=%d" % own_port(c), 5)), 1, "rows after the restart")


@limit(60)
def test_data_plane_stopped(env):
    """It is there and does not answer: the asker learns it within its time."""
    pid = env.pid("dataplane")
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        refused(env, "GET", CONNECTIONS, 503, "did not answer")
        check(2 < time.monotonic() - started < 8, "after %.1f s", time.monotonic() - started)
        equal(ask(env, "GET", "/ping")[0], 200, "other requests")
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually("it answers again", lambda: ask(env, "GET", CONNECTIONS)[0] == 200, 10)


@limit(60)
def test_served_while_asked(env):
    """Clients are served while everything is asked for, all the time."""
    ended = threading.Event()
    asked = []

    def askers():
        while not ended.is_set():
            for path in (CONNECTIONS, "/v1/trace?limit=8192", "/v1/captures"):
                asked.append(ask(env, "GET", path)[0])
    thread = threading.Thread(target=askers)
    id = start_capture(env, "?port=%d&packets=65536&bytes=4194304" % PORT)
    thread.start()
    try:
        out = run("redis-benchmark", "-h", env.node.data4, "-p", str(PORT), "-t", "get", "-n",
                  "50000", "-c", "50", "-q", seconds=50)
    finally:
        ended.set()
        thread.join()
    check("GET" in out and "rror" not in out, "%s", out)
    equal(set(asked), {200}, "statuses")
    body = ask(env, "GET", "/v1/captures/%d" % id)[2]
    say("%d questions; %d packets captured" % (len(asked), len(packets(body))))
    equal(ask(env, "DELETE", "/v1/captures/%d" % id)[0], 200, "DELETE")
