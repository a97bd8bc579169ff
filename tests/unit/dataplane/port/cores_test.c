#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/port/cores.h"

static cpu_set_t cpus(unsigned n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned i = 0; i < n; i++)
		CPU_SET(i, &set);
	return set;
}

static void workers_are_taken_from_the_last_cpu_down(void **state)
{
	cpu_set_t all = cpus(4);
	struct cores c;

	(void)state;
	assert_null(cores_choose(&all, NULL, 0, 2, &c));
	assert_int_equal(c.worker_n, 2);
	assert_int_equal(c.worker[0], 3);
	assert_int_equal(c.worker[1], 2);
	assert_int_equal(CPU_COUNT(&c.main), 2);
	assert_false(CPU_ISSET(3, &c.main));
	assert_false(c.shared);
}

static void a_list_of_cpus_is_kept(void **state)
{
	cpu_set_t all = cpus(4);
	const uint16_t wanted[] = {1, 3};
	struct cores c;

	(void)state;
	assert_null(cores_choose(&all, wanted, 2, 0, &c));
	assert_int_equal(c.worker[0], 1);
	assert_int_equal(c.worker[1], 3);
	assert_true(CPU_ISSET(0, &c.main));
	assert_true(CPU_ISSET(2, &c.main));
}

static void with_no_cpu_left_the_main_thread_shares(void **state)
{
	cpu_set_t all = cpus(1);
	struct cores c;

	(void)state;
	assert_null(cores_choose(&all, NULL, 0, 1, &c));
	assert_true(c.shared);
	assert_true(CPU_ISSET(0, &c.main));
}

static void what_cannot_be_is_refused(void **state)
{
	cpu_set_t all = cpus(2);
	const uint16_t twice[] = {1, 1};
	const uint16_t absent[] = {5};
	const uint16_t beyond[] = {UINT16_MAX};
	struct cores c;

	(void)state;
	assert_non_null(cores_choose(&all, twice, 2, 0, &c));
	assert_non_null(cores_choose(&all, absent, 1, 0, &c));
	assert_non_null(cores_choose(&all, beyond, 1, 0, &c));
	assert_non_null(cores_choose(&all, NULL, 0, 3, &c));
	assert_non_null(cores_choose(&all, NULL, 0, 0, &c));
	assert_non_null(cores_choose(&all, NULL, 0, CORES_MAX + 1, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_are_taken_from_the_last_cpu_down),
		cmocka_unit_test(a_list_of_cpus_is_kept),
		cmocka_unit_test(with_no_cpu_left_the_main_thread_shares),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
