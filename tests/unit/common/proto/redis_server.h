// A real redis-server for one test program, on a unix socket of its own in a directory of its own,
// and a plain reader of its replies. Installed or not, the tests do not go on without it.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/proto/resp.h"

enum {
	WAIT_MS = 10000,
	REPLY_MAX = 1 << 20,
};

static struct {
	pid_t pid;
	char dir[64];
	char socket[96];
	char reply[REPLY_MAX]; // the last one, NUL-terminated
	size_t reply_len;
} server;

static inline int server_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, server.socket, strlen(server.socket));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static inline int server_start(void **state)
{
	(void)state;
	snprintf(server.dir, sizeof(server.dir), "/tmp/dyn-redis-test.XXXXXX");
	assert_non_null(mkdtemp(server.dir));
	snprintf(server.socket, sizeof(server.socket), "%s/redis.sock", server.dir);
	server.pid = fork();
	if (server.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server.socket,
			"--save", "", "--appendonly", "no", "--dir", server.dir, "--logfile",
			"/dev/null", (char *)NULL);
		_exit(127);
	}
	for (int ms = 0; ms < WAIT_MS; ms += 20) {
		int fd = server_connect();
		int status;

		if (fd >= 0)
			return close(fd);
		if (waitpid(server.pid, &status, WNOHANG) == server.pid) {
			server.pid = 0;
			print_error("redis-server does not run; install it with scripts/deps\n");
			return -1;
		}
		usleep(20000);
	}
	return -1;
}

static inline int server_stop(void **state)
{
	(void)state;
	if (server.pid > 0) {
		kill(server.pid, SIGKILL);
		waitpid(server.pid, NULL, 0);
	}
	unlink(server.socket);
	return rmdir(server.dir);
}

static inline void send_all(int fd, const void *data, size_t len)
{
	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);

		// The server may close as soon as it has read enough to refuse.
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		assert_true(n > 0);
		sent += (size_t)n;
	}
}

// Reads one whole reply into server.reply.
static inline void receive_reply(int fd)
{
	struct resp_reply_parser p;
	enum resp_status status = RESP_MORE;

	resp_reply_init(&p, RESP_BULK_MAX);
	server.reply_len = 0;
	while (status == RESP_MORE) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		char *to = server.reply + server.reply_len;
		size_t used;
		ssize_t n;

		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		n = recv(fd, to, REPLY_MAX - 1 - server.reply_len, 0);
		assert_true(n > 0);
		status = resp_reply_parse(&p, (const uint8_t *)to, (size_t)n, &used);
		assert_int_equal(used, n);
		server.reply_len += (size_t)n;
	}
	assert_int_equal(status, RESP_DONE);
	server.reply[server.reply_len] = '\0';
}

static inline bool is_closed_by_server(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&pfd, 1, WAIT_MS) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static inline void send_request(int fd, const struct slice *args, uint32_t argc)
{
	static char text[REPLY_MAX];
	struct resp_writer w = resp_writer_make(text, sizeof(text));

	resp_put_array(&w, argc);
	for (uint32_t i = 0; i < argc; i++)
		resp_put_bulk(&w, args[i]);
	assert_false(w.full);
	send_all(fd, text, w.len);
}

static inline void ask(int fd, const struct slice *args, uint32_t argc)
{
	send_request(fd, args, argc);
	receive_reply(fd);
}

// The words of a line of text, parted by single spaces, behind those in args already.
static inline uint32_t add_words(struct slice *args, uint32_t argc, uint32_t max, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		assert_true(argc < max);
		args[argc++] = slice_make(text, n);
		text += n + (text[n] == ' ');
	}
	return argc;
}

// A place inside of an encoded reply.
struct reader {
	const char *pos;
};

static inline int64_t read_number(struct reader *r, char type)
{
	char *end;
	int64_t v;

	assert_int_equal(*r->pos, type);
	v = strtoll(r->pos + 1, &end, 10);
	assert_memory_equal(end, "\r\n", 2);
	r->pos = end + 2;
	return v;
}

static inline struct slice read_text(struct reader *r)
{
	struct slice text;

	if (*r->pos == '+') {
		text = slice_make(r->pos + 1, strcspn(r->pos + 1, "\r"));
		r->pos += text.len + 3;
	} else {
		text.len = (size_t)read_number(r, '$');
		text.ptr = r->pos;
		r->pos += text.len + 2;
	}
	return text;
}

static inline void skip_value(struct reader *r)
{
	if (*r->pos == '*') {
		for (int64_t n = read_number(r, '*'); n > 0; n--)
			skip_value(r);
	} else if (*r->pos == ':') {
		(void)read_number(r, ':');
	} else {
		(void)read_text(r);
	}
}
