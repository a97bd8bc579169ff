#include "tests/support/store_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_MAX (256 * 1024)

static void forget(struct fake_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void fake_back(struct store_fake *fake)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	memcpy(addr.sun_path, fake->path, strlen(fake->path) + 1);
	fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(fake->listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		listen(fake->listener, FAKE_CONNS_MAX) != 0)
		abort();
}

void fake_away(struct store_fake *fake)
{
	for (unsigned i = 0; i < FAKE_CONNS_MAX; i++)
		forget(&fake->conns[i]);
	if (fake->listener >= 0)
		close(fake->listener);
	fake->listener = -1;
	unlink(fake->path);
}

struct store_fake *fake_new(void)
{
	struct store_fake *fake = calloc(1, sizeof(*fake));

	snprintf(fake->dir, sizeof(fake->dir), "/tmp/dyn-fake-store.XXXXXX");
	if (!mkdtemp(fake->dir))
		abort();
	snprintf(fake->path, sizeof(fake->path), "%s/store.sock", fake->dir);
	for (unsigned i = 0; i < FAKE_CONNS_MAX; i++)
		fake->conns[i].fd = -1;
	fake_back(fake);
	return fake;
}

void fake_free(struct store_fake *fake)
{
	fake_away(fake);
	rmdir(fake->dir);
	free(fake);
}

static void take(struct store_fake *fake)
{
	int fd;

	while (fake->listener >= 0 &&
		(fd = accept4(fake->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		unsigned i = 0;

		while (i < FAKE_CONNS_MAX && fake->conns[i].fd >= 0)
			i++;
		if (i == FAKE_CONNS_MAX)
			abort();
		fake->conns[i] = (struct fake_conn){.fd = fd};
		resp_request_init(&fake->conns[i].parser, RESP_BULK_MAX);
		fake->accepted++;
	}
}

static void read_requests(struct fake_conn *c)
{
	static uint8_t buf[READ_MAX];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);
	size_t at = 0;

	if (n == 0)
		forget(c);
	if (n <= 0)
		return;
	c->bytes += (uint64_t)n;
	while (at < (size_t)n) {
		size_t used;
		enum resp_status status =
			resp_request_parse(&c->parser, buf + at, (size_t)n - at, &used);

		at += used;
		// What reaches a store is well formed, whatever clients do.
		if (status == RESP_ERROR || status == RESP_EMPTY)
			abort();
		if (status == RESP_DONE) {
			c->requests++;
			c->owed++;
		}
	}
}

// Replies as far as the socket takes them.
static void reply_all(struct store_fake *fake, unsigned i)
{
	struct fake_conn *c = &fake->conns[i];
	size_t len = strlen(fake->reply);

	while (c->fd >= 0 && c->owed > 0) {
		size_t n = fake_send(fake, i, fake->reply + c->reply_at, len - c->reply_at);

		c->reply_at += n;
		if (c->reply_at < len)
			return;
		c->reply_at = 0;
		c->owed--;
	}
}

void fake_turn(void *ctx)
{
	struct store_fake *fake = ctx;

	take(fake);
	for (unsigned i = 0; i < FAKE_CONNS_MAX; i++) {
		struct fake_conn *c = &fake->conns[i];

		if (c->fd < 0 || fake->deaf)
			continue;
		read_requests(c);
		if (fake->reply)
			reply_all(fake, i);
	}
}

void fake_close(struct store_fake *fake, unsigned conn)
{
	forget(&fake->conns[conn]);
}

size_t fake_send(struct store_fake *fake, unsigned conn, const char *bytes, size_t len)
{
	ssize_t n = send(fake->conns[conn].fd, bytes, len, MSG_NOSIGNAL);

	return n < 0 ? 0 : (size_t)n;
}

uint64_t fake_requests(const struct store_fake *fake)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < FAKE_CONNS_MAX; i++)
		if (fake->conns[i].fd >= 0)
			n += fake->conns[i].requests;
	return n;
}

int fake_busy(const struct store_fake *fake)
{
	for (int i = 0; i < FAKE_CONNS_MAX; i++)
		if (fake->conns[i].fd >= 0 && fake->conns[i].bytes > 0)
			return i;
	return -1;
}
