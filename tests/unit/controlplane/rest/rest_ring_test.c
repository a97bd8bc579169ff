// REST about the ring: what it shows, and what can be changed, by the paths of the original and by
// those of /v1.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/rest/rest.h"

static struct dp_view dp;
static struct cluster *cluster;
static struct conf *conf;
static struct rest_ctx ctx;
static struct rest_reply reply;

static const char file[] =
	"p:\n  listen: 0.0.0.0:8102\n  dyn_listen: 192.0.2.11:8101\n  datacenter: dc1\n"
	"  rack: rack1\n  tokens: 0\n  timeout: 500\n  servers: [127.0.0.1:6379:1]\n  dyn_seeds:\n"
	"  - 192.0.2.12:8101:rack1:dc1:2147483648\n"
	"  - 192.0.2.13:8101:rack2:dc1:0,1073741824\n"
	"  - far.example:8109:rackA:dc2:3303027599\n"
	"  - 192.0.2.15:8101:rackB:dc2:5\n";

static int setup(void **state)
{
	const struct cluster_why why = {.wall_ms = 1795449161551, .text = "began"};
	struct conf_report report;
	const char *error;

	(void)state;
	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", file, sizeof(file) - 1, CONF_ROLE_CONTROLPLANE, &report);
	conf_report_free(&report);
	assert_non_null(conf);
	cluster = cluster_new(900);
	assert_int_equal(cluster_apply(cluster, conf, NULL, why, &error), CLUSTER_CHANGED);
	ctx = (struct rest_ctx){.conf = conf, .cluster = cluster, .dp = &dp, .wall_ms = 1000};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_free(cluster);
	conf_free(conf);
	return 0;
}

static int ask(const char *method, const char *uri, const char *body)
{
	struct rest_request request = {.method = method,
		.uri = uri,
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0};

	rest_serve(&ctx, &request, &reply);
	assert_null(request.job);
	return (int)reply.status;
}

static uint64_t epoch(void)
{
	return cluster_snapshot(cluster)->epoch;
}

static void expect_text(const char *uri, const char *text)
{
	assert_int_equal(ask("GET", uri, NULL), REST_OK);
	assert_string_equal(reply.type, REST_TEXT);
	assert_int_equal(reply.len, strlen(text));
	assert_memory_equal(reply.body, text, reply.len);
	rest_reply_free(&reply);
}

// The answer as JSON, compared as such with `want`.
static void expect_json(const char *method, const char *uri, const char *body, const char *want)
{
	json_t *got;
	json_t *wanted = json_loads(want, 0, NULL);
	char *text;

	assert_non_null(wanted);
	assert_int_equal(ask(method, uri, body), REST_OK);
	got = json_loadb(reply.body, reply.len, JSON_REJECT_DUPLICATES, NULL);
	text = json_dumps(got, JSON_INDENT(1));
	if (!json_equal(got, wanted))
		fail_msg("%s %s: %s", method, uri, text);
	free(text);
	json_decref(got);
	json_decref(wanted);
	rest_reply_free(&reply);
}

// An error object whose message has `part`; nothing was changed.
static void expect_error(
	const char *method, const char *uri, const char *body, int status, const char *part)
{
	uint64_t before = epoch();
	json_t *json;
	const char *message;

	assert_int_equal(ask(method, uri, body), status);
	json = json_loadb(reply.body, reply.len, 0, NULL);
	message = json_string_value(json_object_get(json_object_get(json, "error"), "message"));
	assert_non_null(message);
	if (strstr(message, part) == NULL)
		fail_msg("%s %s: no \"%s\" in \"%s\"", method, uri, part, message);
	assert_int_equal(epoch(), before);
	json_decref(json);
	rest_reply_free(&reply);
}

static void cluster_describe_is_the_originals(void **state)
{
	(void)state;
	expect_json("GET", "/cluster_describe", NULL,
		"{\"dcs\": [{\"name\": \"dc1\", \"racks\": ["
		"{\"name\": \"rack1\", \"servers\": ["
		"{\"name\": \"192.0.2.11\", \"host\": \"192.0.2.11\", \"port\": 8101, \"token\": "
		"0},"
		"{\"name\": \"192.0.2.12\", \"host\": \"192.0.2.12\", \"port\": 8101, "
		"\"token\": 2147483648}]},"
		"{\"name\": \"rack2\", \"servers\": ["
		"{\"name\": \"192.0.2.13\", \"host\": \"192.0.2.13\", \"port\": 8101, \"token\": "
		"0}]}]},"
		"{\"name\": \"dc2\", \"racks\": ["
		"{\"name\": \"rackA\", \"servers\": ["
		"{\"name\": \"far.example\", \"host\": \"far.example\", \"port\": 8109, "
		"\"token\": 3303027599}]},"
		"{\"name\": \"rackB\", \"servers\": ["
		"{\"name\": \"192.0.2.15\", \"host\": \"192.0.2.15\", \"port\": 8101, \"token\": "
		"5}]}]}]}");
}

