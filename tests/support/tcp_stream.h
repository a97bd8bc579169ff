// A stream of pseudo-random bytes from one end of a struct tcp_pair to the other, and back if
// wanted: made, sent, read and checked byte by byte.
#pragma once

#include "tests/support/tcp_pair.h"

struct tcp_stream {
	struct tcp_conn *from;
	struct tcp_conn *to;
	uint64_t total;
	uint64_t made;
	uint64_t read;
	uint64_t key;
	uint32_t chunk_max; // bytes handed to tcp_send at once
	uint32_t read_max;  // bytes given back to the window a turn; 0: all
	uint32_t held;      // bytes read and not given back yet
	bool wrong;         // a byte was not what it must be
	bool closes;        // tcp_shutdown at the end
	bool eof;
	struct rng rng;
};

void tcp_stream_init(struct tcp_stream *s, struct tcp_conn *from, struct tcp_conn *to,
	uint64_t total, uint64_t key);

// Makes what fits.
void tcp_stream_write(struct tcp_stream *s, struct rte_mempool *pool);

// Reads what is there.
void tcp_stream_read(struct tcp_stream *s);

static inline bool tcp_stream_done(const struct tcp_stream *s)
{
	return s->read == s->total;
}
