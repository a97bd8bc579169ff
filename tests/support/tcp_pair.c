#include "tests/support/tcp_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "dataplane/tcp/tcp_check.h"
#include "tests/support/eal.h"
#include "tests/support/tcp_frame.h"
#include "tests/support/tso_device.h"

#define FRAME_MAX 9300u
#define CUT_MAX 128 // frames of one packet
// Packet buffers that tcp_check may look at for each turn, with check_seldom.
#define CHECK_SHARE 64u

static void fail(const struct tcp_pair *pair, const char *what)
{
	fprintf(stderr, "seed %llu, at %.6f s: %s\n", (unsigned long long)pair->seed,
		(double)pair->now.ns / NS_PER_SEC, what);
	abort();
}

struct tcp_pair_options tcp_pair_options(uint64_t seed)
{
	struct tcp_pair_options options = {.seed = seed};

	for (unsigned i = 0; i < 2; i++) {
		struct tcp_config *cfg = &options.tcp[i];

		*cfg = tcp_config_default();
		cfg->conns_max = 64;
		cfg->half_open_max = 16;
		cfg->time_wait_max = 64;
		cfg->secret = (struct siphash_key){{seed + i, ~seed}};
		cfg->seed = seed + i;
	}
	return options;
}

static uint16_t mtu_of(const struct tcp_pair_options *options, unsigned i)
{
	uint16_t mtu = options->mtu != 0 ? options->mtu : 1500;

	return i == 1 && options->mtu1 != 0 ? options->mtu1 : mtu;
}

// Room for whatever either host sends.
static struct rte_mempool *make_pool(const struct tcp_pair_options *options)
{
	bool jumbo = mtu_of(options, 0) > 1500 || mtu_of(options, 1) > 1500;

	return test_pool_create_room(
		options->mbufs != 0 ? options->mbufs : 4096, jumbo ? FRAME_MAX : 2048);
}

static void host_start(struct tcp_pair *pair, unsigned i, const struct tcp_pair_options *options)
{
	struct tcp_host *host = &pair->host[i];
	struct net_config net = {
		.mac = {{2, 0, 0, 0, 0, (uint8_t)(i + 1)}},
		.mtu = mtu_of(options, i),
		.addr_n = 2,
		.neigh_max = 64,
		.frag_max = 16,
		.seed = options->seed,
	};
	char text[64];

	if (options->tso[i] != 0) {
		pair->tso[i] = true;
		if (pair->device_pool == NULL)
			pair->device_pool = test_pool_create_room(CUT_MAX, FRAME_MAX);
		net.tx_offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
			RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
		net.tso = (struct tso_limits){
			.max = options->tso[i],
			.segs = options->tso_segs != 0 ? options->tso_segs : 64,
			.frame_segs = 64,
		};
	}
	snprintf(text, sizeof(text), "198.18.0.%u/24", i + 1);
	if (!ip_prefix_parse(text, &net.addr[0]))
		fail(pair, "address");
	snprintf(text, sizeof(text), "fd00::%u/64", i + 1);
	if (!ip_prefix_parse(text, &net.addr[1]))
		fail(pair, "address");
	host->addr = net.addr[0].addr;
	host->addr6 = net.addr[1].addr;
	host->pool_lent = options->pool[i] != NULL;
	host->pool = host->pool_lent ? options->pool[i] : make_pool(options);
	host->net = net_new(&net, host->pool, &host->stats, pair->now);
	host->tcp = tcp_new(&options->tcp[i], host->net, host->pool, &host->stats, pair->now);
	if (host->net == NULL || host->tcp == NULL)
		fail(pair, "out of memory");
}

struct tcp_pair *tcp_pair_new(const struct tcp_pair_options *options)
{
	struct tcp_pair *pair = calloc(1, sizeof(*pair));

	test_eal_start();
	pair->now = (struct mono){.ns = NS_PER_SEC};
	pair->seed = options->seed;
	pair->link.delay = 100 * NS_PER_US;
	link_way_init(&pair->way[0], options->seed * 2);
	link_way_init(&pair->way[1], options->seed * 2 + 1);
	host_start(pair, 0, options);
	host_start(pair, 1, options);
	return pair;
}

