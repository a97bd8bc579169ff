"""Ports with no kernel behind them: shared memory between the data plane and another DPDK program,
whose clients run on our own TCP."""

import contextlib
import json
import os
import subprocess
import time

from support import Error, check, equal, eventually, limit, proc, say, topology

# The data plane is started by each test, with its own port.
LAB = {"start": ("store", "controlplane")}
REQUESTS = 10000


def folder(env):
    return os.path.join(env.lab.folder, env.node.name)


def memif(env, role):
    return "net_memif0,role=%s,id=0,socket=%s/vdev.sock,socket-abstract=no" % (role, folder(env))


@contextlib.contextmanager
def data_plane(env, device):
    """One with another port than the lab gave it."""
    options = {**env.lab.options, "set": {"dataplane.port": json.dumps(device)}}
    conf = os.path.join(folder(env), "vdev.yml")
    with open(conf, "w") as f:
        f.write(topology.config(env.lab.nodes, env.node, folder(env), options))
    process = proc.Process(folder(env), "vdev")
    program = os.path.join(os.path.abspath(os.environ.get("DYN_BUILD", "build")),
                           "dynomite-dataplane")
    started = len(process.tail(100000))
    process.start([program, "-c", conf])
    try:
        eventually("the data plane starts",
                   lambda: "ready:" in process.tail(100000)[started:] or not process.pid(), 15)
        check(process.pid(), "the data plane ended: %s", process.tail())
        eventually("the control plane finds it", lambda: env.lab.linked(env.node), 15)
        yield process
        check(process.pid(), "the data plane ended by itself: %s", process.tail())
        check(process.stop(8), "the data plane ignores SIGTERM: %s", process.tail())
    finally:
        process.kill()
        for name in ("vdev.sock", "vdev.yml"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder(env), name))


def client_argv(env, device, *more):
    program = os.path.join(os.path.abspath(os.environ.get("DYN_BUILD", "build")), "vdev_client")
    return [program, "--vdev", device, "--addr", topology.data4(topology.CLIENT_OCTET) + "/24",
            "--peer", env.node.data4, "--port", str(topology.LISTEN), *more]


def client(env, device, requests, connections, *more):
    """Runs to its end; all its requests must have been answered rightly."""
    done = subprocess.run(client_argv(env, device, "--requests", str(requests), "--connections",
                                      str(connections), *more),
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    say(done.stdout.strip())
    check(done.returncode == 0, "exit status %d: %s", done.returncode, done.stderr[-1000:])
    result = json.loads(done.stdout)
    equal((result["ok"], result["done"], result["answered"]), (True, connections, requests),
          "what the client counted")
    return result


def stored(env):
    """What the clients wrote is in the store, not somewhere on the way."""
    with env.direct() as store:
        value = store.call("GET", "load:0:0")
        check(isinstance(value, bytes) and not isinstance(value, Error) and value.startswith(b"0:"),
              "the store has %r", value)


@limit(90)
def test_memif(env):
    env.flush()
    with data_plane(env, memif(env, "server")):
        client(env, memif(env, "client"), REQUESTS, 20)
        stored(env)


@limit(90)
def test_memif_pipelined(env):
    """Many requests at once, of values that fill packets."""
    env.flush()
    with data_plane(env, memif(env, "server")):
        client(env, memif(env, "client"), REQUESTS, 10, "--pipeline", "16", "--value", "3000")


@limit(90)
def test_vhost_large_packets(env):
    """The client's device takes packets of up to 64 KB to cut; here nobody cuts them, and the data
    plane receives them whole."""
    env.flush()
    socket = folder(env) + "/vdev.sock"
    with data_plane(env, "net_vhost0,iface=%s,queues=1,tso=1" % socket):
        client(env, "net_virtio_user0,path=%s,queues=1" % socket, REQUESTS, 10, "--pipeline", "16",
               "--value", "3000")
        stored(env)


@limit(150)
def test_vhost_client_killed(env):
    """The other side dies within requests, twice; the data plane serves whoever comes next."""
    env.flush()
    socket = folder(env) + "/vdev.sock"
    device = "net_virtio_user0,path=%s,queues=1" % socket
    with data_plane(env, "net_vhost0,iface=%s,queues=1" % socket) as process:
        pid = process.pid()
        client(env, device, REQUESTS, 20)
        stored(env)
        for _ in range(2):
            victim = subprocess.Popen(client_argv(env, device, "--forever", "--pipeline", "4"),
                                      text=True, stdout=subprocess.PIPE)
            try:
                equal(victim.stdout.readline(), "running\n", "what the client says")
                time.sleep(0.2)
                check(victim.poll() is None, "the client ended by itself")
            finally:
                victim.kill()
                victim.communicate()
            say("kill -9 of the client under load")
            client(env, device, REQUESTS, 20, "--pipeline", "4")
        equal(process.pid(), pid, "the data plane's process id")


@limit(60)
def test_idle_without_a_peer(env):
    """Nobody at the other end: what the data plane would send there must not keep it busy."""
    with data_plane(env, memif(env, "server")) as process:
        def ticks():
            with open("/proc/%d/stat" % process.pid()) as f:
                return sum(int(x) for x in f.read().rpartition(")")[2].split()[11:13])

        time.sleep(1)
        before, started = ticks(), time.monotonic()
        time.sleep(2)
        used = (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - started)
        say("%.0f %% of a CPU" % (used * 100))
        check(used < 0.5, "it uses %.0f %% of a CPU without a peer", used * 100)
