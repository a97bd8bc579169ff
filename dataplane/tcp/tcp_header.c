#include "dataplane/tcp/tcp_header.h"

#include <netinet/in.h>

#include "common/base/bytes.h"
#include "dataplane/tcp/tcp_types.h"

#define HEADER_MIN 20
#define IPV4_HEADER 20
#define IPV6_HEADER 40

struct rte_mbuf *tcp_header_new(
	struct tcp *tcp, const struct tcp_key *key, const struct tcp_header *header)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(tcp->pool);
	unsigned len;
	uint8_t *p;

	if (unlikely(m == NULL)) {
		stat_drop(tcp->stats, DROP_NO_MBUF);
		return NULL;
	}
	p = rte_pktmbuf_mtod(m, uint8_t *);
	len = HEADER_MIN + tcp_opt_write(p + HEADER_MIN, &header->opts);
	be16_put(p, key->local_port);
	be16_put(p + 2, key->remote_port);
	be32_put(p + 4, header->seq);
	be32_put(p + 8, header->ack);
	p[12] = (uint8_t)(len / 4 << 4);
	p[13] = header->flags;
	be16_put(p + 14, header->wnd);
	be32_put(p + 16, 0); // checksum and urgent pointer
	m->l4_len = len & 0xff;
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return m;
}

bool tcp_header_send(struct tcp *tcp, const struct tcp_key *key, const struct tcp_header *header)
{
	struct net_path path;
	struct rte_mbuf *m;

	if (net_tx_room(tcp->net) == 0 ||
		net_path_find(tcp->net, &key->remote, &key->local, &path) != 0)
		return false;
	m = tcp_header_new(tcp, key, header);
	if (m == NULL)
		return false;
	net_output(tcp->net, m, &key->remote, IPPROTO_TCP, &path, tcp->now);
	stat_inc(tcp->stats, STAT_tcp_out_segs);
	return true;
}

uint16_t tcp_header_mss(const struct tcp_key *key, uint16_t mtu)
{
	return (uint16_t)(mtu - HEADER_MIN -
		(ip_addr_is_v4(&key->remote) ? IPV4_HEADER : IPV6_HEADER));
}
