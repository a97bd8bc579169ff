// /v1/peers: what workers say of other nodes, under the names that the control plane has for them.
#include "tests/unit/controlplane/rest/rest_ask_rig.h"

static struct cluster *cluster;
static struct conf *conf;
static uint64_t epoch; // of the snapshot that the control plane has

static const char file[] =
	"p:\n  listen: 0.0.0.0:8102\n  dyn_listen: 192.0.2.11:8101\n  datacenter: dc1\n"
	"  rack: rack1\n  tokens: 0\n  servers: [127.0.0.1:6379:1]\n  dyn_seeds:\n"
	"  - 192.0.2.12:8101:rack2:dc1:0\n"
	"  - far.example:8109:rackA:dc2:0\n";

static int begin_cluster(void **state)
{
	const struct cluster_why why = {.wall_ms = 5000, .text = "began"};
	struct conf_report report;
	const char *error;

	setup(state);
	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", file, sizeof(file) - 1, CONF_ROLE_CONTROLPLANE, &report);
	conf_report_free(&report);
	assert_non_null(conf);
	cluster = cluster_new(900);
	assert_int_equal(cluster_apply(cluster, conf, NULL, why, &error), CLUSTER_CHANGED);
	ctx.cluster = cluster;
	epoch = cluster_snapshot(cluster)->epoch;
	return 0;
}

static int end_cluster(void **state)
{
	cluster_free(cluster);
	conf_free(conf);
	return teardown(state);
}

static uint32_t number_of(const char *host)
{
	const struct snapshot *s = cluster_snapshot(cluster);

	for (uint32_t i = 0; i < s->node_n; i++)
		if (strcmp(snapshot_nodes(s)[i].host, host) == 0)
			return i;
	fail_msg("no node %s", host);
	return 0;
}

static struct peer_info peer(uint32_t node, uint16_t port, uint8_t health)
{
	struct peer_info info = {.node = node, .port = port, .health = health, .same_dc = 1};

	assert_true(ip_addr_parse("192.0.2.99", &info.addr));
	for (unsigned i = 0; i < PEER_NUM_N; i++)
		info.num[i] = 1000 + i;
	return info;
}

// A page of `n` times that peer, of the snapshot `of`.
static bool answer_peers(
	uint32_t worker_n, uint64_t of, const struct peer_info *info, uint32_t n, uint32_t next)
{
	struct ipc_peers page = {.head = head(worker_n), .epoch = of, .next = next, .n = n};

	memcpy(bytes, &page, sizeof(page));
	for (uint32_t i = 0; i < n; i++)
		memcpy(bytes + IPC_PEERS_SIZE(i), info, sizeof(*info));
	return answer(IPC_PEERS_SIZE(n));
}

// The one row of the answer to a question about all peers of the one worker.
static json_t *only_row(uint64_t of, const struct peer_info *info)
{
	json_t *json;
	json_t *row;

	assert_true(begin("GET", "/v1/peers"));
	assert_false(answer_peers(1, of, info, 1, IPC_PEERS_END));
	json = end(REST_OK);
	assert_int_equal(json_array_size(json_object_get(json, "peers")), 1);
	row = json_incref(json_array_get(json_object_get(json, "peers"), 0));
	json_decref(json);
	return row;
}

static void expect_text(json_t *row, const char *name, const char *text)
{
	assert_true(json_is_string(json_object_get(row, name)));
	assert_string_equal(json_string_value(json_object_get(row, name)), text);
}

static void a_peer_has_its_names_and_every_number(void **state)
{
	struct peer_info info = peer(number_of("far.example"), 8109, PEER_DOWN);
	json_t *row;

	(void)state;
	info.same_dc = 0;
	row = only_row(epoch, &info);
	expect_text(row, "host", "far.example");
	expect_text(row, "datacenter", "dc2");
	expect_text(row, "rack", "rackA");
	expect_text(row, "address", "192.0.2.99");
	expect_text(row, "state", "NORMAL");
	expect_text(row, "health", "down");
	assert_int_equal(number(row, "port"), 8109);
	assert_int_equal(number(row, "worker"), 0);
	assert_true(json_is_false(json_object_get(row, "same_datacenter")));
	assert_true(json_is_false(json_object_get(row, "gone")));
	for (unsigned i = 0; i < PEER_NUM_N; i++)
		assert_int_equal(number(row, peer_num_rows[i].name), 1000 + i);
	json_decref(row);
	info = peer(number_of("192.0.2.12"), 8101, PEER_UP);
	info.addr = IP_ADDR_ANY;
	row = only_row(epoch, &info);
	expect_text(row, "host", "192.0.2.12");
	expect_text(row, "rack", "rack2");
	expect_text(row, "health", "up");
	assert_true(json_is_null(json_object_get(row, "address")));
	assert_true(json_is_true(json_object_get(row, "same_datacenter")));
	json_decref(row);
}

