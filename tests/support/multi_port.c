#include "tests/support/multi_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_thash.h>

#include "common/base/rng.h"

#define QUEUES_MAX 16
#define FRAMES 4096 // a power of two
#define RETA_MAX 512
#define KEY_LEN 40
#define ETH_LEN 14

struct fifo {
	uint32_t head;
	uint32_t tail;
	struct rte_mbuf *frame[FRAMES];
};

struct multi_port {
	enum multi_port_kind kind;
	char name[32];
	uint16_t id;
	struct port *port;
	struct rng rng;
	uint8_t key[KEY_LEN];
	uint16_t reta[RETA_MAX];
	unsigned reta_n;
	struct fifo in[QUEUES_MAX];
	struct fifo out;
	unsigned queue_n;
	const struct rte_eth_rxtx_callback *on_rx[QUEUES_MAX];
	const struct rte_eth_rxtx_callback *on_tx[QUEUES_MAX];
};

static void die(const char *what)
{
	fprintf(stderr, "test: multi_port: %s: %s\n", what, rte_strerror(rte_errno));
	exit(1);
}

static void push(struct fifo *f, struct rte_mbuf *m)
{
	if (f->tail - f->head == FRAMES)
		rte_pktmbuf_free(m);
	else
		f->frame[f->tail++ % FRAMES] = m;
}

static struct rte_mbuf *pop(struct fifo *f)
{
	return f->head == f->tail ? NULL : f->frame[f->head++ % FRAMES];
}

struct multi_port *multi_port_new(enum multi_port_kind kind)
{
	static unsigned serial;
	struct multi_port *mp = calloc(1, sizeof(*mp));

	if (!mp)
		die("memory");
	mp->kind = kind;
	rng_seed(&mp->rng, 99);
	snprintf(mp->name, sizeof(mp->name), "net_null%u", serial++);
	if (rte_eal_hotplug_add("vdev", mp->name, "no-rx=1") != 0)
		die("no device");
	return mp;
}

static uint16_t on_rx(
	uint16_t id, uint16_t queue, struct rte_mbuf **frames, uint16_t n, uint16_t max, void *arg)
{
	struct multi_port *mp = arg;
	struct rte_mbuf *m;

	(void)id;
	while (n < max && (m = pop(&mp->in[queue])) != NULL)
		frames[n++] = m;
	return n;
}

// The driver frees them; what goes on are copies.
static uint16_t on_tx(uint16_t id, uint16_t queue, struct rte_mbuf **frames, uint16_t n, void *arg)
{
	struct multi_port *mp = arg;

	(void)id;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *copy =
			rte_pktmbuf_copy(frames[i], port_pool(mp->port, queue), 0, UINT32_MAX);

		if (copy)
			push(&mp->out, copy);
	}
	return n;
}

void multi_port_start(struct multi_port *mp, struct port *port)
{
	struct rte_eth_rss_reta_entry64 reta[RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_rss_conf rss = {.rss_key = mp->key, .rss_key_len = KEY_LEN};
	struct rte_eth_dev_info info;
	struct port_facts facts;

	mp->port = port;
	port_facts(port, &facts);
	if (rte_eth_dev_get_port_by_name(mp->name, &mp->id) != 0 ||
		rte_eth_dev_info_get(mp->id, &info) != 0 || info.reta_size > RETA_MAX ||
		facts.queue_n > QUEUES_MAX)
		die("facts");
	memset(reta, 0xff, sizeof(reta));
	mp->reta_n = info.reta_size;
	if (rte_eth_dev_rss_hash_conf_get(mp->id, &rss) != 0 ||
		rte_eth_dev_rss_reta_query(mp->id, reta, info.reta_size) != 0)
		die("key and table");
	for (unsigned i = 0; i < mp->reta_n; i++)
		mp->reta[i] = reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	if (mp->kind == MULTI_PORT_OTHER_KEY)
		for (unsigned i = 0; i < KEY_LEN; i++)
			mp->key[i] = (uint8_t)rng_u64(&mp->rng);
	mp->queue_n = facts.queue_n;
	for (uint16_t q = 0; q < mp->queue_n; q++) {
		mp->on_rx[q] = rte_eth_add_rx_callback(mp->id, q, on_rx, mp);
		mp->on_tx[q] = rte_eth_add_tx_callback(mp->id, q, on_tx, mp);
		if (!mp->on_rx[q] || !mp->on_tx[q])
			die("callbacks");
	}
}

void multi_port_stop(struct multi_port *mp)
{
	struct rte_mbuf *m;

	for (uint16_t q = 0; q < mp->queue_n; q++) {
		(void)rte_eth_remove_rx_callback(mp->id, q, mp->on_rx[q]);
		(void)rte_eth_remove_tx_callback(mp->id, q, mp->on_tx[q]);
		rte_free((void *)(uintptr_t)mp->on_rx[q]);
		rte_free((void *)(uintptr_t)mp->on_tx[q]);
		while ((m = pop(&mp->in[q])) != NULL)
			rte_pktmbuf_free(m);
	}
	while ((m = pop(&mp->out)) != NULL)
		rte_pktmbuf_free(m);
}

void multi_port_free(struct multi_port *mp)
{
	if (rte_eal_hotplug_remove("vdev", mp->name) != 0)
		die("removing the device");
	free(mp);
}

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// Whether it is TCP, and its hash. Extension headers and fragments are nothing that it knows.
static bool hash_of(const struct multi_port *mp, const struct rte_mbuf *m, uint32_t *hash)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *ip = p + ETH_LEN;
	uint16_t type = (uint16_t)(p[12] << 8 | p[13]);
	uint32_t tuple[9];
	unsigned words = 0;

	if (type == RTE_ETHER_TYPE_IPV4 && ip[9] == 6 && !((ip[6] & 0x3f) | ip[7])) {
		for (unsigned i = 0; i < 2; i++)
			tuple[words++] = word(ip + 12 + 4 * i);
		tuple[words++] = word(ip + (ip[0] & 15) * 4);
	} else if (type == RTE_ETHER_TYPE_IPV6 && ip[6] == 6) {
		for (unsigned i = 0; i < 9; i++)
			tuple[words++] = word(ip + 8 + 4 * i);
	}
	if (words)
		*hash = rte_softrss(tuple, words, mp->key);
	return words > 0;
}

