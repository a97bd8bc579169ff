#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc/ipc_codec.h"
#include "controlplane/rest/rest.h"

#define WHY ((struct cluster_why){.wall_ms = 1, .text = "test"})

static struct dp_view dp;
static struct cluster *cluster;
static struct conf *conf;
static struct rest_ctx ctx;

static int setup(void **state)
{
	static const char text[] = "mypool:\n  listen: 127.0.0.1:1\n  datacenter: east\n"
				   "  tokens: 5\n  servers:\n  - 127.0.0.1:6379:1 store\n";
	struct conf_report report;
	const char *error;

	(void)state;
	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", text, sizeof(text) - 1, CONF_ROLE_CONTROLPLANE, &report);
	conf_report_free(&report);
	assert_non_null(conf);
	cluster = cluster_new(900);
	assert_int_equal(cluster_apply(cluster, conf, NULL, WHY, &error), CLUSTER_CHANGED);
	memset(&dp, 0, sizeof(dp));
	ctx = (struct rest_ctx){
		.conf = conf,
		.cluster = cluster,
		.dp = &dp,
		.version = "v9",
		.source = "thishost",
		.pid = 11,
		.start_ms = 1000000,
		.wall_ms = 1065000,
		.now = {.ns = 100 * NS_PER_SEC},
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_free(cluster);
	conf_free(conf);
	return 0;
}

// A data plane that has served a little, heard 1.5 s ago.
static void fill_dp(void)
{
	struct ipc_status *s = &dp.status;

	dp.linked = dp.status_known = dp.stats_known = true;
	dp.status_at = (struct mono){.ns = 98500 * NS_PER_MS};
	dp.stats_at = (struct mono){.ns = 98 * NS_PER_SEC};
	dp.acked_epoch = 900;
	*s = (struct ipc_status){
		.epoch = 900,
		.uptime_ms = 42999,
		.rss_max_kb = 5000,
		.mbuf_used = 30,
		.mbuf_free = 70,
		.request_used = 1,
		.request_free = 9,
		.pid = 22,
		.speed_mbps = 10000,
		.worker_n = 2,
		.mtu = 1500,
		.queue_n = 2,
		.mac = {2, 0, 0, 0, 0, 0xab},
		.link_up = 1,
		.addr_n = 2,
		.adaptive = 1,
		.version = "v8",
		.port = "net_af_packet0",
		.driver = "net_af_packet",
		.gateway4 = {.addr = {[10] = 0xff, 0xff, 192, 0, 2, 1}},
		.addr = {{.addr = {[10] = 0xff, 0xff, 192, 0, 2, 11}, .prefix_len = 24},
			{.addr = {0xfd, [15] = 5}, .prefix_len = 64}},
		.worker = {{.core = 1, .queue = 0}, {.core = 3, .queue = UINT16_MAX}},
	};
	dp.stats.stat[STAT_client_read_requests] = 1234;
	dp.stats.stat[STAT_server_eof] = 3;
	dp.stats.stat[STAT_write_response_bytes] = UINT64_C(5000000000);
	dp.stats.stat[STAT_redis_req_sortedsets] = 17;
	dp.ejected_ms = 1060123;
	for (int i = 0; i < 100; i++)
		histogram_add(&dp.stats.hist[HIST_client_latency], 250 * NS_PER_US);
}

static void serve(const char *method, const char *uri, struct rest_reply *reply)
{
	struct rest_request request = {.method = method, .uri = uri};

	rest_serve(&ctx, &request, reply);
	assert_null(request.job); // none of these needs the data plane
}

static json_t *get(const char *uri)
{
	struct rest_reply reply;
	json_t *json;

	serve("GET", uri, &reply);
	assert_int_equal(reply.status, REST_OK);
	assert_string_equal(reply.type, REST_JSON);
	assert_null(reply.allow);
	json = json_loadb(reply.body, reply.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	rest_reply_free(&reply);
	return json;
}

static json_int_t number(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static const char *text(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	assert_true(json_is_string(value));
	return json_string_value(value);
}

static void expect_error(const char *method, const char *uri, int status, const char *allow)
{
	struct rest_reply reply;
	json_t *json;

	serve(method, uri, &reply);
	assert_int_equal(reply.status, status);
	if (allow != NULL)
		assert_string_equal(reply.allow, allow);
	else
		assert_null(reply.allow);
	json = json_loadb(reply.body, reply.len, 0, NULL);
	assert_int_equal(number(json_object_get(json, "error"), "code"), status);
	if (status == REST_NOT_FOUND && strchr(uri, '=') == NULL)
		assert_non_null(
			strstr(text(json_object_get(json, "error"), "message"), "/v1/help"));
	json_decref(json);
	rest_reply_free(&reply);
}

// Writes "name type" for every member, in order, as the golden file has them.
static void list_names(FILE *out, json_t *object, const char *prefix)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		const char *shown = strcmp(name, "mypool") == 0 ? "<pool>"
			: strcmp(name, "store") == 0            ? "<server>"
								: name;
		char path[256];

		snprintf(path, sizeof(path), "%s%s", prefix, shown);
		fprintf(out, "%s %s\n", path,
			json_is_object(value)           ? "object"
				: json_is_string(value) ? "string"
							: "integer");
		strcat(path, "/");
		if (json_is_object(value))
			list_names(out, value, path);
	}
}

// The golden file has the names, nesting, order and types that the original gave.
static void info_has_the_names_of_the_original(void **state)
{
	json_t *json = get("/info");
	FILE *golden = fopen("tests/golden/info_names.txt", "r");
	char want[16384];
	char got[16384];
	FILE *out = fmemopen(got, sizeof(got), "w");
	size_t len;

	(void)state;
	assert_non_null(golden); // tests run from the root of the project
	len = fread(want, 1, sizeof(want) - 1, golden);
	want[len] = '\0';
	fclose(golden);
	list_names(out, json, "");
	fclose(out);
	assert_string_equal(got, want);
	json_decref(json);
}

static void info_has_the_figures_of_the_data_plane(void **state)
{
	json_t *json;
	json_t *pool;
	json_t *server;

	(void)state;
	fill_dp();
	json = get("/info");
	pool = json_object_get(json, "mypool");
	server = json_object_get(pool, "store");
	assert_string_equal(text(json, "service"), "dynomite");
	assert_string_equal(text(json, "source"), "thishost");
	assert_string_equal(text(json, "dc"), "east");
	assert_string_equal(text(json, "rack"), "localrack");
	assert_int_equal(number(json, "uptime"), 42);
	assert_int_equal(number(json, "timestamp"), 1065);
	assert_int_equal(number(json, "latency_max"), 250);
	assert_int_equal(number(json, "latency_mean"), 250);
	assert_in_range(number(json, "latency_99th"), 246, 254);
	assert_int_equal(number(json, "alloc_mbufs"), 100);
	assert_int_equal(number(json, "free_mbufs"), 70);
	assert_int_equal(number(json, "alloc_msgs"), 10);
	assert_int_equal(number(json, "dyn_memory"), 5000);
	assert_int_equal(number(pool, "client_read_requests"), 1234);
	assert_int_equal(number(server, "server_eof"), 3);
	assert_int_equal(number(server, "write_response_bytes"), INT64_C(5000000000));
	assert_int_equal(number(server, "redis_req_sortedsets"), 17);
	assert_int_equal(number(server, "server_ejected_at"), 1060123);
	json_decref(json);
}

static void info_says_how_old_it_is(void **state)
{
	struct rest_reply reply;

	(void)state;
	serve("GET", "/info", &reply);
	assert_false(reply.aged);
	rest_reply_free(&reply);
	fill_dp();
	serve("GET", "/info", &reply);
	assert_true(reply.aged);
	assert_int_equal(reply.age_s, 2);
	rest_reply_free(&reply);
}

static void status_shows_both_processes(void **state)
{
	json_t *json;
	json_t *part;
	json_t *port;
	json_t *workers;

	(void)state;
	fill_dp();
	json = get("/v1/status");
	part = json_object_get(json, "node");
	assert_string_equal(text(part, "state"), "NORMAL");
	assert_string_equal(text(part, "datacenter"), "east");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(part, "tokens"), 0)), 5);
	part = json_object_get(json, "epoch");
	assert_int_equal(number(part, "asked"), 900);
	assert_int_equal(number(part, "applied"), 900);
	assert_true(json_is_null(json_object_get(part, "error")));
	part = json_object_get(json, "control_plane");
	assert_string_equal(text(part, "version"), "v9");
	assert_int_equal(number(part, "pid"), 11);
	assert_int_equal(number(part, "uptime_s"), 65);
	part = json_object_get(json, "data_plane");
	assert_true(json_is_true(json_object_get(part, "linked")));
	assert_int_equal(number(part, "age_ms"), 1500);
	assert_null(json_object_get(part, "message"));
	assert_int_equal(number(part, "figures_age_ms"), 2000);
	assert_string_equal(text(part, "version"), "v8");
	assert_int_equal(number(part, "pid"), 22);
	assert_int_equal(number(part, "uptime_s"), 42);
	assert_string_equal(text(part, "poll"), "adaptive");
	port = json_object_get(part, "port");
	assert_string_equal(text(port, "driver"), "net_af_packet");
	assert_string_equal(text(port, "mac"), "02:00:00:00:00:ab");
	assert_string_equal(text(port, "link"), "up");
	assert_int_equal(number(port, "mtu"), 1500);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(port, "addresses"), 0)),
		"192.0.2.11/24");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(port, "addresses"), 1)),
		"fd00::5/64");
	assert_int_equal(json_array_size(json_object_get(port, "gateways")), 1);
	workers = json_object_get(part, "workers");
	assert_int_equal(json_array_size(workers), 2);
	assert_int_equal(number(json_array_get(workers, 1), "core"), 3);
	assert_true(json_is_null(json_object_get(json_array_get(workers, 1), "queue")));
	json_decref(json);
}

