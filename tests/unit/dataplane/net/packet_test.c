#include "tests/unit/dataplane/net/net_fixture.h"

#include "dataplane/net/packet.h"

static struct rte_mbuf *chain(struct fix *f, const char *a, const char *b, const char *c)
{
	struct rte_mbuf *m = fix_bytes(f, a, strlen(a));

	assert_int_equal(rte_pktmbuf_chain(m, fix_bytes(f, b, strlen(b))), 0);
	assert_int_equal(rte_pktmbuf_chain(m, fix_bytes(f, c, strlen(c))), 0);
	return m;
}

static void assert_bytes(const struct rte_mbuf *m, const char *want)
{
	char got[64] = {0};

	assert_int_equal(rte_mbuf_check(m, 1, &(const char *){NULL}), 0);
	assert_int_equal(m->pkt_len, strlen(want));
	assert_int_equal(packet_copy(m, got, sizeof(got)), strlen(want));
	assert_string_equal(got, want);
}

static void pull_joins_segments(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = chain(f, "abc", "de", "fghi");

	assert_true(packet_pull(m, 3));
	assert_int_equal(m->nb_segs, 3);
	assert_true(packet_pull(m, 6));
	assert_int_equal(m->nb_segs, 2);
	assert_memory_equal(rte_pktmbuf_mtod(m, char *), "abcdef", 6);
	assert_bytes(m, "abcdefghi");
	assert_true(packet_pull(m, 9));
	assert_int_equal(m->nb_segs, 1);
	assert_false(packet_pull(m, 10));
	assert_bytes(m, "abcdefghi");
	rte_pktmbuf_free(m);
}

static void pull_refuses_what_it_may_not_write(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = chain(f, "abc", "de", "f");

	rte_mbuf_refcnt_update(m, 1);
	assert_false(packet_pull(m, 4));
	rte_mbuf_refcnt_update(m, -1);
	rte_pktmbuf_free(m);
}

static void trim_cuts_anywhere(void **state)
{
	struct fix *f = *state;
	const char *want[] = {"", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"};

	for (uint32_t len = 0; len < RTE_DIM(want); len++) {
		struct rte_mbuf *m = chain(f, "abc", "de", "fg");

		packet_trim(m, len);
		assert_bytes(m, want[len]);
		assert_int_equal(m->nb_segs, len <= 3 ? 1 : len <= 5 ? 2 : 3);
		rte_pktmbuf_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(pull_joins_segments),
		fix_test(pull_refuses_what_it_may_not_write),
		fix_test(trim_cuts_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
