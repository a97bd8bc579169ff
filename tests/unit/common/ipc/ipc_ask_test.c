// Answers of a worker: what is taken, and what a process gone wrong could send instead.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/ipc/ipc_codec.h"

static unsigned char bytes[IPC_ANSWER_MAX + 64];

static struct ipc_answer head(void)
{
	return (struct ipc_answer){.ask = 1, .worker_n = 1, .rows = ipc_ask_rows()};
}

static const char *check_conns(uint32_t n, size_t len)
{
	struct ipc_conns conns = {.head = head(), .n = n};

	memcpy(bytes, &conns, sizeof(conns));
	return ipc_answer_check(IPC_CONNS, bytes, len);
}

static void pages_of_connections(void **state)
{
	(void)state;
	assert_null(check_conns(0, IPC_CONNS_SIZE(0)));
	assert_null(check_conns(3, IPC_CONNS_SIZE(3)));
	assert_null(check_conns(IPC_CONNS_MAX, IPC_CONNS_SIZE(IPC_CONNS_MAX)));
	assert_non_null(check_conns(3, IPC_CONNS_SIZE(3) - 1));
	assert_non_null(check_conns(3, IPC_CONNS_SIZE(2)));
	assert_non_null(check_conns(2, IPC_CONNS_SIZE(3)));
	assert_non_null(check_conns(IPC_CONNS_MAX + 1, IPC_CONNS_SIZE(IPC_CONNS_MAX + 1)));
	assert_non_null(check_conns(UINT32_MAX, IPC_CONNS_SIZE(0)));
}

static const char *check_peers(uint32_t n, size_t len)
{
	struct ipc_peers peers = {.head = head(), .n = n};

	memcpy(bytes, &peers, sizeof(peers));
	return ipc_answer_check(IPC_PEERS, bytes, len);
}

static void pages_of_peers(void **state)
{
	(void)state;
	assert_null(check_peers(0, IPC_PEERS_SIZE(0)));
	assert_null(check_peers(IPC_PEERS_MAX, IPC_PEERS_SIZE(IPC_PEERS_MAX)));
	assert_non_null(check_peers(3, IPC_PEERS_SIZE(3) - 1));
	assert_non_null(check_peers(3, IPC_PEERS_SIZE(2)));
	assert_non_null(check_peers(2, IPC_PEERS_SIZE(3)));
	assert_non_null(check_peers(IPC_PEERS_MAX + 1, IPC_PEERS_SIZE(IPC_PEERS_MAX + 1)));
	assert_non_null(check_peers(UINT32_MAX, IPC_PEERS_SIZE(0)));
}

static void what_is_said_of_a_peer_is_made_safe(void **state)
{
	struct peer_info info = {.health = PEER_HEALTH_N, .same_dc = 7};

	(void)state;
	peer_info_clean(&info);
	assert_int_equal(info.health, PEER_UNKNOWN);
	assert_int_equal(info.same_dc, 1);
	info.health = PEER_DOWN;
	info.same_dc = 0;
	peer_info_clean(&info);
	assert_int_equal(info.health, PEER_DOWN);
	assert_int_equal(info.same_dc, 0);
}

static const char *check_trace(uint64_t first, uint64_t end, uint32_t n, size_t len)
{
	struct ipc_trace trace = {.head = head(), .first = first, .end = end, .n = n};

	memcpy(bytes, &trace, sizeof(trace));
	return ipc_answer_check(IPC_TRACE, bytes, len);
}

static void pieces_of_a_trace(void **state)
{
	(void)state;
	assert_null(check_trace(0, 0, 0, IPC_TRACE_SIZE(0)));
	assert_null(check_trace(5, 9, 4, IPC_TRACE_SIZE(4)));
	assert_null(check_trace(5, 9, 3, IPC_TRACE_SIZE(3)));
	assert_non_null(check_trace(5, 9, 5, IPC_TRACE_SIZE(5)));
	assert_non_null(check_trace(9, 5, 0, IPC_TRACE_SIZE(0)));
	assert_non_null(check_trace(UINT64_MAX, 5, 4, IPC_TRACE_SIZE(4)));
	assert_non_null(check_trace(0, 9, 4, IPC_TRACE_SIZE(4) + 1));
	assert_non_null(
		check_trace(0, UINT64_MAX, IPC_TRACE_MAX + 1, IPC_TRACE_SIZE(IPC_TRACE_MAX + 1)));
}

