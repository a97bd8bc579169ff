#include "dataplane/net/packet.h"

#include <string.h>

bool packet_pull_slow(struct rte_mbuf *m, uint32_t len)
{
	uint32_t need = len - m->data_len;

	if (len > m->pkt_len || need > rte_pktmbuf_tailroom(m) || !RTE_MBUF_DIRECT(m) ||
		rte_mbuf_refcnt_read(m) != 1)
		return false;
	while (need > 0) {
		struct rte_mbuf *next = m->next;
		uint16_t n;

		if (next == NULL)
			return false;
		n = (uint16_t)RTE_MIN(need, next->data_len);
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len),
			rte_pktmbuf_mtod(next, const uint8_t *), n);
		m->data_len = (uint16_t)(m->data_len + n);
		next->data_off = (uint16_t)(next->data_off + n);
		next->data_len = (uint16_t)(next->data_len - n);
		need -= n;
		if (next->data_len == 0) {
			m->next = next->next;
			m->nb_segs--;
			rte_pktmbuf_free_seg(next);
		}
	}
	return true;
}

void packet_trim(struct rte_mbuf *m, uint32_t len)
{
	struct rte_mbuf *seg = m;
	uint32_t left = len;
	uint16_t segs = 1;

	if (likely(m->pkt_len == len))
		return;
	while (left > seg->data_len && seg->next != NULL) {
		left -= seg->data_len;
		seg = seg->next;
		segs++;
	}
	seg->data_len = (uint16_t)left;
	rte_pktmbuf_free(seg->next);
	seg->next = NULL;
	m->nb_segs = segs;
	m->pkt_len = len;
}

uint32_t packet_copy(const struct rte_mbuf *m, void *to, uint32_t len)
{
	uint8_t *out = to;
	uint32_t done = 0;

	for (; m != NULL && done < len; m = m->next) {
		uint32_t n = RTE_MIN(len - done, m->data_len);

		memcpy(out + done, rte_pktmbuf_mtod(m, const uint8_t *), n);
		done += n;
	}
	return done;
}
