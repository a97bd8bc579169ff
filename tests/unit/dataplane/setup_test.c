// From the bytes of a file to the settings of each part.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "dataplane/setup.h"
#include "tests/support/eal.h"

#define WORKERS 2
#define MB (UINT64_C(1) << 20)

#define POOL               \
	"dyn_o_mite:\n"    \
	"  tokens: '0'\n"  \
	"  env: network\n" \
	"  listen: 0.0.0.0:8102\n"
#define STORE         \
	"  servers: " \
	"[127.0.0.1:6379:1]\n"
#define PLANE                                 \
	"dataplane:\n"                        \
	"  port: net_af_packet0,iface=eth0\n" \
	"  address: [192.0.2.11/24, fd00::b/64]\n"

static struct port *port;

static struct conf *load(const char *text)
{
	struct conf_report report;
	struct conf *conf;

	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", text, strlen(text), CONF_ROLE_DATAPLANE, &report);
	if (!conf)
		conf_report_print(&report, stderr);
	conf_report_free(&report);
	assert_non_null(conf);
	return conf;
}

static struct worker_config worker_of(const struct conf *conf, unsigned id)
{
	return setup_worker(conf, "/run/redis.sock", port, id, WORKERS);
}

static void every_key_of_the_environment_arrives(void **state)
{
	struct conf *conf = load(POOL STORE PLANE "  memory: 200MB\n"
						  "  hugepages: 'on'\n"
						  "  eal_args: [--log-level=pmd:debug, -n, '4']\n");
	struct cores cores = {.worker_n = WORKERS};
	struct eal_config eal = setup_eal(conf, &cores, "name");

	(void)state;
	assert_string_equal(eal.program, "name");
	assert_string_equal(eal.device, "net_af_packet0,iface=eth0");
	assert_true(eal.memory == 200 * MB);
	assert_int_equal(eal.hugepages, EAL_HUGEPAGES_ON);
	assert_ptr_equal(eal.cores, &cores);
	assert_int_equal(eal.extra_n, 3);
	assert_string_equal(eal.extra[0], "--log-level=pmd:debug");
	assert_string_equal(eal.extra[2], "4");
	conf_free(conf);
}

// The enums of two modules are mapped by number.
static void choices_keep_their_meaning(void **state)
{
	static const struct {
		const char *text;
		enum eal_hugepages want;
	} cases[] = {
		{POOL STORE PLANE, EAL_HUGEPAGES_AUTO},
		{POOL STORE PLANE "  hugepages: auto\n", EAL_HUGEPAGES_AUTO},
		{POOL STORE PLANE "  hugepages: 'on'\n", EAL_HUGEPAGES_ON},
		{POOL STORE PLANE "  hugepages: 'off'\n", EAL_HUGEPAGES_OFF},
	};
	struct cores cores = {.worker_n = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *conf = load(cases[i].text);

		assert_int_equal(setup_eal(conf, &cores, "x").hugepages, cases[i].want);
		conf_free(conf);
	}
}

static void every_key_of_the_port_arrives(void **state)
{
	struct conf *conf = load(POOL STORE "  mbuf_size: 32768\n" PLANE
					    "  mtu: 1400\n  vlan: 7\n  memory: 100MB\n");
	struct port_config config = setup_port(conf, 3);

	(void)state;
	assert_int_equal(config.worker_n, 3);
	assert_int_equal(config.mtu, 1400);
	assert_int_equal(config.vlan, 7);
	assert_true(config.memory == 100 * MB);
	assert_int_equal(config.big_room, 32768);
	conf_free(conf);
}

static void large_buffers_fit_an_mbuf(void **state)
{
	struct conf *small = load(POOL STORE "  mbuf_size: 512\n" PLANE);
	struct conf *large = load(POOL STORE "  mbuf_size: 512000\n" PLANE);

	(void)state;
	assert_int_equal(setup_port(small, 1).big_room, 2048);
	assert_in_range(setup_port(large, 1).big_room, 60000, UINT16_MAX - RTE_PKTMBUF_HEADROOM);
	conf_free(small);
	conf_free(large);
}

