// Every command counts into one counter, and those that the original names into theirs.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/base/slice.h"
#include "dataplane/session/count.h"

static _Alignas(CACHE_LINE) struct stats stats;

static uint64_t sum(void)
{
	uint64_t n = 0;

	for (unsigned i = STAT_redis_req_get; i <= STAT_redis_req_other; i++)
		n += stats.stat[i];
	return n;
}

static enum stat_id counter_of(const char *name)
{
	memset(&stats, 0, sizeof(stats));
	count_request(&stats, resp_cmd_lookup_full(slice_str(name)));
	for (unsigned i = STAT_redis_req_get; i <= STAT_redis_req_other; i++)
		if (stats.stat[i] > 0)
			return (enum stat_id)i;
	return STAT_N;
}

static void test_each_once(void **state)
{
	(void)state;
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);

		memset(&stats, 0, sizeof(stats));
		count_request(&stats, row);
		assert_int_equal(sum(), 1);
		assert_int_equal(
			stats.stat[STAT_client_write_requests], row->access == RESP_CMD_WRITE);
		assert_int_equal(
			stats.stat[STAT_client_read_requests], row->access == RESP_CMD_READ);
	}
}

static void test_classes(void **state)
{
	(void)state;
	assert_int_equal(counter_of("get"), STAT_redis_req_get);
	assert_int_equal(counter_of("set"), STAT_redis_req_set);
	assert_int_equal(counter_of("unlink"), STAT_redis_req_del);
	assert_int_equal(counter_of("decrby"), STAT_redis_req_incr_decr);
	assert_int_equal(counter_of("lrem"), STAT_redis_req_lreqm);
	assert_int_equal(counter_of("lpush"), STAT_redis_req_lists);
	assert_int_equal(counter_of("sunion"), STAT_redis_req_sunion);
	assert_int_equal(counter_of("sadd"), STAT_redis_req_sets);
	assert_int_equal(counter_of("hset"), STAT_redis_req_hashes);
	assert_int_equal(counter_of("zadd"), STAT_redis_req_sortedsets);
	assert_int_equal(counter_of("mset"), STAT_redis_req_other);
	assert_int_equal(counter_of("object|encoding"), STAT_redis_req_other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
