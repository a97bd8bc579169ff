"""A lab: its hosts, its processes, its state on disk."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import time
from http.client import HTTPConnection, HTTPException

from . import net, proc, topology

STATE = "/run/dynomite-lab"
WHATS = ("store", "dataplane", "controlplane")
CLIENT, HUB = "client", "hub"
PROGRAMS = {"dataplane": "dynomite-dataplane", "controlplane": "dynomite-controlplane"}
DEFAULTS = {"driver": "af_packet", "store": "unix", "backend": "redis", "set": {}}
READY_SECONDS = 20


class LabError(Exception):
    pass


class Lab:
    def __init__(self, name="lab", say=print):
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,23}", name):
            raise LabError("a lab's name is a-z, 0-9 and -, at most 24 long: %r" % name)
        self.name = name
        self.say = say
        self.folder = os.path.join(STATE, name)
        self.file = os.path.join(self.folder, "lab.json")
        self.nodes = []
        self.options = dict(DEFAULTS)
        self._load()

    # -- what there is

    def _load(self):
        try:
            with open(self.file) as f:
                saved = json.load(f)
        except (FileNotFoundError, ValueError):
            saved = {}
        self.topology = saved.get("topology")
        self.complete = saved.get("complete", False)
        self.options = saved.get("options", dict(DEFAULTS))
        self.nodes = [topology.Node(i, *n) for i, n in enumerate(saved.get("nodes", []))]

    def _save(self):
        saved = {"topology": self.topology, "complete": self.complete, "options": self.options,
                 "nodes": [(n.datacenter, n.rack, n.tokens) for n in self.nodes]}
        with open(self.file + ".new", "w") as f:
            json.dump(saved, f, indent=1)
        os.rename(self.file + ".new", self.file)

    def ns(self, host):
        return "dyn-%s-%s" % (self.name, host)

    def namespaces(self):
        """Those that exist and are this lab's, even when a crash left no other trace of it."""
        mine = re.compile(r"dyn-%s-(hub|client|node[0-9]+)" % re.escape(self.name))
        return [n for n in net.ns_list() if mine.fullmatch(n)]

    def node(self, host):
        for node in self.nodes:
            if node.name == host:
                return node
        names = " ".join(n.name for n in self.nodes) or "none: `up` first"
        raise LabError("no host %s in lab %s; there are: %s" % (host, self.name, names))

    def check_host(self, host):
        if host == CLIENT and self.nodes:
            return
        self.node(host)

    def process(self, host, what):
        if what not in WHATS:
            raise LabError("want one of %s, not %s" % (" ".join(WHATS), what))
        self.node(host)
        return proc.Process(os.path.join(self.folder, host), what)

    def processes(self):
        return [(n.name, self.process(n.name, w)) for n in self.nodes for w in WHATS]

    # -- verbs

    @contextlib.contextmanager
    def locked(self):
        """One script at a time changes a lab."""
        while True:
            os.makedirs(self.folder, exist_ok=True)
            fd = os.open(self.folder, os.O_RDONLY)
            fcntl.flock(fd, fcntl.LOCK_EX)
            # The one who had the lock may have removed the folder, and somebody made it anew.
            if os.fstat(fd).st_nlink and os.path.exists(self.folder) and \
                    os.path.samestat(os.fstat(fd), os.stat(self.folder)):
                break
            os.close(fd)
        try:
            self._load()
            yield
        finally:
            os.close(fd)
            # Nothing but the lock was in there: leave no trace.
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)
            with contextlib.suppress(OSError):
                os.rmdir(STATE)

    def up(self, name, options, start=WHATS):
        for what in start:
            if what in PROGRAMS:
                self._program(what)
        path = topology.find(name)
        with self.locked():
            if self.complete and (path, options) != (self.topology, self.options):
                raise LabError("lab %s is up with another topology or other options; "
                               "`scripts/lab%s down` first" % (self.name, self._name_option()))
            if self.complete:
                self.say("lab %s: is up, looking after its processes" % self.name)
            else:
                self._down()
                self._build(path, options)
            for what in start:
                for node in self.nodes:
                    self._start(node, what)
            for node in self.nodes:
                if "dataplane" in start:
                    self.wait_ready(node)
                if "controlplane" in start:
                    self.wait_rest(node, linked="dataplane" in start)

    def _build(self, path, options):
        self.topology, self.options, self.complete = path, options, False
        self.nodes = topology.read(path)
        os.makedirs(self.folder, exist_ok=True)
        self._save()
        self.say("lab %s: %d node(s) and a client on %s and %s"
                 % (self.name, len(self.nodes), "198.18.0.0/24", "198.19.0.0/24"))
        hub = self.ns(HUB)
        net.hub_add(hub)
        self._build_client(hub)
        for node in self.nodes:
            self._build_node(hub, node)
        self.complete = True
        self._save()

    def _build_client(self, hub):
        ns = self.ns(CLIENT)
        net.ns_add(ns)
        octet = topology.CLIENT_OCTET
        net.attach(hub, net.DATA, ns, CLIENT, "eth1", octet)
        net.attach(hub, net.MGMT, ns, CLIENT, "eth0", octet)
        net.kernel_address(ns, "eth1", topology.data4(octet) + "/24", topology.data6(octet) + "/64")
        net.kernel_address(ns, "eth0", topology.mgmt4(octet) + "/24")
        net.ns_sysctl(ns, "net.ipv4.ip_local_port_range", "10000 65000")
        # A node that starts is found at once, instead of a second after the first try.
        for family in ("ipv4", "ipv6"):
            net.ns_sysctl(ns, "net.%s.neigh.eth1.retrans_time_ms" % family, "100")

    def _build_node(self, hub, node):
        ns = self.ns(node.name)
        net.ns_add(ns)
        net.attach(hub, net.DATA, ns, node.name, "eth1", node.octet)
        net.attach(hub, net.MGMT, ns, node.name, "eth0", node.octet)
        net.dataplane_port(ns, "eth1")
        net.kernel_address(ns, "eth0", node.mgmt4 + "/24")
        folder = os.path.join(self.folder, node.name)
        os.makedirs(folder, exist_ok=True)
        with open(self.conf_path(node.name), "w") as f:
            f.write(topology.config(self.nodes, node, folder, self.options))

    def conf_path(self, host):
        return os.path.join(self.folder, host, "dynomite.yml")

    def socket_path(self, host):
        return os.path.join(self.folder, host, "store.sock")

    def _program(self, what):
        folder = os.environ.get("DYN_BUILD", os.path.join(topology.ROOT, "build"))
        path = os.path.join(os.path.abspath(folder), PROGRAMS[what])
        if not os.access(path, os.X_OK):
            raise LabError("%s is missing; type `make` first" % path)
        return path

    def _argv(self, node, what):
        if what == "store":
            return topology.store_argv(os.path.join(self.folder, node.name), self.options)
        return [self._program(what), "-c", self.conf_path(node.name)]

    def _start(self, node, what):
        process = self.process(node.name, what)
        if not process.pid():
            self.say("  %s: start %s" % (node.name, what))
            process.start(["ip", "netns", "exec", self.ns(node.name)] + self._argv(node, what))
        if what == "store":
            self._wait_store(node)

    def _store_answers(self, node):
        question, answer = topology.HELLO[self.options["backend"]]
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.settimeout(1)
            s.connect(self.socket_path(node.name))
            s.sendall(question)
            return s.recv(64).startswith(answer)
        return False

    def _wait_store(self, node):
        process = self.process(node.name, "store")
        for _ in range(500):
            if self._store_answers(node):
                return
            if not process.pid():
                break
            time.sleep(0.02)
        raise LabError("%s: the store does not answer. Its last lines:\n%s"
                       % (node.name, process.tail()))

    def start(self, host, what):
        with self.locked():
            self._start(self.node(host), what)

    def kill(self, host, what):
        with self.locked():
            return self.process(host, what).kill()

    def stop(self, host, what):
        with self.locked():
            return self.process(host, what).stop()

    def ping(self, node, seconds=1):
        """Whether a node answers PING to the client."""
        with contextlib.suppress(OSError):
            with net.inside(self.ns(CLIENT)):
                s = socket.create_connection((node.data4, topology.LISTEN), timeout=seconds)
            with s:
                question, answer = topology.HELLO[self.options["backend"]]
                s.sendall(question)
                return s.recv(64).startswith(answer)
        return False

    def wait_ready(self, node, seconds=READY_SECONDS):
        started = time.monotonic()
        # A SYN that came too early is sent again after a second only: ask anew sooner.
        while not self.ping(node, 0.25):
            process = self.process(node.name, "dataplane")
            gone = not process.pid()
            if gone or time.monotonic() > started + seconds:
                raise LabError(self._not_ready(node, "the data plane has ended" if gone
                                               else "no answer to PING within %d s" % seconds))
            time.sleep(0.02)
        self.say("  %s: answers PING at %s:%d after %.1f s"
                 % (node.name, node.data4, topology.LISTEN, time.monotonic() - started))

    def rest(self, node, path, seconds=5):
        """GET by the client: (status, body)."""
        with net.inside(self.ns(CLIENT)):
            s = socket.create_connection((node.mgmt4, topology.REST), timeout=seconds)
        http = HTTPConnection(node.mgmt4, topology.REST)
        http.sock = s
        with contextlib.closing(http):
            http.request("GET", path)
            answer = http.getresponse()
            return answer.status, answer.read()

    def status(self, node):
        """/v1/status as an object."""
        return json.loads(self.rest(node, "/v1/status")[1])

    def linked(self, node):
        """Whether the control plane says that the data plane works by its last snapshot."""
        status = self.status(node)
        return status["data_plane"]["linked"] and \
            status["epoch"]["applied"] == status["epoch"]["asked"]

    def wait_rest(self, node, seconds=READY_SECONDS, linked=True):
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError, HTTPException):
                if self.rest(node, "/ping", 1)[0] == 200 and (not linked or self.linked(node)):
                    return
            gone = not self.process(node.name, "controlplane").pid()
            if gone or time.monotonic() > until:
                raise LabError(self._not_ready(node, "the control plane has ended" if gone else
                                               "REST does not say that both processes are linked"))
            time.sleep(0.02)

    def _not_ready(self, node, why):
        text = "%s: %s\n" % (node.name, why)
        for what in ("dataplane", "controlplane"):
            text += "--- last lines of %s\n%s" % (what, self.process(node.name, what).tail())
        option = self._name_option()
        return text + ("--- all of it: scripts/lab%s logs %s; processes: scripts/lab%s ps; "
                       "away with it: scripts/lab%s down" % (option, node.name, option, option))

    def _name_option(self):
        return "" if self.name == "lab" else " --name " + self.name

    def group(self, name):
        """The hosts that a name stands for: a host, a datacentre, or a rack as dc1/rack2."""
        if name == CLIENT or name in [n.name for n in self.nodes]:
            self.check_host(name)
            return [name]
        dc, _, rack = name.partition("/")
        hosts = [n.name for n in self.nodes if n.datacenter == dc and rack in ("", n.rack)]
        if not hosts:
            raise LabError("no host, datacentre or rack %s in lab %s; there are: %s" % (
                name, self.name, " ".join([n.name for n in self.nodes] + sorted(
                    {n.datacenter for n in self.nodes} |
                    {n.datacenter + "/" + n.rack for n in self.nodes})) or "none: `up` first"))
        return hosts

    def cut(self, a, b):
        pairs = [(x, y) for x in self.group(a) for y in self.group(b)]
        if any(x == y for x, y in pairs):
            raise LabError("%s and %s have a node in common" % (a, b))
        with self.locked():
            net.cut(self.ns(HUB), pairs)

    def heal(self):
        with self.locked():
            if net.ns_exists(self.ns(HUB)):
                net.heal(self.ns(HUB))

    def run(self, host, argv, **how):
        self.check_host(host)
        return subprocess.run(["ip", "netns", "exec", self.ns(host)] + argv, **how)

    def down(self):
        """Whether there was anything."""
        with self.locked():
            return self._down()

    def _down(self):
        found = False
        for _, process in self.processes():
            if process.what != "store":
                found |= process.stop(2)
        # The rest of what runs in the lab's namespaces: stores, and what `run` left there.
        for ns in self.namespaces():
            found = True
            proc.end_all(net.ns_pids(ns))
        for ns in self.namespaces():
            net.ns_delete(ns)
        with contextlib.suppress(FileNotFoundError):
            found |= bool(os.listdir(self.folder))
            for entry in os.scandir(self.folder):
                shutil.rmtree(entry.path) if entry.is_dir() else os.unlink(entry.path)
        self.nodes, self.complete, self.topology = [], False, None
        return found

