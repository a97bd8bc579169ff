// What is asked of the data plane over REST: parameters, the questions that go out, and what is
// made of the answers. The data plane's side is written by hand here.
#include "tests/unit/controlplane/rest/rest_ask_rig.h"

// A page of connections with remote ports from `port` on.
static bool answer_conns(uint32_t worker_n, uint32_t n, uint32_t port, uint32_t next)
{
	struct ipc_conns page = {.head = head(worker_n), .next = next, .n = n};

	memcpy(bytes, &page, sizeof(page));
	for (uint32_t i = 0; i < n; i++) {
		struct conn_info info = {.state = CONN_ESTABLISHED,
			.remote_port = (uint16_t)(port + i),
			.slot = i,
			.options = 1u << CONN_OPTION_SACK | 1u << 31,
			.timer = 200,
			.cc = "cubic"};

		for (unsigned k = 0; k < CONN_NUM_N; k++)
			info.num[k] = 1000 + k;
		memcpy(bytes + IPC_CONNS_SIZE(i), &info, sizeof(info));
	}
	return answer(IPC_CONNS_SIZE(n));
}

static void connections_are_shown_with_every_number(void **state)
{
	json_t *json;
	json_t *row;

	(void)state;
	assert_true(begin("GET", "/v1/connections"));
	assert_int_equal(asked_id, IPC_CONNS_ASK);
	assert_int_equal(asked.conns.max, IPC_CONNS_MAX);
	assert_int_equal(asked.conns.state, IPC_ANY_STATE);
	assert_false(answer_conns(1, 1, 40000, IPC_CONNS_END));
	assert_true(reply.aged);
	assert_int_equal(reply.age_s, 1);
	json = end(REST_OK);
	assert_int_equal(number(json, "age_ms"), 1000);
	assert_true(json_is_null(json_object_get(json, "next")));
	row = json_array_get(json_object_get(json, "connections"), 0);
	assert_int_equal(number(row, "remote_port"), 40000);
	assert_string_equal(json_string_value(json_object_get(row, "state")), "ESTABLISHED");
	assert_string_equal(json_string_value(json_object_get(row, "timer")), "none"); // tamed
	assert_int_equal(json_array_size(json_object_get(row, "options")), 1);
	for (unsigned i = 0; i < CONN_NUM_N; i++)
		assert_int_equal(number(row, conn_num_rows[i].name), 1000 + i);
	json_decref(json);
}

static void pages_go_through_all_workers(void **state)
{
	json_t *json;

	(void)state;
	assert_true(begin("GET", "/v1/connections?limit=150"));
	assert_true(answer_conns(2, 64, 1000, 64));
	assert_int_equal(asked.head.worker, 0);
	assert_int_equal(asked.conns.from, 64);
	assert_true(answer_conns(2, 0, 0, 1088)); // a portion with none
	assert_true(answer_conns(2, 36, 2000, IPC_CONNS_END));
	assert_int_equal(asked.head.worker, 1);
	assert_int_equal(asked.conns.from, 0);
	assert_int_equal(asked.conns.max, 50);
	assert_false(answer_conns(2, 50, 3000, 50));
	json = end(REST_OK);
	assert_int_equal(json_array_size(json_object_get(json, "connections")), 150);
	assert_string_equal(json_string_value(json_object_get(json, "next")), "1.50");
	json_decref(json);
	// There it goes on.
	assert_true(begin("GET", "/v1/connections?cursor=1.50"));
	assert_int_equal(asked.head.worker, 1);
	assert_int_equal(asked.conns.from, 50);
	assert_false(answer_conns(2, 0, 0, IPC_CONNS_END));
	json_decref(end(REST_OK));
	// One worker's alone.
	assert_true(begin("GET", "/v1/connections?worker=0&cursor=1.50"));
	assert_int_equal(asked.head.worker, 0);
	assert_int_equal(asked.conns.from, 0);
	assert_false(answer_conns(2, 1, 1, IPC_CONNS_END));
	json_decref(end(REST_OK));
}