static void status_says_when_the_data_plane_is_away(void **state)
{
	json_t *json = get("/v1/status");
	json_t *part = json_object_get(json, "data_plane");

	(void)state;
	assert_true(json_is_false(json_object_get(part, "linked")));
	assert_true(json_is_null(json_object_get(part, "age_ms")));
	assert_non_null(strstr(text(part, "message"), "not been seen"));
	json_decref(json);
	fill_dp();
	ctx.now.ns += 60 * NS_PER_SEC;
	json = get("/v1/status");
	part = json_object_get(json, "data_plane");
	assert_true(json_is_true(json_object_get(part, "linked")));
	assert_non_null(strstr(text(part, "message"), "silent"));
	json_decref(json);
	dp.linked = false;
	strcpy(dp.error, "something");
	json = get("/v1/status?pretty");
	part = json_object_get(json, "data_plane");
	assert_true(json_is_false(json_object_get(part, "linked")));
	assert_int_equal(number(part, "age_ms"), 61500);
	assert_non_null(strstr(text(part, "message"), "away"));
	assert_string_equal(text(json_object_get(json, "epoch"), "error"), "something");
	json_decref(json);
}

// Every row is there once, with its value.
static void expect_rows(json_t *object, const struct stat_row *rows, const uint64_t *values,
	unsigned n, enum stat_kind kind)
{
	size_t of_kind = 0;

	for (unsigned i = 0; i < n; i++) {
		if (rows[i].kind != kind)
			continue;
		of_kind++;
		assert_int_equal(number(object, rows[i].name), values[i]);
	}
	assert_true(of_kind > 0);
	assert_int_equal(json_object_size(object), of_kind);
}

