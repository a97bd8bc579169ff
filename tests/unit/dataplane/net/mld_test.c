// Multicast listener discovery: reports at start, answers to queries of both versions.
#include "tests/unit/dataplane/net/net_fixture.h"

#define ROUTER "fe80::99"
#define QUERY_V1_LEN 24
#define QUERY_V2_LEN 28
#define MS NS_PER_MS

struct report {
	struct rte_ether_hdr eth;
	struct rte_ipv6_hdr ip;
	uint8_t alert[8];
	uint8_t icmp[128];
} __attribute__((packed, aligned(2)));

// The next MLD frame among what waits; others are freed. False when there is none.
static bool next_report(struct fix *f, struct report *r)
{
	struct rte_mbuf *m;

	while ((m = fix_tx(f)) != NULL) {
		uint32_t len = m->pkt_len;
		bool found;

		memset(r, 0, sizeof(*r));
		memcpy(r, rte_pktmbuf_mtod(m, void *), RTE_MIN(len, sizeof(*r)));
		rte_pktmbuf_free(m);
		found = r->eth.ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6) &&
			r->ip.proto == IPPROTO_HOPOPTS;
		if (!found)
			continue;
		len -= offsetof(struct report, icmp);
		assert_int_equal(csum_add(csum_pseudo6(&r->ip, IPPROTO_ICMPV6, len),
					 csum_bytes(r->icmp, len)),
			UINT16_MAX);
		return true;
	}
	return false;
}

static void check_headers(const struct report *r, const char *dst)
{
	static const uint8_t alert[8] = {IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0};
	struct ip_addr src = ip(OWN6_LOCAL);
	struct ip_addr to = ip(dst);

	assert_memory_equal(r->ip.src_addr, src.b, 16);
	assert_memory_equal(r->ip.dst_addr, to.b, 16);
	assert_memory_equal(r->eth.dst_addr.addr_bytes + 2, to.b + 12, 4);
	assert_int_equal(r->eth.dst_addr.addr_bytes[0], 0x33);
	assert_int_equal(r->ip.hop_limits, 1);
	assert_memory_equal(r->alert, alert, sizeof(alert));
}

static void check_v2(const struct report *r, uint8_t record)
{
	struct ip_addr a = ip("ff02::1:ff00:11");
	struct ip_addr b = ip("ff02::1:ff00:1");

	check_headers(r, "ff02::16");
	assert_int_equal(r->icmp[0], 143);
	assert_int_equal(be16_get(r->icmp + 6), 2);
	assert_int_equal(r->icmp[8], record);
	assert_memory_equal(r->icmp + 12, a.b, 16);
	assert_int_equal(r->icmp[28], record);
	assert_memory_equal(r->icmp + 32, b.b, 16);
}

static struct rte_mbuf *query(
	struct fix *f, const char *src, uint8_t hops, size_t len, uint16_t delay_ms)
{
	uint8_t b[8 + QUERY_V2_LEN] = {IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0, 130};
	struct rte_mbuf *m;
	struct rte_ipv6_hdr *h;
	uint16_t sum;

	be16_put(b + 12, delay_ms);
	m = fix_ip6(f, src, "ff02::1", IPPROTO_HOPOPTS, b, 8 + len, hops);
	h = rte_pktmbuf_mtod_offset(m, void *, 14);
	sum = (uint16_t)~csum_add(
		csum_pseudo6(h, IPPROTO_ICMPV6, (uint32_t)len), csum_chain(m, 62, (uint32_t)len));
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 64), &sum, 2);
	memcpy(rte_pktmbuf_mtod(m, void *), "\x33\x33\0\0\0\1", 6);
	return m;
}

static void groups_are_reported_with_each_announcement(void **state)
{
	struct fix *f = *state;
	struct report r;

	// The first went out with net_new, and was thrown away by the fixture.
	fix_advance(f, 2 * NS_PER_SEC);
	assert_true(next_report(f, &r));
	check_v2(&r, 4);
	assert_false(next_report(f, &r));
}

static void a_query_is_answered_within_its_delay(void **state)
{
	struct fix *f = *state;
	struct report r;

	f->net->announce_left = 0;
	fix_in(f, query(f, ROUTER, 1, QUERY_V2_LEN, 1000));
	assert_true(net_next(f->net).ns <= f->now.ns + 1000 * MS);
	fix_advance(f, 1000 * MS);
	assert_true(next_report(f, &r));
	check_v2(&r, 2);
	assert_false(next_report(f, &r));
	fix_advance(f, 20 * NS_PER_SEC);
	assert_false(next_report(f, &r)); // once
}

static void the_delay_is_drawn_from_the_whole_range(void **state)
{
	struct fix *f = *state;
	uint64_t most = 0;

	f->net->announce_left = 0;
	for (unsigned i = 0; i < 32; i++) {
		fix_in(f, query(f, ROUTER, 1, QUERY_V2_LEN, 1000));
		most = RTE_MAX(most, net_next(f->net).ns - f->now.ns);
		fix_advance(f, 1000 * MS);
		assert_int_equal(fix_flush(f), 1);
	}
	assert_true(most > 500 * MS && most <= 1000 * MS);
}

static void two_queries_are_answered_once(void **state)
{
	struct fix *f = *state;

	f->net->announce_left = 0;
	fix_in(f, query(f, ROUTER, 1, QUERY_V2_LEN, 1000));
	fix_in(f, query(f, ROUTER, 1, QUERY_V2_LEN, 1000));
	fix_advance(f, 1000 * MS);
	assert_int_equal(fix_flush(f), 1);
}

static void an_old_querier_gets_one_report_for_each_group(void **state)
{
	struct fix *f = *state;
	struct report r;

	f->net->announce_left = 0;
	fix_in(f, query(f, ROUTER, 1, QUERY_V1_LEN, 0));
	fix_advance(f, 1);
	assert_true(next_report(f, &r));
	check_headers(&r, "ff02::1:ff00:11");
	assert_int_equal(r.icmp[0], 131);
	assert_memory_equal(r.icmp + 8, r.ip.dst_addr, 16);
	assert_true(next_report(f, &r));
	check_headers(&r, "ff02::1:ff00:1");
	assert_false(next_report(f, &r));
}

static void a_long_delay_is_bounded(void **state)
{
	struct fix *f = *state;

	f->net->announce_left = 0;
	fix_in(f, query(f, ROUTER, 1, QUERY_V2_LEN, 0xffff));
	fix_advance(f, 10 * NS_PER_SEC);
	assert_int_equal(fix_flush(f), 1);
}

static void forged_queries_are_dropped(void **state)
{
	struct fix *f = *state;

	f->net->announce_left = 0;
	assert_dropped(f, query(f, PEER6, 1, QUERY_V2_LEN, 0), DROP_ND_BAD);
	assert_dropped(f, query(f, ROUTER, 64, QUERY_V2_LEN, 0), DROP_ND_BAD);
	assert_dropped(f, query(f, ROUTER, 1, 26, 0), DROP_ND_BAD);
	assert_dropped(f, query(f, ROUTER, 1, 8, 0), DROP_ND_BAD);
	fix_advance(f, 20 * NS_PER_SEC);
	assert_int_equal(fix_flush(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(groups_are_reported_with_each_announcement),
		fix_test(a_query_is_answered_within_its_delay),
		fix_test(the_delay_is_drawn_from_the_whole_range),
		fix_test(two_queries_are_answered_once),
		fix_test(an_old_querier_gets_one_report_for_each_group),
		fix_test(a_long_delay_is_bounded),
		fix_test(forged_queries_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
