#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/ip_addr.h"

static void expect_text(const char *in, const char *out)
{
	char text[IP_ADDR_TEXT_MAX];
	struct ip_addr a;

	assert_true(ip_addr_parse(in, &a));
	assert_string_equal(ip_addr_format(&a, text), out);
}

static void expect_no_addr(const char *in)
{
	struct ip_addr a;

	assert_false(ip_addr_parse(in, &a));
}

static void text_both_ways(void **state)
{
	(void)state;
	expect_text("192.0.2.1", "192.0.2.1");
	expect_text("0.0.0.0", "0.0.0.0");
	expect_text("2001:DB8:0:0::1", "2001:db8::1");
	expect_text("::", "::");
	expect_text("::ffff:192.0.2.1", "192.0.2.1");
	expect_no_addr("");
	expect_no_addr("192.0.2");
	expect_no_addr("192.0.2.256");
	expect_no_addr("192.0.2.1 ");
	expect_no_addr("[::1]");
	expect_no_addr("host");
}

static void families_are_told_apart(void **state)
{
	struct ip_addr v4;
	struct ip_addr v6;

	(void)state;
	assert_true(ip_addr_parse("0.0.0.0", &v4));
	assert_true(ip_addr_parse("::", &v6));
	assert_true(ip_addr_is_v4(&v4));
	assert_false(ip_addr_is_v4(&v6));
	assert_true(ip_addr_is_any(&v6));
	assert_false(ip_addr_eq(&v4, &v6));
	v4 = ip_addr_from_v4(UINT32_C(0x010200c0)); // 192.0.2.1 as it stands in a packet
	assert_true(ip_addr_parse("192.0.2.1", &v6));
	assert_true(ip_addr_eq(&v4, &v6));
	assert_int_equal(ip_addr_v4(&v6), 0x010200c0);
}

static bool contains(const char *prefix, const char *addr)
{
	struct ip_prefix p;
	struct ip_addr a;

	assert_true(ip_prefix_parse(prefix, &p));
	assert_true(ip_addr_parse(addr, &a));
	return ip_prefix_contains(&p, &a);
}

static void prefixes_contain_what_they_should(void **state)
{
	(void)state;
	assert_true(contains("192.0.2.77/24", "192.0.2.1"));
	assert_false(contains("192.0.2.77/24", "192.0.3.1"));
	assert_true(contains("10.0.0.0/9", "10.127.255.255"));
	assert_false(contains("10.0.0.0/9", "10.128.0.0"));
	assert_true(contains("0.0.0.0/0", "255.255.255.255"));
	assert_false(contains("0.0.0.0/0", "2001:db8::1"));
	assert_false(contains("::/0", "192.0.2.1"));
	assert_true(contains("::/0", "2001:db8::1"));
	assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(contains("192.0.2.1", "192.0.2.1"));
	assert_false(contains("192.0.2.1", "192.0.2.0"));
	assert_true(contains("fe80::1/128", "fe80::1"));
}

static void bad_prefixes_are_refused(void **state)
{
	static const char *const bad[] = {"192.0.2.1/33", "2001:db8::/129", "192.0.2.1/", "/24",
		"192.0.2.1/-1", "192.0.2.1/2x", "192.0.2.1/24/24", "",
		"1111111111111111111111111111111111111111111111111111111111/1"};
	struct ip_prefix p;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ip_prefix_parse(bad[i], &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_both_ways),
		cmocka_unit_test(families_are_told_apart),
		cmocka_unit_test(prefixes_contain_what_they_should),
		cmocka_unit_test(bad_prefixes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
