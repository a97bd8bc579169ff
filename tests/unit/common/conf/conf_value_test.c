// Values of each type by themselves, as text and back.
#include "tests/unit/common/conf/conf_support.h"

#include "common/conf/conf_value.h"

struct fixture {
	struct conf_arena *arena;
	struct conf conf;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->arena = conf_arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	conf_arena_free(f->arena);
	free(f);
	return 0;
}

static const char *set(struct fixture *f, enum conf_key key, const char *text)
{
	const struct conf_value value = {
		.arena = f->arena,
		.row = &conf_rows[key],
		.text = conf_arena_copy(f->arena, slice_str(text)),
		.member = (char *)&f->conf + conf_rows[key].offset,
	};

	return conf_value_parse(&value);
}

// The value is taken, and its text is `shown`.
static void assert_takes(struct fixture *f, enum conf_key key, const char *text, const char *shown)
{
	const struct conf_row *row = &conf_rows[key];
	const void *member = conf_member(&f->conf, row);
	char buf[CONF_VALUE_TEXT_MAX];
	uint32_t n;

	if (set(f, key, text) != NULL)
		fail_msg("%s does not take \"%s\"", row->name, text);
	n = conf_value_count(row, member);
	assert_true(n > 0);
	assert_string_equal(conf_value_text(row, member, n - 1, buf), shown);
}

// The value is not taken, and leaves what was there.
static void assert_refuses(struct fixture *f, enum conf_key key, const char *text)
{
	if (set(f, key, text) == NULL)
		fail_msg("%s takes \"%s\"", conf_rows[key].name, text);
}

static void test_numbers(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_pool_timeout, "0", "0");
	assert_takes(f, CONF_pool_timeout, "2147483647", "2147483647");
	assert_takes(f, CONF_pool_timeout, "00012", "12");
	assert_refuses(f, CONF_pool_timeout, "2147483648");
	assert_refuses(f, CONF_pool_timeout, "-1");
	assert_refuses(f, CONF_pool_timeout, "0x1");
	assert_refuses(f, CONF_pool_timeout, "1.5");
	assert_refuses(f, CONF_pool_timeout, "5s");
	assert_refuses(f, CONF_pool_timeout, " 5");
	assert_refuses(f, CONF_pool_timeout, "99999999999999999999999");
	assert_int_equal(f->conf.pool.timeout, 12);
	assert_takes(f, CONF_pool_max_msgs, "100000", "100000");
	assert_takes(f, CONF_pool_max_msgs, "1000000", "1000000");
	assert_refuses(f, CONF_pool_max_msgs, "99999");
	assert_refuses(f, CONF_pool_max_msgs, "1000001");
}

static void test_mbuf_size_limits(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_pool_mbuf_size, "512", "512");
	assert_takes(f, CONF_pool_mbuf_size, "512000", "512000");
	assert_takes(f, CONF_pool_mbuf_size, "16KB", "16384");
	assert_refuses(f, CONF_pool_mbuf_size, "496");
	assert_refuses(f, CONF_pool_mbuf_size, "512016");
	assert_refuses(f, CONF_pool_mbuf_size, "513");
}

static void test_booleans_and_words(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_pool_preconnect, "true", "true");
	assert_takes(f, CONF_pool_preconnect, "false", "false");
	assert_refuses(f, CONF_pool_preconnect, "True");
	assert_refuses(f, CONF_pool_preconnect, "1");
	assert_takes(f, CONF_pool_write_consistency, "dc_Quorum", "DC_QUORUM");
	assert_refuses(f, CONF_pool_write_consistency, "DC_QUORUMS");
	assert_refuses(f, CONF_pool_write_consistency, "DC_");
	assert_takes(f, CONF_pool_hash_tag, "{}", "{}");
	assert_refuses(f, CONF_pool_hash_tag, "{");
	assert_refuses(f, CONF_pool_hash_tag, "{}x");
}

static void test_addresses(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_pool_listen, "0.0.0.0:8102", "0.0.0.0:8102");
	assert_takes(f, CONF_pool_listen, "node-1.example:1", "node-1.example:1");
	assert_takes(f, CONF_pool_listen, "[::1]:65535", "[::1]:65535");
	assert_takes(f, CONF_pool_listen, "::1:8102", "[::1]:8102");
	assert_takes(f, CONF_pool_listen, "/run/x.sock", "/run/x.sock");
	assert_refuses(f, CONF_pool_listen, "0.0.0.0");
	assert_refuses(f, CONF_pool_listen, ":8102");
	assert_refuses(f, CONF_pool_listen, "a:0");
	assert_refuses(f, CONF_pool_listen, "a:65536");
	assert_refuses(f, CONF_pool_listen, "a b:1");
	assert_refuses(f, CONF_pool_listen, "[1.2.3.4]:1");
	assert_refuses(f, CONF_pool_listen, "[]:1");
	assert_refuses(f, CONF_pool_listen, "a:b:1");
}

