#include "tests/support/tcp_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include "dataplane/tcp/tcp_check.h"
#include "tests/support/eal.h"

#define MILLION 1000000u

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

static void host_start(struct tcp_pair *pair, unsigned i, const struct tcp_pair_options *options)
{
	struct tcp_host *host = &pair->host[i];
	struct net_config net = {
		.mac = {{2, 0, 0, 0, 0, (uint8_t)(i + 1)}},
		.mtu = options->mtu != 0 ? options->mtu : 1500,
		.addr_n = 2,
		.neigh_max = 64,
		.frag_max = 16,
		.seed = options->seed,
	};
	char text[64];

	snprintf(text, sizeof(text), "198.18.0.%u/24", i + 1);
	if (!ip_prefix_parse(text, &net.addr[0]))
		fail(pair, "address");
	snprintf(text, sizeof(text), "fd00::%u/64", i + 1);
	if (!ip_prefix_parse(text, &net.addr[1]))
		fail(pair, "address");
	host->addr = net.addr[0].addr;
	host->addr6 = net.addr[1].addr;
	host->pool = test_pool_create_room(
		options->mbufs != 0 ? options->mbufs : 4096, net.mtu > 1500 ? 9300 : 2048);
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
	rng_seed(&pair->rng, options->seed);
	host_start(pair, 0, options);
	host_start(pair, 1, options);
	return pair;
}

void tcp_pair_free(struct tcp_pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		tcp_free(pair->host[i].tcp);
		net_free(pair->host[i].net);
		for (unsigned k = 0; k < pair->frame_n[i]; k++)
			rte_pktmbuf_free(pair->frames[i][k].m);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (test_pool_in_use(pair->host[i].pool) != 0)
			fail(pair, "packet buffers leaked");
		rte_mempool_free(pair->host[i].pool);
	}
	free(pair);
}

static bool chance(struct tcp_pair *pair, uint32_t of_million)
{
	return of_million > 0 && rng_below(&pair->rng, MILLION) < of_million;
}

static bool is_ip(const uint8_t *frame)
{
	return (frame[12] == 0x08 && frame[13] == 0x00) || (frame[12] == 0x86 && frame[13] == 0xdd);
}

// ARP has no checksum: a bit error there would be believed.
static void corrupt(struct tcp_pair *pair, uint8_t *frame, uint32_t len)
{
	uint32_t at;

	if (!is_ip(frame))
		return;
	at = 14 + rng_below(&pair->rng, len - 14);
	frame[at] ^= (uint8_t)(1u << rng_below(&pair->rng, 8));
}

// Puts a copy of the frame on its way.
static void travel(struct tcp_pair *pair, unsigned to, const struct rte_mbuf *frame)
{
	struct tcp_link *link = &pair->link;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pair->host[to].pool);
	uint64_t delay = link->delay;
	uint8_t *data;

	if (m == NULL)
		return; // the receiver is out of buffers: as if lost
	if (pair->frame_n[to] == TCP_PAIR_FRAMES)
		fail(pair, "too many frames on their way");
	data = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)frame->pkt_len);
	if (data == NULL)
		fail(pair, "a frame is larger than a packet buffer");
	for (const struct rte_mbuf *s = frame; s != NULL; s = s->next) {
		memcpy(data, rte_pktmbuf_mtod(s, const void *), s->data_len);
		data += s->data_len;
	}
	if (chance(pair, link->corrupt))
		corrupt(pair, rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len);
	if (link->jitter > 0)
		delay += rng_below(&pair->rng, (uint32_t)link->jitter);
	if (chance(pair, link->reorder))
		delay += link->reorder_delay;
	pair->frames[to][pair->frame_n[to]++] = (struct tcp_frame){
		.at = mono_add(pair->now, delay), .order = pair->frame_order++, .m = m};
}

static void count(struct tcp_pair *pair, unsigned from, const struct rte_mbuf *frame)
{
	const uint8_t *p = rte_pktmbuf_mtod(frame, const uint8_t *);
	uint32_t headers;

	if (!is_ip(p) || p[12] != 0x08 || p[14 + 9] != 6)
		return;
	headers = 14 + 20 + (uint32_t)(p[14 + 20 + 12] >> 4) * 4;
	pair->sent[from]++;
	if (frame->pkt_len <= headers)
		pair->bare[from]++;
}

static void carry(struct tcp_pair *pair, unsigned from)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n;

	while ((n = net_collect(pair->host[from].net, frames, NET_BURST)) > 0)
		for (unsigned i = 0; i < n; i++) {
			bool lost = pair->link.down || chance(pair, pair->link.loss) ||
				(pair->drop != NULL && pair->drop(pair->drop_ctx, from, frames[i]));

			count(pair, from, frames[i]);
			if (!lost) {
				travel(pair, !from, frames[i]);
				if (chance(pair, pair->link.dup))
					travel(pair, !from, frames[i]);
			}
			rte_pktmbuf_free(frames[i]);
		}
}

// Takes the due frame that comes first, or NULL.
static struct rte_mbuf *arrive(struct tcp_pair *pair, unsigned to)
{
	struct tcp_frame *best = NULL;
	struct rte_mbuf *m;

	for (unsigned i = 0; i < pair->frame_n[to]; i++) {
		struct tcp_frame *f = &pair->frames[to][i];

		if (mono_due(pair->now, f->at) &&
			(best == NULL || f->at.ns < best->at.ns ||
				(f->at.ns == best->at.ns && f->order < best->order)))
			best = f;
	}
	if (best == NULL)
		return NULL;
	m = best->m;
	*best = pair->frames[to][--pair->frame_n[to]];
	return m;
}

static void host_turn(struct tcp_pair *pair, unsigned i)
{
	struct tcp_host *host = &pair->host[i];
	struct rte_mbuf *burst[NET_BURST];
	struct net_rx rx;
	unsigned n = 0;
	const char *wrong;

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
	wrong = tcp_check(host->tcp);
	if (wrong != NULL)
		fail(pair, wrong);
}

void tcp_pair_turn(struct tcp_pair *pair)
{
	host_turn(pair, 0);
	host_turn(pair, 1);
}

static struct mono next(const struct tcp_pair *pair)
{
	struct mono at = MONO_NEVER;

	for (unsigned i = 0; i < 2; i++) {
		at = mono_min(at, tcp_next(pair->host[i].tcp));
		at = mono_min(at, net_next(pair->host[i].net));
		for (unsigned k = 0; k < pair->frame_n[i]; k++)
			at = mono_min(at, pair->frames[i][k].at);
	}
	return at;
}

bool tcp_pair_until(
	struct tcp_pair *pair, uint64_t ns, bool (*done)(struct tcp_pair *, void *), void *ctx)
{
	struct mono end = mono_add(pair->now, ns);

	for (;;) {
		struct mono at;

		tcp_pair_turn(pair);
		if (done != NULL && done(pair, ctx))
			return true;
		at = next(pair);
		if (at.ns > end.ns) {
			pair->now = end;
			return false;
		}
		// Something due at once still makes time pass, as a turn does.
		pair->now = at.ns > pair->now.ns ? at : mono_add(pair->now, NS_PER_US);
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
