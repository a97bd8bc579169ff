"""What is changed over REST reaches the data plane, by the original's paths and by /v1."""

import json
import os
import signal
import socket
from http.client import HTTPConnection

from support import check, equal, eventually, net, run, say, topology

LAB = {"topology": "three-racks"}
STATE_ERROR = b"ERR Dynomite: Dynomite's current state does not allow this request"


def ask(env, path, method="GET", body=None, node=None):
    node = node or env.node
    with net.inside(env.lab.ns("client")):
        connection = socket.create_connection((node.mgmt4, topology.REST), timeout=5)
    http = HTTPConnection(node.mgmt4)
    http.sock = connection
    http.request(method, path, body)
    answer = http.getresponse()
    text = answer.read().decode()
    http.close()
    say("%s %s %s: %d %s" % (method, path, (body or "")[:60], answer.status, " ".join(text.split())[:100]))
    return answer.status, text


def in_use(env):
    eventually("the data plane uses the snapshot", lambda: env.lab.linked(env.node))


def test_state(env):
    with env.connect() as c:
        equal(c.call("SET", "k", "v"), b"OK", "SET")
        for path, method, body, state in (
                ("/state/standby", "GET", None, "STANDBY"),
                ("/state/normal", "GET", None, "NORMAL"),
                ("/v1/state", "PUT", '{"state": "standby"}', "STANDBY"),
                ("/v1/state", "PUT", '{"state": "NORMAL"}', "NORMAL")):
            equal(ask(env, path, method, body)[0], 200, path)
            in_use(env)
            # A read would be answered by another rack.
            want = STATE_ERROR if state == "STANDBY" else b"PONG"
            equal(c.call("PING"), want, "PING in %s" % state)
            equal(c.call("GET", "k"), b"v", "GET in %s" % state)
            equal(ask(env, "/state/get_state")[1], "State: %s\n" % state, "state")


def test_changes_have_epochs_and_causes(env):
    before = env.lab.status(env.node)["epoch"]["asked"]
    equal(ask(env, "/set_consistency/write/dc_quorum"), (200, "OK\r\n"), "set")
    equal(ask(env, "/v1/consistency", "PUT", '{"read": "DC_QUORUM"}')[0], 200, "PUT")
    equal(ask(env, "/v1/consistency", "PUT", '{"read": "QUORUM"}')[0], 400, "PUT of nonsense")
    equal(ask(env, "/v1/consistency", "PUT", "x" * 3000)[0], 400, "PUT of no JSON")
    in_use(env)
    equal(env.lab.status(env.node)["epoch"]["applied"], before + 2, "epoch in use")
    changes = json.loads(ask(env, "/v1/changes")[1])["changes"]
    equal([c["epoch"] for c in changes[:3]], [before + 2, before + 1, before], "epochs")
    check("DC_QUORUM for reads" in changes[0]["cause"], "cause: %s", changes[0]["cause"])
    equal(json.loads(ask(env, "/v1/consistency", "PUT", '{"read": "DC_ONE", "write": "DC_ONE"}')[1])
          ["epoch"], before + 3, "epoch of the answer")
    in_use(env)


def test_a_node_that_comes_into_the_file(env):
    """By SIGHUP: one that is known by its name, and one that can't be found."""
    path = env.lab.conf_path(env.node.name)
    with open(path) as f:
        old = f.read()
    head, seeds, rest = old.partition("  dyn_seeds:\n")
    check(seeds, "no seeds in %s", path)
    more = '  - "localhost:8101:rack2:dc9:0"\n  - "nobody.invalid:8101:rack1:dc9:0"\n'
    try:
        with open(path, "w") as f:
            f.write(head + seeds + more + rest)
        os.kill(env.pid("controlplane"), signal.SIGHUP)

        def found():
            ring = json.loads(env.lab.rest(env.node, "/v1/ring")[1])
            far = {n["host"]: n["address"] for dc in ring["datacenters"] if dc["name"] == "dc9"
                   for rack in dc["racks"] for n in rack["nodes"]}
            return far.get("localhost") == "127.0.0.1" and far.get("nobody.invalid", 1) is None

        eventually("both are in the ring", found)
        eventually("the log says it", lambda: "no address for nobody.invalid"
                   in env.process("controlplane").tail(50), 15)
        check("localhost has the address 127.0.0.1" in json.loads(ask(env, "/v1/changes")[1])
              ["changes"][0]["cause"], "the cause of the new address")
        in_use(env)
    finally:
        with open(path, "w") as f:
            f.write(old)
        os.kill(env.pid("controlplane"), signal.SIGHUP)
    eventually("they are gone", lambda: b"dc9" not in env.lab.rest(env.node, "/v1/ring")[1])
    check(env.serving(), "the node does not serve")


def test_both_programs_refuse_a_wrong_ring(env):
    path = env.lab.conf_path(env.node.name) + ".wrong"
    with open(env.lab.conf_path(env.node.name)) as f:
        text = f.read()
    own = "%s:8101:rack1:dc1:0" % env.node.data4
    with open(path, "w") as f:
        f.write(text.replace("  dyn_seeds:\n", '  dyn_seeds:\n  - "%s"\n' % own))
    try:
        for what in ("dataplane", "controlplane"):
            said = run(env.lab._program(what), "-t", "-c", path, ok=False)
            check("is this node itself" in said and "token 0 of this node" in said, "%s", said)
            check("yml.wrong:" in said, "no line: %s", said)
    finally:
        os.unlink(path)