static void a_long_search_ends_with_where_to_go_on(void **state)
{
	json_t *json;

	(void)state;
	assert_true(begin("GET", "/v1/connections?state=LAST-ACK&remote=fd00%3a%3A5&port=8102"));
	assert_int_equal(asked.conns.state, CONN_LAST_ACK);
	assert_int_equal(asked.conns.port, 8102);
	assert_int_equal(asked.conns.remote.b[0], 0xfd);
	assert_int_equal(asked.conns.remote.b[15], 5);
	assert_true(answer_conns(1, 0, 0, 1024));
	ctx.now = mono_add(ctx.now, NS_PER_SEC);
	assert_false(answer_conns(1, 1, 9, 2048));
	json = end(REST_OK);
	assert_int_equal(json_array_size(json_object_get(json, "connections")), 1);
	assert_string_equal(json_string_value(json_object_get(json, "next")), "0.2048");
	json_decref(json);
}

static void bad_parameters_are_explained(void **state)
{
	static const struct {
		const char *query;
		const char *word;
	} bad[] = {
		{"limit=0", "limit: must be"},
		{"limit=1001", "1000"},
		{"limit=99999999999999999999", "limit"},
		{"port=65536", "65535"},
		{"port=-1", "port"},
		{"port=", "port"},
		{"port=1%00", "port"},
		{"state=established", "ESTABLISHED"},
		{"remote=::", "address"},
		{"remote=host", "address"},
		{"cursor=1", "next"},
		{"cursor=1.", "next"},
		{"cursor=1.2.3", "next"},
		{"cursor=128.0", "next"},
		{"cursor=0.4294967296", "next"},
		{"worker=1&worker=1", "twice"},
		{"seconds=1", "worker cursor limit remote port state"},
		{"limit", "no such parameter"},
		{"&limit=1", "no such parameter"},
		{"remote=00000000000000000000000000000000000000000000000000000000000000000000",
			"address"},
	};
	char uri[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(uri, sizeof(uri), "/v1/connections?%s", bad[i].query);
		expect_error("GET", uri, REST_BAD_REQUEST, bad[i].word);
	}
	expect_error("GET", "/v1/captures?port=1", REST_BAD_REQUEST, "no parameters");
}

static bool refuse(enum ipc_ask_error error)
{
	struct ipc_capture piece = {.head = head(1)};
	size_t len = ipc_row((unsigned)asked_id + 1)->min;

	piece.head.error = error;
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &piece.head, sizeof(piece.head));
	return answer(len);
}

static void what_goes_wrong_is_said(void **state)
{
	struct ipc_answer wrong;

	(void)state;
	assert_true(begin("GET", "/v1/connections?worker=5"));
	assert_false(refuse(IPC_ASK_NO_WORKER));
	json_decref(end(REST_NOT_FOUND));
	assert_true(begin("GET", "/v1/trace?worker=5"));
	assert_false(refuse(IPC_ASK_NO_WORKER));
	json_decref(end(REST_NOT_FOUND));
	// Of another build.
	assert_true(begin("GET", "/v1/trace"));
	wrong = head(1);
	wrong.rows++;
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &wrong, sizeof(wrong));
	assert_false(answer(sizeof(struct ipc_trace)));
	json_decref(end(REST_FAILED));
	// No answer.
	assert_true(begin("GET", "/v1/connections"));
	dp_asks_expire(ctx.asks, mono_add(ctx.now, DP_ASK_TIMEOUT_NS));
	assert_false(serve());
	json_decref(end(REST_BUSY));
	// The link goes meanwhile.
	assert_true(begin("GET", "/v1/connections"));
	dp_asks_lost(ctx.asks);
	assert_false(serve());
	assert_true(reply.aged);
	assert_int_equal(reply.age_s, 2);
	json_decref(end(REST_BUSY));
	dp.linked = false;
	expect_error("GET", "/v1/connections", REST_BUSY, "last heard 2 s ago");
	dp.status_known = false;
	expect_error("GET", "/v1/captures", REST_BUSY, "not been seen");
}

static void too_many_questions_are_refused(void **state)
{
	union ipc_any_ask question = {0};

	(void)state;
	for (unsigned i = 0; i < DP_ASKS_MAX; i++)
		assert_true(dp_ask(ctx.asks, IPC_TRACE_ASK, &question, ctx.now) != 0);
	request = (struct rest_request){.method = "GET", .uri = "/v1/connections"};
	rest_serve(&ctx, &request, &reply);
	assert_false(reply.wait);
	rest_request_end(&request);
	json_decref(end(REST_BUSY));
}