void tcp_pair_free(struct tcp_pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		tcp_free(pair->host[i].tcp);
		net_free(pair->host[i].net);
		link_way_fini(&pair->way[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (test_pool_in_use(pair->host[i].pool) != 0)
			fail(pair, "packet buffers leaked");
		if (!pair->host[i].pool_lent)
			rte_mempool_free(pair->host[i].pool);
	}
	if (pair->device_pool != NULL)
		rte_mempool_free(pair->device_pool);
	free(pair);
}

static void trace(struct tcp_pair *pair, unsigned host, const uint8_t *data, uint32_t len)
{
	if (pair->pcap[host] != NULL)
		pcap_file_write(pair->pcap[host], pair->now, data, len);
}

static void count(struct tcp_pair *pair, unsigned from, const uint8_t *data, uint32_t len)
{
	struct tcp_frame_info info = tcp_frame_look(data, len);

	if (!info.tcp)
		return;
	pair->sent[from]++;
	if (info.payload == 0)
		pair->bare[from]++;
}

static void carry_one(struct tcp_pair *pair, unsigned from, const struct rte_mbuf *frame)
{
	const struct link_model *link = pair->own[from] != NULL ? pair->own[from] : &pair->link;
	uint8_t data[FRAME_MAX];
	uint32_t len = 0;

	if (frame->pkt_len > sizeof(data))
		fail(pair, "a frame is larger than any may be");
	for (const struct rte_mbuf *s = frame; s != NULL; s = s->next) {
		memcpy(data + len, rte_pktmbuf_mtod(s, const void *), s->data_len);
		len += s->data_len;
	}
	if (len != frame->pkt_len)
		fail(pair, "a frame is not as long as it says");
	count(pair, from, data, len);
	trace(pair, from, data, len);
	if (pair->drop == NULL || !pair->drop(pair->drop_ctx, from, frame))
		link_way_send(&pair->way[!from], link, data, len, pair->now, &pair->way[from]);
}

// What a device makes of a frame, which is gone afterwards; its buffers are its own.
static void carry_cut(struct tcp_pair *pair, unsigned from, struct rte_mbuf *frame)
{
	struct rte_mbuf *cut[CUT_MAX];
	const char *why = "";
	unsigned n = tso_device_cut(frame, pair->device_pool, cut, CUT_MAX, &why);

	if (n == 0)
		fail(pair, why);
	pair->cuts += n > 1;
	for (unsigned i = 0; i < n; i++) {
		carry_one(pair, from, cut[i]);
		rte_pktmbuf_free(cut[i]);
	}
}

static void carry(struct tcp_pair *pair, unsigned from)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n;

	while ((n = net_collect(pair->host[from].net, frames, NET_BURST)) > 0)
		for (unsigned i = 0; i < n; i++) {
			if (pair->tso[from]) {
				carry_cut(pair, from, frames[i]);
				continue;
			}
			carry_one(pair, from, frames[i]);
			rte_pktmbuf_free(frames[i]);
		}
}

// Takes the due frame that comes first, or NULL.
static struct rte_mbuf *arrive(struct tcp_pair *pair, unsigned to)
{
	struct link_frame *frame;

	while ((frame = link_way_receive(&pair->way[to], pair->now)) != NULL) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pair->host[to].pool);

		if (m == NULL) {
			pair->no_mbuf[to]++;
		} else {
			uint8_t *data = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)frame->len);

			if (data == NULL)
				fail(pair, "a frame is larger than a packet buffer");
			trace(pair, to, frame->data, frame->len);
			memcpy(data, frame->data, frame->len);
		}
		free(frame);
		if (m != NULL)
			return m;
	}
	return NULL;
}

static void check(struct tcp_pair *pair, struct tcp_host *host)
{
	const char *wrong;

	host->check_credit += CHECK_SHARE;
	if (pair->check_seldom && host->check_credit < test_pool_in_use(host->pool))
		return;
	host->check_credit = 0;
	wrong = tcp_check(host->tcp);
	if (wrong != NULL)
		fail(pair, wrong);
}