static void test_servers(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_pool_servers, "127.0.0.1:6379:1", "127.0.0.1:6379:1 127.0.0.1:6379");
	assert_refuses(f, CONF_pool_servers, "127.0.0.1:6380:1"); // a second one
	f->conf.pool.servers.n = 0;
	assert_takes(f, CONF_pool_servers, "h:11211:5", "h:11211:5 h");
	f->conf.pool.servers.n = 0;
	assert_takes(f, CONF_pool_servers, "::1:6379:1 n", "[::1]:6379:1 n");
	f->conf.pool.servers.n = 0;
	assert_takes(f, CONF_pool_servers, "/a:b.sock:1", "/a:b.sock:1 /a:b.sock");
	f->conf.pool.servers.n = 0;
	assert_refuses(f, CONF_pool_servers, "127.0.0.1:6379");
	assert_refuses(f, CONF_pool_servers, "127.0.0.1:6379:");
	assert_refuses(f, CONF_pool_servers, "127.0.0.1:6379:x");
	assert_refuses(f, CONF_pool_servers, "127.0.0.1:6379:1 ");
	assert_refuses(f, CONF_pool_servers, "/run/redis.sock");
	assert_refuses(f, CONF_pool_servers, ":6379:1");
	assert_refuses(f, CONF_pool_servers, "6379");
}

static void test_seeds(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_pool_dyn_seeds, "h:8101:r:d:1", "h:8101:r:d:1 h:8101");
	assert_takes(f, CONF_pool_dyn_seeds, "fd00::1:8101:r:d:1,2 x", "[fd00::1]:8101:r:d:1,2 x");
	assert_refuses(f, CONF_pool_dyn_seeds, "h:8101:r:d");
	assert_refuses(f, CONF_pool_dyn_seeds, "8101:r:d:1");
	assert_refuses(f, CONF_pool_dyn_seeds, "h:8101::d:1");
	assert_refuses(f, CONF_pool_dyn_seeds, "h:8101:r::1");
	assert_refuses(f, CONF_pool_dyn_seeds, "h:8101:r:d:");
	assert_refuses(f, CONF_pool_dyn_seeds, "h:8101:r:d:1 ");
	assert_refuses(f, CONF_pool_dyn_seeds, ":::: ");
	assert_refuses(f, CONF_pool_dyn_seeds, " ");
	assert_int_equal(f->conf.pool.dyn_seeds.n, 2);
}

static void test_tokens(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_pool_tokens, "0", "0");
	assert_takes(f, CONF_pool_tokens, "1 , 2,4294967295", "4294967295");
	assert_int_equal(f->conf.pool.tokens.n, 4);
	assert_takes(f, CONF_pool_tokens, "4294967296", "0"); // as the original takes it
	assert_refuses(f, CONF_pool_tokens, "42949672951");
	assert_refuses(f, CONF_pool_tokens, "1,,2");
	assert_refuses(f, CONF_pool_tokens, "-1");
	assert_refuses(f, CONF_pool_tokens, "a");
}

static void test_prefixes(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_dataplane_address, "10.0.0.5/24", "10.0.0.5/24");
	assert_takes(f, CONF_dataplane_address, "10.0.0.6/32", "10.0.0.6/32");
	assert_takes(f, CONF_dataplane_address, "10.0.0.8/31", "10.0.0.8/31");
	assert_takes(f, CONF_dataplane_address, "FD00::5/64", "fd00::5/64");
	assert_takes(f, CONF_dataplane_address, "fe80::1/10", "fe80::1/10");
	assert_refuses(f, CONF_dataplane_address, "10.0.0.5");
	assert_refuses(f, CONF_dataplane_address, "10.0.0.5/33");
	assert_refuses(f, CONF_dataplane_address, "10.0.0.5/0");
	assert_refuses(f, CONF_dataplane_address, "10.0.0.5/24 ");
	assert_refuses(f, CONF_dataplane_address, "10.0.0.0/24");
	assert_refuses(f, CONF_dataplane_address, "10.0.0.255/24");
	assert_refuses(f, CONF_dataplane_address, "0.0.0.0/8");
	assert_refuses(f, CONF_dataplane_address, "240.0.0.1/8");
	assert_refuses(f, CONF_dataplane_address, "::/64");
	assert_refuses(f, CONF_dataplane_address, "::1/128");
	assert_refuses(f, CONF_dataplane_address, "ff02::1/64");
	assert_refuses(f, CONF_dataplane_address, "10.0.0.5/16"); // there already
}