// Records [first, first + n), an event a millisecond; record i has the remote port i.
static bool answer_trace(uint64_t first, uint32_t n, uint64_t all)
{
	struct ipc_trace piece = {.head = head(2), .first = first, .end = all, .n = n};

	piece.head.wall_ns = 100 * NS_PER_SEC;
	memcpy(bytes, &piece, sizeof(piece));
	for (uint32_t i = 0; i < n; i++) {
		struct trace_rec rec = {.ns = 40 * NS_PER_SEC + (first + i) * NS_PER_MS,
			.slot = 3,
			.remote_port = (uint16_t)(first + i),
			.local_port = 8102,
			.event = TRACE_STATE,
			.a = CONN_CLOSED,
			.b = CONN_ESTABLISHED};

		memcpy(&rec.remote, (uint8_t[]){192, 0, 2, 7}, 4);
		memcpy(bytes + IPC_TRACE_SIZE(i), &rec, sizeof(rec));
	}
	return answer(IPC_TRACE_SIZE(n));
}

static void a_trace_is_put_together(void **state)
{
	// The worker's clock was at 50 s when it was 100 s after 1970.
	static const char last[] = "1970-01-01T00:01:33.049000Z 1.3 :8102 192.0.2.7:3049 STATE "
				   "from=CLOSED to=ESTABLISHED\n";
	unsigned lines = 0;

	(void)state;
	assert_true(begin("GET", "/v1/trace?worker=1&limit=3000"));
	assert_int_equal(asked_id, IPC_TRACE_ASK);
	assert_int_equal(asked.head.worker, 1);
	assert_int_equal(asked.trace.back, 3000);
	assert_true(answer_trace(50, IPC_TRACE_MAX, 3050));
	assert_int_equal(asked.trace.back, 0);
	assert_int_equal(asked.trace.from, 50 + IPC_TRACE_MAX);
	// More has happened meanwhile: that is for another time.
	assert_false(answer_trace(50 + IPC_TRACE_MAX, 3000 - IPC_TRACE_MAX, 4000));
	assert_string_equal(reply.type, REST_TEXT);
	for (size_t i = 0; i < reply.len; i++)
		lines += reply.body[i] == '\n';
	assert_int_equal(lines, 3000);
	assert_memory_equal(reply.body + reply.len - strlen(last), last, strlen(last));
	rest_reply_free(&reply);
}

static void a_trace_of_one_port(void **state)
{
	(void)state;
	assert_true(begin("GET", "/v1/trace?port=7&limit=5"));
	assert_int_equal(asked.trace.back, TRACE_RECS);
	assert_false(answer_trace(0, 20, 20));
	assert_non_null(reply.body);
	assert_int_equal(reply.body[reply.len - 1], '\n');
	reply.body[reply.len - 1] = '\0';
	assert_null(strchr(reply.body, '\n'));
	assert_non_null(strstr(reply.body, "192.0.2.7:7 "));
	rest_reply_free(&reply);
	// Every connection has this local port.
	assert_true(begin("GET", "/v1/trace?port=8102&limit=5"));
	assert_false(answer_trace(0, 20, 20));
	reply.body[reply.len - 1] = '\0';
	assert_non_null(strstr(reply.body, "192.0.2.7:15 "));
	assert_null(strstr(reply.body, "192.0.2.7:14 "));
	rest_reply_free(&reply);
	// None at all; and one that ends before its numbers say.
	assert_true(begin("GET", "/v1/trace"));
	assert_false(answer_trace(0, 0, 0));
	assert_int_equal(reply.len, 0);
	rest_reply_free(&reply);
	assert_true(begin("GET", "/v1/trace"));
	assert_false(answer_trace(0, 0, 100));
	rest_reply_free(&reply);
}

static bool answer_capture(uint32_t worker_n, enum ipc_ask_error error,
	const struct ipc_capture_state *one, const char *data, uint32_t n)
{
	struct ipc_capture piece = {.head = head(worker_n), .offset = asked.capture.offset, .n = n};

	piece.head.error = error;
	if (one != NULL)
		piece.state[1] = *one;
	memcpy(bytes, &piece, sizeof(piece));
	if (n > 0)
		memcpy(bytes + sizeof(piece), data, n);
	return answer(IPC_CAPTURE_SIZE(n));
}

