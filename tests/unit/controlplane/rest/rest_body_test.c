#include "controlplane/rest/rest_body.h"

#include "tests/unit/controlplane/rest/rest_http_rig.h"

static void post(int fd, unsigned body, const char *more)
{
	char head[160];

	snprintf(head, sizeof(head),
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %u\r\n%s\r\n", body, more);
	say(fd, head);
}

// Text that would be a request, if it were not part of a body.
static void say_body(int fd, size_t len)
{
	static char body[REST_BODY_SKIP_MAX + 1];
	static const char request[] = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

	for (size_t i = 0; i < len; i++)
		body[i] = request[i % (sizeof(request) - 1)];
	assert_int_equal(send(fd, body, len, MSG_NOSIGNAL), len);
}

static void expect_refused(int fd, const char *status, bool closes)
{
	const char *got = hear(fd, "}\n}\n", WAIT_MS);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char byte;

	if (strstr(got, status) == NULL || strstr(got, "\"message\"") == NULL)
		fail_msg("wanted %s, got %s", status, got);
	assert_non_null(strstr(got, "Content-Type: application/json"));
	assert_int_equal(strstr(got, "Connection: close\r\n") != NULL, closes);
	if (!closes)
		return;
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void a_body_of_the_largest_size_comes_in_pieces(void **state)
{
	int fd = dial();

	(void)state;
	post(fd, REST_BODY_MAX, "");
	say_body(fd, 1000);
	(void)hear(fd, "x", 50);
	assert_int_equal(served, 0);
	say_body(fd, REST_BODY_MAX - 1000);
	expect(fd, "\r\n\r\nGET /smuggled");
	assert_int_equal(served, 1);
	close(fd);
}

// It is skipped, and the connection goes on behind it.
static void too_long_a_body_is_refused_and_skipped(void **state)
{
	static const unsigned lengths[] = {REST_BODY_MAX + 1, REST_BODY_SKIP_MAX};
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		post(fd, lengths[i], "");
		say_body(fd, lengths[i]);
		expect_refused(fd, "HTTP/1.1 413", false);
	}
	say(fd, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(fd, "GET /next");
	assert_int_equal(served, 1);
	close(fd);
}

// Where it ends is not known, or far away: what comes behind the headers is nothing any more.
static void bodies_that_are_not_read_end_the_connection(void **state)
{
	static const struct {
		const char *headers;
		const char *status;
	} bad[] = {
		{"Content-Length: 65537", "HTTP/1.1 413"},
		{"Content-Length: 99999999999999999999999", "HTTP/1.1 413"},
		{"Content-Length: 5000\r\nExpect: 100-continue", "HTTP/1.1 413"},
		{"Content-Length: -5", "HTTP/1.1 400"},
		{"Content-Length: 5x", "HTTP/1.1 400"},
		{"Content-Length:", "HTTP/1.1 400"},
		{"Content-Length: 5\r\nContent-Length: 6", "HTTP/1.1 400"},
		{"Transfer-Encoding: chunked", "HTTP/1.1 411"},
		{"Content-Length: 5\r\nTransfer-Encoding: chunked", "HTTP/1.1 411"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[256];
		int fd = dial();

		snprintf(text, sizeof(text), "POST /echo HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n",
			bad[i].headers);
		say(fd, text);
		expect_refused(fd, bad[i].status, true);
		close(fd);
	}
	assert_int_equal(served, 0);
}

// One whose client has gone meanwhile, and one that the end of the program finds.
static void bodies_may_never_come(void **state)
{
	int gone = dial();
	int late = dial();

	(void)state;
	post(gone, 100, "");
	post(late, 100, "");
	say_body(late, 50);
	(void)hear(late, "x", 100);
	close(gone);
	(void)hear(late, "x", 100);
	assert_int_equal(served, 0);
	rest_http_free(http);
	http = NULL;
	close(late);
}

static void bodies_on_their_way_are_bounded(void **state)
{
	enum { N = REST_HTTP_READING_MAX + 1 };
	struct pollfd fds[N];
	unsigned refused = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		fds[i] = (struct pollfd){.fd = dial(), .events = POLLIN};
		post(fds[i].fd, 40, "");
	}
	// Whichever comes last is one too many.
	assert_int_equal(poll(fds, N, WAIT_MS), 1);
	for (unsigned i = 0; i < N; i++) {
		if (fds[i].revents != 0) {
			expect_refused(fds[i].fd, "HTTP/1.1 503", true);
			refused++;
			continue;
		}
		say_body(fds[i].fd, 40);
		expect(fds[i].fd, "GET /smuggled");
	}
	assert_int_equal(refused, 1);
	assert_int_equal(served, N - 1);
	for (unsigned i = 0; i < N; i++)
		close(fds[i].fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_body_of_the_largest_size_comes_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(
			too_long_a_body_is_refused_and_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			bodies_that_are_not_read_end_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(bodies_may_never_come, setup, teardown),
		cmocka_unit_test_setup_teardown(bodies_on_their_way_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