static void test_gateways(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_dataplane_gateway, "10.0.0.1", "10.0.0.1");
	assert_takes(f, CONF_dataplane_gateway, "fe80::1", "fe80::1");
	assert_refuses(f, CONF_dataplane_gateway, "10.0.0.2"); // a second one
	f->conf.dataplane.gateway.n = 0;
	assert_refuses(f, CONF_dataplane_gateway, "10.0.0.1/24");
	assert_refuses(f, CONF_dataplane_gateway, "224.0.0.1");
}

static void test_cores(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_dataplane_cores, "1-3,5", "5");
	assert_takes(f, CONF_dataplane_cores, "0", "0");
	assert_takes(f, CONF_dataplane_cores, "1023-1023", "1023");
	assert_int_equal(f->conf.dataplane.cores.n, 6);
	assert_refuses(f, CONF_dataplane_cores, "2");
	assert_refuses(f, CONF_dataplane_cores, "9-7");
	assert_refuses(f, CONF_dataplane_cores, "7-");
	assert_refuses(f, CONF_dataplane_cores, "-7");
	assert_refuses(f, CONF_dataplane_cores, "1024");
	assert_refuses(f, CONF_dataplane_cores, "100-400"); // more than ITEMS
	assert_refuses(f, CONF_dataplane_cores, "0-18446744073709551615");
}

static void test_words(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_dataplane_eal_args, "--a  -b c", "c");
	assert_int_equal(f->conf.dataplane.eal_args.n, 3);
	assert_string_equal(f->conf.dataplane.eal_args.v[0], "--a");
}

static void test_devices(void **state)
{
	struct fixture *f = *state;

	assert_takes(f, CONF_dataplane_port, "0000:00:06.0", "0000:00:06.0");
	assert_takes(f, CONF_dataplane_port, "af:1e.7", "af:1e.7");
	assert_takes(
		f, CONF_dataplane_port, "net_af_packet0,iface=eth0", "net_af_packet0,iface=eth0");
	assert_takes(f, CONF_dataplane_port, "net_ring0", "net_ring0");
	assert_refuses(f, CONF_dataplane_port, "eth0");
	assert_refuses(f, CONF_dataplane_port, "net_");
	assert_refuses(f, CONF_dataplane_port, "net_af_packet0 iface=eth0");
	assert_refuses(f, CONF_dataplane_port, "0000:00:06");
	assert_refuses(f, CONF_dataplane_port, "0000:00:06.0x");
	assert_refuses(f, CONF_dataplane_port, "00000000000:00:06.0");
}

// Appends before1after, before2after, ... until one is refused.
static uint32_t fill(struct fixture *f, enum conf_key key, const char *before, const char *after)
{
	uint32_t n = 0;
	char text[64];

	do
		snprintf(text, sizeof(text), "%s%u%s", before, n + 1, after);
	while (set(f, key, text) == NULL && ++n < 100000);
	return n;
}

static void test_lists_are_bounded(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fill(f, CONF_pool_tokens, "", ""), 256);
	assert_int_equal(fill(f, CONF_pool_dyn_seeds, "h:", ":r:d:1"), 4095);
	assert_int_equal(fill(f, CONF_dataplane_address, "10.0.0.", "/24"), 7);
	assert_int_equal(fill(f, CONF_dataplane_cores, "", ""), 128);
	assert_int_equal(fill(f, CONF_dataplane_eal_args, "-x", ""), 64);
	assert_string_equal(set(f, CONF_dataplane_eal_args, "y"), "at most 64 in the list");
}

static void test_count_of_unset(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < CONF_KEY_N; i++) {
		const struct conf_row *row = &conf_rows[i];
		bool can_be_unset = conf_row_is_list(row) || row->type == CONF_TYPE_GONE ||
			row->type == CONF_TYPE_ADDR || row->type == CONF_TYPE_STR ||
			row->type == CONF_TYPE_PATH || row->type == CONF_TYPE_TAG ||
			row->type == CONF_TYPE_DEVICE;

		assert_int_equal(conf_value_count(row, conf_member(&f->conf, row)), !can_be_unset);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_numbers),
		TEST(test_mbuf_size_limits),
		TEST(test_booleans_and_words),
		TEST(test_addresses),
		TEST(test_servers),
		TEST(test_seeds),
		TEST(test_tokens),
		TEST(test_prefixes),
		TEST(test_gateways),
		TEST(test_cores),
		TEST(test_words),
		TEST(test_devices),
		TEST(test_lists_are_bounded),
		TEST(test_count_of_unset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