static void expect_nameless(uint64_t of, const struct peer_info *info, bool gone)
{
	static const char *const names[] = {"host", "datacenter", "rack", "state"};
	json_t *row = only_row(of, info);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_true(json_is_null(json_object_get(row, names[i])));
	expect_text(row, "address", "192.0.2.99");
	assert_int_equal(json_is_true(json_object_get(row, "gone")), gone);
	json_decref(row);
}

// The number of a node means nothing in another snapshot, and what a data plane says may be wrong.
static void a_peer_of_another_snapshot_has_no_names(void **state)
{
	struct peer_info info = peer(1, 8101, PEER_UP);

	(void)state;
	expect_nameless(epoch - 1, &info, false);
	expect_nameless(epoch + 1, &info, false);
	expect_nameless(0, &info, false);
	info.node = PEER_INFO_GONE;
	expect_nameless(epoch, &info, true);
	info.node = cluster_snapshot(cluster)->node_n;
	expect_nameless(epoch, &info, false);
	ctx.cluster = cluster_new(900); // has no snapshot yet
	info.node = 1;
	expect_nameless(epoch, &info, false);
	cluster_free(ctx.cluster);
}

static void an_unknown_health_is_shown_as_such(void **state)
{
	struct peer_info info = peer(1, 8101, PEER_HEALTH_N);
	json_t *row = only_row(epoch, &info);

	(void)state;
	expect_text(row, "health", "unknown");
	json_decref(row);
}

static void pages_go_through_all_workers(void **state)
{
	struct peer_info info = peer(1, 8101, PEER_UP);
	json_t *json;
	json_t *rows;

	(void)state;
	assert_true(begin("GET", "/v1/peers?limit=70"));
	assert_int_equal(asked_id, IPC_PEERS_ASK);
	assert_int_equal(asked.head.worker, 0);
	assert_int_equal(asked.peers.from, 0);
	assert_int_equal(asked.peers.max, IPC_PEERS_MAX);
	assert_true(answer_peers(2, epoch, &info, IPC_PEERS_MAX, 64));
	assert_int_equal(asked.peers.from, 64);
	assert_int_equal(asked.peers.max, 6);
	assert_true(answer_peers(2, epoch, &info, 0, IPC_PEERS_END));
	assert_int_equal(asked.head.worker, 1);
	assert_int_equal(asked.peers.from, 0);
	assert_false(answer_peers(2, epoch, &info, 6, 9));
	json = end(REST_OK);
	rows = json_object_get(json, "peers");
	assert_int_equal(json_array_size(rows), 70);
	assert_int_equal(number(json_array_get(rows, 63), "worker"), 0);
	assert_int_equal(number(json_array_get(rows, 64), "worker"), 1);
	assert_int_equal(number(json, "workers"), 2);
	assert_string_equal(json_string_value(json_object_get(json, "next")), "1.9");
	json_decref(json);
	assert_true(begin("GET", "/v1/peers?cursor=1.9"));
	assert_int_equal(asked.head.worker, 1);
	assert_int_equal(asked.peers.from, 9);
	assert_false(answer_peers(2, epoch, &info, 0, IPC_PEERS_END));
	json = end(REST_OK);
	assert_true(json_is_null(json_object_get(json, "next")));
	json_decref(json);
	assert_true(begin("GET", "/v1/peers?worker=0"));
	assert_false(answer_peers(2, epoch, &info, 1, IPC_PEERS_END));
	json_decref(end(REST_OK));
}

static void what_goes_wrong_is_said(void **state)
{
	struct ipc_peers page;

	(void)state;
	expect_error("GET", "/v1/peers?port=1", REST_BAD_REQUEST, "worker cursor limit");
	expect_error("GET", "/v1/peers?limit=0", REST_BAD_REQUEST, "1000");
	assert_true(begin("GET", "/v1/peers?worker=5"));
	page = (struct ipc_peers){.head = head(1)};
	page.head.error = IPC_ASK_NO_WORKER;
	memcpy(bytes, &page, sizeof(page));
	assert_false(answer(IPC_PEERS_SIZE(0)));
	json_decref(end(REST_NOT_FOUND));
	// More than fits in one answer.
	assert_true(begin("GET", "/v1/peers"));
	page = (struct ipc_peers){.head = head(1), .n = IPC_PEERS_MAX + 1};
	memcpy(bytes, &page, sizeof(page));
	assert_false(answer(IPC_PEERS_SIZE(IPC_PEERS_MAX + 1)));
	json_decref(end(REST_FAILED));
	dp.linked = false;
	expect_error("GET", "/v1/peers", REST_BUSY, "last heard 2 s ago");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_cluster, end_cluster)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_peer_has_its_names_and_every_number),
		TEST(a_peer_of_another_snapshot_has_no_names),
		TEST(an_unknown_health_is_shown_as_such),
		TEST(pages_go_through_all_workers),
		TEST(what_goes_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
