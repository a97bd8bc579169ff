// One connection with much to say: full segments one way, acknowledgements the other.
#include "dataplane/tcp/tcp_seg.h"
#include "tests/bench/tcp_cost/figure.h"

#define MBUF_BYTES 2048

static uint32_t mss(const struct bench *bench)
{
	return bench->rig.options.v6 ? RIG_MSS - 20 : RIG_MSS;
}

// --- received

static MEASURED unsigned measured_stream_in(
	struct bench *bench, struct rte_mbuf **in, unsigned n, struct rte_mbuf **out)
{
	struct tcp_conn *conn;
	unsigned events;

	rig_input(&bench->rig, in, n);
	while ((conn = tcp_event(bench->rig.tcp, &events)) != NULL) {
		struct rte_mbuf *m = tcp_recv(conn);
		uint32_t got = 0;

		while (m != NULL) {
			struct rte_mbuf *next = m->next;

			got += m->data_len;
			rte_pktmbuf_free_seg(m);
			m = next;
		}
		tcp_recv_done(conn, got);
	}
	return rig_output(&bench->rig, out, NET_BURST);
}

void figure_stream_in(struct bench *bench)
{
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];

	peer_open(&bench->peer, 0, bench->conns);
	for (uint32_t s = 0; s < bench->samples; s++) {
		unsigned sent;

		for (unsigned i = 0; i < RIG_BURST; i++)
			in[i] = peer_segment(&bench->peer, 0, TCP_ACK, mss(bench));
		rig_step(&bench->rig);
		meter_begin(&bench->meter);
		sent = measured_stream_in(bench, in, RIG_BURST, out);
		meter_end(&bench->meter, RIG_BURST);
		peer_take(&bench->peer, out, sent);
	}
}

// --- sent

static MEASURED unsigned measured_stream_out(
	struct bench *bench, struct rte_mbuf *chain, struct rte_mbuf **out, unsigned max)
{
	if (!tcp_send(bench->peer.conns[0].ours, chain))
		rig_die("the connection does not take its bytes");
	return rig_output(&bench->rig, out, max);
}

static MEASURED unsigned measured_stream_ack(
	struct bench *bench, struct rte_mbuf **in, unsigned n, struct rte_mbuf **out)
{
	rig_input(&bench->rig, in, n);
	return rig_output(&bench->rig, out, NET_BURST);
}

// What the store's reply looks like: full mbufs, one after the other.
static struct rte_mbuf *reply(struct bench *bench, uint32_t bytes)
{
	struct rte_mbuf *head = NULL;
	struct rte_mbuf **link = &head;

	while (bytes > 0) {
		uint32_t n = RTE_MIN(bytes, (uint32_t)MBUF_BYTES);
		struct rte_mbuf *m = rte_pktmbuf_alloc(bench->rig.pool);

		if (m == NULL)
			rig_die("no packet buffer left");
		m->data_len = (uint16_t)n;
		m->pkt_len = n;
		*link = m;
		link = &m->next;
		bytes -= n;
	}
	return head;
}

// The stack may make larger segments than the wire's for a port that cuts them: bytes count.
static unsigned segments(const struct bench *bench, uint64_t bytes)
{
	return (unsigned)((bytes + mss(bench) - 1) / mss(bench));
}

// One ACK for two segments, from `from` to all that came.
static unsigned acks(struct bench *bench, struct rte_mbuf **in, uint32_t from, unsigned segs)
{
	uint32_t end = bench->peer.conns[0].ack;
	unsigned n = 0;

	for (unsigned k = 2; k < segs + 2 && n < RIG_BURST; k += 2) {
		uint32_t ack = from + k * mss(bench);

		in[n++] = peer_ack(&bench->peer, 0, (int32_t)(ack - end) < 0 ? ack : end);
	}
	rig_step(&bench->rig);
	return n;
}

// A burst's worth of bytes, until all of it is acknowledged.
static void stream_out(struct bench *bench, struct meter *out_meter, struct meter *ack_meter)
{
	struct rte_mbuf *chain = reply(bench, RIG_BURST * mss(bench));
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];
	uint32_t acked = bench->peer.conns[0].ack;
	unsigned sent;
	unsigned n;

	meter_begin(out_meter);
	sent = measured_stream_out(bench, chain, out, NET_BURST);
	meter_hold(out_meter);
	while (sent > 0) {
		unsigned segs = segments(bench, peer_take(&bench->peer, out, sent));

		if (out_meter->held > 0)
			meter_done(out_meter, segs);
		n = acks(bench, in, acked, segs);
		acked = bench->peer.conns[0].ack;
		meter_begin(ack_meter);
		sent = measured_stream_ack(bench, in, n, out);
		meter_end(ack_meter, n);
	}
}

static void stream_out_all(struct bench *bench, bool acks_measured)
{
	struct meter other;

	if (!meter_start(&other, 1, false))
		rig_die("no memory for samples");
	peer_open(&bench->peer, 0, bench->conns);
	for (uint32_t s = 0; s < bench->samples; s++)
		stream_out(bench, acks_measured ? &other : &bench->meter,
			acks_measured ? &bench->meter : &other);
	meter_stop(&other);
}

void figure_stream_out(struct bench *bench)
{
	stream_out_all(bench, false);
}

void figure_stream_ack(struct bench *bench)
{
	stream_out_all(bench, true);
}
