#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "controlplane/cluster/names.h"

#define SEED(host, token) "  - " host ":8101:r2:localdc:" #token "\n"
#define AT(seconds) ((struct mono){.ns = (uint64_t)((seconds)*1e9)})

static struct names *names;

static int setup(void **state)
{
	(void)state;
	names = names_new();
	return names == NULL;
}

static int teardown(void **state)
{
	(void)state;
	names_free(names);
	return 0;
}

static void want(const char *seeds, const char *more, struct mono now)
{
	struct conf_report report;
	struct conf *conf;
	char text[2048];
	int len = snprintf(text, sizeof(text),
		"p:\n  listen: 0.0.0.0:1\n  dyn_listen: 0.0.0.0:2\n  servers: [127.0.0.1:6379:1]\n"
		"  tokens: 7\n%s%s%s",
		seeds[0] != '\0' ? "  dyn_seeds:\n" : "", seeds, more);

	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", text, (size_t)len, CONF_ROLE_CONTROLPLANE, &report);
	if (conf == NULL)
		conf_report_print(&report, stderr);
	conf_report_free(&report);
	assert_non_null(conf);
	assert_true(names_want(names, conf, now));
	conf_free(conf);
}

static enum names_news take(const char *host, const char *addrs, struct mono now)
{
	struct ip_addr found[8];
	unsigned n = 0;
	char text[256];
	char *rest = text;
	char *one;

	snprintf(text, sizeof(text), "%s", addrs);
	while ((one = strsep(&rest, " ")) != NULL)
		if (one[0] != '\0')
			assert_true(ip_addr_parse(one, &found[n++]));
	return names_take(names, host, found, n, now);
}

static void assert_at(const char *host, const char *want_addr)
{
	const struct ip_addr *addr = names_addr(names, host);
	char text[IP_ADDR_TEXT_MAX];

	assert_non_null(addr);
	assert_string_equal(ip_addr_format(addr, text), want_addr);
}

static void names_are_asked_once_each_and_addresses_never(void **state)
{
	(void)state;
	want(SEED("b", 1) SEED("192.0.2.1", 2)
			SEED("a", 3) "  - b:9:r3:localdc:1\n" SEED("fd00::1", 4),
		"", AT(1));
	assert_int_equal(names_untried(names), 2);
	assert_string_equal(names_due(names, AT(1)), "a");
	assert_string_equal(names_due(names, AT(1)), "b");
	assert_null(names_due(names, AT(100))); // both are under way
	assert_null(names_addr(names, "a"));
	assert_null(names_addr(names, "192.0.2.1"));
	assert_int_equal(take("a", "192.0.2.7", AT(2)), NAMES_MOVED);
	assert_int_equal(names_untried(names), 1);
	assert_at("a", "192.0.2.7");
	assert_int_equal(take("nobody", "192.0.2.7", AT(2)), NAMES_UNKNOWN);
	want("", "", AT(3));
	assert_null(names_due(names, AT(100)));
	assert_null(names_addr(names, "a"));
}

static void what_was_found_is_asked_again_after_30_s(void **state)
{
	(void)state;
	want(SEED("a", 5), "", AT(0));
	assert_non_null(names_due(names, AT(0)));
	assert_int_equal(take("a", "192.0.2.7", AT(1)), NAMES_MOVED);
	assert_null(names_due(names, AT(30.999)));
	assert_non_null(names_due(names, AT(31)));
	assert_int_equal(take("a", "192.0.2.7", AT(31)), NAMES_SAME);
	assert_non_null(names_due(names, AT(61)));
	assert_int_equal(take("a", "192.0.2.8", AT(61)), NAMES_MOVED);
	assert_at("a", "192.0.2.8");
}

