#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/base/compiler.h"
#include "controlplane/rest/pcap.h"

static unsigned char bytes[4][256];
static size_t lens[4];
static unsigned char file[2048];

static void put(unsigned part, uint32_t s, uint32_t ns, const char *data)
{
	uint32_t record[4] = {s, ns, (uint32_t)strlen(data), 1500};

	memcpy(bytes[part] + lens[part], record, sizeof(record));
	memcpy(bytes[part] + lens[part] + sizeof(record), data, strlen(data));
	lens[part] += sizeof(record) + strlen(data);
}

static size_t write(unsigned n)
{
	struct pcap_part parts[4];

	for (unsigned i = 0; i < n; i++)
		parts[i] = (struct pcap_part){.bytes = bytes[i], .len = lens[i]};
	memset(file, 0xee, sizeof(file));
	return pcap_write(parts, n, file);
}

// The packets of the file, one after the other, as text.
static const char *packets(size_t len)
{
	static char text[256];

	text[0] = '\0';
	for (size_t at = PCAP_HEADER_LEN; at < len;) {
		uint32_t record[4];

		memcpy(record, file + at, sizeof(record));
		assert_int_equal(record[3], 1500);
		strncat(text, (const char *)file + at + sizeof(record), record[2]);
		at += sizeof(record) + record[2];
		assert_true(at <= len);
	}
	return text;
}

static int setup(void **state)
{
	(void)state;
	memset(lens, 0, sizeof(lens));
	return 0;
}

static void an_empty_file_has_its_header(void **state)
{
	static const unsigned char want[PCAP_HEADER_LEN] = {
		0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0};

	(void)state;
	assert_int_equal(write(0), PCAP_HEADER_LEN);
	assert_memory_equal(file, want, sizeof(want));
	assert_int_equal(file[PCAP_HEADER_LEN], 0xee); // nothing behind it
	assert_int_equal(write(3), PCAP_HEADER_LEN);
}

static void packets_are_in_the_order_of_their_time(void **state)
{
	(void)state;
	put(0, 5, 10, "a");
	put(0, 5, 30, "c");
	put(0, 7, 1, "f");
	put(1, 5, 20, "b");
	put(1, 6, 999999999, "e");
	put(3, 6, 0, "d");
	assert_string_equal(packets(write(4)), "abcdef");
}

static void at_one_time_the_first_worker_comes_first(void **state)
{
	(void)state;
	put(1, 5, 10, "xy");
	put(0, 5, 10, "12");
	put(0, 5, 10, "34");
	assert_string_equal(packets(write(2)), "1234xy");
}

static void what_is_cut_off_is_left_out(void **state)
{
	size_t whole;

	(void)state;
	put(0, 1, 0, "one");
	whole = lens[0];
	put(0, 3, 0, "three");
	put(1, 2, 0, "two");
	for (; lens[0] > whole; lens[0]--)
		assert_string_equal(
			packets(write(2)), lens[0] == whole + 21 ? "onetwothree" : "onetwo");
	for (lens[0]--; lens[0] > 0; lens[0]--)
		assert_string_equal(packets(write(2)), "two");
	// A length that reaches beyond everything.
	memset(bytes[0] + 8, 0xff, 4);
	lens[0] = sizeof(bytes[0]);
	assert_string_equal(packets(write(2)), "two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_file_has_its_header, setup),
		cmocka_unit_test_setup(packets_are_in_the_order_of_their_time, setup),
		cmocka_unit_test_setup(at_one_time_the_first_worker_comes_first, setup),
		cmocka_unit_test_setup(what_is_cut_off_is_left_out, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
