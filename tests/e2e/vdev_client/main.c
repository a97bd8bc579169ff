// Redis clients on our own TCP, over any port that DPDK drives, against a node at the other end.
// Prints one line of JSON. Ends with 0 when every request was answered rightly, 1 when not, 2 when
// it could not start.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/clock.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/port.h"
#include "dataplane/tcp/tcp.h"
#include "tests/support/load.h"

#define MEMORY (UINT64_C(64) << 20)
#define MTU 1500

struct settings {
	const char *vdev;
	struct ip_prefix addr;
	struct load_config load;
	unsigned seconds;
	bool forever;
};

struct stack {
	struct clock clock;
	struct port *port;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
	struct rte_mbuf *tx[NET_BURST]; // not taken by the port yet
	unsigned tx_n;
	struct net_rx rx;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

// --- the command line

static const char usage[] =
	"Usage: vdev_client --vdev STR --addr IP/LEN --peer IP [--port N]\n"
	"\n"
	"  --vdev STR       the port, as DPDK writes it: net_memif0,role=client,socket=/tmp/x\n"
	"  --addr IP/LEN    this side's address\n"
	"  --peer IP        the node's\n"
	"  --port N         where it listens (8102)\n"
	"  --connections C  (10)\n"
	"  --requests N     of all connections together (10000)\n"
	"  --pipeline P     requests of a connection in flight (1)\n"
	"  --value BYTES    length of the values (64)\n"
	"  --seconds S      give up after so long (30)\n"
	"  --forever        go on until a signal or --seconds\n";

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *to)
{
	char *end;

	errno = 0;
	*to = strtoull(text, &end, 10);
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *to >= min &&
		*to <= max;
}

static bool option(struct settings *s, int name, const char *text, uint64_t *requests)
{
	uint64_t n = 0;
	bool ok = true;

	switch (name) {
	case 'v':
		s->vdev = text;
		break;
	case 'a':
		ok = ip_prefix_parse(text, &s->addr);
		break;
	case 'e':
		ok = ip_addr_parse(text, &s->load.peer);
		break;
	case 'p':
		ok = number(text, 1, UINT16_MAX, &n);
		s->load.port = (uint16_t)n;
		break;
	case 'c':
		ok = number(text, 1, 10000, &n);
		s->load.conns = (unsigned)n;
		break;
	case 'n':
		ok = number(text, 1, UINT64_MAX, requests);
		break;
	case 'P':
		ok = number(text, 1, 10000, &n);
		s->load.pipeline = (unsigned)n;
		break;
	case 'l':
		ok = number(text, 1, LOAD_VALUE_MAX, &n);
		s->load.value_len = n;
		break;
	case 's':
		ok = number(text, 1, 3600, &n);
		s->seconds = (unsigned)n;
		break;
	case 'f':
		s->forever = true;
		break;
	default:
		return false;
	}
	if (!ok)
		fprintf(stderr, "vdev_client: can't use \"%s\"\n", text);
	return ok;
}

