#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/bytes.h"

static void big_endian_at_any_alignment(void **state)
{
	unsigned char b[12] = {0};

	(void)state;
	for (unsigned at = 0; at < 8; at++) {
		be32_put(b + at, UINT32_C(0x01020304));
		assert_memory_equal(b + at, "\1\2\3\4", 4);
		assert_int_equal(be32_get(b + at), 0x01020304);
		be16_put(b + at, 0xfffe);
		assert_memory_equal(b + at, "\xff\xfe", 2);
		assert_int_equal(be16_get(b + at), 0xfffe);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(big_endian_at_any_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
