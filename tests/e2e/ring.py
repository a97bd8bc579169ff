"""What tests of several nodes share: a client for each node, its store, its REST, its counters."""

import json
import socket
import time
from http.client import HTTPConnection

from support import Client, PORT, check, equal, eventually, net, say, topology

LEVELS = ("DC_ONE", "DC_QUORUM", "DC_SAFE_QUORUM", "DC_EACH_SAFE_QUORUM")
QUORUMS = LEVELS[1:]
FAILED = b"ERR Dynomite: Failed to achieve Quorum"


class Ring:
    """Nodes are named by their numbers: 1 is node1."""

    def __init__(self, env):
        self.env, self.lab = env, env.lab
        self.numbers = range(1, len(env.lab.nodes) + 1)

    def node(self, number):
        return self.lab.nodes[number - 1]

    def racks(self, dc):
        return sorted({n.rack for n in self.lab.nodes if n.datacenter == dc})

    def connect(self, number=1, level=None, seconds=20):
        client = Client((self.node(number).data4, PORT), seconds)
        if level:
            equal(client.call("DYNO_CONFIG:CONN_CONSISTENCY", level), b"OK", level)
        return client

    def store(self, number):
        """The store of a node, past the data planes."""
        return Client(self.lab.socket_path(self.node(number).name), family=socket.AF_UNIX)

    def in_store(self, number, *args):
        with self.store(number) as c:
            return c.call(*args)

    def in_stores(self, *args):
        return [self.in_store(number, *args) for number in self.numbers]

    def flush(self):
        for number in self.numbers:
            equal(self.in_store(number, "FLUSHALL"), b"OK", "FLUSHALL")

    # -- REST

    def rest(self, number, path, method="GET", body=None):
        """What REST answers, as an object where it is one."""
        node = self.node(number)
        with net.inside(self.lab.ns("client")):
            sock = socket.create_connection((node.mgmt4, topology.REST), timeout=5)
        http = HTTPConnection(node.mgmt4)
        http.sock = sock
        try:
            http.request(method, path, json.dumps(body) if body is not None else None)
            answer = http.getresponse()
            text = answer.read()
        finally:
            http.close()
        equal(answer.status, 200, "%s %s of node%d: %s" % (method, path, number, text[:200]))
        return json.loads(text) if text.lstrip().startswith(b"{") else text.decode()

    def put(self, number, path, **members):
        """Changes a setting, and waits until the data plane works by it."""
        self.rest(number, path, "PUT", members)
        eventually("node%d uses %s" % (number, members), lambda: self.lab.linked(self.node(number)))
        say("node%d: %s %s" % (number, path, members))

    def counters(self, number):
        """As they are now: younger than this call."""
        called = time.monotonic()
        while True:
            stats = self.rest(number, "/v1/stats")
            if time.monotonic() - stats["age_ms"] / 1000 > called:
                return stats["counters"]
            time.sleep(0.05)

    def owners(self, number, key):
        """By the node's REST: (datacentre, rack) -> number of the node that has the key."""
        by_address = {self.node(n).data4: n for n in self.numbers}
        told = self.rest(number, "/v1/keys/%s/replicas" % key)
        return {(dc["name"], rack["name"]): by_address[rack["owner"]["address"]]
                for dc in told["datacenters"] for rack in dc["racks"]}

    # -- processes

    def kill(self, number, what):
        say("kill -9 the %s of node%d" % (what, number))
        check(self.lab.kill(self.node(number).name, what), "it did not run")

    def start(self, number, what):
        say("start the %s of node%d" % (what, number))
        self.lab.start(self.node(number).name, what)
        if what == "dataplane":
            self.lab.wait_ready(self.node(number))
            self.lab.wait_rest(self.node(number))

    def whole(self, seconds=20):
        """Waits until what is written through any node is with its owners in every rack, at once."""
        for number in self.numbers:
            with self.connect(number) as c:
                took = eventually("node%d reaches all owners" % number,
                                  lambda c=c: self._reaches_all(c), seconds)
            if took > 0.5:
                say("node%d reaches every rack again after %.1f s" % (number, took))

    def _reaches_all(self, client):
        # So many that no node has none of them.
        keys = ["whole:%d:%d" % (time.monotonic_ns(), i) for i in range(32)]
        if client.call("MSET", *(x for key in keys for x in (key, 1))) != b"OK":
            return False
        racks = len({(n.datacenter, n.rack) for n in self.lab.nodes})
        until = time.monotonic() + 0.3
        while sum(self.in_stores("EXISTS", *keys)) < racks * len(keys):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        for number in self.numbers:
            self.in_store(number, "DEL", *keys)
        return True


def timed(client, *args):
    """The reply, and how long it took."""
    started = time.monotonic()
    reply = client.call(*args)
    return reply, time.monotonic() - started


def failed(reply, *racks):
    """It must be the error of a quorum, and name the racks that did not answer."""
    check(bytes(reply).startswith(FAILED), "want %r, got %r", FAILED, reply)
    for rack in racks:
        check(rack.encode() in bytes(reply).partition(b"no answer from")[2].partition(b";")[0],
              "%s is not said to be away: %r", rack, reply)