static bool parse(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{"vdev", required_argument, NULL, 'v'},
		{"addr", required_argument, NULL, 'a'},
		{"peer", required_argument, NULL, 'e'},
		{"port", required_argument, NULL, 'p'},
		{"connections", required_argument, NULL, 'c'},
		{"requests", required_argument, NULL, 'n'},
		{"pipeline", required_argument, NULL, 'P'},
		{"value", required_argument, NULL, 'l'},
		{"seconds", required_argument, NULL, 's'},
		{"forever", no_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	uint64_t requests = 10000;
	int name;

	*s = (struct settings){
		.load = {.port = 8102, .conns = 10, .pipeline = 1, .value_len = 64},
		.seconds = 30,
	};
	while ((name = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!option(s, name, optarg, &requests))
			return false;
	if (!s->vdev || s->addr.len == 0 || ip_addr_is_any(&s->load.peer) || optind != argc)
		return false;
	s->load.requests = (requests + s->load.conns - 1) / s->load.conns;
	if (s->forever)
		s->load.requests = UINT64_MAX;
	return true;
}

// --- the stack

static bool stack_start(struct stack *st, const struct settings *s)
{
	// Nothing but the main thread's lcore: the loop runs there.
	struct cores cores = {.worker_n = 0};
	struct eal_config eal = {
		.program = "vdev_client",
		.device = s->vdev,
		.memory = MEMORY,
		.hugepages = EAL_HUGEPAGES_OFF,
		.cores = &cores,
	};
	struct port_config port = {.worker_n = 1, .mtu = MTU, .memory = MEMORY, .big_room = 2048};
	struct tcp_config tcp = tcp_config_default();
	struct net_config net = {.addr = {s->addr}, .addr_n = 1, .neigh_max = 64, .frag_max = 16};
	struct port_facts facts;

	if (sched_getaffinity(0, sizeof(cores.main), &cores.main) != 0 || !eal_start(&eal))
		return false;
	st->port = port_open(&port);
	if (!st->port)
		return false;
	st->clock = clock_make();
	port_facts(st->port, &facts);
	net.mac = facts.mac;
	net.mtu = facts.mtu;
	net.tx_offloads = facts.tx_offloads;
	net.tso = facts.tso;
	tcp.conns_max = s->load.conns;
	if (getrandom(&net.seed, sizeof(net.seed), 0) != sizeof(net.seed) ||
		getrandom(&tcp.seed, sizeof(tcp.seed), 0) != sizeof(tcp.seed) ||
		getrandom(&tcp.secret, sizeof(tcp.secret), 0) != sizeof(tcp.secret))
		return false;
	st->net = net_new(&net, port_pool(st->port, 0), &st->stats, clock_now(&st->clock));
	if (st->net)
		st->tcp = tcp_new(
			&tcp, st->net, port_pool(st->port, 0), &st->stats, clock_now(&st->clock));
	return st->tcp != NULL;
}

static void stack_stop(struct stack *st)
{
	if (st->tcp)
		tcp_free(st->tcp);
	if (st->net)
		net_free(st->net);
	rte_pktmbuf_free_bulk(st->tx, st->tx_n);
	port_close(st->port);
	eal_stop();
}

static void receive(struct stack *st, struct mono now)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n = port_rx(st->port, 0, frames, NET_BURST, &st->stats);

	net_input(st->net, frames, n, now, &st->rx);
	rte_pktmbuf_free_bulk(st->rx.learn, st->rx.learn_n);
	tcp_input(st->tcp, st->rx.seg, st->rx.seg_n, now);
	for (unsigned i = 0; i < st->rx.icmp_n; i++)
		tcp_icmp(st->tcp, &st->rx.icmp[i], now);
}

static void transmit(struct stack *st)
{
	unsigned sent = 0;

	do {
		memmove(st->tx, st->tx + sent, (st->tx_n - sent) * sizeof(st->tx[0]));
		st->tx_n -= sent;
		st->tx_n += net_collect(st->net, st->tx + st->tx_n, NET_BURST - st->tx_n);
		sent = port_tx(st->port, 0, st->tx, st->tx_n, &st->stats);
	} while (sent > 0);
}

static void turn(struct stack *st, struct load *load)
{
	struct mono now = clock_now(&st->clock);

	net_advance(st->net, now);
	tcp_advance(st->tcp, now);
	receive(st, now);
	if (load)
		load_run(load);
	(void)tcp_output(st->tcp, now);
	transmit(st);
}

// FINs, and the answers to them.
static void say_goodbye(struct stack *st)
{
	struct mono until = mono_add(clock_now(&st->clock), 200 * NS_PER_MS);

	while (tcp_usage(st->tcp).conns > 0 && mono_before(clock_now(&st->clock), until)) {
		turn(st, NULL);
		sched_yield();
	}
}

// --- the load

static bool wait_for_link(struct stack *st, struct mono until)
{
	struct port_facts facts;

	do {
		port_facts(st->port, &facts);
		if (facts.link_up)
			return true;
		sched_yield();
	} while (!stopped && mono_before(clock_now(&st->clock), until));
	fprintf(stderr, "vdev_client: the link stays down\n");
	return false;
}

static void report(const struct settings *s, const struct stack *st, const struct load *load,
	uint64_t ns, bool ok)
{
	struct load_counts c = load_counts(load);

	printf("{\"ok\": %s, \"connections\": %u, \"connected\": %u, \"done\": %u, \"ended\": %u, "
	       "\"failed\": %u, \"pipeline\": %u, \"value\": %zu, \"sent\": %" PRIu64
	       ", \"answered\": %" PRIu64 ", \"packets_in\": %" PRIu64 ", \"packets_out\": %" PRIu64
	       ", \"seconds\": %.3f, \"rate\": %.0f}\n",
		ok ? "true" : "false", s->load.conns, c.connected, c.done, c.ended, c.failed,
		s->load.pipeline, s->load.value_len, c.sent, c.answered,
		st->stats.stat[STAT_rx_packets], st->stats.stat[STAT_tx_packets],
		(double)ns / NS_PER_SEC, (double)c.answered * NS_PER_SEC / (double)(ns ? ns : 1));
	fflush(stdout);
	if (load_complaint(load))
		fprintf(stderr, "vdev_client: %s\n", load_complaint(load));
}

static int run(struct stack *st, const struct settings *s)
{
	struct mono start = clock_now(&st->clock);
	struct mono until = mono_add(start, s->seconds * NS_PER_SEC);
	struct load *load;
	bool said = false;
	bool ok;

	if (!wait_for_link(st, until))
		return 2;
	start = clock_now(&st->clock);
	load = load_new(&s->load, st->tcp, start);
	if (!load)
		return 2;
	while (!load_over(load) && !stopped && mono_before(clock_now(&st->clock), until)) {
		turn(st, load);
		// Whoever waits for the load to run reads this.
		if (s->forever && !said && load_counts(load).answered > s->load.conns) {
			said = true;
			puts("running");
			fflush(stdout);
		}
		sched_yield();
	}
	ok = !load_complaint(load) && load_counts(load).done == (s->forever ? 0 : s->load.conns);
	report(s, st, load, mono_since(clock_now(&st->clock), start), ok);
	load_free(load);
	say_goodbye(st);
	return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	static struct stack stack;
	struct settings settings;
	int rc = 2;

	if (!parse(argc, argv, &settings)) {
		fputs(usage, stderr);
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (stack_start(&stack, &settings))
		rc = run(&stack, &settings);
	stack_stop(&stack);
	return rc;
}