static json_t *node_of(json_t *json, size_t dc, size_t rack, size_t node)
{
	json = json_array_get(json_object_get(json, "datacenters"), dc);
	json = json_array_get(json_object_get(json, "racks"), rack);
	return json_array_get(json_object_get(json, "nodes"), node);
}

static double owns(json_t *json, size_t dc, size_t rack, size_t node)
{
	return json_real_value(json_object_get(node_of(json, dc, rack, node), "owns_percent"));
}

static void the_ring_says_who_owns_how_much(void **state)
{
	json_t *json;
	json_t *far;

	(void)state;
	assert_int_equal(ask("GET", "/v1/ring", NULL), REST_OK);
	json = json_loadb(reply.body, reply.len, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(json, "epoch")), 900);
	assert_string_equal(json_string_value(json_object_get(json, "cause")), "began");
	assert_string_equal(json_string_value(json_object_get(json, "hash")), "murmur");
	assert_true(json_is_null(json_object_get(json, "hash_tag")));
	assert_true(owns(json, 0, 0, 0) == 50 && owns(json, 0, 0, 1) == 50);
	assert_true(owns(json, 0, 1, 0) == 100); // with two tokens
	assert_true(owns(json, 1, 0, 0) == 100);
	far = node_of(json, 1, 0, 0);
	assert_string_equal(json_string_value(json_object_get(far, "host")), "far.example");
	assert_true(json_is_null(json_object_get(far, "address")));
	assert_true(json_is_false(json_object_get(far, "local")));
	assert_true(json_is_true(json_object_get(node_of(json, 0, 0, 0), "local")));
	assert_int_equal(json_array_size(json_object_get(node_of(json, 0, 1, 0), "tokens")), 2);
	json_decref(json);
	rest_reply_free(&reply);
}

// dynomite.md §3.3: foo is 3303027599, which goes round to token 0 in rack1.
static void a_key_has_an_owner_in_every_rack(void **state)
{
	(void)state;
	expect_json("GET", "/v1/keys/f%6fo/replicas", NULL,
		"{\"key\": \"foo\", \"hash\": 3303027599, \"epoch\": 900, \"datacenters\": ["
		"{\"name\": \"dc1\", \"forward_to\": null, \"racks\": ["
		"{\"name\": \"rack1\", \"owner\": {\"host\": \"192.0.2.11\", \"address\": "
		"\"192.0.2.11\", \"port\": 8101, \"state\": \"NORMAL\", \"local\": true}},"
		"{\"name\": \"rack2\", \"owner\": {\"host\": \"192.0.2.13\", \"address\": "
		"\"192.0.2.13\", \"port\": 8101, \"state\": \"NORMAL\", \"local\": false}}]},"
		"{\"name\": \"dc2\", \"forward_to\": \"rackA\", \"racks\": ["
		"{\"name\": \"rackA\", \"owner\": {\"host\": \"far.example\", \"address\": "
		"null, \"port\": 8109, \"state\": \"NORMAL\", \"local\": false}},"
		"{\"name\": \"rackB\", \"owner\": {\"host\": \"192.0.2.15\", \"address\": "
		"\"192.0.2.15\", \"port\": 8101, \"state\": \"NORMAL\", \"local\": false}}]}]}");
	assert_int_equal(ask("GET", "/v1/keys/a/b%00%ff/replicas", NULL), REST_OK);
	assert_non_null(strstr(reply.body, "\"a/b%00%ff\"")); // no UTF-8
	rest_reply_free(&reply);
	expect_error("GET", "/v1/keys/a%4/replicas", NULL, 400, "%-escapes");
	expect_error("GET", "/v1/keys//replicas", NULL, 404, "/v1/help");
	expect_error("GET", "/v1/keys/replicas", NULL, 404, "/v1/help");
}

static void a_key_may_have_4095_bytes(void **state)
{
	char uri[5000] = "/v1/keys/";
	size_t len = strlen(uri);

	(void)state;
	memset(uri + len, 'k', 4095);
	strcpy(uri + len + 4095, "/replicas");
	assert_int_equal(ask("GET", uri, NULL), REST_OK);
	rest_reply_free(&reply);
	strcpy(uri + len + 4095, "k/replicas");
	expect_error("GET", uri, NULL, 400, "1 to 4095 bytes");
}

