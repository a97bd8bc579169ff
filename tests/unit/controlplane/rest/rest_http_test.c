#include "tests/unit/controlplane/rest/rest_http_rig.h"

static void a_connection_carries_several_requests(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(fd, "\r\n\r\nGET /a?b=c");
	say(fd, "GET /second HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(fd, "GET /second");
	say(fd, "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	expect(fd, "PUT /x");
	say(fd, "BREW /tea HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(fd, "BREW /tea");
	assert_int_equal(served, 4);
	close(fd);
}

static void head_has_the_length_and_no_body(void **state)
{
	int fd = dial();
	const char *got;

	(void)state;
	say(fd, "HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n");
	got = hear(fd, "\r\n\r\n", WAIT_MS);
	assert_non_null(strstr(got, "200"));
	assert_non_null(strstr(got, "Content-Length: 9\r\n")); // "HEAD /abc"
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");
	close(fd);
}

static void errors_carry_their_headers(void **state)
{
	int fd = dial();
	const char *got;

	(void)state;
	say(fd, "POST /no HTTP/1.1\r\nHost: x\r\n\r\n");
	got = hear(fd, "}\n}", WAIT_MS);
	assert_non_null(strstr(got, "HTTP/1.1 405"));
	assert_non_null(strstr(got, "Allow: GET, HEAD\r\n"));
	assert_non_null(strstr(got, "Age: 77\r\n"));
	assert_non_null(strstr(got, "Content-Type: application/json"));
	close(fd);
}

static void byte_by_byte_is_a_request_too(void **state)
{
	static const char request[] = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
		usleep(500);
	}
	expect(fd, "GET /slow");
	close(fd);
}

static void malformed_requests_are_survived(void **state)
{
	static const char *const bad[] = {
		"garbage\r\n\r\n",
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"GET / HTTP/1.1\r\nNoColon\r\n\r\n",
		"GET /%zz%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
		"*1\r\n$4\r\nPING\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int fd = dial();

		say(fd, bad[i]);
		(void)hear(fd, "\r\n\r\n", 100);
		close(fd);
		fd = dial();
		say(fd, "GET /alive HTTP/1.1\r\nHost: x\r\n\r\n");
		expect(fd, "GET /alive");
		close(fd);
	}
}

static void too_long_a_header_is_survived(void **state)
{
	static char big[200000];
	int fd = dial();

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	(void)send(fd, "GET /", 5, MSG_NOSIGNAL);
	(void)send(fd, big, sizeof(big) - 1, MSG_NOSIGNAL);
	(void)hear(fd, "\r\n\r\n", 200);
	close(fd);
	fd = dial();
	say(fd, "GET /alive HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(fd, "GET /alive");
	close(fd);
}

// More than may wait: the surplus is told so, nobody is left without an answer.
static void what_waits_is_bounded(void **state)
{
	enum { N = REST_HTTP_WAITING_MAX + 40 };
	static int fd[N];
	unsigned ok = 0;
	unsigned busy = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		fd[i] = dial();
		say(fd[i], "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	wait_readable(fd, N, N - REST_HTTP_WAITING_MAX); // nobody is served, so they were refused
	for (unsigned i = 0; i < N; i++) {
		const char *got = hear(fd[i], "\r\n\r\n", WAIT_MS);

		ok += strstr(got, "HTTP/1.1 200") != NULL;
		busy += strstr(got, "HTTP/1.1 503") != NULL;
		close(fd[i]);
	}
	assert_int_equal(ok, REST_HTTP_WAITING_MAX);
	assert_int_equal(busy, N - REST_HTTP_WAITING_MAX);
	assert_int_equal(served, ok);
}

// teardown frees with requests waiting (ASan sees what is wrong).
static void stopping_answers_what_waits(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	usleep(100 * 1000);
	assert_int_equal(served, 0);
	close(fd);
}

static void a_body_is_read(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"a\": 12}");
	expect(fd, "\r\n\r\n{\"a\": 12}");
	close(fd);
}

// A reply that waits holds up nobody else, and comes when it is there.
static void a_reply_may_wait(void **state)
{
	int slow = dial();
	int fd = dial();

	(void)state;
	say(slow, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for(&waiting, 1);
	assert_string_equal(hear(slow, "\r\n\r\n", 50), "");
	say(fd, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(fd, "GET /other");
	rest_http_again(http);
	assert_int_equal(waiting, 1);
	held = false;
	rest_http_again(http);
	assert_int_equal(waiting, 0);
	expect(slow, "GET /wait");
	say(slow, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(slow, "GET /next");
	close(slow);
	close(fd);
}

static void replies_that_wait_are_bounded(void **state)
{
	enum { N = REST_HTTP_PARKED_MAX + 6 };
	int fd[N];
	unsigned ok = 0;
	unsigned busy = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		fd[i] = dial();
		say(fd[i], "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	wait_for(&served, N);
	assert_int_equal(waiting, REST_HTTP_PARKED_MAX);
	held = false;
	rest_http_again(http);
	assert_int_equal(waiting, 0);
	for (unsigned i = 0; i < N; i++) {
		const char *got = hear(fd[i], "\r\n\r\n", WAIT_MS);

		ok += strstr(got, "HTTP/1.1 200") != NULL;
		busy += strstr(got, "HTTP/1.1 503") != NULL;
		close(fd[i]);
	}
	assert_int_equal(ok, REST_HTTP_PARKED_MAX);
	assert_int_equal(busy, N - REST_HTTP_PARKED_MAX);
}

// One whose client has gone meanwhile, and one that the end of the program finds.
static void those_who_wait_may_go_and_the_program_may_end(void **state)
{
	int gone = dial();
	int fd = dial();

	(void)state;
	say(gone, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for(&waiting, 1);
	close(gone);
	(void)hear(fd, "x", 100);
	held = false;
	rest_http_again(http);
	assert_int_equal(waiting, 0);
	held = true;
	say(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for(&waiting, 1); // teardown frees it
	close(fd);
}

static void a_port_in_use_or_foreign_is_refused(void **state)
{
	(void)state;
	assert_null(make("127.0.0.1", port));
	assert_null(make("192.0.2.77", free_port()));
	assert_null(make(NULL, port));
}

static void ipv6_and_any_address_work(void **state)
{
	uint16_t other = free_port();
	struct rest_http *more = make("0.0.0.0", other);

	(void)state;
	assert_non_null(more);
	rest_http_free(more);
	other = free_port();
	more = make("::1", other);
	if (access("/proc/net/if_inet6", F_OK) == 0)
		assert_non_null(more);
	rest_http_free(more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_connection_carries_several_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(head_has_the_length_and_no_body, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_carry_their_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(byte_by_byte_is_a_request_too, setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_requests_are_survived, setup, teardown),
		cmocka_unit_test_setup_teardown(too_long_a_header_is_survived, setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(stopping_answers_what_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_body_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reply_may_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(replies_that_wait_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(
			those_who_wait_may_go_and_the_program_may_end, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_port_in_use_or_foreign_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(ipv6_and_any_address_work, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
