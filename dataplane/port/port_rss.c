// Who gets which packet: the device's hash key and table are set, as far as it lets us, and read
// back; what it then says is the model by which workers and local ports are chosen.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/log.h"
#include "dataplane/port/port_core.h"

#define WANT_RSS (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)
#define GROUPS (STEER_BUCKETS / RTE_ETH_RETA_GROUP_SIZE)

static_assert(CORES_MAX <= STEER_WORKERS_MAX, "a bucket's owner is one byte");

// A pattern of two bytes again and again: both directions of a flow get the same hash, so that it
// does not matter whether a device sorts the addresses, as some do. An odd number of ones spreads
// the low 16 bits without loss: the windows are then independent. Which of them it is, a stranger
// does not know, and can't choose flows that meet on one core.
static void make_key(uint8_t *key, unsigned len)
{
	uint16_t pattern = 0x6d5a;

	(void)!getrandom(&pattern, sizeof(pattern), 0);
	if (__builtin_parity(pattern) == 0)
		pattern ^= 1;
	for (unsigned i = 0; i < len; i++)
		key[i] = (uint8_t)(i % 2 ? pattern : pattern >> 8);
}

void port_rss_configure(struct port *port, struct rte_eth_conf *conf)
{
	uint64_t types = WANT_RSS & port->info.flow_type_rss_offloads;

	if (port->queue_n == 1 || types == 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = types;
	if (port->info.hash_key_size > 0 && port->info.hash_key_size <= PORT_RSS_KEY_MAX) {
		if (!port->key_made)
			make_key(port->key, PORT_RSS_KEY_MAX);
		port->key_made = true;
		conf->rx_adv_conf.rss_conf.rss_key = port->key;
		conf->rx_adv_conf.rss_conf.rss_key_len = port->info.hash_key_size;
	}
}

// The key that is in use. A reason why it is not known, or NULL.
static const char *read_key(struct port *port, uint8_t key[PORT_RSS_KEY_MAX])
{
	static const uint8_t zero[PORT_RSS_KEY_MAX];
	struct rte_eth_rss_conf rss = {.rss_key = key, .rss_key_len = port->info.hash_key_size};
	int rc;

	if (rss.rss_key_len == 0)
		rss.rss_key_len = STEER_KEY_LEN;
	if (rss.rss_key_len < STEER_KEY_LEN || rss.rss_key_len > PORT_RSS_KEY_MAX)
		return "has a key of a length that is not known here";
	memset(key, 0, PORT_RSS_KEY_MAX);
	rc = rte_eth_dev_rss_hash_conf_get(port->id, &rss);
	if (rc != 0)
		return "does not say its key";
	if (memcmp(key, zero, STEER_KEY_LEN) == 0)
		return "has a key of zeros";
	port->hashes4 = (rss.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0;
	port->hashes6 = (rss.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0;
	if (!port->hashes4 && !port->hashes6)
		return "does not hash the ports of TCP";
	return NULL;
}

static int query_table(const struct port *port, uint16_t *table, unsigned n)
{
	struct rte_eth_rss_reta_entry64 reta[GROUPS] = {0};
	int rc;

	for (unsigned i = 0; i < n; i++)
		reta[i / RTE_ETH_RETA_GROUP_SIZE].mask |= UINT64_C(1)
			<< i % RTE_ETH_RETA_GROUP_SIZE;
	rc = rte_eth_dev_rss_reta_query(port->id, reta, (uint16_t)n);
	for (unsigned i = 0; i < n; i++)
		table[i] = reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	return rc;
}

// Each worker an equal share, through the queue that serves it.
static void set_table(const struct port *port, unsigned n)
{
	struct rte_eth_rss_reta_entry64 reta[GROUPS] = {0};
	int rc;

	for (unsigned i = 0; i < n; i++) {
		struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			(uint16_t)(i % port->worker_n % port->queue_n);
	}
	rc = rte_eth_dev_rss_reta_update(port->id, reta, (uint16_t)n);
	if (rc != 0)
		log_info(
			"port: setting the RSS table: %s; the device's own is used", strerror(-rc));
}

static const char *read_table(const struct port *port, uint16_t *table)
{
	unsigned n = port->info.reta_size;
	bool used[CORES_MAX] = {false};

	if (n == 0 || n > STEER_BUCKETS || (n & (n - 1)) != 0)
		return "has a table of a size that is not known here";
	set_table(port, n);
	if (query_table(port, table, n) != 0)
		return "does not say its table";
	for (unsigned i = 0; i < n; i++)
		if (table[i] >= port->queue_n)
			return "has a table with queues that are not in use";
	for (unsigned i = 0; i < n; i++)
		used[table[i]] = true;
	for (unsigned q = 0; q < port->queue_n; q++)
		if (!used[q])
			return "has a table that leaves queues out";
	return NULL;
}

static const char *steer_by_device(struct port *port)
{
	uint16_t table[STEER_BUCKETS];
	uint8_t key[PORT_RSS_KEY_MAX];
	const char *why;

	if (port->queue_n == 1)
		return "has one queue";
	if (!(WANT_RSS & port->info.flow_type_rss_offloads))
		return "does not spread TCP";
	why = read_key(port, key);
	if (!why)
		why = read_table(port, table);
	if (why)
		return why;
	steer_key(port->steer, key);
	steer_spread(port->steer, table, port->info.reta_size, port->queue_n, port->worker_n);
	return NULL;
}

static void steer_by_software(struct port *port)
{
	uint8_t key[STEER_KEY_LEN];

	(void)!getrandom(key, sizeof(key), 0);
	steer_key(port->steer, key);
	steer_spread(port->steer, NULL, 0, port->queue_n, port->worker_n);
}

bool port_steer_new(struct port *port)
{
	const char *why;

	port->steering = PORT_STEER_NONE;
	if (port->worker_n == 1)
		return true;
	port->steer = calloc(1, sizeof(*port->steer));
	if (!port->steer) {
		log_err("port: out of memory");
		return false;
	}
	why = steer_by_device(port);
	if (!why) {
		port->steering = PORT_STEER_DEVICE;
		log_notice("port: %u queue(s) for %u workers; the device spreads TCP over %s by "
			   "its key and table of %u",
			port->queue_n, port->worker_n,
			port->hashes4 && port->hashes6 ? "IPv4 and IPv6"
				: port->hashes4        ? "IPv4"
						       : "IPv6",
			port->info.reta_size);
		return true;
	}
	steer_by_software(port);
	port->steering = PORT_STEER_SOFTWARE;
	log_notice(
		"port: %u queue(s) for %u workers; packets are spread in software: the device %s",
		port->queue_n, port->worker_n, why);
	return true;
}

void port_steer_again(struct port *port)
{
	if (port->steering != PORT_STEER_DEVICE)
		return;
	set_table(port, port->info.reta_size);
	port->misrouted_said = false;
}

// Handed over is handed over: this is about speed. A few are always misrouted (what came in
// fragments, to begin with).
#define MISROUTED_MIN 1000
#define MISROUTED_SHARE 10

void port_steer_check(struct port *port, uint64_t packets, uint64_t misrouted)
{
	uint64_t all = packets - port->packets_seen;
	uint64_t wrong = misrouted - port->misrouted_seen;

	if (port->steering != PORT_STEER_DEVICE || port->misrouted_said || wrong < MISROUTED_MIN)
		return;
	port->packets_seen = packets;
	port->misrouted_seen = misrouted;
	if (wrong * MISROUTED_SHARE < all)
		return;
	port->misrouted_said = true;
	log_warn("port: %s does not spread packets as its key and table say: of %llu packets %llu "
		 "came to a core that they don't belong to and were handed over; all is right, but "
		 "slower",
		port->info.driver_name, (unsigned long long)all, (unsigned long long)wrong);
}

const struct steer *port_steer(const struct port *port)
{
	return port->steer;
}
