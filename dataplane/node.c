#include "dataplane/node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_launch.h>

#include "common/base/log.h"
#include "common/base/loop.h"
#include "common/base/signals.h"
#include "common/ipc/ipc_threads.h"
#include "dataplane/setup.h"

// How soon a snapshot that all workers use is acknowledged.
#define LINK_TICK_NS (50 * NS_PER_MS)
#define PORT_TICK_NS NS_PER_SEC

struct node {
	const struct conf *conf;
	const char *version;
	struct cores cores;
	struct clock clock;
	struct loop *loop;
	struct signals *signals;
	struct port *port;
	struct link *link;
	bool eal;
	bool port_lost;
	unsigned launched;
	char store_address[SETUP_ADDRESS_MAX];
	struct worker *worker[CORES_MAX];
	const struct stats *stats[CORES_MAX];
};

struct launch {
	struct worker *worker;
	struct link *link;
};

static int run_worker(void *arg)
{
	struct launch launch = *(struct launch *)arg;

	free(arg);
	worker_run(launch.worker, launch.link);
	return 0;
}

// --- events of the main thread

static void on_link(void *arg, struct mono now)
{
	link_poll(((struct node *)arg)->link, now);
}

static void stop(void *arg)
{
	struct node *node = arg;

	for (unsigned i = 0; i < node->launched; i++)
		worker_stop(node->worker[i]);
	loop_stop(node->loop);
}

static void on_port_tick(void *arg, struct mono now)
{
	struct node *node = arg;
	uint64_t packets = 0;
	uint64_t misrouted = 0;

	(void)now;
	for (unsigned i = 0; i < node->cores.worker_n; i++) {
		packets += node->stats[i]->stat[STAT_rx_packets];
		misrouted += node->stats[i]->stat[STAT_rx_misrouted];
	}
	worker_count_device(node->worker[0]);
	port_link_check(node->port);
	port_timers(node->port);
	// The supervisor's new process begins with a device that was probed anew.
	if (!port_recover(node->port)) {
		log_err("the port is lost; the data plane ends, to be started again");
		node->port_lost = true;
		stop(node);
	}
	port_steer_check(node->port, packets, misrouted);
}

static void reload(void *arg)
{
	(void)arg;
	log_reopen();
	log_notice("log opened again; the configuration takes effect after a restart");
}

static_assert((int)IPC_STEER_SOFTWARE == (int)PORT_STEER_SOFTWARE &&
		(int)IPC_STEER_DEVICE == (int)PORT_STEER_DEVICE,
	"the message has the port's values");

// What REST shows of the port and the memory.
static void facts(void *arg, struct ipc_status *status)
{
	struct node *node = arg;
	struct port_facts port;

	port_facts(node->port, &port);
	setup_status(node->conf, status);
	snprintf(status->port, sizeof(status->port), "%s", port.name);
	snprintf(status->driver, sizeof(status->driver), "%s", port.driver);
	memcpy(status->mac, port.mac.addr_bytes, sizeof(status->mac));
	status->mtu = port.mtu;
	status->queue_n = port.queue_n;
	status->link_up = port.link_up;
	status->steering = (uint8_t)port.steering;
	status->speed_mbps = port.speed_mbps;
	status->mbuf_used = port.mbuf_used;
	status->mbuf_free = port.mbuf_free;
	for (unsigned i = 0; i < node->cores.worker_n; i++) {
		struct worker_usage usage = worker_usage(node->worker[i]);

		status->request_used += usage.requests;
		status->request_free += usage.requests_max - usage.requests;
		status->worker[i].core = node->cores.worker[i];
		status->worker[i].queue = i < port.queue_n ? (uint16_t)i : UINT16_MAX;
	}
}

// --- start and end

static bool start_port(struct node *node)
{
	struct eal_config eal = setup_eal(node->conf, &node->cores, "dynomite-dataplane");
	struct port_config port = setup_port(node->conf, node->cores.worker_n);

	node->eal = eal_start(&eal);
	if (node->eal)
		node->port = port_open(&port);
	return node->port != NULL;
}

static bool make_workers(struct node *node)
{
	unsigned n = node->cores.worker_n;

	node->clock = clock_make();
	for (unsigned i = 0; i < n; i++) {
		struct worker_config config =
			setup_worker(node->conf, node->store_address, node->port, i, n);

		node->worker[i] = worker_new(&config, &node->clock);
		if (!node->worker[i])
			return false;
		node->stats[i] = worker_stats(node->worker[i]);
	}
	worker_join(node->worker, n);
	return true;
}

