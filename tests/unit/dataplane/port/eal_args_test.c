#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/port/eal.h"

static struct cores two_workers(void)
{
	struct cores c = {.worker = {3, 1}, .worker_n = 2};

	CPU_ZERO(&c.main);
	CPU_SET(0, &c.main);
	CPU_SET(2, &c.main);
	return c;
}

static bool has(const struct eal_args *args, const char *text)
{
	for (int i = 0; i < args->argc; i++)
		if (strcmp(args->argv[i], text) == 0)
			return true;
	return false;
}

// Strings lie in the list itself: it is not to be copied.
#define with_args(name, dev, huge)                 \
	struct cores name##_cores = two_workers(); \
	struct eal_config name##_config = {        \
		.program = "p",                    \
		.device = (dev),                   \
		.memory = 256 << 20,               \
		.cores = &name##_cores,            \
	};                                         \
	static struct eal_args name;               \
	eal_args_make(&name##_config, huge, &name)

static void the_main_thread_is_no_worker(void **state)
{
	with_args(a, "net_null0", false);

	(void)state;
	assert_true(has(&a, "--lcores=0@(0,2),1@3,2@1"));
	assert_true(has(&a, "--main-lcore=0"));
}

static void without_huge_pages_memory_is_fixed(void **state)
{
	with_args(a, "net_null0", false);

	(void)state;
	assert_true(has(&a, "--no-huge"));
	assert_true(has(&a, "--no-shconf"));
	assert_true(has(&a, "320")); // 256 and what DPDK needs itself
	// DPDK refuses the two together.
	assert_false(has(&a, "--in-memory"));
}

static void with_huge_pages_nothing_is_left_behind(void **state)
{
	with_args(a, "net_null0", true);
	with_args(shared, "net_virtio_user0,path=/tmp/s", true);

	(void)state;
	assert_true(has(&a, "--in-memory"));
	assert_false(has(&a, "--no-huge"));
	assert_false(has(&a, "--single-file-segments"));
	assert_true(has(&shared, "--single-file-segments"));
}

static void a_card_and_a_virtual_device_are_named_differently(void **state)
{
	with_args(vdev, "net_af_packet0,iface=eth1", false);
	with_args(pci, "0000:01:00.0", true);

	(void)state;
	assert_true(has(&vdev, "--vdev=net_af_packet0,iface=eth1"));
	assert_true(has(&vdev, "--no-pci"));
	assert_true(has(&pci, "--allow=0000:01:00.0"));
	assert_false(has(&pci, "--no-pci"));
}

static void pci_addresses_are_told_from_names(void **state)
{
	(void)state;
	assert_true(eal_is_pci("0000:01:00.0"));
	assert_true(eal_is_pci("01:00.0"));
	assert_true(eal_is_pci("0000:ff:1f.7,large_llq_hdr=1"));
	assert_false(eal_is_pci("net_null0"));
	assert_false(eal_is_pci("0000:01:00.0x"));
	assert_false(eal_is_pci("0000:01:00"));
	assert_false(eal_is_pci(""));
}

static void too_many_arguments_are_noticed(void **state)
{
	const char *extra[EAL_ARGS_MAX];
	struct cores cores = two_workers();
	struct eal_config config = {.program = "p",
		.device = "net_null0",
		.memory = 1 << 20,
		.cores = &cores,
		.extra = extra,
		.extra_n = EAL_ARGS_MAX};
	static struct eal_args args;

	(void)state;
	for (unsigned i = 0; i < EAL_ARGS_MAX; i++)
		extra[i] = "-v";
	eal_args_make(&config, false, &args);
	assert_true(args.full);
	assert_int_equal(args.argc, EAL_ARGS_MAX);
	config.extra_n = 1;
	eal_args_make(&config, false, &args);
	assert_false(args.full);
	assert_string_equal(args.argv[args.argc - 1], "-v");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_main_thread_is_no_worker),
		cmocka_unit_test(without_huge_pages_memory_is_fixed),
		cmocka_unit_test(with_huge_pages_nothing_is_left_behind),
		cmocka_unit_test(a_card_and_a_virtual_device_are_named_differently),
		cmocka_unit_test(pci_addresses_are_told_from_names),
		cmocka_unit_test(too_many_arguments_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
