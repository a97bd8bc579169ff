#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "controlplane/link/dp_ask.h"

static struct dp_asks *asks;
static struct mono now;

static int setup(void **state)
{
	(void)state;
	now = (struct mono){.ns = NS_PER_SEC};
	asks = dp_asks_new();
	return asks != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dp_asks_free(asks);
	return 0;
}

static uint64_t ask(void)
{
	union ipc_any_ask question = {.conns = {.max = 1}};

	return dp_ask(asks, IPC_CONNS_ASK, &question, now);
}

// The number of the question that is sent next; 0: none.
static uint64_t sent(void)
{
	enum ipc_id id = IPC_HELLO;
	size_t len = 0;
	const union ipc_any_ask *question = dp_asks_next(asks, &id, &len);
	uint64_t number = question != NULL ? question->head.ask : 0;

	if (question == NULL)
		return 0;
	assert_int_equal(id, IPC_CONNS_ASK);
	assert_int_equal(len, sizeof(struct ipc_conns_ask));
	dp_asks_sent(asks, true);
	return number;
}

static void answer_as(uint64_t number, enum ipc_id id, uint32_t rows)
{
	struct ipc_conns conns = {.head = {.ask = number, .rows = rows}, .next = 77};
	struct ipc_msg msg = {.id = id, .payload = &conns, .len = sizeof(conns)};

	dp_asks_take(asks, &msg);
}

static void answer(uint64_t number)
{
	answer_as(number, IPC_CONNS, ipc_ask_rows());
}

static void one_is_under_way_and_the_others_follow_in_order(void **state)
{
	uint64_t a = ask();
	uint64_t b = ask();
	struct ipc_conns got;
	const void *payload;
	size_t len;

	(void)state;
	assert_true(a != 0 && b != 0 && a != b);
	assert_int_equal(sent(), a);
	assert_int_equal(sent(), 0); // not before the first is answered
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_PENDING);
	assert_null(dp_ask_answer(asks, a, &len));
	answer(a);
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_ANSWERED);
	payload = dp_ask_answer(asks, a, &len);
	assert_int_equal(len, sizeof(got));
	memcpy(&got, payload, sizeof(got));
	assert_int_equal(got.next, 77);
	assert_int_equal(sent(), b);
	dp_ask_drop(asks, a);
	assert_null(dp_ask_answer(asks, a, &len));
	assert_int_equal(dp_ask_fate(asks, b), DP_ASK_PENDING);
	answer(b);
	assert_int_equal(dp_ask_fate(asks, b), DP_ASK_ANSWERED);
	assert_int_equal(sent(), 0);
}

static void answers_that_nobody_waits_for_change_nothing(void **state)
{
	uint64_t a = ask();

	(void)state;
	answer(a + 1);
	answer(0);
	answer_as(a, IPC_TRACE, ipc_ask_rows());
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_PENDING);
	assert_int_equal(sent(), a);
	dp_ask_drop(asks, a);
	answer(a);
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_LATE);
	dp_ask_drop(asks, a); // again: harmless
	dp_ask_drop(asks, 0);
}

static void an_answer_of_another_build_is_refused(void **state)
{
	uint64_t a = ask();
	size_t len;

	(void)state;
	assert_int_equal(sent(), a);
	answer_as(a, IPC_CONNS, ipc_ask_rows() + 1);
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_WRONG);
	assert_non_null(strstr(dp_ask_error(asks, a), "another build"));
	assert_null(dp_ask_answer(asks, a, &len));
	answer(a); // it is settled
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_WRONG);
}

static void time_runs_out_and_the_next_goes(void **state)
{
	uint64_t a = ask();
	uint64_t b;

	(void)state;
	assert_int_equal(sent(), a);
	now = mono_add(now, DP_ASK_TIMEOUT_NS / 2);
	b = ask();
	dp_asks_expire(asks, now);
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_PENDING);
	now = mono_add(now, DP_ASK_TIMEOUT_NS / 2);
	dp_asks_expire(asks, now);
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_LATE);
	assert_int_equal(dp_ask_fate(asks, b), DP_ASK_PENDING);
	assert_int_equal(sent(), b);
	answer(a);
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_LATE);
}

static void a_lost_link_is_told_to_all(void **state)
{
	uint64_t a = ask();
	uint64_t b = ask();
	uint64_t c;
	enum ipc_id id;
	size_t len;

	(void)state;
	assert_int_equal(sent(), a);
	answer(a);
	assert_int_equal(sent(), b);
	c = ask();
	dp_asks_lost(asks);
	assert_int_equal(dp_ask_fate(asks, a), DP_ASK_ANSWERED);
	assert_int_equal(dp_ask_fate(asks, b), DP_ASK_AWAY);
	assert_int_equal(dp_ask_fate(asks, c), DP_ASK_AWAY);
	// And one that can't even be sent.
	c = ask();
	assert_non_null(dp_asks_next(asks, &id, &len));
	dp_asks_sent(asks, false);
	assert_int_equal(dp_ask_fate(asks, c), DP_ASK_AWAY);
	assert_null(dp_asks_next(asks, &id, &len));
}

static void as_many_wait_as_may(void **state)
{
	uint64_t first = 0;

	(void)state;
	for (unsigned i = 0; i < DP_ASKS_MAX; i++) {
		uint64_t number = ask();

		assert_int_not_equal(number, 0);
		first = first == 0 ? number : first;
	}
	assert_int_equal(ask(), 0);
	dp_ask_drop(asks, first);
	assert_int_not_equal(ask(), 0);
	assert_int_equal(ask(), 0);
}

static void ids_never_come_twice(void **state)
{
	(void)state;
	assert_int_equal(dp_asks_id(asks, 100), 100);
	assert_int_equal(dp_asks_id(asks, 100), 101);
	assert_int_equal(dp_asks_id(asks, 50), 102);
	assert_int_equal(dp_asks_id(asks, 200), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			one_is_under_way_and_the_others_follow_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			answers_that_nobody_waits_for_change_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_answer_of_another_build_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(time_runs_out_and_the_next_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_link_is_told_to_all, setup, teardown),
		cmocka_unit_test_setup_teardown(as_many_wait_as_may, setup, teardown),
		cmocka_unit_test_setup_teardown(ids_never_come_twice, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