static const char *check_capture(uint32_t offset, uint32_t n, size_t len)
{
	struct ipc_capture capture = {.head = head(), .offset = offset, .n = n};

	memcpy(bytes, &capture, sizeof(capture));
	return ipc_answer_check(IPC_CAPTURE, bytes, len);
}

static void pieces_of_a_capture(void **state)
{
	(void)state;
	assert_null(check_capture(0, 0, IPC_CAPTURE_SIZE(0)));
	assert_null(check_capture(7, IPC_CAPTURE_MAX, IPC_CAPTURE_SIZE(IPC_CAPTURE_MAX)));
	assert_non_null(check_capture(0, 1, IPC_CAPTURE_SIZE(0)));
	assert_non_null(check_capture(0, 0, IPC_CAPTURE_SIZE(1)));
	assert_non_null(check_capture(UINT32_MAX, 1, IPC_CAPTURE_SIZE(1)));
}

static void another_build_and_unknown_errors(void **state)
{
	struct ipc_conns conns = {.head = head()};

	(void)state;
	conns.head.rows++;
	assert_non_null(
		strstr(ipc_answer_check(IPC_CONNS, &conns, sizeof(conns)), "another build"));
	conns.head.rows--;
	assert_null(ipc_answer_check(IPC_CONNS, &conns, sizeof(conns)));
	conns.head.error = IPC_ASK_ERROR_N;
	assert_non_null(ipc_answer_check(IPC_CONNS, &conns, sizeof(conns)));
	conns.head.error = IPC_ASK_OK;
	assert_non_null(ipc_answer_check(IPC_STATS, &conns, sizeof(conns)));
	for (unsigned i = 1; i < IPC_ASK_ERROR_N; i++)
		assert_true(strlen(ipc_ask_error_text((enum ipc_ask_error)i)) > 5);
}

static void rows_bound_what_may_be_sent(void **state)
{
	static const struct {
		enum ipc_id id;
		unsigned from;
		size_t min;
		size_t max;
	} want[] = {
		{IPC_CONNS_ASK, IPC_FROM_CP, sizeof(struct ipc_conns_ask),
			sizeof(struct ipc_conns_ask)},
		{IPC_CONNS, IPC_FROM_DP, sizeof(struct ipc_conns), IPC_CONNS_SIZE(IPC_CONNS_MAX)},
		{IPC_PEERS_ASK, IPC_FROM_CP, sizeof(struct ipc_peers_ask),
			sizeof(struct ipc_peers_ask)},
		{IPC_PEERS, IPC_FROM_DP, sizeof(struct ipc_peers), IPC_PEERS_SIZE(IPC_PEERS_MAX)},
		{IPC_TRACE_ASK, IPC_FROM_CP, sizeof(struct ipc_trace_ask),
			sizeof(struct ipc_trace_ask)},
		{IPC_TRACE, IPC_FROM_DP, sizeof(struct ipc_trace), IPC_TRACE_SIZE(IPC_TRACE_MAX)},
		{IPC_CAPTURE_ASK, IPC_FROM_CP, sizeof(struct ipc_capture_ask),
			sizeof(struct ipc_capture_ask)},
		{IPC_CAPTURE, IPC_FROM_DP, sizeof(struct ipc_capture),
			IPC_CAPTURE_SIZE(IPC_CAPTURE_MAX)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct ipc_row *row = ipc_row(want[i].id);

		assert_non_null(row);
		assert_int_equal(row->from, want[i].from);
		assert_int_equal(row->min, want[i].min);
		assert_int_equal(row->max, want[i].max);
		assert_true(row->max <= IPC_ANSWER_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_connections),
		cmocka_unit_test(pages_of_peers),
		cmocka_unit_test(what_is_said_of_a_peer_is_made_safe),
		cmocka_unit_test(pieces_of_a_trace),
		cmocka_unit_test(pieces_of_a_capture),
		cmocka_unit_test(another_build_and_unknown_errors),
		cmocka_unit_test(rows_bound_what_may_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