static void failures_are_tried_again_ever_more_rarely(void **state)
{
	static const unsigned pauses[] = {1, 2, 4, 8, 16, 30, 30, 30};
	double now = 5;

	(void)state;
	want(SEED("a", 6), "", AT(now));
	assert_non_null(names_due(names, AT(now)));
	for (unsigned i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		assert_int_equal(take("a", "", AT(now)), i == 0 ? NAMES_FAILED : NAMES_SAME);
		assert_int_equal(names_untried(names), 0);
		assert_null(names_due(names, AT(now + pauses[i] - 0.001)));
		now += pauses[i];
		assert_non_null(names_due(names, AT(now)));
	}
	assert_int_equal(take("a", "192.0.2.7", AT(now)), NAMES_MOVED);
	// A failure after that loses nothing, and begins with a second again.
	assert_non_null(names_due(names, AT(now + 30)));
	assert_int_equal(take("a", "", AT(now + 30)), NAMES_FAILED);
	assert_at("a", "192.0.2.7");
	assert_non_null(names_due(names, AT(now + 31)));
	assert_int_equal(take("a", "192.0.2.7", AT(now + 31)), NAMES_SAME);
}

static void of_several_addresses_the_one_in_use_stays(void **state)
{
	(void)state;
	want(SEED("a", 7), "", AT(0));
	take("a", "192.0.2.7 192.0.2.8 fd00::9", AT(0));
	assert_at("a", "192.0.2.7");
	assert_int_equal(take("a", "192.0.2.8 192.0.2.7", AT(1)), NAMES_SAME);
	assert_at("a", "192.0.2.7");
	assert_int_equal(take("a", "192.0.2.8", AT(2)), NAMES_MOVED);
	assert_at("a", "192.0.2.8");
}

static void only_families_that_the_data_plane_has_count(void **state)
{
	(void)state;
	want(SEED("a", 8), "dataplane:\n  address: fd00::1/64\n", AT(0));
	assert_int_equal(take("a", "192.0.2.7", AT(0)), NAMES_FAILED);
	assert_null(names_addr(names, "a"));
	assert_int_equal(take("a", "192.0.2.7 fd00::9", AT(1)), NAMES_MOVED);
	assert_at("a", "fd00::9");
	want(SEED("a", 9), "dataplane:\n  address: 192.0.2.1/24\n", AT(2));
	assert_int_equal(take("a", "fd00::9 192.0.2.7", AT(3)), NAMES_MOVED);
	assert_at("a", "192.0.2.7");
}

static void a_new_list_keeps_what_is_known(void **state)
{
	(void)state;
	want(SEED("a", 10) SEED("b", 11), "", AT(0));
	names_due(names, AT(0));
	names_due(names, AT(0));
	take("a", "192.0.2.7", AT(0));
	want(SEED("c", 12) SEED("b", 13) SEED("a", 14), "", AT(1));
	assert_at("a", "192.0.2.7");
	assert_string_equal(names_due(names, AT(1)), "c"); // b is still under way
	assert_null(names_due(names, AT(1)));
	assert_int_equal(take("b", "192.0.2.8", AT(2)), NAMES_MOVED);
}

static void recall(const char *host, const char *text)
{
	struct ip_addr addr;

	assert_true(ip_addr_parse(text, &addr));
	names_recall(names, host, &addr);
}

// A name that can't be found any more keeps its address over a restart of the program too, and of
// several that are found the one in use stays.
static void an_address_in_use_is_recalled(void **state)
{
	(void)state;
	want(SEED("a", 10) SEED("b", 11), "dataplane:\n  address: 192.0.2.1/24\n", AT(0));
	recall("a", "192.0.2.7");
	recall("b", "fd00::9"); // out of reach now
	recall("stranger", "192.0.2.9");
	assert_at("a", "192.0.2.7");
	assert_null(names_addr(names, "b"));
	assert_null(names_addr(names, "stranger"));
	assert_int_equal(names_untried(names), 2); // it is asked for all the same
	assert_int_equal(take("a", "", AT(1)), NAMES_FAILED);
	assert_at("a", "192.0.2.7");
	assert_int_equal(take("a", "192.0.2.8 192.0.2.7", AT(2)), NAMES_SAME);
	assert_at("a", "192.0.2.7");
	assert_int_equal(take("a", "192.0.2.8", AT(3)), NAMES_MOVED);
	recall("a", "192.0.2.7"); // too late
	assert_at("a", "192.0.2.8");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_asked_once_each_and_addresses_never),
		TEST(what_was_found_is_asked_again_after_30_s),
		TEST(failures_are_tried_again_ever_more_rarely),
		TEST(of_several_addresses_the_one_in_use_stays),
		TEST(only_families_that_the_data_plane_has_count),
		TEST(a_new_list_keeps_what_is_known),
		TEST(an_address_in_use_is_recalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
