// Small requests and replies over many connections in random order, in bursts.
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "dataplane/tcp/tcp_seg.h"
#include "tests/bench/tcp_cost/figure.h"

// The active connections in an order that no prefetcher guesses; walked round and round, so that a
// connection comes again only when all others have been.
struct walk {
	uint32_t *order;
	uint32_t n;
	uint32_t at;
};

static void walk_start(struct walk *walk, const struct bench *bench)
{
	struct rng rng;

	*walk = (struct walk){.n = bench->active};
	walk->order = calloc(bench->active, sizeof(walk->order[0]));
	if (walk->order == NULL)
		rig_die("no memory for the order");
	rng_seed(&rng, 7);
	// Spread over all connections, be they active or not.
	for (uint32_t i = 0; i < bench->active; i++)
		walk->order[i] = (uint32_t)((uint64_t)i * bench->conns / bench->active);
	for (uint32_t i = bench->active; i > 1; i--) {
		uint32_t k = rng_below(&rng, i);
		uint32_t swap = walk->order[i - 1];

		walk->order[i - 1] = walk->order[k];
		walk->order[k] = swap;
	}
}

static uint32_t walk_next(struct walk *walk)
{
	uint32_t i = walk->order[walk->at];

	walk->at = walk->at + 1 == walk->n ? 0 : walk->at + 1;
	return i;
}

static unsigned burst_size(const struct bench *bench)
{
	return RTE_MIN(bench->active, (uint32_t)RIG_BURST);
}

// The user: every connection with bytes gives them back, and answers if `reply` is not 0.
static inline void serve(struct rig *rig, const uint8_t *data, uint32_t reply)
{
	struct tcp_conn *conn;
	unsigned events;

	while ((conn = tcp_event(rig->tcp, &events)) != NULL) {
		struct rte_mbuf *m = tcp_recv(conn);
		uint32_t got = 0;

		while (m != NULL) {
			struct rte_mbuf *next = m->next;

			got += m->data_len;
			rte_pktmbuf_free_seg(m);
			m = next;
		}
		tcp_recv_done(conn, got);
		if (reply != 0 && !tcp_send_copy(conn, data, reply))
			rig_die("a connection does not take its reply");
	}
}

static inline unsigned turn(struct bench *bench, struct rte_mbuf **in, unsigned n,
	struct rte_mbuf **out, uint32_t reply)
{
	rig_input(&bench->rig, in, n);
	serve(&bench->rig, bench->peer.data, reply);
	return rig_output(&bench->rig, out, NET_BURST);
}

static MEASURED unsigned measured_turn(struct bench *bench, struct rte_mbuf **in, unsigned n,
	struct rte_mbuf **out, uint32_t reply)
{
	return turn(bench, in, n, out, reply);
}

static void make(struct bench *bench, struct walk *walk, struct rte_mbuf **in, unsigned n,
	uint8_t flags, uint32_t len)
{
	for (unsigned i = 0; i < n; i++)
		in[i] = peer_segment(&bench->peer, walk_next(walk), flags, len);
	rig_step(&bench->rig);
}

static void expect(unsigned got, unsigned want)
{
	if (got != want)
		rig_die("%u frames came out of a burst, not %u", got, want);
}

// Once through all, so that every connection has the state that it will have from then on.
static void warm_up(struct bench *bench, struct walk *walk, uint32_t reply)
{
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];
	unsigned n = burst_size(bench);
	uint32_t rounds = RTE_MAX(2 * bench->active / n, 64u);

	for (uint32_t r = 0; r < rounds; r++) {
		make(bench, walk, in, n, TCP_ACK | TCP_PSH, bench->payload);
		expect(turn(bench, in, n, out, reply), n);
		peer_take(&bench->peer, out, n);
	}
}

// One burst over the next connections of the walk; part of it measured. `reply` as in `turn`.
typedef void sample(struct bench *bench, struct walk *walk, uint32_t reply);

static void samples(struct bench *bench, sample *one, uint32_t reply)
{
	struct walk walk;

	walk_start(&walk, bench);
	peer_open(&bench->peer, 0, bench->conns);
	warm_up(bench, &walk, reply);
	for (uint32_t s = 0; s < bench->samples; s++)
		one(bench, &walk, reply);
	free(walk.order);
}

// Requests; each answered by a reply of `reply` bytes, or by a bare ACK.
static void request(struct bench *bench, struct walk *walk, uint32_t reply)
{
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];
	unsigned n = burst_size(bench);
	unsigned sent;

	make(bench, walk, in, n, TCP_ACK | TCP_PSH, bench->payload);
	meter_begin(&bench->meter);
	sent = measured_turn(bench, in, n, out, reply);
	meter_end(&bench->meter, n);
	expect(sent, n);
	peer_take(&bench->peer, out, n);
}

void figure_exchange(struct bench *bench)
{
	samples(bench, request, bench->payload);
}

void figure_data_in(struct bench *bench)
{
	samples(bench, request, 0);
}

// A request and its reply, and apart from them the ACK of the reply, which is measured.
static void ack_apart(struct bench *bench, struct walk *walk, uint32_t reply)
{
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];
	unsigned n = burst_size(bench);
	uint32_t at = walk->at;

	make(bench, walk, in, n, TCP_ACK | TCP_PSH, bench->payload);
	expect(turn(bench, in, n, out, reply), n);
	peer_take(&bench->peer, out, n);
	walk->at = at;
	make(bench, walk, in, n, TCP_ACK, 0);
	meter_begin(&bench->meter);
	expect(measured_turn(bench, in, n, out, 0), 0);
	meter_end(&bench->meter, n);
}

void figure_ack_in(struct bench *bench)
{
	samples(bench, ack_apart, bench->payload);
}

static MEASURED unsigned measured_send(
	struct bench *bench, struct tcp_conn **conns, unsigned n, struct rte_mbuf **out)
{
	for (unsigned i = 0; i < n; i++)
		if (!tcp_send_copy(conns[i], bench->peer.data, bench->payload))
			rig_die("a connection does not take its bytes");
	return rig_output(&bench->rig, out, NET_BURST);
}

// An ACK of everything, and apart from it bytes that the user sends, which are measured.
static void send_apart(struct bench *bench, struct walk *walk, uint32_t reply)
{
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];
	struct tcp_conn *conns[RIG_BURST];
	unsigned n = burst_size(bench);
	uint32_t at = walk->at;

	(void)reply;
	make(bench, walk, in, n, TCP_ACK, 0);
	expect(turn(bench, in, n, out, 0), 0);
	walk->at = at;
	for (unsigned i = 0; i < n; i++)
		conns[i] = bench->peer.conns[walk_next(walk)].ours;
	meter_begin(&bench->meter);
	expect(measured_send(bench, conns, n, out), n);
	meter_end(&bench->meter, n);
	peer_take(&bench->peer, out, n);
}

void figure_reply_out(struct bench *bench)
{
	samples(bench, send_apart, bench->payload);
}
