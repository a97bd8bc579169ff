#include "tests/unit/dataplane/net/net_fixture.h"

#include <errno.h>

static struct addrs make(void)
{
	struct net_config c = fix_config();
	struct addrs a;

	addrs_init(&a, &c);
	return a;
}

static bool source_ok(const struct addrs *a, const char *text)
{
	struct ip_addr addr = ip(text);

	return ip_addr_is_v4(&addr) ? addrs_source_ok4(a, ip_addr_v4(&addr))
				    : addrs_source_ok6(a, addr.b);
}

static void sources_that_cannot_be_are_refused(void **state)
{
	struct addrs a = make();
	const char *bad[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.1.1",
		"240.0.0.1", "255.255.255.255", "198.18.0.255", "198.18.0.0", OWN4, "::", "::1",
		"ff02::1", OWN6, OWN6_LOCAL};
	const char *good[] = {
		PEER4, "198.18.1.255", "10.0.0.1", "1.2.3.4", PEER6, "fe80::1", "2a00::1", "::2"};
	const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(bad); i++)
		if (source_ok(&a, bad[i]))
			fail_msg("%s was accepted", bad[i]);
	for (size_t i = 0; i < RTE_DIM(good); i++)
		if (!source_ok(&a, good[i]))
			fail_msg("%s was refused", good[i]);
	assert_false(addrs_source_ok6(&a, mapped));
}

static int route(const struct addrs *a, const char *dst, const char *src, struct net_path *p)
{
	struct ip_addr d = ip(dst);
	struct ip_addr s = src != NULL ? ip(src) : IP_ADDR_ANY;

	return addrs_route(a, &d, src != NULL ? &s : NULL, p);
}

#define assert_ip(a, text)                                             \
	do {                                                           \
		char buf_[IP_ADDR_TEXT_MAX];                           \
		assert_string_equal(ip_addr_format(&(a), buf_), text); \
	} while (0)

static void next_hops_and_sources(void **state)
{
	struct addrs a = make();
	struct net_path p;

	(void)state;
	assert_int_equal(route(&a, PEER4, NULL, &p), 0);
	assert_ip(p.src, OWN4);
	assert_ip(p.next_hop, PEER4);
	assert_int_equal(route(&a, "10.1.2.3", NULL, &p), 0);
	assert_ip(p.next_hop, GATEWAY4);
	assert_int_equal(route(&a, PEER6, NULL, &p), 0);
	assert_ip(p.src, OWN6);
	assert_ip(p.next_hop, PEER6);
	assert_int_equal(route(&a, "2a00::1", NULL, &p), 0);
	assert_ip(p.src, OWN6);
	assert_ip(p.next_hop, "2001:db8::1");
	assert_int_equal(route(&a, "fe80::9", NULL, &p), 0);
	assert_ip(p.src, OWN6_LOCAL);
	assert_ip(p.next_hop, "fe80::9");
	assert_int_equal(route(&a, PEER4, OWN4, &p), 0);
	assert_int_equal(route(&a, PEER4, "198.18.0.12", &p), -EADDRNOTAVAIL);
	assert_int_equal(route(&a, PEER4, OWN6, &p), -EADDRNOTAVAIL);
	assert_int_equal(route(&a, "224.0.0.1", NULL, &p), -EHOSTUNREACH);
	assert_int_equal(route(&a, "198.18.0.255", NULL, &p), -EHOSTUNREACH);
	assert_int_equal(route(&a, OWN4, NULL, &p), -EHOSTUNREACH);
}

static void without_a_gateway_there_is_only_the_link(void **state)
{
	struct net_config c = fix_config();
	struct net_path p;
	struct addrs a;

	(void)state;
	c.gateway4 = ip("0.0.0.0");
	c.gateway6 = IP_ADDR_ANY;
	addrs_init(&a, &c);
	assert_int_equal(route(&a, PEER4, NULL, &p), 0);
	assert_int_equal(route(&a, "10.1.2.3", NULL, &p), -EHOSTUNREACH);
	assert_int_equal(route(&a, "2a00::1", NULL, &p), -EHOSTUNREACH);
}

static void a_node_without_ipv6_has_no_link_local_address(void **state)
{
	struct net_config c = fix_config();
	struct addrs a;

	(void)state;
	c.addr_n = 1;
	c.gateway6 = IP_ADDR_ANY;
	addrs_init(&a, &c);
	assert_int_equal(a.n, 1);
}

static void a_gateway_outside_of_every_network_is_a_neighbour(void **state)
{
	struct net_config c = fix_config();
	struct net_path p;
	struct addrs a;

	(void)state;
	c.addr[0].len = 32;
	c.gateway4 = ip("169.254.1.1");
	addrs_init(&a, &c);
	assert_int_equal(route(&a, PEER4, NULL, &p), 0);
	assert_ip(p.src, OWN4);
	assert_ip(p.next_hop, "169.254.1.1");
	assert_int_equal(route(&a, "169.254.1.1", NULL, &p), 0);
	assert_ip(p.next_hop, "169.254.1.1");
}

static void groups(void **state)
{
	struct addrs a = make();

	(void)state;
	assert_true(addrs_is_group6(&a, ip("ff02::1").b));
	assert_true(addrs_is_group6(&a, ip("ff02::1:ff00:11").b));
	assert_true(addrs_is_group6(&a, ip("ff02::1:ff00:1").b)); // the link-local one
	assert_false(addrs_is_group6(&a, ip("ff02::1:ff00:12").b));
	assert_false(addrs_is_group6(&a, ip("ff02::2").b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_that_cannot_be_are_refused),
		cmocka_unit_test(next_hops_and_sources),
		cmocka_unit_test(without_a_gateway_there_is_only_the_link),
		cmocka_unit_test(a_node_without_ipv6_has_no_link_local_address),
		cmocka_unit_test(a_gateway_outside_of_every_network_is_a_neighbour),
		cmocka_unit_test(groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
