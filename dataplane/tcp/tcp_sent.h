// The scoreboard: records of what is in flight, by sequence number, oldest first: what was sent
// when, and what became of it. Loss recovery marks them LOST, selective acknowledgements SACKED;
// output sends lost ones again before anything new. `pipe` counts the bytes that are believed to be
// in the network (RFC 6675's name); the records that make it up are also linked in the order in
// which they were last sent, which is what RACK looks at (RFC 8985).
//
// Segments that leave together are one record, and so are neighbours that were SACKED: there are
// about as many records as turns in flight and holes, not as segments. One record is part of the
// list, so that a connection can always send; more come from a pool shared by all connections.
// Where it is empty, a selective acknowledgement of a part of a record is not noted.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/base/mono.h"
#include "common/base/pool.h"
#include "dataplane/tcp/tcp_opt.h"

enum tcp_sent_flag {
	TCP_SENT_LOST = 1 << 0,   // believed lost and not sent again since
	TCP_SENT_AGAIN = 1 << 1,  // was retransmitted
	TCP_SENT_FIN = 1 << 2,    // the last sequence number is a FIN
	TCP_SENT_USED = 1 << 3,   // of the record that is part of the list
	TCP_SENT_SACKED = 1 << 4, // the peer has it
};

struct tcp_sent {
	struct tcp_sent *next;
	struct list by_time; // in the list's, if neither LOST nor SACKED
	struct mono at;      // last transmission
	uint32_t seq;
	uint32_t end;
	uint8_t flags;
};

struct tcp_sent_list {
	struct tcp_sent *head;
	struct tcp_sent *tail;
	struct tcp_sent *hint;    // before the lowest block of the last ACK; NULL: none
	struct tcp_sent *lost_at; // none before it is LOST; nothing while none is
	struct list by_time;      // of what makes up the pipe
	uint32_t pipe;
	uint32_t sacked;      // bytes
	uint32_t sacked_segs; // about; 0 when `sacked` is
	uint32_t lost;        // records marked LOST
	uint32_t n;
	struct tcp_sent first;
};

void tcp_sent_init(struct tcp_sent_list *list);
void tcp_sent_free(struct tcp_sent_list *list, struct pool *pool);

// Whether a record is left for tcp_sent_add or tcp_sent_split.
bool tcp_sent_room(const struct tcp_sent_list *list, const struct pool *pool);

// Bytes [seq, end) went out for the first time; `seq` is where the last record ends. There is
// room.
void tcp_sent_add(struct tcp_sent_list *list, struct pool *pool, uint32_t seq, uint32_t end,
	bool fin, struct mono now);

// The record went out again.
void tcp_sent_again(struct tcp_sent_list *list, struct tcp_sent *rec, struct mono now);

// Cuts a record in two at `seq`, which lies inside of it. False without a record.
bool tcp_sent_split(
	struct tcp_sent_list *list, struct pool *pool, struct tcp_sent *rec, uint32_t seq);

// Not for SACKED records, which are left as they are.
void tcp_sent_mark_lost(struct tcp_sent_list *list, struct tcp_sent *rec);
void tcp_sent_mark_all_lost(struct tcp_sent_list *list);

// The first one; NULL: none is.
struct tcp_sent *tcp_sent_first_lost(struct tcp_sent_list *list);

// None is lost after all.
void tcp_sent_unmark_lost(struct tcp_sent_list *list);

// The peer no longer has what it said (RFC 2018 §8): all of it is lost.
void tcp_sent_renege(struct tcp_sent_list *list);

// What one acknowledgement delivered, cumulatively and selectively. The first part is set by the
// caller.
struct tcp_delivery {
	struct mono now;
	uint64_t min_rtt; // ns; a retransmission can't be answered sooner
	uint32_t tsecr;
	uint32_t ts_offset;
	uint32_t mss;
	unsigned steps; // of searches for blocks
	bool ts;        // tsecr is there: it tells which transmission is answered

	uint32_t bytes;        // that were not known to be delivered before
	uint32_t highest;      // end of the highest of them
	uint32_t lowest;       // of those that were sent but once, if `original`
	uint32_t original_end; // of the highest that was sent but once
	bool original;         // some were never retransmitted
	bool repeated;         // some were
	bool any;              // `at` and `end` are set
	bool again;            // the record that these tell of was retransmitted
	bool sure;             // ... and a timestamp shows that it was its last transmission
	struct mono at;        // of what was sent last: when, and the end of it (RFC 8985 §6.2)
	uint32_t end;
};

// Everything before `ack` arrived.
void tcp_sent_ack(
	struct tcp_sent_list *list, struct pool *pool, uint32_t ack, struct tcp_delivery *d);

// A block arrived that lies between the first and the last record. Blocks of one ACK come in
// ascending order: a search begins where the last one ended. The peer chooses how long it takes, so
// it may not be for ever: what is not reached is not noted, and the next ACK goes on from there.
void tcp_sent_sack(struct tcp_sent_list *list, struct pool *pool,
	const struct tcp_sack_block *block, struct tcp_delivery *d);