static void host_turn(struct tcp_pair *pair, unsigned i)
{
	struct tcp_host *host = &pair->host[i];
	struct rte_mbuf *burst[NET_BURST];
	struct net_rx rx;
	unsigned n = 0;

	while (n < NET_BURST && (burst[n] = arrive(pair, i)) != NULL)
		n++;
	net_advance(host->net, pair->now);
	net_input(host->net, burst, n, pair->now, &rx);
	for (unsigned k = 0; k < rx.learn_n; k++)
		rte_pktmbuf_free(rx.learn[k]);
	tcp_input(host->tcp, rx.seg, rx.seg_n, pair->now);
	for (unsigned k = 0; k < rx.icmp_n; k++)
		tcp_icmp(host->tcp, &rx.icmp[k], pair->now);
	tcp_advance(host->tcp, pair->now);
	if (pair->user[i] != NULL)
		pair->user[i](pair, i, pair->user_ctx[i]);
	tcp_output(host->tcp, pair->now);
	carry(pair, i);
	check(pair, host);
}

void tcp_pair_turn(struct tcp_pair *pair)
{
	pair->turns++;
	host_turn(pair, 0);
	host_turn(pair, 1);
}

static struct mono next(const struct tcp_pair *pair)
{
	struct mono at = MONO_NEVER;

	for (unsigned i = 0; i < 2; i++) {
		at = mono_min(at, tcp_next(pair->host[i].tcp));
		at = mono_min(at, net_next(pair->host[i].net));
		at = mono_min(at, link_way_next(&pair->way[i]));
		if (pair->wake[i].ns != 0)
			at = mono_min(at, pair->wake[i]);
	}
	return at;
}

bool tcp_pair_until(
	struct tcp_pair *pair, uint64_t ns, bool (*done)(struct tcp_pair *, void *), void *ctx)
{
	struct mono end = mono_add(pair->now, ns);

	for (;;) {
		struct mono at;
		struct mono soon;

		tcp_pair_turn(pair);
		if (done != NULL && done(pair, ctx))
			return true;
		at = next(pair);
		if (at.ns > end.ns) {
			pair->now = end;
			return false;
		}
		// Something due at once still makes time pass, as a turn does.
		soon = mono_add(pair->now, pair->step != 0 ? pair->step : NS_PER_US);
		pair->now = at.ns > soon.ns ? at : soon;
	}
}

void tcp_pair_run(struct tcp_pair *pair, uint64_t ns)
{
	tcp_pair_until(pair, ns, NULL, NULL);
}

void tcp_pair_connect(struct tcp_pair *pair, struct tcp_listener **listener,
	struct tcp_conn **client, struct tcp_conn **server)
{
	if (tcp_listen(pair->host[1].tcp, NULL, 8102, 16, listener) != 0 ||
		tcp_connect(pair->host[0].tcp, &pair->host[1].addr, 8102, 0, pair->now, client) !=
			0)
		fail(pair, "listen or connect");
	tcp_pair_run(pair, 5 * NS_PER_MS);
	*server = tcp_accept(*listener);
	if (*server == NULL)
		fail(pair, "no connection");
	tcp_pair_events(pair, 0, *client);
}

unsigned tcp_pair_events(struct tcp_pair *pair, unsigned host, const struct tcp_conn *conn)
{
	struct tcp_conn *found;
	unsigned all = 0;
	unsigned events;

	while ((found = tcp_event(pair->host[host].tcp, &events)) != NULL)
		if (found == conn)
			all |= events;
	return all;
}

size_t tcp_pair_read(struct tcp_conn *conn, void *buf, size_t size)
{
	struct rte_mbuf *m = tcp_recv(conn);
	size_t n = 0;

	while (m != NULL) {
		struct rte_mbuf *following = m->next;

		if (n + m->data_len <= size && buf != NULL)
			memcpy((char *)buf + n, rte_pktmbuf_mtod(m, const void *), m->data_len);
		n += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = following;
	}
	tcp_recv_done(conn, (uint32_t)n);
	return n;
}
