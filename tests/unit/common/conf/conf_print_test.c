#include "tests/unit/common/conf/conf_support.h"

#include <glob.h>

// What is printed reads back as the same, and prints as the same.
static void assert_round_trip(struct conf *first)
{
	struct conf *second;
	char *text;
	char *again;

	CAPTURE(text, conf_print(first, out));
	second = load(text);
	CAPTURE(again, conf_print(second, out));
	assert_string_equal(text, again);
	assert_string_equal(first->pool_name, second->pool_name);
	assert_int_equal(first->pool.servers.n, second->pool.servers.n);
	assert_int_equal(first->pool.dyn_seeds.n, second->pool.dyn_seeds.n);
	assert_int_equal(first->dataplane.memory, second->dataplane.memory);
	free(text);
	free(again);
	conf_free(second);
}

static void round_trip(const char *text)
{
	struct conf *conf = load(text);

	assert_round_trip(conf);
	conf_free(conf);
}

static void test_least(void **state)
{
	(void)state;
	round_trip(POOL);
}

static void test_texts_that_need_quotes(void **state)
{
	(void)state;
	round_trip("\"it's: #1\":\n  listen: 0.0.0.0:8102\n  servers: /tmp/a:b.sock:1\n"
		   "  rack: \"# 'quoted' \\\"twice\\\" \"\n  datacenter: 'é ü'\n"
		   "  hash_tag: \"'\\\"\"\n  env: '&a *b !c'\n");
}

static void test_all_kinds(void **state)
{
	(void)state;
	round_trip(POOL "  dyn_listen: '[fd00::1]:8101'\n  tokens: [1, 2]\n"
			"  dyn_seeds: ['fd00::2:8101:r:d:3,4 n', h.example:8101:r:d:5]\n"
			"dataplane:\n  port: net_ring0\n  address: [10.0.0.1/24, fd00::1/64]\n"
			"  gateway: [10.0.0.2, fd00::2]\n  cores: 1-3\n  poll: busy\n"
			"  memory: 65537KB\n  max_value_size: 1025\n  client_buffer: 1MB\n"
			"  eal_args: --a=b -c  --d\n  congestion: newreno\n  ecn: off\n"
			"controlplane:\n  ipc: '/tmp/x y'\n");
}

static void test_every_right_golden_file(void **state)
{
	struct conf_report report;
	unsigned tried = 0;
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/golden/conf/*.yml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct conf *conf;

		conf_report_init(&report);
		conf = conf_load(found.gl_pathv[i], CONF_ROLE_ANY, &report);
		conf_report_free(&report);
		if (conf == NULL)
			continue;
		tried++;
		assert_round_trip(conf);
		conf_free(conf);
	}
	globfree(&found);
	assert_true(tried >= 5);
}

static void test_what_is_shown(void **state)
{
	struct conf *conf = load(POOL "  client_connections: 5\n");
	char *text;

	(void)state;
	CAPTURE(text, conf_print(conf, out));
	assert_non_null(strstr(text, "'dyn_o_mite':\n  listen: '0.0.0.0:8102'\n"));
	assert_non_null(strstr(text, "\n  # hash_tag: unset\n"));
	assert_non_null(strstr(text, "\n  servers:\n    - '127.0.0.1:6379:1 127.0.0.1:6379'\n"));
	assert_non_null(strstr(text, "\n  memory: 1GB\n"));
	assert_non_null(strstr(text, "\ncontrolplane:\n  ipc: '/run/dynomite/ipc.sock'\n"));
	assert_null(strstr(text, "client_connections")); // has no effect
	free(text);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_texts_that_need_quotes),
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_every_right_golden_file),
		cmocka_unit_test(test_what_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
