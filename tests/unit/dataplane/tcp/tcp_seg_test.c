#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <rte_ip.h>
#include <rte_mempool.h>

#include "dataplane/tcp/tcp_seg.h"
#include "tests/support/eal.h"
#include "tests/support/tcp_script_wire.h"

static struct rte_mempool *pool;

static int setup_pool(void **state)
{
	(void)state;
	test_eal_start();
	pool = test_pool_create(64);
	return 0;
}

static int teardown_pool(void **state)
{
	(void)state;
	rte_mempool_free(pool);
	return 0;
}

// A segment as net_input hands it on.
static struct rte_mbuf *make(bool bad)
{
	struct wire wire = {.pool = pool,
		.peer = ip_addr_from_v4(RTE_BE32(0xc0000202)),
		.own = ip_addr_from_v4(RTE_BE32(0xc0000201))};
	struct wire_seg seg = {.peer_port = 5,
		.own_port = 6,
		.seq = 7,
		.ack = 8,
		.len = 101,
		.win = 9,
		.flags = TCP_ACK,
		.bad_checksum = bad,
		.opts = TCP_OPTS_NONE};
	struct rte_mbuf *m;

	seg.opts.ts = true;
	seg.opts.tsval = 77;
	m = wire_make(&wire, &seg);
	rte_pktmbuf_adj(m, 14);
	m->l3_len = 20;
	m->packet_type = RTE_PTYPE_L3_IPV4;
	return m;
}

static void test_fields(void **state)
{
	struct tcp_seg seg;
	enum drop why;

	(void)state;
	assert_true(tcp_seg_parse(&seg, make(false), &why));
	assert_int_equal(seg.key.remote_port, 5);
	assert_int_equal(seg.key.local_port, 6);
	assert_int_equal(ip_addr_v4(&seg.key.remote), RTE_BE32(0xc0000202));
	assert_int_equal(ip_addr_v4(&seg.key.local), RTE_BE32(0xc0000201));
	assert_int_equal(seg.seq, 7);
	assert_int_equal(seg.ack, 8);
	assert_int_equal(seg.len, 101);
	assert_int_equal(seg.wnd, 9);
	assert_int_equal(seg.opts.tsval, 77);
	assert_int_equal(seg.m->data_len, 101);
	tcp_seg_trim_front(&seg, 1);
	tcp_seg_trim_back(&seg, 50);
	assert_int_equal(seg.seq, 8);
	assert_int_equal(seg.len, 50);
	assert_int_equal(*rte_pktmbuf_mtod(seg.m, uint8_t *), 1);
	assert_int_equal(seg.m->data_len, 50);
	tcp_seg_free(&seg);
	assert_int_equal(test_pool_in_use(pool), 0);
}

// The port's word is taken when it gives one; otherwise the sum is made here.
static void test_checksum(void **state)
{
	static const struct {
		uint64_t flag;
		bool bad;
		bool taken;
	} cases[] = {
		{RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, false, true},
		{RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, true, false},
		{RTE_MBUF_F_RX_L4_CKSUM_NONE, true, true},
		{RTE_MBUF_F_RX_L4_CKSUM_GOOD, true, true},
		{RTE_MBUF_F_RX_L4_CKSUM_BAD, false, false},
	};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct rte_mbuf *m = make(cases[i].bad);
		struct tcp_seg seg;
		enum drop why;

		m->ol_flags |= cases[i].flag;
		assert_int_equal(tcp_seg_parse(&seg, m, &why), cases[i].taken);
		if (!cases[i].taken)
			assert_int_equal(why, DROP_TCP_CSUM);
		tcp_seg_free(&seg);
	}
	assert_int_equal(test_pool_in_use(pool), 0);
}

// After IP reassembly the payload lies in several mbufs.
static void test_trimming_a_chain(void **state)
{
	(void)state;
	for (uint32_t front = 0; front <= 101; front += 10)
		for (uint32_t back = 0; back <= 101 - front; back += 10) {
			struct rte_mbuf *m = make(false);
			struct rte_mbuf *rest = rte_pktmbuf_alloc(pool);
			uint32_t at = front;
			uint32_t sum = 0;
			struct tcp_seg seg;
			enum drop why;

			memcpy(rte_pktmbuf_append(rest, 60),
				rte_pktmbuf_mtod_offset(m, void *, m->data_len - 60), 60);
			rte_pktmbuf_trim(m, 60);
			rte_pktmbuf_chain(m, rest);
			assert_true(tcp_seg_parse(&seg, m, &why));
			tcp_seg_trim_front(&seg, front);
			tcp_seg_trim_back(&seg, back);
			for (m = seg.m; m != NULL; m = m->next)
				for (uint16_t i = 0; i < m->data_len; i++, at++, sum++)
					assert_int_equal(
						*rte_pktmbuf_mtod_offset(m, uint8_t *, i), at);
			assert_int_equal(sum, 101 - front - back);
			assert_int_equal(seg.len, sum);
			tcp_seg_free(&seg);
		}
	assert_int_equal(test_pool_in_use(pool), 0);
}

static void test_cut_short(void **state)
{
	(void)state;
	for (uint16_t len = 20; len < 52; len++) {
		struct rte_mbuf *m = make(false);
		struct tcp_seg seg;
		enum drop why;

		m->data_len = len;
		m->pkt_len = len;
		assert_false(tcp_seg_parse(&seg, m, &why));
		assert_int_equal(why, DROP_TCP_BAD);
		tcp_seg_free(&seg);
	}
	assert_int_equal(test_pool_in_use(pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_trimming_a_chain),
		cmocka_unit_test(test_cut_short),
	};

	return cmocka_run_group_tests(tests, setup_pool, teardown_pool);
}