static void consistency_as_the_original(void **state)
{
	static const struct {
		const char *word;
		enum consistency level;
	} levels[] = {
		{"dc_quorum", CONSISTENCY_DC_QUORUM},
		{"DC_Safe_Quorum", CONSISTENCY_DC_SAFE_QUORUM},
		{"dc_each_safe_quorum", CONSISTENCY_DC_EACH_SAFE_QUORUM},
		{"dc_one", CONSISTENCY_DC_ONE},
	};
	const struct snapshot *s = cluster_snapshot(cluster);
	char uri[64];

	(void)state;
	expect_text(
		"/get_consistency", "Read Consistency: DC_ONE\r\nWrite Consistency: DC_ONE\r\n");
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		snprintf(uri, sizeof(uri), "/set_consistency/read/%s", levels[i].word);
		expect_text(uri, "OK\r\n");
		assert_int_equal(s->read_consistency, levels[i].level);
		assert_int_equal(epoch(), 901 + 2 * i);
		snprintf(uri, sizeof(uri), "/set_consistency/write/%s", levels[i].word);
		expect_text(uri, "OK\r\n");
		assert_int_equal(s->write_consistency, levels[i].level);
	}
	expect_text("/set_consistency/read/dc_one", "OK\r\n"); // it is already
	assert_int_equal(epoch(), 908);
	expect_error("GET", "/set_consistency/read/dc_two", NULL, 400, "DC_EACH_SAFE_QUORUM");
	expect_error("GET", "/set_consistency/both/dc_one", NULL, 404, "/v1/help");
	expect_text("/set_consistency/write/dc_quorum", "OK\r\n");
	expect_text(
		"/get_consistency", "Read Consistency: DC_ONE\r\nWrite Consistency: DC_QUORUM\r\n");
}

static void state_and_factor_as_the_original(void **state)
{
	static const char *const states[] = {"STANDBY", "WRITES_ONLY", "RESUMING", "NORMAL"};
	char text[64];

	(void)state;
	expect_text("/state/get_state", "State: NORMAL\n");
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		snprintf(text, sizeof(text), "/state/%s", states[i]);
		for (char *c = text; *c != '\0'; c++)
			*c = ascii_lower(*c);
		expect_text(text, "OK\r\n");
		snprintf(text, sizeof(text), "State: %s\n", states[i]);
		expect_text("/state/get_state", text);
		assert_int_equal(epoch(), 901 + i);
	}
	expect_error("GET", "/state/down", NULL, 400, "NORMAL, STANDBY");
	expect_error("GET", "/state/bogus", NULL, 400, "NORMAL, STANDBY");
	expect_text("/get_timeout_factor", "Timeout factor: 1\n");
	expect_text("/set_timeout_factor/3", "OK\r\n");
	assert_int_equal(cluster_snapshot(cluster)->timeout_ms, 1500);
	expect_text("/set_timeout_factor/11", "OK\r\n");
	expect_text("/get_timeout_factor", "Timeout factor: 10\n");
	expect_text("/set_timeout_factor/0", "OK\r\n");
	expect_text("/get_timeout_factor", "Timeout factor: 1\n");
	expect_error("GET", "/set_timeout_factor/-1", NULL, 400, "1 to 10");
}

static void v1_consistency(void **state)
{
	(void)state;
	expect_json("GET", "/v1/consistency", NULL,
		"{\"read\": \"DC_ONE\", \"write\": \"DC_ONE\", \"file\": {\"read\": \"DC_ONE\", "
		"\"write\": \"DC_ONE\"}, \"epoch\": 900}");
	expect_json("PUT", "/v1/consistency",
		"{\"read\": \"dc_quorum\", \"write\": \"DC_SAFE_QUORUM\"}",
		"{\"read\": \"DC_QUORUM\", \"write\": \"DC_SAFE_QUORUM\", \"file\": {\"read\": "
		"\"DC_ONE\", \"write\": \"DC_ONE\"}, \"epoch\": 901}");
	expect_json("PUT", "/v1/consistency", "{\"read\": \"DC_ONE\"}",
		"{\"read\": \"DC_ONE\", \"write\": \"DC_SAFE_QUORUM\", \"file\": {\"read\": "
		"\"DC_ONE\", \"write\": \"DC_ONE\"}, \"epoch\": 902}");
	expect_error("PUT", "/v1/consistency", "{\"read\": \"DC_QUORUM\", \"write\": \"all\"}", 400,
		"write must be DC_ONE,");
	expect_error("PUT", "/v1/consistency", "{\"reads\": \"DC_ONE\"}", 400, "reads");
	expect_error("PUT", "/v1/consistency", "{\"read\": 1}", 400, "a JSON object like");
	expect_error("PUT", "/v1/consistency", "[]", 400, "a JSON object like");
	expect_error("PUT", "/v1/consistency", "{", 400, "a JSON object like");
	expect_error("PUT", "/v1/consistency", NULL, 400, "a JSON object like");
	expect_error("PUT", "/v1/consistency?read=DC_ONE", "{}", 400, "takes no parameters");
}

