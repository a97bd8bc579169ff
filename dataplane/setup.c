#include "dataplane/setup.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"

// How many neighbours and fragmented packets a worker remembers.
#define NEIGHBOURS 1024
#define FRAGMENTED 256

// The smallest share of a limit that a worker gets, so that an uneven spread does not hurt.
static uint32_t share(uint32_t total, unsigned worker_n)
{
	uint64_t part = ((uint64_t)total + worker_n - 1) / worker_n;

	if (worker_n > 1)
		part += part / 4;
	return (uint32_t)(part > UINT32_MAX ? UINT32_MAX : part);
}

// Never short for so few bytes, once setup_check had some.
static void random_fill(void *to, size_t len)
{
	(void)!getrandom(to, len, 0);
}

static bool is_unspecified(const struct ip_addr *a)
{
	return ip_addr_is_any(a) || (ip_addr_is_v4(a) && ip_addr_v4(a) == 0);
}

bool setup_check(void)
{
	uint64_t probe;

	// Without chance, sequence numbers and cookies could be guessed.
	if (getrandom(&probe, sizeof(probe), 0) != (ssize_t)sizeof(probe)) {
		log_err("the system gives no random numbers: %s", strerror(errno));
		return false;
	}
	return true;
}

// IPv4 first: a store that listens on both is the same, and many listen on 127.0.0.1 alone.
static int numeric_address(const struct addrinfo *found, char address[SETUP_ADDRESS_MAX])
{
	const struct addrinfo *chosen = found;

	for (const struct addrinfo *ai = found; ai; ai = ai->ai_next) {
		if (ai->ai_family == AF_INET) {
			chosen = ai;
			break;
		}
	}
	return getnameinfo(chosen->ai_addr, chosen->ai_addrlen, address, SETUP_ADDRESS_MAX, NULL, 0,
		NI_NUMERICHOST);
}

bool setup_store_address(const struct conf *conf, char address[SETUP_ADDRESS_MAX])
{
	const struct conf_addr *addr = &conf->pool.servers.v[0].addr;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int rc;

	if (addr->path || addr->is_ip) {
		snprintf(address, SETUP_ADDRESS_MAX, "%s", addr->path ? addr->path : addr->host);
		return true;
	}
	rc = getaddrinfo(addr->host, NULL, &hints, &found);
	if (rc == 0 && found)
		rc = numeric_address(found, address);
	if (found)
		freeaddrinfo(found);
	if (rc != 0) {
		log_err("%s:%u: servers: \"%s\": %s. Write an IP address, or the path of the "
			"store's socket",
			conf->file, conf->line[CONF_pool_servers], addr->host, gai_strerror(rc));
		return false;
	}
	log_info("servers: %s is %s", addr->host, address);
	return true;
}

bool setup_cores(const struct conf *conf, struct cores *cores)
{
	cpu_set_t allowed;
	const char *error;

	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return false;
	error = cores_choose(&allowed, conf->dataplane.cores.v, conf->dataplane.cores.n,
		conf->dataplane.workers, cores);
	if (error) {
		log_err("%s: %s: %s", conf->file,
			conf->dataplane.cores.n ? "dataplane: cores" : "dataplane: workers", error);
		return false;
	}
	if (cores->shared)
		log_warn("no CPU is left for the main thread; it shares those of the workers");
	return true;
}

struct eal_config setup_eal(const struct conf *conf, const struct cores *cores, const char *program)
{
	return (struct eal_config){
		.program = program,
		.device = conf->dataplane.port,
		.memory = conf->dataplane.memory,
		.hugepages = (enum eal_hugepages)conf->dataplane.hugepages,
		.cores = cores,
		.extra = conf->dataplane.eal_args.v,
		.extra_n = conf->dataplane.eal_args.n,
	};
}

