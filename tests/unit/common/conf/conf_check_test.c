// Keys that must fit together. The wording is in tests/golden/conf.
#include "tests/unit/common/conf/conf_support.h"

#define DATAPLANE "dataplane:\n  address: [10.0.0.1/24, fd00::1/64]\n"

static void pool(const char *listen, const char *dyn_listen, const char *rest, char buf[512])
{
	snprintf(buf, 512,
		"p:\n  listen: '%s'\n  dyn_listen: '%s'\n  servers: ['127.0.0.1:6379:1']\n%s",
		listen, dyn_listen, rest);
}

static void assert_fits(const char *listen, const char *dyn_listen, const char *rest)
{
	char buf[512];

	pool(listen, dyn_listen, rest, buf);
	conf_free(load(buf));
}

static void assert_clashes(
	const char *listen, const char *dyn_listen, const char *rest, const char *message)
{
	char buf[512];

	pool(listen, dyn_listen, rest, buf);
	assert_wrong(buf, message);
}

static void test_listen(void **state)
{
	(void)state;
	assert_fits("0.0.0.0:1", "[::]:2", DATAPLANE);
	assert_fits("10.0.0.1:1", "[fd00::1]:1", DATAPLANE);
	assert_fits("10.0.0.9:1", "10.0.0.9:2", ""); // nothing to compare with
	assert_clashes("10.0.0.9:1", "0.0.0.0:2", DATAPLANE, "listen: value \"10.0.0.9:1\"");
	assert_clashes("0.0.0.0:1", "[fd00::2]:2", DATAPLANE, "dyn_listen: value");
	assert_clashes("/run/x", "0.0.0.0:2", "", "listen: value \"/run/x\": a unix socket");
}

static void test_ports(void **state)
{
	(void)state;
	assert_clashes("0.0.0.0:1", "0.0.0.0:1", "", "dyn_listen: value \"0.0.0.0:1\": the port");
	assert_clashes("10.0.0.1:1", "[::]:1", DATAPLANE, "the port is taken by listen");
	assert_fits("0.0.0.0:1", "0.0.0.0:2", "  stats_listen: 0.0.0.0:1\n"); // another network
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", "  stats_listen: 0.0.0.0:6379\n",
		"stats_listen: port 6379 is the store's");
	assert_fits("0.0.0.0:1", "0.0.0.0:2", "  stats_listen: 10.0.0.1:6379\n");
}

static void test_tokens(void **state)
{
	(void)state;
	assert_fits("0.0.0.0:1", "0.0.0.0:2", "  dyn_seeds: ['h:1:r:d:1']\n  tokens: 1\n");
	assert_clashes(
		"0.0.0.0:1", "0.0.0.0:2", "  dyn_seeds: ['h:1:r:d:1']\n", "tokens: is missing");
	assert_clashes(
		"0.0.0.0:1", "0.0.0.0:2", "  tokens: 1,2,1\n", "value \"1\": is there twice");
}

#define RING "  tokens: 1\n  rack: r\n  datacenter: d\n"

static void test_ring(void **state)
{
	(void)state;
	// The same token in another rack, or in a rack of that name elsewhere, is what replicas
	// have.
	assert_fits("0.0.0.0:1", "0.0.0.0:2",
		RING "  dyn_seeds: ['h:1:r2:d:1', 'i:1:r:e:1', 'j:1:r:d:2']\n");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", RING "  dyn_seeds: ['h:1:r:d:2,1']\n",
		"\"h:1\" has token 1 of this node");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", RING "  dyn_seeds: ['h:1:r:d:2,3,2']\n",
		"\"h:1\" has token 2 twice");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2",
		RING "  dyn_seeds: ['h:1:r2:d:5', 'i:1:r2:d:5 name']\n",
		"\"name\" has token 5 of \"h:1\" (line 8) in the same rack");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", RING "  dyn_seeds: ['h:1:r2:d:5', 'h:1:r3:d:6']\n",
		"\"h:1\" is in line 8 too");
	// However it is spelled.
	assert_clashes("0.0.0.0:1", "0.0.0.0:2",
		RING "  dyn_seeds: ['Host.example:1:r2:d:5', 'host.EXAMPLE:1:r3:d:6']\n",
		"\"host.EXAMPLE:1\" is in line 8 too");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2",
		RING "  dyn_seeds: ['[fd00::2]:1:r2:d:5', '[fd00:0:0::2]:1:r3:d:6']\n",
		"\"fd00:0:0::2:1\" is in line 8 too");
	assert_fits("0.0.0.0:1", "0.0.0.0:2",
		RING "  dyn_seeds: ['[fd00::2]:1:r2:d:5', '[fd00::2]:2:r3:d:6']\n");
	assert_fits("0.0.0.0:1", "0.0.0.0:2", RING "  dyn_seeds: ['h:1:r2:d:5', 'h:2:r3:d:6']\n");
	assert_wrong(POOL RING "  dyn_seeds: ['h:1:r2:d:5']\n", "dyn_listen: is missing");
}