static void stats_has_every_figure(void **state)
{
	json_t *json;
	json_t *part;

	(void)state;
	fill_dp();
	for (unsigned i = 0; i < STAT_N; i++)
		dp.stats.stat[i] = 1000 + i;
	for (unsigned i = 0; i < DROP_N; i++)
		dp.stats.drop[i] = i % 2 * (2000 + i);
	json = get("/v1/stats");
	assert_int_equal(number(json, "age_ms"), 2000);
	assert_null(json_object_get(json, "message"));
	assert_null(json_object_get(json, "worker"));
	part = json_object_get(json, "counters");
	expect_rows(part, stat_rows, dp.stats.stat, STAT_N, STAT_COUNTER);
	part = json_object_get(json, "gauges");
	expect_rows(part, stat_rows, dp.stats.stat, STAT_N, STAT_GAUGE);
	part = json_object_get(json, "drops");
	expect_rows(part, drop_rows, dp.stats.drop, DROP_N, STAT_COUNTER);
	part = json_object_get(json, "histograms");
	assert_int_equal(json_object_size(part), HIST_N);
	part = json_object_get(part, "client_latency");
	assert_string_equal(text(part, "unit"), "ns");
	assert_int_equal(number(part, "count"), 100);
	assert_int_equal(number(part, "mean"), 250000);
	assert_int_equal(number(part, "max"), 250000);
	assert_in_range(number(part, "p50"), 246000, 254000);
	assert_in_range(number(part, "p95"), 246000, 254000);
	assert_in_range(number(part, "p99"), 246000, 254000);
	assert_in_range(number(part, "p999"), 246000, 254000);
	json_decref(json);
}

