#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/port/quirk.h"

static void drivers_are_found_by_name(void **state)
{
	(void)state;
	assert_int_equal(quirk_of("net_af_xdp")->mtu_max, 3498);
	assert_true(quirk_of("net_af_xdp")->flags & QUIRK_LINEAR);
	assert_true(quirk_of("net_af_packet")->flags & QUIRK_SOCKET_FD);
	assert_int_equal(quirk_of("net_ena")->tx_max, 1024);
	assert_true(quirk_of("net_ena")->flags & QUIRK_TIMERS);
	assert_true(quirk_of("net_tap")->flags & QUIRK_NO_TSO);
}

static void an_ordinary_driver_has_none(void **state)
{
	const struct quirk *q = quirk_of("net_ixgbe");

	(void)state;
	assert_non_null(q);
	assert_int_equal(q->flags, 0);
	assert_int_equal(q->mtu_max, 0);
	assert_ptr_equal(q, quirk_of(""));
}

static void every_row_says_why(void **state)
{
	static const char *const why[] = {
#define QUIRK(name, flags, mtu, tx, text) text,
#include "dataplane/port/quirk.def"
#undef QUIRK
	};

	(void)state;
	for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++)
		assert_true(strlen(why[i]) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drivers_are_found_by_name),
		cmocka_unit_test(an_ordinary_driver_has_none),
		cmocka_unit_test(every_row_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
