#include "dataplane/net/tso.h"

#include <string.h>

#include <rte_tcp.h>

#include "dataplane/net/packet.h"

#define TCP_CWR 0x80

// All of them together must fit the headroom of a copy.
static_assert(60 + 40 + 18 <= RTE_PKTMBUF_HEADROOM, "TCP, IPv6 and Ethernet headers");

// Devices read a frame's pieces by a descriptor each, and have few for one frame.
static bool frames_fit(const struct rte_mbuf *m, uint16_t limit)
{
	const uint32_t segsz = m->tso_segsz;
	uint32_t left = segsz; // until the next frame begins
	uint32_t len = (uint32_t)m->data_len - m->l4_len;
	unsigned pieces = 1;

	for (;;) {
		while (len > 0) {
			uint32_t take = RTE_MIN(len, left);

			if (++pieces > limit)
				return false;
			len -= take;
			left -= take;
			if (left == 0) {
				left = segsz;
				pieces = 1;
			}
		}
		m = m->next;
		if (m == NULL)
			return true;
		len = m->data_len;
	}
}

bool tso_fits(const struct tso_limits *limits, const struct rte_mbuf *m, bool v4)
{
	return m->pkt_len - m->l4_len <= limits->max && m->nb_segs <= limits->segs &&
		(v4 || !limits->ip4_only) &&
		(m->nb_segs <= limits->frame_segs || frames_fit(m, limits->frame_segs));
}

struct rte_mbuf *tso_cut(
	const struct rte_mbuf *m, uint32_t off, uint32_t len, struct rte_mempool *pool)
{
	struct rte_mbuf *frame = rte_pktmbuf_copy(m, pool, m->l4_len + off, len);
	struct rte_tcp_hdr *tcp;

	if (frame == NULL)
		return NULL;
	packet_clear_offloads(frame);
	tcp = (struct rte_tcp_hdr *)(void *)rte_pktmbuf_prepend(frame, (uint16_t)m->l4_len);
	if (tcp == NULL) {
		rte_pktmbuf_free(frame);
		return NULL;
	}
	memcpy(tcp, rte_pktmbuf_mtod(m, const void *), m->l4_len);
	frame->l4_len = m->l4_len;
	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + off);
	if (off > 0)
		tcp->tcp_flags &= (uint8_t)~TCP_CWR;
	if (m->l4_len + off + len < m->pkt_len)
		tcp->tcp_flags &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	return frame;
}
