#include "tests/unit/dataplane/net/net_fixture.h"

#include "common/base/rng.h"

// The plainest way to do it.
static uint16_t slow_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	uint16_t net;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	net = rte_cpu_to_be_16((uint16_t)sum);
	return net;
}

// 0 and 0xffff are the same number in ones' complement.
static uint16_t canon(uint16_t sum)
{
	return sum == 0xffff ? 0 : sum;
}

static void sums_of_any_length_agree_with_the_plain_way(void **state)
{
	uint8_t data[300];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rng_u64(&rng);
	for (size_t off = 0; off < 8; off++)
		for (size_t len = 0; len <= sizeof(data) - off; len++)
			assert_int_equal(canon(csum_bytes(data + off, len)),
				canon(slow_sum(data + off, len)));
	memset(data, 0xff, sizeof(data));
	assert_int_equal(csum_bytes(data, sizeof(data)), 0xffff);
}

// Cuts the same bytes into chains in many ways, odd lengths and empty segments among them.
static void sums_of_chains_do_not_depend_on_the_cuts(void **state)
{
	struct fix *f = *state;
	uint8_t data[700];
	struct rng rng;

	rng_seed(&rng, 2);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(rng_u64(&rng) | 0xf0);
	for (unsigned round = 0; round < 500; round++) {
		struct rte_mbuf *m = NULL;
		size_t at = 0;
		size_t off = rng_below(&rng, 100);
		size_t len = rng_below(&rng, (uint32_t)(sizeof(data) - off));

		while (at < sizeof(data)) {
			size_t n = rng_below(&rng, 200);
			struct rte_mbuf *seg;

			n = RTE_MIN(n, sizeof(data) - at);
			seg = fix_bytes(f, data + at, n);
			at += n;
			if (m == NULL)
				m = seg;
			else
				assert_int_equal(rte_pktmbuf_chain(m, seg), 0);
		}
		assert_int_equal(canon(csum_chain(m, (uint32_t)off, (uint32_t)len)),
			canon(slow_sum(data + off, len)));
		rte_pktmbuf_free(m);
	}
}

static void a_length_beyond_the_chain_is_harmless(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = fix_bytes(f, "abcd", 4);

	assert_int_equal(csum_chain(m, 0, 4000), csum_bytes("abcd", 4));
	assert_int_equal(csum_chain(m, 9, 10), 0);
	rte_pktmbuf_free(m);
}

static struct rte_mbuf *tcp_in_ip4(struct fix *f)
{
	uint8_t bytes[33] = {[0] = 1, [12] = 0x50, [16] = 0xaa, [32] = 9};
	struct rte_mbuf *m = fix_ip4(f, OWN4, PEER4, IPPROTO_TCP, bytes, sizeof(bytes), 0);

	rte_pktmbuf_adj(m, 14);
	m->l3_len = 20;
	m->l4_len = 20;
	return m;
}

static void software_sums_are_right(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = tcp_in_ip4(f);
	struct rte_ipv4_hdr *h = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);

	csum_fill4(m, h, 0);
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(h, h + 1), 0);
	assert_true(csum_ip4_ok(h, 20));
	assert_int_equal(m->ol_flags, 0);
	h->time_to_live ^= 1;
	assert_false(csum_ip4_ok(h, 20));
	rte_pktmbuf_free(m);
}

static void offloaded_sums_are_prepared_as_the_port_wants(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = tcp_in_ip4(f);
	struct rte_ipv4_hdr *h = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(h + 1);

	csum_fill4(m, h, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
	assert_int_equal(
		m->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(h->hdr_checksum, 0);
	assert_int_equal(tcp->cksum, rte_ipv4_phdr_cksum(h, 0));
	rte_pktmbuf_free(m);

	// TCP by the port, IP here.
	m = tcp_in_ip4(f);
	h = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	csum_fill4(m, h, RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_true(csum_ip4_ok(h, 20));
	rte_pktmbuf_free(m);
}

static void both_ways_work_for_ipv6(void **state)
{
	struct fix *f = *state;
	uint8_t bytes[31] = {[0] = 1, [12] = 0x50, [30] = 9};
	struct rte_mbuf *m = fix_ip6(f, OWN6, PEER6, IPPROTO_TCP, bytes, sizeof(bytes), 64);
	struct rte_ipv6_hdr *h;
	struct rte_tcp_hdr *tcp;

	rte_pktmbuf_adj(m, 14);
	m->l3_len = 40;
	h = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);
	tcp = (struct rte_tcp_hdr *)(h + 1);
	csum_fill6(m, h, 0);
	assert_int_equal(rte_ipv6_udptcp_cksum_verify(h, tcp), 0);
	csum_fill6(m, h, RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
	assert_int_equal(tcp->cksum, rte_ipv6_phdr_cksum(h, 0));
	assert_int_equal(m->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM);
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_any_length_agree_with_the_plain_way),
		fix_test(sums_of_chains_do_not_depend_on_the_cuts),
		fix_test(a_length_beyond_the_chain_is_harmless),
		fix_test(software_sums_are_right),
		fix_test(offloaded_sums_are_prepared_as_the_port_wants),
		fix_test(both_ways_work_for_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
