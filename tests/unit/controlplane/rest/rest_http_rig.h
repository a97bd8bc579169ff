// An HTTP server of ours and clients by hand, for the tests of rest_http and rest_body.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "controlplane/rest/rest_http.h"
#include "controlplane/rest/rest_job.h"

#define WAIT_MS 10000

static struct rest_http *http;
static uint16_t port;
static unsigned served;
static struct dp_asks *asks;

static bool held;        // those who ask for /wait wait
static unsigned waiting; // jobs that there are

static void job_free(struct rest_job *job)
{
	waiting--;
	free(job);
}

static void serve(void *ctx, struct rest_request *request, struct rest_reply *reply)
{
	const char *method = request->method;
	const char *uri = request->uri;

	(void)ctx;
	served++;
	*reply = (struct rest_reply){.status = REST_OK, .type = REST_TEXT};
	if (strcmp(uri, "/wait") == 0 && request->job == NULL) {
		request->job = calloc(1, sizeof(*request->job));
		request->job->asks = asks;
		request->job->free = job_free;
		waiting++;
	}
	if (strcmp(uri, "/wait") == 0 && held) {
		reply->wait = true;
		return;
	}
	if (strcmp(uri, "/echo") == 0) {
		reply->body = malloc(request->body_len + 1);
		memcpy(reply->body, request->body, request->body_len);
		reply->len = request->body_len;
		return;
	}
	if (strcmp(uri, "/no") == 0) {
		reply->allow = "GET, HEAD";
		reply->aged = true;
		reply->age_s = 77;
		rest_error(reply, REST_METHOD_NOT_ALLOWED, "no");
		return;
	}
	reply->body = malloc(256);
	reply->len = (size_t)snprintf(reply->body, 256, "%s %.200s", method, uri);
}

static inline uint16_t free_port(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	close(fd);
	return ntohs(addr.sin_port);
}

static inline struct rest_http *make(const char *host, uint16_t at)
{
	struct conf_addr addr = {.host = host, .port = at};

	return rest_http_new(&addr, serve, NULL);
}

static inline int setup(void **state)
{
	(void)state;
	log_set_level(LOG_EMERG);
	served = 0;
	waiting = 0;
	held = true;
	asks = dp_asks_new();
	port = free_port();
	http = make("127.0.0.1", port);
	return http != NULL ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	rest_http_free(http);
	assert_int_equal(waiting, 0);
	dp_asks_free(asks);
	return 0;
}

static inline int dial(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

// Serves until `want` is in what came from `fd`, or the connection ended, or time is up.
static inline const char *hear(int fd, const char *want, int wait_ms)
{
	static char text[65536];
	size_t len = 0;

	text[0] = '\0';
	for (int ms = 0; ms < wait_ms && strstr(text, want) == NULL; ms += 10) {
		struct pollfd fds[] = {
			{.fd = rest_http_fd(http), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
		ssize_t n;

		poll(fds, 2, 10);
		if (fds[0].revents != 0)
			rest_http_poll(http);
		if (fds[1].revents == 0)
			continue;
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
	}
	return text;
}

// Serves until the counter is there, or time is up.
static inline void wait_for(const unsigned *counter, unsigned n)
{
	for (int ms = 0; ms < WAIT_MS && *counter < n; ms += 10) {
		struct pollfd fd = {.fd = rest_http_fd(http), .events = POLLIN};

		if (poll(&fd, 1, 10) > 0)
			rest_http_poll(http);
	}
	assert_int_equal(*counter, n);
}

// Waits, without serving, until so many of the connections have something to read.
static inline void wait_readable(const int *fd, unsigned n, unsigned want)
{
	unsigned got = 0;

	for (int ms = 0; ms < WAIT_MS && got < want; ms += 10) {
		got = 0;
		for (unsigned i = 0; i < n; i++) {
			struct pollfd pfd = {.fd = fd[i], .events = POLLIN};

			got += poll(&pfd, 1, 0) == 1;
		}
		usleep(10 * 1000);
	}
	assert_int_equal(got, want);
}

static inline void expect(int fd, const char *want)
{
	const char *got = hear(fd, want, WAIT_MS);

	if (strstr(got, want) == NULL)
		fail_msg("wanted %s, got %s", want, got);
}