struct port_config setup_port(const struct conf *conf, unsigned worker_n)
{
	// The mbuf's lengths have 16 bits.
	uint64_t room = conf->pool.mbuf_size > 65000 - RTE_PKTMBUF_HEADROOM
		? 65000 - RTE_PKTMBUF_HEADROOM
		: conf->pool.mbuf_size;

	return (struct port_config){
		.worker_n = worker_n,
		.mtu = (uint16_t)conf->dataplane.mtu,
		.vlan = (uint16_t)conf->dataplane.vlan,
		.memory = conf->dataplane.memory,
		.big_room = (uint16_t)(room < 2048 ? 2048 : room),
	};
}

static struct net_config net_settings(const struct conf *conf, const struct port_facts *facts)
{
	struct net_config net = {
		.mac = facts->mac,
		.mtu = facts->mtu,
		.vlan = (uint16_t)conf->dataplane.vlan,
		.addr_n = conf->dataplane.address.n,
		.tx_offloads = facts->tx_offloads,
		.tso = facts->tso,
		.neigh_max = NEIGHBOURS,
		.frag_max = FRAGMENTED,
	};

	memcpy(net.addr, conf->dataplane.address.v, net.addr_n * sizeof(net.addr[0]));
	for (uint32_t i = 0; i < conf->dataplane.gateway.n; i++) {
		const struct ip_addr *gateway = &conf->dataplane.gateway.v[i];

		*(ip_addr_is_v4(gateway) ? &net.gateway4 : &net.gateway6) = *gateway;
	}
	random_fill(&net.seed, sizeof(net.seed));
	return net;
}

static struct tcp_config tcp_settings(const struct conf *conf, unsigned worker_n, unsigned queue_n)
{
	struct tcp_config tcp = tcp_config_default();

	tcp.conns_max = share(conf->dataplane.connections, worker_n);
	tcp.half_open_max = share(conf->dataplane.syn_backlog, worker_n);
	tcp.time_wait_max = tcp.conns_max;
	tcp.rcv_buf = (uint32_t)conf->dataplane.client_buffer;
	tcp.snd_buf = (uint32_t)conf->dataplane.client_buffer;
	tcp.wide_buf = (uint32_t)conf->dataplane.peer_buffer;
	// Some packets are always left to receive into: what all workers hold was received into the
	// buffers of those that have a queue.
	tcp.mem_max = conf->dataplane.memory / 2 / worker_n * queue_n / worker_n;
	tcp.keepalive_idle = conf->dataplane.keepalive * NS_PER_MS;
	// A peer that was restarted is to be found out before the next write, not by it.
	tcp.wide_keepalive = tcp.keepalive_idle > 0 ? RTE_MIN(tcp.keepalive_idle, NS_PER_SEC) : 0;
	tcp.time_wait = conf->dataplane.time_wait * NS_PER_MS;
	tcp.cc = cc_find(conf_congestion_names[conf->dataplane.congestion]);
	tcp.ecn = (enum tcp_ecn)conf->dataplane.ecn;
	// The store's answer comes a turn or two later, and takes the acknowledgement with it.
	tcp.delayed_ack = 5 * NS_PER_MS;
	random_fill(&tcp.secret, sizeof(tcp.secret));
	random_fill(&tcp.seed, sizeof(tcp.seed));
	return tcp;
}

static struct session_config session_settings(
	const struct conf *conf, const struct tcp_config *tcp, unsigned id, unsigned worker_n)
{
	struct session_config session = session_config_default();

	if (conf->pool.listen.is_ip && !is_unspecified(&conf->pool.listen.ip))
		session.addr = conf->pool.listen.ip;
	session.port = conf->pool.listen.port;
	if (conf->pool.dyn_listen.is_ip && !is_unspecified(&conf->pool.dyn_listen.ip))
		session.peer_addr = conf->pool.dyn_listen.ip;
	session.peer_port = conf->pool.dyn_listen.port;
	session.backlog = conf->pool.backlog;
	session.clients_max = tcp->conns_max;
	session.requests_max = share(conf->pool.max_msgs, worker_n);
	session.client_buffer = (uint32_t)conf->dataplane.client_buffer;
	session.rcv_buf = tcp->rcv_buf;
	if (session.bulk_min > session.rcv_buf / 2)
		session.bulk_min = session.rcv_buf / 2;
	session.value_max = conf->dataplane.max_value_size;
	session.memcache = conf->pool.data_store == CONF_DATA_STORE_MEMCACHE;
	random_fill(&session.secret, sizeof(session.secret));
	session.core = id;
	session.cores = worker_n;
	session.pid = (uint32_t)getpid();
	return session;
}