static void v1_state_and_timeouts(void **state)
{
	(void)state;
	expect_json("PUT", "/v1/state", "{\"state\": \"standby\"}",
		"{\"state\": \"STANDBY\", \"default\": \"NORMAL\", \"epoch\": 901}");
	expect_json("GET", "/v1/state", NULL,
		"{\"state\": \"STANDBY\", \"default\": \"NORMAL\", \"epoch\": 901}");
	expect_error("PUT", "/v1/state", "{\"state\": \"JOINING\"}", 400, "RESUMING");
	expect_error("PUT", "/v1/state", "{}", 400, "state");
	expect_json("PUT", "/v1/timeouts", "{\"factor\": 4, \"read_hedge_ms\": 15}",
		"{\"timeout_ms\": 500, \"factor\": 4, \"effective_ms\": 2000, "
		"\"read_hedge_ms\": 15, \"file\": {\"timeout_ms\": 500, \"read_hedge_ms\": 0}, "
		"\"epoch\": 902}");
	assert_int_equal(cluster_snapshot(cluster)->read_hedge_ms, 15);
	expect_json("PUT", "/v1/timeouts", "{\"timeout_ms\": 0}",
		"{\"timeout_ms\": 0, \"factor\": 4, \"effective_ms\": 0, "
		"\"read_hedge_ms\": 15, \"file\": {\"timeout_ms\": 500, \"read_hedge_ms\": 0}, "
		"\"epoch\": 903}");
	expect_error("PUT", "/v1/timeouts", "{\"factor\": 0}", 400, "from 1 to 10");
	expect_error("PUT", "/v1/timeouts", "{\"factor\": 4294967297}", 400, "from 1 to 10");
	expect_error("PUT", "/v1/timeouts", "{\"timeout_ms\": -1}", 400, "timeout_ms");
	expect_error("PUT", "/v1/timeouts", "{\"read_hedge_ms\": 60001}", 400, "0 to 60000");
	expect_error("PUT", "/v1/timeouts", "{\"timeout_ms\": 1.5}", 400, "a JSON object like");
}

static void changes_are_told_with_time_and_cause(void **state)
{
	(void)state;
	expect_json("PUT", "/v1/state", "{\"state\": \"STANDBY\"}",
		"{\"state\": \"STANDBY\", \"default\": \"NORMAL\", \"epoch\": 901}");
	expect_json("GET", "/v1/changes", NULL,
		"{\"changes\": [{\"epoch\": 901, \"time\": \"1970-01-01T00:00:01.000Z\", "
		"\"cause\": \"REST: this node is STANDBY\"}, "
		"{\"epoch\": 900, \"time\": \"2026-11-23T15:52:41.551Z\", \"cause\": \"began\"}]}");
}

static void expect_allow(const char *method, const char *uri, const char *allow)
{
	expect_error(method, uri, NULL, 405, allow);
	ask(method, uri, NULL);
	assert_string_equal(reply.allow, allow);
	rest_reply_free(&reply);
}

static void what_changes_something_answers_no_head(void **state)
{
	(void)state;
	expect_allow("HEAD", "/state/standby", "GET");
	expect_allow("POST", "/set_timeout_factor/2", "GET");
	expect_allow("PUT", "/v1/ring", "GET, HEAD");
	expect_allow("POST", "/v1/state", "GET, HEAD, PUT");
	assert_int_equal(ask("HEAD", "/v1/state", NULL), REST_OK);
	rest_reply_free(&reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cluster_describe_is_the_originals),
		TEST(the_ring_says_who_owns_how_much),
		TEST(a_key_has_an_owner_in_every_rack),
		TEST(a_key_may_have_4095_bytes),
		TEST(consistency_as_the_original),
		TEST(state_and_factor_as_the_original),
		TEST(v1_consistency),
		TEST(v1_state_and_timeouts),
		TEST(changes_are_told_with_time_and_cause),
		TEST(what_changes_something_answers_no_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