static void stats_of_one_worker(void **state)
{
	static struct stats workers[2];
	const struct stats *const list[] = {&workers[0], &workers[1]};
	json_t *json;

	(void)state;
	fill_dp();
	workers[0].stat[STAT_turns] = 11;
	workers[1].stat[STAT_turns] = 22;
	workers[1].drop[DROP_ARP_BAD] = 33;
	histogram_add(&workers[1].hist[HIST_payload_size], 7);
	dp.figures_worker_n = 2;
	dp.figures = malloc(ipc_stats_size(2));
	ipc_stats_encode(dp.figures, list, 2);
	json = get("/v1/stats?worker=0");
	assert_int_equal(number(json, "worker"), 0);
	assert_int_equal(number(json_object_get(json, "counters"), "turns"), 11);
	json_decref(json);
	json = get("/v1/stats?worker=1");
	assert_int_equal(number(json, "worker"), 1);
	assert_int_equal(number(json, "workers"), 2);
	assert_int_equal(number(json_object_get(json, "counters"), "turns"), 22);
	assert_int_equal(number(json_object_get(json, "drops"), "ARP_BAD"), 33);
	assert_int_equal(
		number(json_object_get(json_object_get(json, "histograms"), "payload_size"), "max"),
		7);
	json_decref(json);
	expect_error("GET", "/v1/stats?worker=2", REST_NOT_FOUND, NULL);
	free(dp.figures);
}

static void stats_refuses_what_it_does_not_know(void **state)
{
	static const char *const bad[] = {"worker", "worker=", "worker=-1", "worker=x", "worker=0x",
		"worker= 1", "worker=99999999999999999999", "Worker=0", "worker=0&x=1", "x=1", "?"};
	char uri[64];

	(void)state;
	fill_dp();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(uri, sizeof(uri), "/v1/stats?%s", bad[i]);
		expect_error("GET", uri, REST_BAD_REQUEST, NULL);
	}
	expect_error("GET", "/v1/stats?worker=0", REST_NOT_FOUND, NULL);
	json_decref(get("/v1/stats?"));
}

static void stats_says_when_nothing_is_known(void **state)
{
	json_t *json = get("/v1/stats");

	(void)state;
	assert_true(json_is_null(json_object_get(json, "age_ms")));
	assert_int_equal(number(json, "workers"), 0);
	assert_non_null(strstr(text(json, "message"), "not been seen"));
	json_decref(json);
}

static void hostile_names_stay_json(void **state)
{
	struct rest_reply reply;

	(void)state;
	fill_dp();
	memset(dp.status.driver, 0xff, sizeof(dp.status.driver) - 1); // no UTF-8
	serve("GET", "/v1/status", &reply);
	assert_non_null(reply.body);
	rest_reply_free(&reply);
}

