// Between workers: segments that came to another core than their connection's, and waking whoever
// sleeps when there is something for it.
#include <unistd.h>

#include <rte_atomic.h>
#include <rte_ring.h>

#include "dataplane/port/port_core.h"

#define BITS 64

// Workers to whom something was given.
struct told {
	uint64_t bits[(CORES_MAX + BITS - 1) / BITS];
};

// Either the sleeper sees what was put into its ring, or we see that it sleeps (port_sleep).
void port_ring_bell(struct port_lane *lane)
{
	const uint64_t one = 1;

	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(&lane->asleep, __ATOMIC_RELAXED)))
		(void)!write(lane->bell, &one, sizeof(one));
}

void port_call(struct port *port, unsigned worker)
{
	port_ring_bell(&port->lane[worker]);
}

static void ring_bells(struct port *port, const struct told *told)
{
	for (unsigned i = 0; i < RTE_DIM(told->bits); i++)
		for (uint64_t left = told->bits[i]; left; left &= left - 1)
			port_ring_bell(&port->lane[i * BITS + (unsigned)__builtin_ctzll(left)]);
}

static void hand_over(struct port *port, unsigned owner, struct rte_mbuf *seg, struct told *told,
	struct stats *stats)
{
	if (unlikely(rte_ring_enqueue(port->lane[owner].segs, seg) != 0)) {
		stat_drop(stats, DROP_HAND_OVER);
		rte_pktmbuf_free(seg);
		return;
	}
	stat_inc(stats, STAT_rx_steered);
	told->bits[owner / BITS] |= UINT64_C(1) << owner % BITS;
}

// Whether the device hashes and spreads as its key and table say. Nothing depends on it.
static void check_device(const struct port *port, unsigned worker, const struct rte_mbuf *m,
	uint32_t hash, unsigned owner, struct stats *stats)
{
	bool v4 = (m->packet_type & RTE_PTYPE_L3_MASK) == RTE_PTYPE_L3_IPV4;

	if (!(v4 ? port->hashes4 : port->hashes6))
		return;
	if (m->ol_flags & RTE_MBUF_F_RX_RSS_HASH && m->hash.rss != hash)
		stat_inc(stats, STAT_rx_hash_wrong);
	if (owner != worker && owner % port->queue_n != worker)
		stat_inc(stats, STAT_rx_misrouted);
}

unsigned port_keep_own(
	struct port *port, unsigned worker, struct rte_mbuf **segs, unsigned n, struct stats *stats)
{
	const struct steer *steer = port->steer;
	struct told told = {0};
	unsigned own = 0;

	if (steer == NULL)
		return n;
	for (unsigned i = 0; i < n; i++) {
		uint32_t hash;
		unsigned owner;

		// Too short to have ports: TCP drops it, here as well as elsewhere.
		if (unlikely(segs[i]->data_len < segs[i]->l3_len + 4u)) {
			segs[own++] = segs[i];
			continue;
		}
		hash = steer_hash(steer, segs[i]);
		owner = steer_owner(steer, hash);
		if (port->steering == PORT_STEER_DEVICE)
			check_device(port, worker, segs[i], hash, owner, stats);
		if (owner == worker)
			segs[own++] = segs[i];
		else
			hand_over(port, owner, segs[i], &told, stats);
	}
	if (own < n)
		ring_bells(port, &told);
	return own;
}

unsigned port_take_handed_over(
	struct port *port, unsigned worker, struct rte_mbuf **segs, unsigned n)
{
	if (likely(port->lane[worker].segs == NULL))
		return 0;
	return rte_ring_dequeue_burst(port->lane[worker].segs, (void **)segs, n, NULL);
}

// --- sleeping

unsigned port_wait_fds(const struct port *port, unsigned worker, int fds[PORT_FDS_MAX])
{
	const struct port_lane *lane = &port->lane[worker];
	unsigned n = 0;

	if (lane->queue != PORT_NO_QUEUE) {
		if (lane->fd < 0)
			return 0;
		fds[n++] = lane->fd;
	}
	if (lane->segs != NULL) {
		if (lane->bell < 0)
			return 0;
		fds[n++] = lane->bell;
	}
	return n;
}

bool port_sleep(struct port *port, unsigned worker)
{
	struct port_lane *lane = &port->lane[worker];

	if (lane->segs == NULL)
		return true;
	__atomic_store_n(&lane->asleep, true, __ATOMIC_RELAXED);
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (rte_ring_empty(lane->segs) && (lane->tx == NULL || rte_ring_empty(lane->tx)))
		return true;
	__atomic_store_n(&lane->asleep, false, __ATOMIC_RELAXED);
	return false;
}

void port_wake(struct port *port, unsigned worker)
{
	struct port_lane *lane = &port->lane[worker];
	uint64_t rung;

	if (lane->segs == NULL)
		return;
	__atomic_store_n(&lane->asleep, false, __ATOMIC_RELAXED);
	(void)!read(lane->bell, &rung, sizeof(rung));
}