static void test_self_in_the_ring(void **state)
{
	static const char by_address[] = RING "  dyn_seeds: ['10.0.0.1:2:r2:d:1']\n" DATAPLANE;

	(void)state;
	assert_clashes("0.0.0.0:1", "10.0.0.1:2", by_address, "\"10.0.0.1:2\" is this node itself");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", by_address, "\"10.0.0.1:2\" is this node itself");
	assert_fits("0.0.0.0:1", "0.0.0.0:3", by_address); // another node behind one address
	assert_fits(
		"0.0.0.0:1", "10.0.0.1:2", RING "  dyn_seeds: ['10.0.0.3:2:r2:d:1']\n" DATAPLANE);
	assert_clashes("0.0.0.0:1", "me.example:2", RING "  dyn_seeds: ['me.example:2:r2:d:1']\n",
		"\"me.example:2\" is this node itself");
}

static void test_gateway(void **state)
{
	(void)state;
	assert_fits("0.0.0.0:1", "0.0.0.0:2", DATAPLANE "  gateway: [10.0.0.254, fd00::ff]\n");
	assert_fits("0.0.0.0:1", "0.0.0.0:2", DATAPLANE "  gateway: fe80::1\n");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", DATAPLANE "  gateway: 10.0.1.1\n",
		"gateway: value \"10.0.1.1\": must be in one of the networks");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", DATAPLANE "  gateway: 10.0.0.1\n", "own address");
	assert_clashes(
		"0.0.0.0:1", "0.0.0.0:2", "dataplane: {gateway: 10.0.0.1}\n", "gateway: value");
}

static void test_workers_and_cores(void **state)
{
	(void)state;
	assert_fits("0.0.0.0:1", "0.0.0.0:2", "dataplane: {workers: 2, cores: [1-2]}\n");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", "dataplane: {workers: 1, cores: [1-2]}\n",
		"workers: value \"1\": must be 2");
	assert_clashes("0.0.0.0:1", "0.0.0.0:2", DATAPLANE "  mtu: 1279\n", "mtu: value \"1279\"");
}

// A wrong value is told once; what follows from it is not.
static void test_no_consequences(void **state)
{
	char buf[512];
	char *text;

	(void)state;
	pool("10.0.0.1:1", "0.0.0.0:2",
		"  tokens: x\n  dyn_seeds: ['h:1:r:d:1']\n"
		"dataplane: {port: x, address: 10.0.0.1, gateway: 10.0.0.2, cores: x, workers: "
		"3}\n",
		buf);
	text = load_wrong(buf, strlen(buf), CONF_ROLE_DATAPLANE);
	assert_non_null(strstr(text, "tokens: value \"x\""));
	assert_null(strstr(text, "is missing"));
	assert_null(strstr(text, "gateway"));
	assert_null(strstr(text, "workers"));
	assert_null(strstr(text, ": listen"));
	free(text);
}

static unsigned warnings(const char *rest, const char *key)
{
	struct conf_report report;
	struct conf *conf;
	char buf[512];
	unsigned n = 0;

	pool("0.0.0.0:1", "0.0.0.0:2", rest, buf);
	conf_report_init(&report);
	conf = conf_load_bytes("t", buf, strlen(buf), CONF_ROLE_ANY, &report);
	assert_non_null(conf);
	conf_free(conf);
	for (uint32_t i = 0; i < report.n; i++)
		n += strcmp(report.message[i].key, key) == 0;
	conf_report_free(&report);
	return n;
}

static void test_warnings(void **state)
{
	(void)state;
	assert_int_equal(warnings("controlplane:\n  ipc: run/ipc.sock\n", "ipc"), 1);
	assert_int_equal(warnings("controlplane:\n  ipc: /run/ipc.sock\n", "ipc"), 0);
	assert_int_equal(warnings("  distribution: vnode\n", "distribution"), 1);
	assert_int_equal(warnings("  hash: murmur3\n", "hash"), 1);
	assert_int_equal(warnings("  hash: md5\n", "hash"), 0);
	assert_int_equal(
		warnings("  hash: murmur\n  pem_key_file: conf/dynomite.pem\n", "hash"), 0);
	assert_int_equal(warnings("  preconnect: true\n", "preconnect"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_self_in_the_ring),
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_workers_and_cores),
		cmocka_unit_test(test_no_consequences),
		cmocka_unit_test(test_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