// Those that ask the data plane say that it is away; the others answer.
static void help_lists_every_endpoint_and_all_answer(void **state)
{
	json_t *json = get("/v1/help");
	json_t *list = json_object_get(json, "endpoints");
	unsigned answered = 0;
	unsigned busy = 0;
	struct rest_reply reply;
	json_t *row;
	size_t i;

	(void)state;
	json_array_foreach(list, i, row)
	{
		const char *path = text(row, "path");
		const char *method =
			json_string_value(json_array_get(json_object_get(row, "methods"), 0));
		const char *star = strchr(path, '*');
		char one[64];

		assert_non_null(method);
		snprintf(one, sizeof(one), "%s", path);
		if (star != NULL)
			snprintf(one, sizeof(one), "%.*s123%s", (int)(star - path), path, star + 1);
		if (strcmp(method, "POST") == 0)
			strcat(one, "?port=1");
		serve(method, one, &reply);
		// What changes something was not told what to.
		if (strcmp(method, "PUT") == 0 || (star != NULL && strncmp(path, "/v1", 3) != 0))
			assert_true(reply.status == REST_OK || reply.status == REST_BAD_REQUEST);
		else
			assert_true(reply.status == REST_OK || reply.status == REST_BUSY);
		answered += reply.status == REST_OK;
		busy += reply.status == REST_BUSY;
		assert_true(reply.len > 0);
		rest_reply_free(&reply);
	}
	assert_true(answered >= 5 && busy >= 5);
	json_decref(json);
	json_decref(get("/"));
}

static void ping_answers_as_the_original(void **state)
{
	struct rest_reply reply;

	(void)state;
	serve("GET", "/ping", &reply);
	assert_int_equal(reply.status, REST_OK);
	assert_int_equal(reply.len, 4);
	assert_memory_equal(reply.body, "OK\r\n", 4);
	rest_reply_free(&reply);
}

static void errors_are_objects(void **state)
{
	(void)state;
	expect_error("GET", "/nope", REST_NOT_FOUND, NULL);
	expect_error("GET", "", REST_NOT_FOUND, NULL);
	expect_error("GET", "/info/", REST_NOT_FOUND, NULL);
	expect_error("GET", "/infox", REST_NOT_FOUND, NULL);
	expect_error("GET", "/inf", REST_NOT_FOUND, NULL);
	expect_error("GET", "?/info", REST_NOT_FOUND, NULL);
	expect_error("POST", "/info", REST_METHOD_NOT_ALLOWED, "GET, HEAD");
	expect_error("DELETE", "/v1/status", REST_METHOD_NOT_ALLOWED, "GET, HEAD");
	expect_error("get", "/ping", REST_METHOD_NOT_ALLOWED, "GET, HEAD");
	expect_error("PUT", "/v1/captures", REST_METHOD_NOT_ALLOWED, "GET, HEAD, POST");
	expect_error("POST", "/v1/captures/1", REST_METHOD_NOT_ALLOWED, "GET, HEAD, DELETE");
	expect_error("GET", "/v1/captures/", REST_NOT_FOUND, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			info_has_the_names_of_the_original, setup, teardown),
		cmocka_unit_test_setup_teardown(
			info_has_the_figures_of_the_data_plane, setup, teardown),
		cmocka_unit_test_setup_teardown(info_says_how_old_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(status_shows_both_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			status_says_when_the_data_plane_is_away, setup, teardown),
		cmocka_unit_test_setup_teardown(stats_has_every_figure, setup, teardown),
		cmocka_unit_test_setup_teardown(stats_of_one_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			stats_refuses_what_it_does_not_know, setup, teardown),
		cmocka_unit_test_setup_teardown(stats_says_when_nothing_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_names_stay_json, setup, teardown),
		cmocka_unit_test_setup_teardown(
			help_lists_every_endpoint_and_all_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(ping_answers_as_the_original, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_are_objects, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