static struct store_config store_settings(const struct conf *conf, const char *address)
{
	struct store_config store = store_config_default();

	store.address = address;
	store.port = conf->pool.servers.v[0].addr.port;
	store.lanes = conf->pool.datastore_connections;
	store.preconnect = conf->pool.preconnect;
	store.auto_eject = conf->pool.auto_eject_hosts;
	store.failure_limit = conf->pool.server_failure_limit;
	store.retry_timeout = conf->pool.server_retry_timeout * NS_PER_MS;
	store.client_buffer = (uint32_t)conf->dataplane.client_buffer;
	store.value_max = conf->dataplane.max_value_size;
	store.memcache = conf->pool.data_store == CONF_DATA_STORE_MEMCACHE;
	return store;
}

static struct peers_config peers_settings(const struct conf *conf)
{
	struct peers_config peers = peers_config_default();

	peers.local_connections = conf->pool.local_peer_connections;
	peers.remote_connections = conf->pool.remote_peer_connections;
	peers.msg_rate = conf->pool.conn_msg_rate;
	peers.client_buffer = conf->dataplane.client_buffer;
	peers.value_max = conf->dataplane.max_value_size;
	peers.memcache = conf->pool.data_store == CONF_DATA_STORE_MEMCACHE;
	peers.preconnect = conf->pool.preconnect;
	random_fill(&peers.seed, sizeof(peers.seed));
	return peers;
}

struct worker_config setup_worker(const struct conf *conf, const char *store_address,
	struct port *port, unsigned id, unsigned worker_n)
{
	struct port_facts facts;
	struct worker_config config = {
		.id = id,
		.worker_n = worker_n,
		.port = port,
		.adaptive = conf->dataplane.poll == CONF_POLL_ADAPTIVE,
	};

	port_facts(port, &facts);
	config.net = net_settings(conf, &facts);
	config.tcp = tcp_settings(conf, worker_n, facts.queue_n);
	config.tcp.steer = port_steer(port);
	config.tcp.worker = id;
	config.session = session_settings(conf, &config.tcp, id, worker_n);
	config.store = store_settings(conf, store_address);
	config.peers = peers_settings(conf);
	return config;
}

static void status_addr(struct ipc_addr *to, const struct ip_addr *addr, uint8_t prefix_len)
{
	memcpy(to->addr, addr->b, sizeof(to->addr));
	to->prefix_len = prefix_len;
}

void setup_status(const struct conf *conf, struct ipc_status *status)
{
	status->vlan = (uint16_t)conf->dataplane.vlan;
	status->adaptive = conf->dataplane.poll == CONF_POLL_ADAPTIVE;
	for (uint32_t i = 0; i < conf->dataplane.address.n && i < IPC_ADDRS_MAX; i++) {
		const struct ip_prefix *own = &conf->dataplane.address.v[i];

		status_addr(&status->addr[status->addr_n++], &own->addr, own->len);
	}
	for (uint32_t i = 0; i < conf->dataplane.gateway.n; i++) {
		const struct ip_addr *gateway = &conf->dataplane.gateway.v[i];

		status_addr(
			ip_addr_is_v4(gateway) ? &status->gateway4 : &status->gateway6, gateway, 0);
	}
}
