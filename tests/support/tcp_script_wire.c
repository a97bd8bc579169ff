#include "tests/support/tcp_script_wire.h"

#include <string.h>

#include "common/base/bytes.h"

#define ETH 14
#define IP 20
#define TCP 20

static uint32_t sum(const uint8_t *p, uint32_t len, uint32_t start)
{
	for (uint32_t i = 0; i + 1 < len; i += 2)
		start += be16_get(p + i);
	if (len & 1)
		start += (uint32_t)p[len - 1] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static void put_eth(const struct wire *wire, uint8_t *p, uint16_t type)
{
	memcpy(p, wire->own_mac, 6);
	memcpy(p + 6, wire->peer_mac, 6);
	be16_put(p + 12, type);
}

struct rte_mbuf *wire_make(const struct wire *wire, const struct wire_seg *seg)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(wire->pool);
	uint8_t options[TCP_OPT_MAX];
	uint32_t opt_len = tcp_opt_write(options, &seg->opts);
	uint32_t l4 = TCP + opt_len + seg->len;
	uint8_t *p;
	uint8_t *t;

	p = m == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(ETH + IP + l4));
	if (p == NULL)
		return NULL;
	memset(p, 0, ETH + IP + TCP);
	put_eth(wire, p, 0x0800);
	p += ETH;
	p[0] = 0x45;
	p[1] = seg->ecn;
	be16_put(p + 2, (uint16_t)(IP + l4));
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, wire->peer.b + 12, 4);
	memcpy(p + 16, wire->own.b + 12, 4);
	be16_put(p + 10, (uint16_t)~sum(p, IP, 0));
	t = p + IP;
	be16_put(t, seg->peer_port);
	be16_put(t + 2, seg->own_port);
	be32_put(t + 4, seg->seq);
	be32_put(t + 8, seg->ack);
	t[12] = (uint8_t)((TCP + opt_len) / 4 << 4);
	t[13] = seg->flags;
	be16_put(t + 14, (uint16_t)seg->win);
	memcpy(t + TCP, options, opt_len);
	for (uint32_t i = 0; i < seg->len; i++)
		t[TCP + opt_len + i] = (uint8_t)(seg->first + i);
	be16_put(t + 16, (uint16_t)~sum(t, l4, sum(p + 12, 8, 6 + l4)));
	if (seg->bad_checksum)
		t[16] ^= 1;
	return m;
}

bool wire_read(const struct rte_mbuf *frame, struct wire_seg *seg, uint8_t *payload)
{
	uint8_t copy[ETH + IP + TCP + TCP_OPT_MAX];
	uint32_t have = RTE_MIN(frame->pkt_len, (uint32_t)sizeof(copy));
	const uint8_t *p = rte_pktmbuf_read(frame, 0, have, copy);
	const uint8_t *t = p + ETH + IP;
	const void *body;
	uint32_t header;

	if (have < ETH + IP + TCP || be16_get(p + 12) != 0x0800 || p[ETH + 9] != 6)
		return false;
	header = (uint32_t)(t[12] >> 4) * 4;
	*seg = (struct wire_seg){
		.own_port = be16_get(t),
		.peer_port = be16_get(t + 2),
		.seq = be32_get(t + 4),
		.ack = be32_get(t + 8),
		.flags = t[13],
		.ecn = p[ETH + 1] & 3,
		.win = be16_get(t + 14),
		.len = be16_get(p + ETH + 2) - IP - header,
	};
	body = rte_pktmbuf_read(frame, ETH + IP + header, seg->len, payload);
	if (body != NULL && body != payload)
		memcpy(payload, body, seg->len);
	return tcp_opt_parse(t + TCP, header - TCP, &seg->opts);
}

struct rte_mbuf *wire_arp(const struct wire *wire, const struct rte_mbuf *frame)
{
	const uint8_t *q = rte_pktmbuf_mtod(frame, const uint8_t *);
	struct rte_mbuf *m;
	uint8_t *p;

	if (frame->pkt_len < ETH + 28 || be16_get(q + 12) != 0x0806 || be16_get(q + ETH + 6) != 1 ||
		memcmp(q + ETH + 24, wire->peer.b + 12, 4) != 0)
		return NULL;
	m = rte_pktmbuf_alloc(wire->pool);
	p = m == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(m, 60);
	if (p == NULL)
		return NULL;
	memset(p, 0, 60);
	put_eth(wire, p, 0x0806);
	memcpy(p + ETH, q + ETH, 6);
	be16_put(p + ETH + 6, 2);
	memcpy(p + ETH + 8, wire->peer_mac, 6);
	memcpy(p + ETH + 14, wire->peer.b + 12, 4);
	memcpy(p + ETH + 18, wire->own_mac, 6);
	memcpy(p + ETH + 24, wire->own.b + 12, 4);
	return m;
}