static void in_one(struct multi_port *mp, struct rte_mbuf *m)
{
	uint32_t hash;
	unsigned queue = mp->reta[0];
	bool hashed = hash_of(mp, m, &hash);

	if (hashed)
		queue = mp->reta[hash & (mp->reta_n - 1)];
	if (hashed && mp->kind == MULTI_PORT_SPRAYS) {
		queue = rng_below(&mp->rng, mp->queue_n);
	}
	m->ol_flags = 0;
	if (hashed && mp->kind != MULTI_PORT_SILENT) {
		m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
		m->hash.rss = mp->kind == MULTI_PORT_LIES ? ~hash : hash;
	}
	push(&mp->in[queue], m);
}

// The bytes [from, to) behind the IPv4 header as a fragment.
static struct rte_mbuf *fragment(
	const struct rte_mbuf *m, struct rte_mempool *pool, uint16_t id, unsigned from, unsigned to)
{
	struct rte_mbuf *f = rte_pktmbuf_alloc(pool);
	const uint8_t *bytes = rte_pktmbuf_mtod(m, const uint8_t *);
	struct rte_ipv4_hdr *ip;
	uint8_t *at;
	unsigned total = m->pkt_len - ETH_LEN - 20;

	if (!f)
		die("mbuf");
	at = (uint8_t *)rte_pktmbuf_append(f, (uint16_t)(ETH_LEN + 20 + to - from));
	memcpy(at, bytes, ETH_LEN + 20);
	memcpy(at + ETH_LEN + 20, bytes + ETH_LEN + 20 + from, to - from);
	ip = (struct rte_ipv4_hdr *)(void *)(at + ETH_LEN);
	ip->packet_id = rte_cpu_to_be_16(id);
	ip->total_length = rte_cpu_to_be_16((uint16_t)(20 + to - from));
	ip->fragment_offset =
		rte_cpu_to_be_16((uint16_t)(from / 8 | (to < total ? RTE_IPV4_HDR_MF_FLAG : 0)));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return f;
}

void multi_port_in(struct multi_port *mp, struct rte_mbuf *frame)
{
	static uint16_t id;
	struct rte_mempool *pool = port_pool(mp->port, 0);
	// As a card does: into a buffer of the queue, in one piece.
	struct rte_mbuf *m = rte_pktmbuf_copy(frame, pool, 0, UINT32_MAX);
	const uint8_t *p;

	rte_pktmbuf_free(frame);
	if (!m)
		return;
	p = rte_pktmbuf_mtod(m, const uint8_t *);
	if (mp->kind == MULTI_PORT_CUTS && p[12] == 8 && p[13] == 0 && m->pkt_len > 400) {
		id++;
		in_one(mp, fragment(m, pool, id, 200, m->pkt_len - ETH_LEN - 20));
		in_one(mp, fragment(m, pool, id, 0, 200));
		rte_pktmbuf_free(m);
		return;
	}
	in_one(mp, m);
}

unsigned multi_port_out(
	struct multi_port *mp, struct rte_mempool *pool, struct rte_mbuf **frames, unsigned n)
{
	unsigned got = 0;
	struct rte_mbuf *m;

	while (got < n && (m = pop(&mp->out)) != NULL) {
		frames[got] = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
		if (frames[got]) {
			frames[got]->ol_flags = 0;
			got++;
		}
		rte_pktmbuf_free(m);
	}
	return got;
}
