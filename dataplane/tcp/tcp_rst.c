#include "dataplane/tcp/tcp_rst.h"

#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_types.h"

void tcp_rst_reply(struct tcp *tcp, const struct tcp_seg *seg)
{
	struct tcp_header header = {.flags = TCP_RST, .opts = TCP_OPTS_NONE};

	if (seg->flags & TCP_RST)
		return;
	if (!tcp_rate_take(&tcp->rst_rate, &tcp->rng, tcp->now)) {
		stat_drop(tcp->stats, DROP_TCP_RATE);
		return;
	}
	if (seg->flags & TCP_ACK) {
		header.seq = seg->ack;
	} else {
		header.flags |= TCP_ACK;
		header.ack = seg->seq + tcp_seg_span(seg);
	}
	if (tcp_header_send(tcp, &seg->key, &header))
		stat_inc(tcp->stats, STAT_tcp_out_rsts);
}
