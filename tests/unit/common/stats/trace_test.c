#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/stats/conn_info.h"
#include "common/stats/stats.h"
#include "common/stats/trace.h"

static struct trace_rec out[TRACE_RECS + 1];

static void put(struct trace_ring *ring, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		trace_put(ring, &(struct trace_rec){.a = i});
}

static void the_last_records_are_kept_in_order(void **state)
{
	struct trace_ring ring;
	uint64_t first;

	(void)state;
	assert_int_equal(sizeof(struct trace_rec), 32);
	assert_int_equal(trace_ring_init(&ring), 0);
	assert_int_equal(trace_read(&ring, 0, 10, out, &first), 0);
	assert_int_equal(first, 0);
	put(&ring, 0, 3);
	assert_int_equal(trace_read(&ring, 1, 10, out, &first), 2);
	assert_int_equal(first, 1);
	assert_int_equal(out[0].a, 1);
	assert_int_equal(out[1].a, 2);
	put(&ring, 3, TRACE_RECS + 5);
	assert_int_equal(trace_read(&ring, 0, TRACE_RECS + 1, out, &first), TRACE_RECS);
	assert_int_equal(first, 5); // what was there is gone, and the reader sees it
	for (uint32_t i = 0; i < TRACE_RECS; i++)
		assert_int_equal(out[i].a, 5 + i);
	assert_int_equal(trace_read(&ring, TRACE_RECS, 2, out, &first), 2);
	assert_int_equal(out[0].a, TRACE_RECS);
	// Beyond the end, also absurdly: nothing.
	assert_int_equal(trace_read(&ring, UINT64_MAX, 10, out, &first), 0);
	assert_int_equal(first, TRACE_RECS + 5);
	trace_ring_fini(&ring);
}

static void expect(struct trace_rec rec, const char *want)
{
	char text[TRACE_TEXT_MAX];

	assert_int_equal(trace_text(&rec, text), strlen(want));
	assert_string_equal(text, want);
}

static void events_become_text(void **state)
{
	(void)state;
	expect(
		(struct trace_rec){
			.event = TRACE_STATE, .a = CONN_ESTABLISHED, .b = CONN_CLOSE_WAIT},
		"STATE from=ESTABLISHED to=CLOSE-WAIT");
	expect((struct trace_rec){.event = TRACE_DROP, .a = DROP_TCP_PAWS, .b = 0xab},
		"DROP reason=TCP_PAWS seq=0x000000ab");
	expect((struct trace_rec){.event = TRACE_END, .a = ECONNRESET, .b = 7},
		"END error=ECONNRESET unacked=7");
	expect((struct trace_rec){.event = TRACE_END}, "END error=0 unacked=0");
	expect((struct trace_rec){.event = TRACE_CONNECT, .a = 1460}, "CONNECT mss=1460");
	expect((struct trace_rec){.event = TRACE_RST_OUT, .a = UINT32_MAX, .b = 9},
		"RST_OUT seq=0xffffffff");
}

static void numbers_that_mean_nothing_are_shown_all_the_same(void **state)
{
	(void)state;
	expect((struct trace_rec){.event = 60000, .a = 1, .b = 2}, "EVENT_60000 a=1 b=2");
	expect((struct trace_rec){.event = TRACE_STATE, .a = CONN_STATE_N, .b = UINT32_MAX},
		"STATE from=? to=?");
	expect((struct trace_rec){.event = TRACE_DROP, .a = DROP_N},
		"DROP reason=? seq=0x00000000");
	expect((struct trace_rec){.event = TRACE_END, .a = UINT32_MAX},
		"END error=4294967295 unacked=0");
}

static void any_bytes_become_a_line(void **state)
{
	char text[TRACE_TEXT_MAX];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (unsigned i = 0; i < 100000; i++) {
		struct trace_rec rec = {
			.event = (uint16_t)(rng_u64(&rng) % (TRACE_N + 2)),
			.a = (uint32_t)rng_u64(&rng) >> (rng_u64(&rng) % 32),
			.b = (uint32_t)rng_u64(&rng) >> (rng_u64(&rng) % 32),
		};
		size_t len = trace_text(&rec, text);

		assert_in_range(len, 3, TRACE_TEXT_MAX - 1);
		assert_int_equal(strlen(text), len);
	}
}

static void records_of_the_other_process_are_made_safe(void **state)
{
	struct conn_info info;

	(void)state;
	memset(&info, 0xff, sizeof(info));
	conn_info_clean(&info);
	assert_true(info.state < CONN_STATE_N && info.timer < CONN_TIMER_N);
	assert_true(info.phase < CONN_PHASE_N);
	assert_int_equal(strnlen(info.cc, sizeof(info.cc)), sizeof(info.cc) - 1);
	for (unsigned i = 0; i < CONN_STATE_N; i++)
		assert_non_null(conn_state_names[i]);
	for (unsigned i = 0; i < CONN_NUM_N; i++)
		assert_non_null(conn_num_rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_records_are_kept_in_order),
		cmocka_unit_test(events_become_text),
		cmocka_unit_test(numbers_that_mean_nothing_are_shown_all_the_same),
		cmocka_unit_test(any_bytes_become_a_line),
		cmocka_unit_test(records_of_the_other_process_are_made_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