static void a_capture_begins_on_every_worker(void **state)
{
	static const char body[] = "{\"remote\": \"192.0.2.7\", \"port\": 4000, \"seconds\": 5}";
	uint64_t id;
	json_t *json;

	(void)state;
	request = (struct rest_request){.method = "POST",
		.uri = "/v1/captures?snap=100",
		.body = body,
		.body_len = sizeof(body) - 1};
	assert_true(serve());
	assert_int_equal(asked_id, IPC_CAPTURE_ASK);
	assert_int_equal(asked.capture.op, IPC_CAPTURE_START);
	assert_int_equal(asked.capture.limits.port, 4000);
	assert_int_equal(asked.capture.limits.snap, 100);
	assert_int_equal(asked.capture.limits.ms, 5000);
	assert_int_equal(asked.capture.limits.packets, 1000);
	assert_int_equal(asked.capture.limits.remote.b[12], 192);
	id = asked.capture.id;
	assert_true(answer_capture(2, IPC_ASK_OK, NULL, NULL, 0));
	assert_int_equal(asked.head.worker, 1);
	assert_int_equal(asked.capture.id, id);
	assert_false(answer_capture(2, IPC_ASK_OK, NULL, NULL, 0));
	json = end(REST_CREATED);
	assert_int_equal(number(json, "id"), id);
	json_decref(json);
	// The next one is another one.
	assert_true(begin("POST", "/v1/captures?port=1"));
	assert_true(asked.capture.id > id);
	assert_false(answer_capture(1, IPC_ASK_OK, NULL, NULL, 0));
	json_decref(end(REST_CREATED));
	expect_error("POST", "/v1/captures", REST_BAD_REQUEST, "which flow");
	expect_error("POST", "/v1/captures?snap=100", REST_BAD_REQUEST, "which flow");
}

// A worker began a capture when its clock was at 1 us.
static bool answer_begun(uint64_t wall_ns)
{
	struct ipc_capture piece = {.head = head(3)};

	piece.head.at_ns = 1000;
	piece.head.wall_ns = wall_ns;
	memcpy(bytes, &piece, sizeof(piece));
	return answer(IPC_CAPTURE_SIZE(0));
}

static void all_workers_count_time_from_the_first_ones_moment(void **state)
{
	static const uint64_t epoch_ns = 1700000000000000000;

	(void)state;
	assert_true(begin("POST", "/v1/captures?port=1"));
	assert_int_equal(asked.capture.epoch_ns, 0);
	assert_true(answer_begun(epoch_ns + 1000));
	assert_int_equal(asked.capture.epoch_ns, epoch_ns);
	assert_true(answer_begun(epoch_ns + 1077)); // it read the wall clock late
	assert_int_equal(asked.head.worker, 2);
	assert_int_equal(asked.capture.epoch_ns, epoch_ns);
	assert_false(answer_begun(epoch_ns + 1000));
	json_decref(end(REST_CREATED));
}

static void a_capture_that_one_worker_has_no_room_for_is_taken_back(void **state)
{
	(void)state;
	assert_true(begin("POST", "/v1/captures?port=1"));
	assert_true(answer_capture(3, IPC_ASK_OK, NULL, NULL, 0));
	assert_true(answer_capture(3, IPC_ASK_OK, NULL, NULL, 0));
	assert_int_equal(asked.head.worker, 2);
	assert_true(answer_capture(3, IPC_ASK_NO_ROOM, NULL, NULL, 0));
	assert_int_equal(asked.head.worker, 1);
	assert_int_equal(asked.capture.op, IPC_CAPTURE_STOP);
	assert_true(answer_capture(3, IPC_ASK_OK, NULL, NULL, 0));
	assert_int_equal(asked.head.worker, 0);
	assert_false(answer_capture(3, IPC_ASK_OK, NULL, NULL, 0));
	json_decref(end(REST_BUSY));
}