static void every_key_of_the_network_arrives(void **state)
{
	struct conf *conf = load(POOL STORE PLANE "  gateway: [192.0.2.1, fd00::1]\n  vlan: 7\n");
	struct net_config net = worker_of(conf, 1).net;
	char text[IP_ADDR_TEXT_MAX];
	struct port_facts facts;

	(void)state;
	port_facts(port, &facts);
	assert_memory_equal(&net.mac, &facts.mac, sizeof(net.mac));
	assert_int_equal(net.mtu, 1500); // what the port does
	assert_int_equal(net.vlan, 7);
	assert_int_equal(net.addr_n, 2);
	assert_string_equal(ip_addr_format(&net.addr[0].addr, text), "192.0.2.11");
	assert_string_equal(ip_addr_format(&net.addr[1].addr, text), "fd00::b");
	assert_int_equal(net.addr[1].len, conf->dataplane.address.v[1].len);
	assert_string_equal(ip_addr_format(&net.gateway4, text), "192.0.2.1");
	assert_string_equal(ip_addr_format(&net.gateway6, text), "fd00::1");
	assert_true(net.neigh_max > 0);
	assert_true(net.frag_max > 0);
	conf_free(conf);
}

static void a_missing_gateway_is_none(void **state)
{
	struct conf *conf = load(POOL STORE PLANE);
	struct net_config net = worker_of(conf, 0).net;

	(void)state;
	assert_true(ip_addr_is_any(&net.gateway4));
	assert_true(ip_addr_is_any(&net.gateway6));
	conf_free(conf);
}

static void every_key_of_tcp_arrives(void **state)
{
	struct conf *conf = load(POOL STORE PLANE
		"  client_buffer: 64KB\n  keepalive: 7000\n  time_wait: 3000\n  connections: 1000\n"
		"  syn_backlog: 100\n  memory: 100MB\n");
	struct tcp_config tcp = worker_of(conf, 0).tcp;

	(void)state;
	assert_int_equal(tcp.rcv_buf, 65536);
	assert_int_equal(tcp.snd_buf, 65536);
	assert_int_equal(tcp.wide_buf, 4u << 20);
	assert_true(tcp.keepalive_idle == 7 * NS_PER_SEC);
	assert_true(tcp.time_wait == 3 * NS_PER_SEC);
	// A fair share, and something for an uneven spread.
	assert_in_range(tcp.conns_max, 1000 / WORKERS, 1000);
	assert_in_range(tcp.half_open_max, 100 / WORKERS, 100);
	assert_true(tcp.mem_max > 0);
	assert_true(tcp.mem_max * WORKERS < 100 * MB);
	conf_free(conf);
}

