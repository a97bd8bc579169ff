// The memory of a port: packet buffers of each worker, and the rings between workers.
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include "common/base/log.h"
#include "dataplane/port/port_core.h"

#define POOL_CACHE 256
#define HAND_OVER_RING 1024
#define PACKET_ROOM_MIN 2048
// Both queues full, and enough beside them to receive into.
#define PACKETS_MIN 4096
#define BIG_MIN 64
// Share of the memory that is for packets; the rest is for large replies of the store.
#define PACKET_SHARE 5 / 8
// The mempool's header of each buffer, and rounding.
#define BUFFER_OVERHEAD (sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM + 128)

static uint16_t packet_room(const struct port *port)
{
	uint32_t frame = RTE_ALIGN_CEIL(
		(uint32_t)port->mtu + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN,
		64u);

	return (uint16_t)RTE_MAX(frame, (uint32_t)PACKET_ROOM_MIN);
}

// As rte_pktmbuf_pool_create, but for a flag: with ordinary pages and virtual addresses a buffer
// may lie across pages, where it would else fill whole ones, 4 KB for a packet.
static struct rte_mempool *pool_make(const char *name, unsigned n, uint16_t room)
{
	struct rte_pktmbuf_pool_private private = {.mbuf_data_room_size = room};
	unsigned flags = rte_eal_iova_mode() == RTE_IOVA_VA ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0;
	struct rte_mempool *pool =
		rte_mempool_create_empty(name, n, (unsigned)sizeof(struct rte_mbuf) + room,
			n > 4 * POOL_CACHE ? POOL_CACHE : 0, sizeof(private), SOCKET_ID_ANY, flags);

	if (!pool)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_pktmbuf_pool_init(pool, &private);
	if (rte_mempool_populate_default(pool) < 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

static struct rte_mempool *pool_new(
	const char *kind, unsigned worker, uint64_t bytes, uint16_t room, unsigned least)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint64_t n = bytes / (room + BUFFER_OVERHEAD);
	struct rte_mempool *pool;

	if (n < least) {
		log_err("memory: too little for the %s buffers of worker %u: %llu fit, at least %u "
			"are needed; raise `dataplane: memory`",
			kind, worker, (unsigned long long)n, least);
		return NULL;
	}
	snprintf(name, sizeof(name), "%s-%u", kind, worker);
	pool = pool_make(name, (unsigned)RTE_MIN(n, (uint64_t)UINT32_MAX / 2),
		(uint16_t)(room + RTE_PKTMBUF_HEADROOM));
	if (!pool)
		log_err("memory: the %s buffers of worker %u (%llu MB): %s; lower `dataplane: "
			"memory`, or reserve more huge pages",
			kind, worker, (unsigned long long)(bytes >> 20), rte_strerror(rte_errno));
	return pool;
}

static struct rte_ring *ring_new(const char *kind, unsigned worker)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s-%u", kind, worker);
	return rte_ring_create(name, HAND_OVER_RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
}

// Without a bell a worker looks often instead of sleeping long.
static bool exchange_new(struct port *port, unsigned worker)
{
	struct port_lane *lane = &port->lane[worker];
	bool tx = port->queue_n < port->worker_n;

	lane->segs = ring_new("segs", worker);
	if (tx)
		lane->tx = ring_new("tx", worker);
	lane->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!lane->segs || (tx && !lane->tx)) {
		log_err("memory: no room for the rings between workers; raise `dataplane: memory`");
		return false;
	}
	return true;
}

static bool lane_new(struct port *port, unsigned worker)
{
	struct port_lane *lane = &port->lane[worker];
	uint64_t share = port->config.memory / port->worker_n;

	lane->fd = -1;
	lane->bell = -1;
	lane->queue = worker < port->queue_n ? (uint16_t)worker : PORT_NO_QUEUE;
	lane->tx_through = (uint16_t)(worker % RTE_MAX(port->queue_n, 1u));
	lane->pool =
		pool_new("packet", worker, share * PACKET_SHARE, packet_room(port), PACKETS_MIN);
	if (!lane->pool)
		return false;
	lane->big = pool_new(
		"big", worker, share - share * PACKET_SHARE, port->config.big_room, BIG_MIN);
	if (!lane->big)
		return false;
	return port->worker_n == 1 || exchange_new(port, worker);
}

bool port_buffers_new(struct port *port)
{
	for (unsigned i = 0; i < port->worker_n; i++)
		if (!lane_new(port, i))
			return false;
	return true;
}

static void ring_free(struct rte_ring *ring)
{
	void *m;

	while (ring && rte_ring_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

void port_buffers_free(struct port *port)
{
	for (unsigned i = 0; i < port->worker_n; i++) {
		ring_free(port->lane[i].segs);
		ring_free(port->lane[i].tx);
		if (port->lane[i].segs && port->lane[i].bell >= 0)
			close(port->lane[i].bell);
	}
	for (unsigned i = 0; i < port->worker_n; i++) {
		rte_mempool_free(port->lane[i].pool);
		rte_mempool_free(port->lane[i].big);
	}
}
