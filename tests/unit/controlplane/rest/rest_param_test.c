#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "controlplane/rest/rest_job.h"

struct range {
	const char *method;
	const char *before; // the path, up to the parameter
	const char *name;
	uint64_t least;
	uint64_t most;
};

static void expect_message(const struct rest_reply *reply, const char *name, const char *ends)
{
	json_t *json = json_loadb(reply->body, reply->len, JSON_REJECT_DUPLICATES, NULL);
	const char *text =
		json_string_value(json_object_get(json_object_get(json, "error"), "message"));

	assert_int_equal(reply->status, REST_BAD_REQUEST);
	assert_non_null(text);
	assert_int_equal(strncmp(text, name, strlen(name)), 0);
	if (strstr(text, ends) == NULL)
		fail_msg("no %s in: %s", ends, text);
	json_decref(json);
}

static void try_value(const struct range *range, uint64_t value)
{
	static struct dp_view dp = {.linked = true, .status_known = true};
	struct rest_ctx ctx = {.dp = &dp, .asks = dp_asks_new(), .now = {.ns = NS_PER_SEC}};
	char ends[64];
	char uri[160];
	struct rest_request request = {.method = range->method, .uri = uri};
	struct rest_reply reply;

	snprintf(uri, sizeof(uri), "%s%s=%" PRIu64, range->before, range->name, value);
	snprintf(ends, sizeof(ends), "from %" PRIu64 " to %" PRIu64, range->least, range->most);
	rest_serve(&ctx, &request, &reply);
	if (value < range->least || value > range->most)
		expect_message(&reply, range->name, ends);
	else if (!reply.wait) // for the data plane
		assert_int_not_equal(reply.status, REST_BAD_REQUEST);
	rest_request_end(&request);
	rest_reply_free(&reply);
	dp_asks_free(ctx.asks);
}

// A parameter's range is that of its path, at both ends, and what the error says is that range.
static void ranges_are_those_of_the_path(void **state)
{
	static const char capture[] = "/v1/captures?remote=192.0.2.1&";
	static const struct range ranges[] = {
		{"GET", "/v1/connections?", "limit", 1, 1000},
		{"GET", "/v1/connections?", "worker", 0, 127},
		{"GET", "/v1/connections?", "port", 1, 65535},
		{"GET", "/v1/trace?", "limit", 1, 8192},
		{"GET", "/v1/trace?", "worker", 0, 127},
		{"GET", "/v1/trace?", "port", 1, 65535},
		{"GET", "/v1/stats?", "worker", 0, 127},
		{"POST", capture, "port", 1, 65535},
		{"POST", capture, "packets", 1, 65536},
		{"POST", capture, "bytes", 1024, 4194304},
		{"POST", capture, "seconds", 1, 600},
		{"POST", capture, "snap", 64, 65535},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		try_value(&ranges[i], ranges[i].least);
		try_value(&ranges[i], ranges[i].most);
		try_value(&ranges[i], ranges[i].most + 1);
		if (ranges[i].least > 0)
			try_value(&ranges[i], ranges[i].least - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_those_of_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
