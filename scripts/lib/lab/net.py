"""Network namespaces of a lab, and what joins them.

Every host has two veths whose other ends sit in the namespace `hub`: eth1 on the data bridge, eth0
on the management bridge. Nothing is ever made in the machine's own namespace, so deleting the
lab's namespaces deletes everything.
"""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
NETNS_DIR = "/run/netns"
DATA, MGMT = "data", "mgmt"

_libc = ctypes.CDLL(None, use_errno=True)


class NetError(Exception):
    pass


def command(*args, check=True, stdin=None):
    done = subprocess.run(args, input=stdin, text=True, capture_output=True, timeout=30)
    if check and done.returncode != 0:
        raise NetError("%s: %s" % (" ".join(args), done.stderr.strip() or done.returncode))
    return done.stdout


def ns_exists(ns):
    return os.path.exists(os.path.join(NETNS_DIR, ns))


def ns_add(ns):
    command("ip", "netns", "add", ns)
    # A new namespace may inherit forwarding from the machine; a lab routes nothing. IPv6 is
    # switched on again where the kernel is meant to have an address.
    for name, value in (("ipv4.ip_forward", "0"), ("ipv6.conf.default.disable_ipv6", "1"),
                        ("ipv6.conf.default.accept_dad", "0")):
        ns_sysctl(ns, "net." + name, value)
    command("ip", "-n", ns, "link", "set", "lo", "up")


def ns_sysctl(ns, name, value):
    path = "/proc/sys/" + name.replace(".", "/")
    with inside(ns), contextlib.suppress(FileNotFoundError), open(path, "w") as f:
        f.write(value)


def ns_delete(ns):
    if ns_exists(ns):
        command("ip", "netns", "del", ns)


def ns_pids(ns):
    """Processes whose network is this namespace."""
    if not ns_exists(ns):
        return []
    return [int(p) for p in command("ip", "netns", "pids", ns).split()]


def ns_list():
    with contextlib.suppress(FileNotFoundError):
        return sorted(os.listdir(NETNS_DIR))
    return []


@contextlib.contextmanager
def inside(ns):
    """This thread's new sockets are made in `ns`; they stay there when the block ends."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(os.path.join(NETNS_DIR, ns), os.O_RDONLY)
    try:
        _setns(there)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(there)
        os.close(home)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise NetError("setns: " + os.strerror(ctypes.get_errno()))


def hub_add(hub):
    ns_add(hub)
    for bridge in (DATA, MGMT):
        command("ip", "-n", hub, "link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
        command("ip", "-n", hub, "link", "set", bridge, "up")


def port_name(bridge, host):
    return "%s-%s" % (bridge[0], host)


def attach(hub, bridge, ns, host, dev, octet):
    """Joins `dev` in `ns` to a bridge of the hub."""
    peer = port_name(bridge, host)
    command("ip", "link", "add", dev, "netns", ns, "type", "veth", "peer", "name", peer,
            "netns", hub)
    mac = "02:00:c6:%02x:00:%02x" % (0x12 if bridge == DATA else 0x13, octet)
    command("ip", "-n", ns, "link", "set", dev, "address", mac)
    # Over a veth the kernel hands on frames of 64 KB without checksums, trusting the other end to
    # be a kernel too. A stack in user space needs what would be on a wire.
    for where, name in ((ns, dev), (hub, peer)):
        with inside(where):
            command("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
    command("ip", "-n", hub, "link", "set", peer, "master", bridge, "up")


def kernel_address(ns, dev, *prefixes):
    """The kernel owns this interface."""
    if any(":" in p for p in prefixes):
        ns_sysctl(ns, "net.ipv6.conf.%s.disable_ipv6" % dev, "0")
    command("ip", "-n", ns, "link", "set", dev, "up")
    for prefix in prefixes:
        command("ip", "-n", ns, "addr", "add", prefix, "dev", dev)


def dataplane_port(ns, dev):
    """The data plane owns this interface: the kernel has no address there and answers nothing."""
    command("ip", "-n", ns, "link", "set", dev, "arp", "off")
    command("ip", "-n", ns, "link", "set", dev, "up")


def cut(hub, pairs):
    """No frame of the data network passes between the two hosts of a pair any more, in either
    direction. All pairs are cut at one moment."""
    rules = "add table bridge lab\n"
    rules += "add chain bridge lab cut { type filter hook forward priority 0; }\n"
    for a, b in pairs:
        pa, pb = port_name(DATA, a), port_name(DATA, b)
        for x, y in ((pa, pb), (pb, pa)):
            rules += 'add rule bridge lab cut iifname "%s" oifname "%s" drop\n' % (x, y)
    _nft(hub, rules)


def heal(hub):
    _nft(hub, "add table bridge lab\ndelete table bridge lab\n")


def _nft(hub, rules):
    with inside(hub):
        command("nft", "-f", "-", stdin=rules)
