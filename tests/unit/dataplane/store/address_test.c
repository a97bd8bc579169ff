#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "dataplane/store/address.h"

static void test_addresses(void **state)
{
	struct store_address a;
	char text[INET6_ADDRSTRLEN];

	(void)state;
	assert_int_equal(store_address_parse(&a, "/run/redis.sock", 0), 0);
	assert_int_equal(a.u.un.sun_family, AF_UNIX);
	assert_string_equal(a.u.un.sun_path, "/run/redis.sock");
	assert_int_equal(store_address_parse(&a, "127.0.0.1", 22122), 0);
	assert_int_equal(a.u.in.sin_family, AF_INET);
	assert_int_equal(ntohs(a.u.in.sin_port), 22122);
	assert_int_equal(ntohl(a.u.in.sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(store_address_parse(&a, "::1", 6379), 0);
	assert_int_equal(a.u.in6.sin6_family, AF_INET6);
	assert_string_equal(inet_ntop(AF_INET6, &a.u.in6.sin6_addr, text, sizeof(text)), "::1");
}

static void test_refused(void **state)
{
	struct store_address a;
	char path[200];

	(void)state;
	assert_int_equal(store_address_parse(&a, "redis.example.com", 6379), -EINVAL);
	assert_int_equal(store_address_parse(&a, "", 6379), -EINVAL);
	assert_int_equal(store_address_parse(&a, "127.0.0.1", 0), -EINVAL);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(store_address_parse(&a, path, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
