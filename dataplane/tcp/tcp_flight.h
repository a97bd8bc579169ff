// What a connection needs only while something is in flight or is being recovered: most have
// nothing there most of the time, and a record of their own for it would be a third of their size.
// Records come from a pool of as many as there are connections, so that it never runs out; the one
// that was given back last goes out first.
//
// conn->flight always points to one: tcp_flight_none, which nobody may write to, while there is
// none. Whoever writes calls tcp_flight_begin before. What a flight begins with is what the one
// before would mean by now, when all of it was acknowledged. tcp_timer_decide gives it back when
// nothing is left to be learned from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_prefetch.h>

#include "common/base/compiler.h"
#include "dataplane/tcp/tcp_prr.h"
#include "dataplane/tcp/tcp_rack.h"
#include "dataplane/tcp/tcp_send_queue.h"
#include "dataplane/tcp/tcp_sent.h"

struct tcp_conn;

// What tells whether the present or last recovery was a mistake.
struct tcp_undo {
	uint32_t seq;   // of what was sent again first
	uint32_t ts;    // its timestamp
	uint32_t bytes; // that were sent again and not yet reported as duplicates
	bool on;
	bool sent; // something was sent again
};

struct tcp_flight {
	struct tcp_sent_list sent;
	struct tcp_rack rack;
	struct tcp_cursor fresh; // in the send queue: what goes out for the first time
	uint32_t rtt_seq;        // an RTT sample is due when this is acknowledged
	uint32_t recover;
	uint32_t cwr_end;        // no second reduction until this is acknowledged
	bool repaired;           // something was sent again: what tells of it may come late
	struct tcp_cursor again; // `repaired` only
	struct tcp_undo undo;
	struct tcp_prr prr;
};

_Static_assert(
	offsetof(struct tcp_flight, again) <= 3 * CACHE_LINE, "what any flight needs comes first");

extern const struct tcp_flight tcp_flight_none;

static inline struct tcp_flight *tcp_flight_no(void)
{
	return (struct tcp_flight *)(uintptr_t)&tcp_flight_none;
}

// What an exchange without loss touches of it.
static inline void tcp_flight_prefetch(const struct tcp_flight *flight)
{
	const unsigned char *line = (const unsigned char *)flight;

	for (unsigned i = 0; i < 3; i++)
		rte_prefetch0(line + (size_t)i * CACHE_LINE);
}

// Makes sure that conn->flight may be written to.
void tcp_flight_begin(struct tcp_conn *conn);

// Gives it back when everything was acknowledged and nothing more is to be learned.
void tcp_flight_settle(struct tcp_conn *conn);

// It was quiet for a time-out: what was repaired then is forgotten. (cwnd starts anew, too.)
void tcp_flight_quiet(struct tcp_conn *conn);

// Gives it back in any case.
void tcp_flight_end(struct tcp_conn *conn);