// A thread of nng's on a worker's core would take it away from the worker for milliseconds.
static bool threads_kept_off(const struct node *node)
{
	cpu_set_t cpus;
	int strays;

	CPU_ZERO(&cpus);
	for (unsigned i = 0; i < node->cores.worker_n; i++)
		CPU_SET(node->cores.worker[i], &cpus);
	strays = node->cores.shared ? 0 : ipc_threads_on(&cpus, NULL);
	if (strays > 0)
		log_err("%d threads of the IPC library may run on the workers' cores; this is a "
			"defect of the program, please report it",
			strays);
	return strays <= 0;
}

static bool make_link(struct node *node)
{
	struct link_config config = {
		.path = node->conf->controlplane.ipc,
		.version = node->version,
		.stats = node->stats,
		.worker_n = node->cores.worker_n,
		.facts = facts,
		.facts_ctx = node,
	};

	node->link = link_new(&config, loop_now());
	return node->link != NULL && threads_kept_off(node);
}

static bool make_loop(struct node *node)
{
	int rc;

	node->loop = loop_new();
	if (!node->loop)
		return false;
	rc = loop_add(node->loop, signals_fd(node->signals), signals_poll, node->signals);
	if (rc == 0)
		rc = loop_add(node->loop, link_fd(node->link), on_link, node);
	if (rc == 0)
		rc = loop_add(node->loop, link_timer_fd(node->link), on_link, node);
	if (rc == 0)
		rc = loop_add_tick(node->loop, LINK_TICK_NS, on_link, node);
	if (rc == 0)
		rc = loop_add_tick(node->loop, PORT_TICK_NS, on_port_tick, node);
	if (rc != 0)
		log_err("cannot start: %s", strerror(-rc));
	return rc == 0;
}

static bool launch_workers(struct node *node)
{
	for (unsigned i = 0; i < node->cores.worker_n; i++) {
		struct launch *launch = malloc(sizeof(*launch));

		if (!launch)
			return false;
		*launch = (struct launch){.worker = node->worker[i], .link = node->link};
		if (rte_eal_remote_launch(run_worker, launch, eal_worker_lcore(i)) != 0) {
			free(launch);
			log_err("worker %u can't be started on CPU %u", i, node->cores.worker[i]);
			return false;
		}
		node->launched++;
	}
	return true;
}

static bool start(struct node *node)
{
	static const struct signals_handlers handlers = {.stop = stop, .reload = reload};

	if (!setup_check() || !setup_cores(node->conf, &node->cores) ||
		!setup_store_address(node->conf, node->store_address))
		return false;
	// Before other threads start: they inherit what is blocked.
	node->signals = signals_new(&handlers, node);
	if (!node->signals) {
		log_err("cannot start: %s", strerror(errno));
		return false;
	}
	return start_port(node) && make_workers(node) && make_link(node) && make_loop(node) &&
		launch_workers(node);
}

static void finish(struct node *node)
{
	for (unsigned i = 0; i < node->launched; i++)
		worker_stop(node->worker[i]);
	for (unsigned i = 0; i < node->launched; i++)
		rte_eal_wait_lcore(eal_worker_lcore(i));
	if (node->link)
		link_free(node->link);
	for (unsigned i = 0; i < node->cores.worker_n; i++)
		worker_free(node->worker[i]);
	port_close(node->port);
	if (node->eal)
		eal_stop();
	loop_free(node->loop);
	signals_free(node->signals);
}

static void say_ready(const struct node *node)
{
	struct port_facts port;

	port_facts(node->port, &port);
	log_notice(
		"data plane %s, pid %d, ready: %s (%s), %u worker(s), clients on port %u; waiting "
		"for the control plane on %s",
		node->version, getpid(), port.name, port.driver, node->cores.worker_n,
		node->conf->pool.listen.port, node->conf->controlplane.ipc);
}

int node_run(struct options *options, struct daemon *daemon, const char *version)
{
	struct node node = {.conf = options->conf, .version = version};
	bool ok = start(&node);

	if (ok) {
		int error;

		daemon_ready(daemon);
		say_ready(&node);
		error = loop_run(node.loop);
		ok = error == 0 && !node.port_lost;
		if (error != 0)
			log_err("event loop: %s", strerror(-error));
		log_notice("data plane stops; clients get the answers that are under way");
	}
	finish(&node);
	return ok ? 0 : 1;
}
