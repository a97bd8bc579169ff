// A store that does what a test says: listens on a unix socket, counts whole requests, and answers
// each with the same text, or not at all until it is told to.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto/resp.h"

#define FAKE_CONNS_MAX 16

struct fake_conn {
	int fd; // -1: none
	struct resp_request_parser parser;
	uint64_t requests; // whole ones
	uint64_t bytes;
	unsigned owed;   // requests not answered yet
	size_t reply_at; // bytes of the reply to the first of them that are sent
};

struct store_fake {
	char dir[64];
	char path[96];
	int listener;      // -1: away
	const char *reply; // NULL: hold
	bool deaf;         // reads nothing
	struct fake_conn conns[FAKE_CONNS_MAX];
	unsigned accepted;
};

struct store_fake *fake_new(void);
void fake_free(struct store_fake *fake);

// For rig.each_turn.
void fake_turn(void *fake);

// Stops listening and closes all connections; listens again.
void fake_away(struct store_fake *fake);
void fake_back(struct store_fake *fake);

void fake_close(struct store_fake *fake, unsigned conn);
// As much as the socket takes. Returns how much.
size_t fake_send(struct store_fake *fake, unsigned conn, const char *bytes, size_t len);
// Whole requests of all connections.
uint64_t fake_requests(const struct store_fake *fake);
// The only connection that has requests, or -1.
int fake_busy(const struct store_fake *fake);
