"""Topology files, addresses, and the configuration file that each node gets.

A topology is a text file with a line for each node: name, datacenter, rack, tokens. Names are
node1, node2, ... in order; node N has the addresses 198.18.0.(10+N) and 198.19.0.(10+N).
"""

import json
import os

CLIENT_OCTET = 2
FIRST_NODE_OCTET = 11
NODES_MAX = 200
ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
FOLDER = os.path.join(ROOT, "conf/lab")
LISTEN, DYN_LISTEN, REST = 8102, 8101, 22222
DRIVERS = {
    "af_packet": "net_af_packet0,iface=eth1",
    "af_xdp": "net_af_xdp0,iface=eth1",
}
STORE_TCP = 22122
# How to see that a store, or the data plane before it, answers: question and begin of the answer.
HELLO = {
    "redis": (b"*1\r\n$4\r\nPING\r\n", b"+PONG"),
    "memcached": (b"version\r\n", b"VERSION "),
}
# Of each data plane, in MB. Many nodes share the machine, and what they have is mapped at start.
MEMORY_ONE, MEMORY_MANY = 512, 256


class TopologyError(Exception):
    pass


def data4(octet):
    return "198.18.0.%d" % octet


def data6(octet):
    return "fd00:198:18::%d" % octet


def mgmt4(octet):
    return "198.19.0.%d" % octet


class Node:
    def __init__(self, index, datacenter, rack, tokens):
        self.name = "node%d" % (index + 1)
        self.octet = FIRST_NODE_OCTET + index
        self.datacenter = datacenter
        self.rack = rack
        self.tokens = tokens
        self.data4 = data4(self.octet)
        self.data6 = data6(self.octet)
        self.mgmt4 = mgmt4(self.octet)


def find(name):
    """The file of a topology, by its name or by its path."""
    path = name if os.path.sep in name else os.path.join(FOLDER, name + ".topology")
    if os.path.exists(path):
        return os.path.realpath(path)
    raise TopologyError("no topology %s; there are: %s" % (name, " ".join(names())))


def names():
    return sorted(f[:-len(".topology")] for f in os.listdir(FOLDER) if f.endswith(".topology"))


def read(path):
    nodes = []
    with open(path) as f:
        for number, line in enumerate(f, 1):
            fields = line.partition("#")[0].split()
            if not fields:
                continue
            where = "%s:%d: " % (path, number)
            if len(fields) != 4:
                raise TopologyError(where + "want: name datacenter rack tokens")
            if fields[0] != "node%d" % (len(nodes) + 1):
                raise TopologyError(where + "want node%d here" % (len(nodes) + 1))
            nodes.append(Node(len(nodes), *fields[1:]))
    if not 0 < len(nodes) <= NODES_MAX:
        raise TopologyError("%s: want 1 to %d nodes" % (path, NODES_MAX))
    return nodes


def store_argv(folder, options):
    if options["backend"] == "memcached":
        return _memcached_argv(folder, options)
    return ["redis-server", "--port", str(STORE_TCP), "--bind", "127.0.0.1",
            "--unixsocket", os.path.join(folder, "store.sock"), "--save", "",
            "--appendonly", "no", "--daemonize", "no", "--dir", folder,
            "--maxclients", "1000", "--timeout", "0", "--enable-debug-command", "yes"]


def _memcached_argv(folder, options):
    where = ["-s", os.path.join(folder, "store.sock"), "-a", "0700"] if options["store"] == "unix" \
        else ["-l", "127.0.0.1", "-p", str(STORE_TCP)]
    # It refuses to run as root without being told to.
    return ["memcached", "-u", "root", "-U", "0", "-t", "1", "-m", "64", "-c", "1000"] + where


def config(nodes, node, folder, options):
    """The text of a node's configuration file. `options["set"]` overrides: section.key -> text."""
    store = os.path.join(folder, "store.sock") if options["store"] == "unix" \
        else "127.0.0.1:%d" % STORE_TCP
    sections = {
        "dyn_o_mite": {
            "datacenter": node.datacenter,
            "rack": node.rack,
            "tokens": json.dumps(node.tokens),
            "listen": "0.0.0.0:%d" % LISTEN,
            "dyn_listen": "%s:%d" % (node.data4, DYN_LISTEN),
            "stats_listen": "%s:%d" % (node.mgmt4, REST),
            "env": "network",
            "data_store": "1" if options["backend"] == "memcached" else "0",
            "servers": ["%s:1" % store],
            "dyn_seeds": ["%s:%d:%s:%s:%s" % (n.data4, DYN_LISTEN, n.rack, n.datacenter, n.tokens)
                          for n in nodes if n is not node],
        },
        "dataplane": {
            "port": json.dumps(DRIVERS[options["driver"]]),
            "address": [node.data4 + "/24", node.data6 + "/64"],
            "poll": "adaptive",
            "hugepages": json.dumps("off"),
            "memory": str(MEMORY_ONE if len(nodes) == 1 else MEMORY_MANY),
        },
        "controlplane": {"ipc": os.path.join(folder, "ipc")},
    }
    for name, value in options["set"].items():
        section, _, key = name.partition(".")
        if section not in sections or not key:
            raise TopologyError("--set %s: want SECTION.KEY with a section of %s"
                                % (name, " ".join(sections)))
        sections[section][key] = value
    return _yaml(sections)


def _yaml(sections):
    out = ["# Written by scripts/lab; lost when the lab goes down."]
    for section, keys in sections.items():
        out.append(section + ":")
        for key, value in keys.items():
            if isinstance(value, list):
                if value:
                    out.append("  %s:" % key)
                    out += ["  - " + json.dumps(v) for v in value]
            else:
                out.append("  %s: %s" % (key, value))
    return "\n".join(out) + "\n"