static void every_key_of_the_session_arrives(void **state)
{
	struct conf *conf =
		load("dyn_o_mite:\n  env: network\n  tokens: '0'\n"
		     "  listen: 192.0.2.11:7000\n  backlog: 77\n  max_msgs: 100000\n" STORE PLANE
		     "  client_buffer: 64KB\n  max_value_size: 1MB\n  connections: 1000\n");
	struct session_config session = worker_of(conf, 1).session;
	char text[IP_ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(ip_addr_format(&session.addr, text), "192.0.2.11");
	assert_int_equal(session.port, 7000);
	assert_int_equal(session.backlog, 77);
	assert_in_range(session.requests_max, 100000 / WORKERS, 100000);
	assert_in_range(session.clients_max, 1000 / WORKERS, 1000);
	assert_int_equal(session.client_buffer, 65536);
	assert_int_equal(session.rcv_buf, 65536);
	assert_true(session.bulk_min <= session.rcv_buf / 2);
	assert_true(session.value_max == MB);
	assert_int_equal(session.core, 1);
	assert_int_equal(session.cores, WORKERS);
	assert_int_equal(session.pid, getpid());
	conf_free(conf);
}

static void listening_on_any_address_is_all_own_ones(void **state)
{
	static const char *const any[] = {POOL STORE PLANE,
		"dyn_o_mite:\n  env: network\n  tokens: '0'\n  listen: '[::]:8102'\n" STORE PLANE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct conf *conf = load(any[i]);
		struct session_config session = worker_of(conf, 0).session;

		assert_true(ip_addr_is_any(&session.addr));
		assert_int_equal(session.port, 8102);
		conf_free(conf);
	}
}

static void every_key_of_the_store_arrives(void **state)
{
	struct conf *conf = load(POOL STORE
		"  datastore_connections: 5\n  preconnect: true\n  auto_eject_hosts: true\n"
		"  server_failure_limit: 9\n  server_retry_timeout: 1234\n" PLANE
		"  client_buffer: 64KB\n  max_value_size: 1MB\n");
	struct store_config store = worker_of(conf, 0).store;

	(void)state;
	assert_string_equal(store.address, "/run/redis.sock");
	assert_int_equal(store.port, 6379);
	assert_int_equal(store.lanes, 5);
	assert_true(store.preconnect);
	assert_true(store.auto_eject);
	assert_int_equal(store.failure_limit, 9);
	assert_true(store.retry_timeout == 1234 * NS_PER_MS);
	assert_int_equal(store.client_buffer, 65536);
	assert_true(store.value_max == MB);
	conf_free(conf);
}

static void polling_is_adaptive_unless_the_file_says_busy(void **state)
{
	struct conf *busy = load(POOL STORE PLANE "  poll: busy\n");
	struct conf *other = load(POOL STORE PLANE);

	(void)state;
	assert_false(worker_of(busy, 0).adaptive);
	assert_true(worker_of(other, 0).adaptive);
	conf_free(busy);
	conf_free(other);
}

static void congestion_is_controlled_as_the_file_says(void **state)
{
	struct conf *none = load(POOL STORE PLANE);
	struct conf *both = load(POOL STORE PLANE "  congestion: newreno\n  ecn: offer\n");
	struct conf *off = load(POOL STORE PLANE "  congestion: cubic\n  ecn: off\n");

	(void)state;
	assert_ptr_equal(worker_of(none, 0).tcp.cc, &cc_cubic);
	assert_int_equal(worker_of(none, 0).tcp.ecn, TCP_ECN_ACCEPT);
	assert_ptr_equal(worker_of(both, 0).tcp.cc, &cc_newreno);
	assert_int_equal(worker_of(both, 0).tcp.ecn, TCP_ECN_OFFER);
	assert_ptr_equal(worker_of(off, 0).tcp.cc, &cc_cubic);
	assert_int_equal(worker_of(off, 0).tcp.ecn, TCP_ECN_OFF);
	for (const char *const *name = conf_congestion_names; *name; name++)
		assert_non_null(cc_find(*name));
	conf_free(none);
	conf_free(both);
	conf_free(off);
}

static void workers_share_no_secret(void **state)
{
	struct conf *conf = load(POOL STORE PLANE);
	struct worker_config a = worker_of(conf, 0);
	struct worker_config b = worker_of(conf, 1);

	(void)state;
	assert_int_equal(a.id, 0);
	assert_int_equal(b.id, 1);
	assert_int_equal(b.worker_n, WORKERS);
	assert_ptr_equal(a.port, port);
	assert_true(a.net.seed != b.net.seed);
	assert_true(a.tcp.seed != b.tcp.seed);
	assert_memory_not_equal(&a.tcp.secret, &b.tcp.secret, sizeof(a.tcp.secret));
	conf_free(conf);
}

static void the_stores_address_is_a_path_an_address_or_a_name(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{POOL "  servers: [127.0.0.1:6379:1]\n" PLANE, "127.0.0.1"},
		{POOL "  servers: [/run/redis/redis.sock:1]\n" PLANE, "/run/redis/redis.sock"},
	};
	struct conf *name = load(POOL "  servers: [localhost:6379:1]\n" PLANE);
	struct conf *wrong = load(POOL "  servers: [no-such-host.invalid:6379:1]\n" PLANE);
	char address[SETUP_ADDRESS_MAX];
	struct ip_addr ip;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *conf = load(cases[i].text);

		assert_true(setup_store_address(conf, address));
		assert_string_equal(address, cases[i].want);
		conf_free(conf);
	}
	assert_true(setup_store_address(name, address));
	assert_true(ip_addr_parse(address, &ip));
	assert_false(setup_store_address(wrong, address));
	conf_free(name);
	conf_free(wrong);
}

