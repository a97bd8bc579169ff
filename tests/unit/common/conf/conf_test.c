#include "tests/unit/common/conf/conf_support.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/cluster/snapshot.h"

static void test_documented_defaults(void **state)
{
	struct conf *c = load(POOL);
	const struct conf_pool *p = &c->pool;

	(void)state;
	assert_string_equal(c->pool_name, "dyn_o_mite");
	assert_string_equal(c->file, "test.yml");
	assert_false(p->preconnect);
	assert_false(p->auto_eject_hosts);
	assert_int_equal(p->server_retry_timeout, 30000);
	assert_int_equal(p->server_failure_limit, 2);
	assert_int_equal(p->timeout, 5000);
	assert_int_equal(p->max_msgs, 200000);
	assert_int_equal(p->mbuf_size, 16384);
	assert_int_equal(p->stats_interval, 30000);
	assert_int_equal(p->backlog, 512);
	assert_int_equal(p->gos_interval, 30000);
	assert_int_equal(p->conn_msg_rate, 0);
	assert_int_equal(p->datastore_connections, 1);
	assert_string_equal(p->datacenter, "localdc");
	assert_string_equal(p->rack, "localrack");
	assert_string_equal(p->env, "aws");
	assert_string_equal(p->pem_key_file, "conf/dynomite.pem");
	assert_int_equal(p->hash, CONF_HASH_MURMUR);
	assert_int_equal(p->secure_server_option, CONF_SECURE_NONE);
	assert_int_equal(p->dyn_seed_provider, CONF_SEED_PROVIDER_SIMPLE);
	assert_int_equal(p->data_store, CONF_DATA_STORE_REDIS);
	assert_string_equal(p->stats_listen.host, "0.0.0.0");
	assert_int_equal(p->stats_listen.port, 22222);
	assert_null(p->dyn_listen.host);
	assert_null(p->hash_tag);
	assert_int_equal(p->tokens.n, 0);
	conf_free(c);
}

static void test_own_defaults(void **state)
{
	struct conf *c = load(POOL);
	const struct conf_dataplane *d = &c->dataplane;

	(void)state;
	assert_null(d->port);
	assert_int_equal(d->address.n, 0);
	assert_int_equal(d->mtu, 1500);
	assert_int_equal(d->workers, 1);
	assert_int_equal(d->poll, CONF_POLL_ADAPTIVE);
	assert_int_equal(d->hugepages, CONF_HUGEPAGES_AUTO);
	assert_int_equal(d->memory, UINT64_C(1) << 30);
	assert_int_equal(d->max_value_size, 512 << 20);
	assert_int_equal(d->client_buffer, 262144);
	assert_int_equal(d->connections, 262144);
	assert_int_equal(d->congestion, CONF_CONGESTION_CUBIC);
	assert_int_equal(d->ecn, CONF_ECN_ACCEPT);
	assert_string_equal(c->controlplane.ipc, "/run/dynomite/ipc.sock");
	conf_free(c);
}

static void test_values_and_their_lines(void **state)
{
	struct conf *c = load("any name:\n"
			      "  listen: '[::]:8102'\n"
			      "  servers: ['/run/r.sock:3 store']\n"
			      "  tokens: 1, 4294967295\n"
			      "  read_consistency: dc_safe_quorum\n"
			      "dataplane: {cores: [1-3, 5], memory: 64, address: 10.0.0.1/24}\n");

	(void)state;
	assert_string_equal(c->pool_name, "any name");
	assert_string_equal(c->pool.listen.host, "::");
	assert_true(c->pool.listen.is_ip);
	assert_true(ip_addr_is_any(&c->pool.listen.ip));
	assert_int_equal(c->pool.servers.n, 1);
	assert_string_equal(c->pool.servers.v[0].addr.path, "/run/r.sock");
	assert_null(c->pool.servers.v[0].addr.host);
	assert_string_equal(c->pool.servers.v[0].name, "store");
	assert_int_equal(c->pool.servers.v[0].weight, 3);
	assert_int_equal(c->pool.tokens.n, 2);
	assert_int_equal(c->pool.tokens.v[1], 4294967295u);
	assert_int_equal(c->pool.read_consistency, CONF_CONSISTENCY_DC_SAFE_QUORUM);
	assert_int_equal(c->dataplane.workers, 4); // follows from cores
	assert_int_equal(c->dataplane.cores.v[3], 5);
	assert_int_equal(c->dataplane.memory, 64 << 20);
	assert_int_equal(c->dataplane.address.v[0].len, 24);
	assert_int_equal(c->line[CONF_pool_tokens], 4);
	assert_int_equal(c->line[CONF_dataplane_cores], 6);
	assert_int_equal(c->line[CONF_pool_timeout], 0);
	conf_free(c);
}

static void test_seeds(void **state)
{
	struct conf *c = load(POOL "  dyn_listen: 0.0.0.0:8101\n  tokens: 9\n  dyn_seeds:\n"
				   "  - host.example:8101:r2:dc2:7\n"
				   "  - '::1:8101:r3:dc3:8,9 other'\n");
	const struct conf_seed *s = c->pool.dyn_seeds.v;

	(void)state;
	assert_int_equal(c->pool.dyn_seeds.n, 2);
	assert_string_equal(s[0].host, "host.example");
	assert_int_equal(s[0].line, 7);
	assert_false(s[0].is_ip);
	assert_true(s[1].is_ip);
	assert_int_equal(s[1].ip.b[15], 1);
	assert_int_equal(s[0].port, 8101);
	assert_string_equal(s[0].rack, "r2");
	assert_string_equal(s[0].dc, "dc2");
	assert_string_equal(s[0].name, "host.example:8101");
	assert_int_equal(s[0].tokens.v[0], 7);
	assert_string_equal(s[1].host, "::1");
	assert_string_equal(s[1].name, "other");
	assert_int_equal(s[1].tokens.n, 2);
	conf_free(c);
}

