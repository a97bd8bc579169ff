#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "common/conf/conf_near.h"

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(conf_distance("", ""), 0);
	assert_int_equal(conf_distance("abc", "abc"), 0);
	assert_int_equal(conf_distance("", "abc"), 3);
	assert_int_equal(conf_distance("abc", ""), 3);
	assert_int_equal(conf_distance("kitten", "sitting"), 3);
	assert_int_equal(conf_distance("mtu", "mut"), 1); // swapped neighbours
	assert_int_equal(conf_distance("datastore_conections", "datastore_connections"), 1);
}

static void test_distance_is_symmetric(void **state)
{
	static const char *const words[] = {"listen", "dyn_listen", "timeout", "mtu", "x", ""};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		for (size_t j = 0; j < 6; j++)
			assert_int_equal(conf_distance(words[i], words[j]),
				conf_distance(words[j], words[i]));
}

static void test_too_long_is_infinitely_far(void **state)
{
	char name[65];

	(void)state;
	memset(name, 'a', 64);
	name[64] = '\0';
	assert_int_equal(conf_distance(name, "a"), UINT_MAX);
	assert_false(conf_is_near(name, name));
	name[63] = '\0';
	assert_int_equal(conf_distance(name, name), 0);
}

static void test_near(void **state)
{
	(void)state;
	assert_true(conf_is_near("lisen", "listen"));
	assert_true(conf_is_near("Timeout", "timeout"));
	assert_true(conf_is_near("mut", "mtu"));
	assert_false(conf_is_near("ipc", "mtu"));
	assert_false(conf_is_near("requirepass", "tokens"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_distance_is_symmetric),
		cmocka_unit_test(test_too_long_is_infinitely_far),
		cmocka_unit_test(test_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
