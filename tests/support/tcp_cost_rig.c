#include "tests/support/tcp_cost_rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf_pool_ops.h>

#include "dataplane/net/net_core.h"
#include "tests/support/eal.h"

#define POOL_CACHE 256
#define ROOM 2048
#define NEIGH_RENEW_NS (10 * NS_PER_SEC)

const struct rte_ether_addr rig_mac = {{2, 0, 0, 0, 0, 1}};
const struct rte_ether_addr rig_gateway_mac = {{2, 0, 0, 0, 0, 2}};

void rig_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("tcp_cost: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

// Memory of our own, since what the EAL has without huge pages is of a kind that the kernel gives
// none to.
static void pool_memory(struct rte_mempool *pool, struct rig *rig)
{
	size_t each = (size_t)pool->header_size + pool->elt_size + pool->trailer_size;

	rig->memory_len = RTE_ALIGN_CEIL(each * pool->size, (size_t)RTE_PGSIZE_2M);
	rig->memory = mmap(
		NULL, rig->memory_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rig->memory == MAP_FAILED)
		rig_die("%zu MB of packet buffers do not fit", rig->memory_len >> 20);
	madvise(rig->memory, rig->memory_len, rig->options.huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (rte_mempool_populate_iova(
		    pool, rig->memory, RTE_BAD_IOVA, rig->memory_len, NULL, NULL) < 0)
		rig_die("packet buffers: %s", rte_strerror(rte_errno));
}

// As dataplane/port makes it.
static struct rte_mempool *pool_make(struct rig *rig)
{
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = ROOM + RTE_PKTMBUF_HEADROOM};
	struct rte_mempool *pool = rte_mempool_create_empty("packets", rig->options.mbufs,
		(unsigned)sizeof(struct rte_mbuf) + private.mbuf_data_room_size, POOL_CACHE,
		sizeof(private), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	if (pool == NULL ||
		rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0)
		rig_die("packet buffers: %s", rte_strerror(rte_errno));
	rte_pktmbuf_pool_init(pool, &private);
	pool_memory(pool, rig);
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	if (!ip_addr_parse(text, &a))
		rig_die("address %s", text);
	return a;
}

struct ip_addr rig_addr(const struct rig *rig)
{
	return address(rig->options.v6 ? "2001:db8::11" : "198.18.0.11");
}

static void learn_gateway(struct rig *rig)
{
	struct ip_addr gateway = address(rig->options.v6 ? "2001:db8::1" : "198.18.0.1");
	struct neigh *n = neigh_find(&rig->net->neigh, &gateway);

	if (n == NULL)
		n = neigh_add(&rig->net->neigh, &gateway, NEIGH_UNRESOLVED, rig->now);
	neigh_learn(&rig->net->neigh, n, &rig_gateway_mac, NEIGH_SOLICITED, rig->now);
	rig->learnt_at = rig->now.ns;
}

static void flush(struct rig *rig)
{
	struct rte_mbuf *m;

	while (net_collect(rig->net, &m, 1) == 1)
		rte_pktmbuf_free(m);
}

static void stack_start(struct rig *rig)
{
	struct net_config net = {.mac = rig_mac,
		.mtu = 1500,
		.addr_n = 2,
		.gateway4 = address("198.18.0.1"),
		.gateway6 = address("2001:db8::1"),
		.neigh_max = 1024,
		.frag_max = 64,
		.seed = 1};
	struct tcp_config tcp = tcp_config_default();

	if (!rig->options.software_csum)
		net.tx_offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	if (!ip_prefix_parse("198.18.0.11/24", &net.addr[0]) ||
		!ip_prefix_parse("2001:db8::11/64", &net.addr[1]))
		rig_die("own addresses");
	tcp.conns_max = rig->options.conns;
	tcp.mem_max = UINT64_C(8) << 30;
	tcp.secret = (struct siphash_key){{1, 2}};
	tcp.seed = 1;
	rig->net = net_new(&net, rig->pool, rig->stats, rig->now);
	if (rig->net != NULL)
		rig->tcp = tcp_new(&tcp, rig->net, rig->pool, rig->stats, rig->now);
	if (rig->tcp == NULL || tcp_listen(rig->tcp, NULL, RIG_PORT, 4096, &rig->listener) != 0)
		rig_die("no memory for %u connections", tcp.conns_max);
}

void rig_start(struct rig *rig, const struct rig_options *options)
{
	*rig = (struct rig){.options = *options, .now = {NS_PER_SEC}, .timers_at = {NS_PER_SEC}};
	test_eal_start();
	rig->stats = aligned_alloc(CACHE_LINE, RTE_CACHE_LINE_ROUNDUP(sizeof(*rig->stats)));
	if (rig->stats == NULL)
		rig_die("no memory");
	memset(rig->stats, 0, sizeof(*rig->stats));
	rig->pool = pool_make(rig);
	stack_start(rig);
	flush(rig);
	learn_gateway(rig);
	flush(rig);
}

void rig_stop(struct rig *rig)
{
	unsigned left;

	tcp_free(rig->tcp);
	net_free(rig->net);
	left = rte_mempool_in_use_count(rig->pool);
	if (left != 0)
		rig_die("%u packet buffers leaked", left);
	rte_mempool_free(rig->pool);
	munmap(rig->memory, rig->memory_len);
	free(rig->stats);
}

void rig_step(struct rig *rig)
{
	rig->now = mono_add(rig->now, RIG_STEP_NS);
	if (rig->now.ns - rig->learnt_at > NEIGH_RENEW_NS)
		learn_gateway(rig);
}
