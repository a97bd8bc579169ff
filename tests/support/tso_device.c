#include "tests/support/tso_device.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TCP_SUM 16
#define FIN_PSH 0x09
#define CWR 0x80

struct headers {
	uint8_t bytes[256];
	uint32_t l2, l3, l4;
	bool v4;
};

static uint32_t sum_of(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// `len` of TCP header and payload, or 0 as it is when the device fills it in later.
static uint32_t pseudo(const struct headers *h, uint32_t len)
{
	const uint8_t *ip = h->bytes + h->l2;

	return sum_of(ip + (h->v4 ? 12 : 8), h->v4 ? 8 : 32, 6 + len);
}

static const char *wrong(const struct rte_mbuf *m, const struct headers *h)
{
	const uint8_t *ip = h->bytes + h->l2;
	const uint8_t *tcp = ip + h->l3;
	uint16_t stored = (uint16_t)(tcp[TCP_SUM] << 8 | tcp[TCP_SUM + 1]);

	if (m->l4_len < 20 || m->l3_len < 20 || m->l2_len < 14)
		return "lengths of headers are not set";
	if (m->data_len < h->l2 + h->l3 + h->l4)
		return "headers are not in the first mbuf";
	if (m->tso_segsz == 0 || m->pkt_len - h->l2 - h->l3 - h->l4 <= m->tso_segsz)
		return "nothing to cut";
	if (tcp[12] >> 4 != h->l4 / 4)
		return "l4_len is not that of the TCP header";
	if (!(m->ol_flags & (h->v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6)))
		return "the family is not said";
	if (h->v4 && !(m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM))
		return "the IP checksum is not left to the device";
	if (h->v4 && (ip[10] || ip[11]))
		return "the IP checksum is not zero";
	if (finish(pseudo(h, 0)) != stored)
		return "the TCP checksum is not that of the pseudo-header without a length";
	if ((uint32_t)(h->v4 ? ip[2] << 8 | ip[3] : (ip[4] << 8 | ip[5]) + 40) !=
		m->pkt_len - h->l2)
		return "the IP length is not that of the packet";
	return NULL;
}

static struct rte_mbuf *make(const struct headers *h, const uint8_t *payload, uint32_t off,
	uint32_t len, bool last, struct rte_mempool *pool)
{
	uint32_t head = h->l2 + h->l3 + h->l4;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *at = m ? (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(head + len)) : NULL;
	uint8_t *ip;
	uint8_t *tcp;
	uint32_t seq;

	if (!at)
		abort();
	memcpy(at, h->bytes, head);
	memcpy(at + head, payload + off, len);
	ip = at + h->l2;
	tcp = ip + h->l3;
	seq = get32(tcp + 4) + off;
	put16(tcp + 4, seq >> 16);
	put16(tcp + 6, seq);
	if (off > 0)
		tcp[13] &= (uint8_t)~CWR;
	if (!last)
		tcp[13] &= (uint8_t)~FIN_PSH;
	if (h->v4) {
		put16(ip + 2, h->l3 + h->l4 + len);
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~finish(sum_of(ip, h->l3, 0)));
	} else {
		put16(ip + 4, h->l3 - 40 + h->l4 + len);
	}
	put16(tcp + TCP_SUM, 0);
	put16(tcp + TCP_SUM, (uint16_t)~finish(sum_of(tcp, h->l4 + len, pseudo(h, h->l4 + len))));
	return m;
}

// The sums of a frame that is not to be cut, where they are left to the device.
static void fill_sums(struct rte_mbuf *frame, struct headers *h)
{
	uint32_t head = h->l2 + h->l3;
	uint8_t *ip = rte_pktmbuf_mtod_offset(frame, uint8_t *, h->l2);
	uint8_t *tcp = ip + h->l3;
	uint32_t len = frame->pkt_len - head;
	uint32_t sum;

	if (frame->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) {
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~finish(sum_of(ip, h->l3, 0)));
	}
	if ((frame->ol_flags & RTE_MBUF_F_TX_L4_MASK) != RTE_MBUF_F_TX_TCP_CKSUM)
		return;
	put16(tcp + TCP_SUM, 0);
	sum = pseudo(h, len);
	for (uint32_t i = 0; i < len; i++) {
		uint8_t byte;

		byte = *(const uint8_t *)rte_pktmbuf_read(frame, head + i, 1, &byte);
		sum = finish(sum + sum_of(&byte, 1, 0) / (i % 2 ? 256 : 1));
	}
	put16(tcp + TCP_SUM, (uint16_t)~finish(sum));
}

unsigned tso_device_cut(struct rte_mbuf *frame, struct rte_mempool *pool, struct rte_mbuf **out,
	unsigned max, const char **why)
{
	struct headers h = {.l2 = frame->l2_len, .l3 = frame->l3_len, .l4 = frame->l4_len};
	uint32_t head = h.l2 + h.l3 + h.l4;
	uint8_t *payload;
	uint32_t left;
	unsigned n = 0;

	*why = NULL;
	memcpy(h.bytes, rte_pktmbuf_mtod(frame, const void *),
		RTE_MIN(frame->data_len, sizeof(h.bytes)));
	h.v4 = h.bytes[h.l2] >> 4 == 4;
	if (!(frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
		fill_sums(frame, &h);
		out[0] = frame;
		return 1;
	}
	*why = wrong(frame, &h);
	left = *why ? 0 : frame->pkt_len - head;
	payload = calloc(1, left + 1u);
	for (uint32_t i = 0; i < left; i++)
		payload[i] = *(const uint8_t *)rte_pktmbuf_read(frame, head + i, 1, payload + i);
	for (uint32_t off = 0; left > 0; n++) {
		uint32_t len = RTE_MIN(left, (uint32_t)frame->tso_segsz);

		if (n == max) {
			*why = "more frames than there is room for";
			break;
		}
		left -= len;
		out[n] = make(&h, payload, off, len, left == 0, pool);
		off += len;
	}
	free(payload);
	rte_pktmbuf_free(frame);
	return *why && n == 0 ? 0 : n;
}
