#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/proto/resp.h"

static char buf[4096];

static struct resp_writer writer(void)
{
	return resp_writer_make(buf, sizeof(buf));
}

static void assert_written(const struct resp_writer *w, struct slice want)
{
	assert_false(w->full);
	assert_int_equal(w->len, want.len);
	assert_memory_equal(buf, want.ptr, want.len);
}

static void replies_are_encoded(void **state)
{
	(void)state;
	struct resp_writer w = writer();

	resp_put_array(&w, 9);
	resp_put_simple(&w, SLICE_LIT("OK"));
	resp_put_error(&w, SLICE_LIT("ERR no"));
	resp_put_errorf(&w, "ERR %d of %s", 7, "it");
	resp_put_integer(&w, 0);
	resp_put_integer(&w, INT64_MIN);
	resp_put_bulk(&w, SLICE_LIT("a\r\nb"));
	resp_put_bulk(&w, (struct slice){0});
	resp_put_null(&w);
	resp_put_bulk_header(&w, 1000);
	assert_written(&w,
		SLICE_LIT("*9\r\n+OK\r\n-ERR no\r\n-ERR 7 of it\r\n:0\r\n"
			  ":-9223372036854775808\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$-1\r\n"
			  "$1000\r\n"));
}

static void line_breaks_can_not_split_a_line(void **state)
{
	(void)state;
	struct resp_writer w = writer();

	resp_put_error(&w, SLICE_LIT("ERR a\r\n+OK\r\n"));
	assert_written(&w, SLICE_LIT("-ERR a  +OK  \r\n"));
}

static void long_formats_are_cut(void **state)
{
	(void)state;
	struct resp_writer w = writer();
	static char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	resp_put_errorf(&w, "%s", text);
	assert_false(w.full);
	assert_in_range(w.len, 1000, 1100);
	assert_memory_equal(buf + w.len - 2, "\r\n", 2);
}

static void put_one_of_each(struct resp_writer *w, unsigned which)
{
	switch (which) {
	case 0:
		resp_put_simple(w, SLICE_LIT("abcdef"));
		break;
	case 1:
		resp_put_errorf(w, "ERR %s", "abc");
		break;
	case 2:
		resp_put_integer(w, 123456);
		break;
	case 3:
		resp_put_bulk(w, SLICE_LIT("abcdef"));
		break;
	case 4:
		resp_put_null(w);
		break;
	default:
		resp_put_array(w, 1000);
		break;
	}
}

// Each fits whole or leaves the buffer as it was, at every size of it; then nothing follows.
static void what_does_not_fit_is_not_written_in_part(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 6; which++) {
		struct resp_writer whole = writer();

		put_one_of_each(&whole, which);
		for (size_t cap = 0; cap <= whole.len; cap++) {
			char *exact = malloc(cap + 1);
			struct resp_writer w = resp_writer_make(exact, cap);

			exact[cap] = '#';
			put_one_of_each(&w, which);
			assert_int_equal(w.full, cap < whole.len);
			assert_int_equal(w.len, cap < whole.len ? 0 : whole.len);
			assert_int_equal(exact[cap], '#');
			resp_put_raw(&w, SLICE_LIT("x"));
			assert_int_equal(w.len, cap < whole.len ? 0 : whole.len);
			assert_true(w.full);
			free(exact);
		}
	}
}

static uint64_t parsed_size(const struct resp_writer *w, char type)
{
	struct resp_reply_parser p;
	size_t used;

	resp_reply_init(&p, RESP_BULK_MAX);
	assert_int_equal(resp_reply_parse(&p, (const uint8_t *)w->buf, w->len, &used), RESP_DONE);
	assert_int_equal(p.type, type);
	return p.at;
}

static void the_reply_parser_reads_what_was_written(void **state)
{
	(void)state;
	static const char types[] = "+-:$$";

	for (unsigned which = 0; which < 5; which++) {
		struct resp_writer w = writer();

		put_one_of_each(&w, which);
		assert_int_equal(parsed_size(&w, types[which]), w.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_encoded),
		cmocka_unit_test(line_breaks_can_not_split_a_line),
		cmocka_unit_test(long_formats_are_cut),
		cmocka_unit_test(what_does_not_fit_is_not_written_in_part),
		cmocka_unit_test(the_reply_parser_reads_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
