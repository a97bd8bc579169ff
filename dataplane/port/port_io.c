// What a worker does with the port each turn.
#include <rte_ethdev.h>
#include <rte_ring.h>

#include "dataplane/port/port_core.h"

#define TX_BURST 64

// All drivers have a longest chain; some send only what lies in one piece, in the packet's own
// room.
static bool fits(const struct port *port, const struct rte_mbuf *m)
{
	uint16_t segs_max = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? port->tso.segs : port->segs_max;

	return m->nb_segs <= segs_max &&
		(RTE_MBUF_DIRECT(m) || !(port->quirk->flags & QUIRK_LINEAR));
}

static struct rte_mbuf *in_one_piece(
	struct port *port, unsigned worker, struct rte_mbuf *m, struct stats *stats)
{
	struct rte_mbuf *copy;

	if (likely(fits(port, m)))
		return m;
	copy = rte_pktmbuf_copy(m, port->lane[worker].pool, 0, UINT32_MAX);
	if (copy) {
		copy->ol_flags = m->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
		copy->tx_offload = m->tx_offload;
		copy->vlan_tci = m->vlan_tci;
	} else {
		stat_drop(stats, DROP_NO_MBUF);
	}
	rte_pktmbuf_free(m);
	return copy;
}

static unsigned send_through_other(
	struct port *port, unsigned worker, struct rte_mbuf **frames, unsigned n)
{
	struct port_lane *through = &port->lane[port->lane[worker].tx_through];

	n = rte_ring_enqueue_burst(through->tx, (void **)frames, n, NULL);
	port_ring_bell(through);
	return n;
}

// Packets that the driver will never take would stop all behind them.
static unsigned prepared(struct port *port, uint16_t queue, struct rte_mbuf **frames, unsigned n,
	struct stats *stats)
{
	unsigned good = rte_eth_tx_prepare(port->id, queue, frames, (uint16_t)n);

	if (unlikely(good == 0)) {
		stat_drop(stats, DROP_TX_REFUSED);
		rte_pktmbuf_free(frames[0]);
	}
	return good;
}

static unsigned send_burst(struct port *port, uint16_t queue, struct rte_mbuf **frames, unsigned n,
	struct stats *stats)
{
	uint32_t len[TX_BURST];
	unsigned good;
	unsigned sent;

	if (unlikely(n == 0))
		return 0;
	good = prepared(port, queue, frames, n, stats);
	// The first was refused, and is gone.
	if (unlikely(good == 0))
		return 1;
	for (unsigned i = 0; i < good; i++)
		len[i] = frames[i]->pkt_len;
	sent = rte_eth_tx_burst(port->id, queue, frames, (uint16_t)good);
	for (unsigned i = 0; i < sent; i++)
		stat_add(stats, STAT_tx_bytes, len[i]);
	stat_add(stats, STAT_tx_packets, sent);
	return sent;
}

unsigned port_tx(struct port *port, unsigned worker, struct rte_mbuf **frames, unsigned n,
	struct stats *stats)
{
	struct rte_mbuf *burst[TX_BURST];
	unsigned burst_n = 0;
	unsigned sent;

	if (unlikely(port_halted(port, worker, stats)))
		return 0;
	n = RTE_MIN(n, (unsigned)TX_BURST);
	for (unsigned i = 0; i < n; i++) {
		burst[burst_n] = in_one_piece(port, worker, frames[i], stats);
		if (likely(burst[burst_n] != NULL))
			burst_n++;
	}
	if (unlikely(port->lane[worker].queue == PORT_NO_QUEUE))
		sent = send_through_other(port, worker, burst, burst_n);
	else
		sent = send_burst(port, port->lane[worker].queue, burst, burst_n, stats);
	// What was not sent stands at the end of the caller's list.
	for (unsigned i = sent; i < burst_n; i++)
		frames[n - burst_n + i] = burst[i];
	return n - (burst_n - sent);
}

static void send_for_others(struct port *port, struct port_lane *lane, struct stats *stats)
{
	struct rte_mbuf *frames[TX_BURST];
	unsigned n = rte_ring_dequeue_burst(lane->tx, (void **)frames, TX_BURST, NULL);
	unsigned sent = 0;

	while (sent < n) {
		unsigned now = send_burst(port, lane->queue, frames + sent, n - sent, stats);

		if (now == 0)
			break;
		sent += now;
	}
	for (unsigned i = sent; i < n; i++) {
		stat_drop(stats, DROP_TX_FULL);
		rte_pktmbuf_free(frames[i]);
	}
}

void port_flush(struct port *port, unsigned worker, struct stats *stats)
{
	struct port_lane *lane = &port->lane[worker];

	while (lane->queue != PORT_NO_QUEUE && lane->tx && !rte_ring_empty(lane->tx) &&
		!port_halted(port, worker, stats))
		send_for_others(port, lane, stats);
}

unsigned port_rx(struct port *port, unsigned worker, struct rte_mbuf **frames, unsigned n,
	struct stats *stats)
{
	struct port_lane *lane = &port->lane[worker];
	unsigned got;

	if (unlikely(port_halted(port, worker, stats)))
		return 0;
	if (unlikely(lane->queue == PORT_NO_QUEUE))
		return 0;
	if (unlikely(lane->tx != NULL))
		send_for_others(port, lane, stats);
	got = rte_eth_rx_burst(port->id, lane->queue, frames, (uint16_t)n);
	for (unsigned i = 0; i < got; i++)
		stat_add(stats, STAT_rx_bytes, frames[i]->pkt_len);
	stat_add(stats, STAT_rx_packets, got);
	return got;
}

struct rte_mempool *port_pool(const struct port *port, unsigned worker)
{
	return port->lane[worker].pool;
}

struct rte_mempool *port_big_pool(const struct port *port, unsigned worker)
{
	return port->lane[worker].big;
}