static void captures_of_all_workers_are_added_up(void **state)
{
	struct ipc_capture_state one = {
		.id = 9, .packets = 3, .bytes = 300, .limits = {.port = 80, .snap = 64}};
	json_t *json;
	json_t *row;

	(void)state;
	assert_true(begin("GET", "/v1/captures"));
	assert_int_equal(asked.capture.op, IPC_CAPTURE_LIST);
	assert_true(answer_capture(2, IPC_ASK_OK, &one, NULL, 0));
	one.packets = 4;
	one.running = 1;
	one.left_ms = 50;
	assert_false(answer_capture(2, IPC_ASK_OK, &one, NULL, 0));
	json = end(REST_OK);
	assert_int_equal(json_array_size(json_object_get(json, "captures")), 1);
	row = json_array_get(json_object_get(json, "captures"), 0);
	assert_int_equal(number(row, "packets"), 7);
	assert_int_equal(number(row, "bytes"), 600);
	assert_int_equal(number(row, "left_ms"), 50);
	assert_true(json_is_true(json_object_get(row, "running")));
	assert_true(json_is_null(json_object_get(row, "remote")));
	json_decref(json);
}

static void a_file_is_read_piece_by_piece(void **state)
{
	static unsigned char piece[IPC_CAPTURE_MAX];
	uint32_t record[4] = {1, 0, IPC_CAPTURE_MAX, IPC_CAPTURE_MAX};
	uint32_t late[4] = {2, 0, 0, 60};

	(void)state;
	// The first worker's one record is 16 bytes longer than a piece.
	memcpy(piece, record, sizeof(record));
	assert_true(begin("GET", "/v1/captures/9"));
	assert_int_equal(asked.capture.op, IPC_CAPTURE_READ);
	assert_int_equal(asked.capture.id, 9);
	assert_true(answer_capture(2, IPC_ASK_OK, NULL, (char *)piece, IPC_CAPTURE_MAX));
	assert_int_equal(asked.head.worker, 0);
	assert_int_equal(asked.capture.offset, IPC_CAPTURE_MAX);
	assert_true(answer_capture(2, IPC_ASK_OK, NULL, (char *)piece, 16));
	assert_int_equal(asked.head.worker, 1);
	assert_int_equal(asked.capture.offset, 0);
	assert_false(answer_capture(2, IPC_ASK_OK, NULL, (char *)late, sizeof(late)));
	assert_int_equal(reply.status, REST_OK);
	assert_string_equal(reply.type, REST_PCAP);
	assert_int_equal(reply.len, 24 + 16 + IPC_CAPTURE_MAX + 16);
	assert_memory_equal(reply.body + 24, record, sizeof(record));
	assert_memory_equal(reply.body + reply.len - 16, late, sizeof(late));
	rest_reply_free(&reply);
}

static void captures_that_are_not_there(void **state)
{
	(void)state;
	assert_true(begin("GET", "/v1/captures/9"));
	assert_true(answer_capture(2, IPC_ASK_NO_CAPTURE, NULL, NULL, 0));
	assert_false(answer_capture(2, IPC_ASK_NO_CAPTURE, NULL, NULL, 0));
	json_decref(end(REST_NOT_FOUND));
	assert_true(begin("DELETE", "/v1/captures/9"));
	assert_int_equal(asked.capture.op, IPC_CAPTURE_STOP);
	assert_true(answer_capture(2, IPC_ASK_NO_CAPTURE, NULL, NULL, 0));
	assert_false(answer_capture(2, IPC_ASK_OK, NULL, NULL, 0)); // one had it
	json_decref(end(REST_OK));
	expect_error("GET", "/v1/captures/abc", REST_NOT_FOUND, "/v1/captures");
	expect_error("GET", "/v1/captures/0", REST_NOT_FOUND, "/v1/captures");
	expect_error("DELETE", "/v1/captures/99999999999999999999", REST_NOT_FOUND, "lists");
	expect_error("DELETE", "/v1/captures/1234567890123456789012345678901234567890",
		REST_NOT_FOUND, "lists");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_are_shown_with_every_number),
		TEST(pages_go_through_all_workers),
		TEST(a_long_search_ends_with_where_to_go_on),
		TEST(bad_parameters_are_explained),
		TEST(what_goes_wrong_is_said),
		TEST(too_many_questions_are_refused),
		TEST(a_trace_is_put_together),
		TEST(a_trace_of_one_port),
		TEST(a_capture_begins_on_every_worker),
		TEST(all_workers_count_time_from_the_first_ones_moment),
		TEST(a_capture_that_one_worker_has_no_room_for_is_taken_back),
		TEST(captures_of_all_workers_are_added_up),
		TEST(a_file_is_read_piece_by_piece),
		TEST(captures_that_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
