#include "tests/support/wire_turn.h"

void wire_input(const struct wire_stack *stack, struct rte_mbuf *frame, struct mono now)
{
	struct net_rx rx;

	net_input(stack->net, &frame, 1, now, &rx);
	rte_pktmbuf_free_bulk(rx.learn, rx.learn_n);
	tcp_input(stack->tcp, rx.seg, rx.seg_n, now);
	for (unsigned i = 0; i < rx.icmp_n; i++)
		tcp_icmp(stack->tcp, &rx.icmp[i], now);
}

static void receive(const struct wire_stack *stack, struct rte_mbuf *frame, struct mono now)
{
	static uint8_t payload[65536];
	struct rte_mbuf *answer = wire_arp(stack->wire, frame);
	struct wire_seg seg;

	if (wire_read(frame, &seg, payload)) {
		struct wire_seen seen = {&seg, payload, frame->pkt_len};

		stack->see(stack->ctx, &seen);
	}
	rte_pktmbuf_free(frame);
	if (answer != NULL)
		wire_input(stack, answer, now);
}

void wire_turn(const struct wire_stack *stack, struct mono now)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n;

	net_advance(stack->net, now);
	tcp_advance(stack->tcp, now);
	tcp_output(stack->tcp, now);
	while ((n = net_collect(stack->net, frames, NET_BURST)) > 0)
		for (unsigned i = 0; i < n; i++)
			receive(stack, frames[i], now);
}
