#include "tests/unit/common/conf/conf_support.h"

#include "common/conf/conf_row.h"

static void note(void *ctx, const char *section, const char *key)
{
	char *list = ctx;

	strcat(strcat(strcat(strcat(list, section), "."), key), " ");
}

static void expect(const char *old, const char *now, const char *want)
{
	struct conf *a = load(old);
	struct conf *b = load(now);
	char list[512] = "";

	conf_changes(a, b, note, list);
	assert_string_equal(list, want);
	conf_free(a);
	conf_free(b);
}

static void tells_what_needs_a_restart(void **state)
{
	(void)state;
	expect(POOL, POOL, "");
	expect(POOL, POOL "  stats_listen: 127.0.0.1:1\n", "dyn_o_mite.stats_listen ");
	expect(POOL "dataplane:\n  memory: 64\n", POOL "dataplane:\n  memory: 64MB\n", "");
	expect(POOL "dataplane:\n  memory: 64\n", POOL "dataplane:\n  memory: 65\n",
		"dataplane.memory ");
	expect(POOL "controlplane:\n  ipc: /a\n", POOL "dataplane:\n  mtu: 900\n",
		"dataplane.mtu controlplane.ipc ");
}

static void lists_are_compared_whole(void **state)
{
	static const char a1[] = POOL "dataplane:\n  address: [10.0.0.1/8]\n";
	static const char a2[] = POOL "dataplane:\n  address: [10.0.0.1/8, fd00::1/64]\n";
	static const char a3[] = POOL "dataplane:\n  address: [10.0.0.1/8, fd00::2/64]\n";

	(void)state;
	expect(a1, a2, "dataplane.address ");
	expect(a2, a3, "dataplane.address ");
	expect(a3, POOL, "dataplane.address ");
	expect(a3, a3, "");
}

static void what_is_live_or_does_nothing_needs_none(void **state)
{
	(void)state;
	expect(POOL, POOL "  timeout: 7\n  rack: r\n  datacenter: d\n  tokens: 4\n", "");
	expect(POOL, POOL "  write_consistency: DC_QUORUM\n  gos_interval: 7\n", "");
	expect(POOL, POOL "  dyn_read_timeout: 7\n", "");
	assert_true((conf_rows[CONF_pool_timeout].flags & CONF_LIVE) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_needs_a_restart),
		cmocka_unit_test(lists_are_compared_whole),
		cmocka_unit_test(what_is_live_or_does_nothing_needs_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