static void the_store_decides_the_protocol(void **state)
{
	struct conf *redis = load(POOL STORE PLANE);
	struct conf *memcached = load(POOL STORE "  data_store: 1\n" PLANE);
	struct worker_config a = worker_of(redis, 0);
	struct worker_config b = worker_of(memcached, 0);

	(void)state;
	assert_true(setup_check());
	assert_false(a.session.memcache || a.store.memcache || a.peers.memcache);
	assert_true(b.session.memcache && b.store.memcache && b.peers.memcache);
	conf_free(redis);
	conf_free(memcached);
}

static void cores_are_those_of_the_file(void **state)
{
	cpu_set_t allowed;
	struct cores cores;
	struct conf *conf;
	char text[512];
	unsigned cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET(cpu, &allowed))
		cpu++;
	snprintf(text, sizeof(text), "%s  cores: [%u]\n", POOL STORE PLANE, cpu);
	conf = load(text);
	assert_true(setup_cores(conf, &cores));
	assert_int_equal(cores.worker_n, 1);
	assert_int_equal(cores.worker[0], cpu);
	conf_free(conf);
	conf = load(POOL STORE PLANE "  cores: [1023]\n");
	assert_false(setup_cores(conf, &cores));
	conf_free(conf);
	conf = load(POOL STORE PLANE "  workers: 1\n");
	assert_true(setup_cores(conf, &cores));
	assert_int_equal(cores.worker_n, 1);
	conf_free(conf);
}

static void rest_is_told_what_the_file_says(void **state)
{
	struct conf *conf = load(POOL STORE PLANE "  gateway: [192.0.2.1]\n  vlan: 9\n");
	struct ipc_status status = {0};
	struct ip_addr gateway;

	(void)state;
	setup_status(conf, &status);
	assert_int_equal(status.vlan, 9);
	assert_int_equal(status.adaptive, 1);
	assert_int_equal(status.addr_n, 2);
	assert_memory_equal(status.addr[1].addr, conf->dataplane.address.v[1].addr.b, 16);
	assert_int_equal(status.addr[0].prefix_len, conf->dataplane.address.v[0].len);
	assert_true(ip_addr_parse("192.0.2.1", &gateway));
	assert_memory_equal(status.gateway4.addr, gateway.b, 16);
	conf_free(conf);
}

static int setup(void **state)
{
	static char text[][24] = {"--vdev=net_ring0", "-m", "192"};
	char *args[] = {text[0], text[1], text[2]};
	struct port_config config = {
		.worker_n = WORKERS, .mtu = 1500, .memory = 48 * MB, .big_room = 2048};

	(void)state;
	log_set_level(LOG_EMERG);
	test_eal_start_with(args, 3);
	port = port_open(&config);
	return port ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	port_close(port);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_of_the_environment_arrives),
		cmocka_unit_test(choices_keep_their_meaning),
		cmocka_unit_test(every_key_of_the_port_arrives),
		cmocka_unit_test(large_buffers_fit_an_mbuf),
		cmocka_unit_test(every_key_of_the_network_arrives),
		cmocka_unit_test(a_missing_gateway_is_none),
		cmocka_unit_test(every_key_of_tcp_arrives),
		cmocka_unit_test(every_key_of_the_session_arrives),
		cmocka_unit_test(listening_on_any_address_is_all_own_ones),
		cmocka_unit_test(every_key_of_the_store_arrives),
		cmocka_unit_test(polling_is_adaptive_unless_the_file_says_busy),
		cmocka_unit_test(congestion_is_controlled_as_the_file_says),
		cmocka_unit_test(workers_share_no_secret),
		cmocka_unit_test(the_stores_address_is_a_path_an_address_or_a_name),
		cmocka_unit_test(the_store_decides_the_protocol),
		cmocka_unit_test(cores_are_those_of_the_file),
		cmocka_unit_test(rest_is_told_what_the_file_says),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