// A 0 in an old file meant the default.
static void test_zero_stands_for_the_default(void **state)
{
	struct conf *c = load(POOL "  max_msgs: 0\n  mbuf_size: 0\n  server_failure_limit: 0\n");

	(void)state;
	assert_int_equal(c->pool.max_msgs, 200000);
	assert_int_equal(c->pool.mbuf_size, 16384);
	assert_int_equal(c->pool.server_failure_limit, 2);
	conf_free(c);
}

static void test_role_of_the_data_plane(void **state)
{
	struct conf *c = load_role(POOL, CONF_ROLE_CONTROLPLANE);
	char *text = load_wrong(POOL, strlen(POOL), CONF_ROLE_DATAPLANE);

	(void)state;
	assert_non_null(c);
	assert_non_null(strstr(text, "test.yml: port: is missing"));
	assert_non_null(strstr(text, "test.yml: address: is missing"));
	free(text);
	conf_free(c);
}

static void test_file_too_long(void **state)
{
	char *big = malloc(CONF_FILE_MAX + 1);
	char *text;

	(void)state;
	assert_non_null(big);
	memset(big, '#', CONF_FILE_MAX + 1);
	text = load_wrong(big, CONF_FILE_MAX + 1, CONF_ROLE_ANY);
	assert_non_null(strstr(text, "longer than 16 MB"));
	free(text);
	memset(big, '\n', CONF_FILE_MAX);
	memcpy(big, POOL, strlen(POOL));
	big[CONF_FILE_MAX] = '\0';
	conf_free(load(big)); // exactly 16 MB
	free(big);
}

// Messages beyond the limit are counted, so that a wrong file can't flood a terminal.
static void test_very_many_errors(void **state)
{
	char *big = calloc(1, 64 * 1024);
	char *text;

	(void)state;
	assert_non_null(big);
	strcpy(big, POOL);
	for (int i = 0; i < 150; i++)
		sprintf(big + strlen(big), "  qqqqqqqq%d: 1\n", i);
	text = load_wrong(big, strlen(big), CONF_ROLE_ANY);
	assert_non_null(strstr(text, "test.yml: and 50 more\n"));
	free(text);
	free(big);
}

static void assert_file_wrong(const char *path, const char *message)
{
	struct conf_report report;

	conf_report_init(&report);
	assert_null(conf_load(path, CONF_ROLE_ANY, &report));
	assert_int_equal(report.n, 1);
	assert_string_equal(report.file, path);
	if (strstr(report.message[0].text, message) == NULL)
		fail_msg("expected \"%s\" in: %s", message, report.message[0].text);
	conf_report_free(&report);
}

static void test_files(void **state)
{
	struct conf_report report;
	struct conf *c;

	(void)state;
	assert_file_wrong("/proc/nonexistent/dynomite.yml", "name the file with -c");
	assert_file_wrong("conf", "directory; name a file in it");
	conf_report_init(&report);
	c = conf_load("conf/dynomite.yml", CONF_ROLE_DATAPLANE, &report);
	assert_non_null(c);
	assert_int_equal(report.n, 0);
	assert_string_equal(c->file, "conf/dynomite.yml");
	conf_free(c);
	conf_report_free(&report);
}

static void test_files_to_start_from(void **state)
{
	static const char *const files[] = {"conf/dynomite.yml", "conf/redis_single.yml",
		"conf/aws-ena.yml", "conf/three-racks.yml"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char *text = slurp(files[i]);
		struct conf *c = load_role(text, CONF_ROLE_DATAPLANE);

		assert_non_null(c);
		conf_free(c);
		free(text);
	}
}

static void test_set_unset(void **state)
{
	struct conf *c = load(POOL "  mbuf_size: 1024\n");
	struct conf_report report;

	(void)state;
	conf_report_init(&report);
	assert_true(conf_set_unset(c, CONF_pool_mbuf_size, "2048", &report));
	assert_int_equal(c->pool.mbuf_size, 1024); // the file wins
	assert_true(conf_set_unset(c, CONF_pool_max_msgs, "300000", &report));
	assert_int_equal(c->pool.max_msgs, 300000);
	assert_false(conf_set_unset(c, CONF_pool_max_msgs, "1", &report));
	assert_int_equal(c->pool.max_msgs, 300000);
	assert_int_equal(report.errors, 1);
	conf_report_free(&report);
	conf_free(c);
}

// The snapshot carries these numbers.
static void test_consistencies_are_those_of_the_snapshot(void **state)
{
	(void)state;
	assert_int_equal((int)CONF_CONSISTENCY_DC_ONE, (int)CONSISTENCY_DC_ONE);
	assert_int_equal((int)CONF_CONSISTENCY_DC_QUORUM, (int)CONSISTENCY_DC_QUORUM);
	assert_int_equal((int)CONF_CONSISTENCY_DC_SAFE_QUORUM, (int)CONSISTENCY_DC_SAFE_QUORUM);
	assert_int_equal(
		(int)CONF_CONSISTENCY_DC_EACH_SAFE_QUORUM, (int)CONSISTENCY_DC_EACH_SAFE_QUORUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documented_defaults),
		cmocka_unit_test(test_own_defaults),
		cmocka_unit_test(test_values_and_their_lines),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_zero_stands_for_the_default),
		cmocka_unit_test(test_role_of_the_data_plane),
		cmocka_unit_test(test_file_too_long),
		cmocka_unit_test(test_very_many_errors),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_files_to_start_from),
		cmocka_unit_test(test_set_unset),
		cmocka_unit_test(test_consistencies_are_those_of_the_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
