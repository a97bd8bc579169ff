// Records of segments in flight, oldest first: what was sent when, and what became of it. Loss
// recovery marks them LOST; output sends lost ones again before anything new. `pipe` counts the
// bytes that are believed to be in the network (RFC 6675's name).
//
// One record is part of the list, so that a connection can always send one segment; more come
// from a pool shared by all connections. SACK and RACK (RFC 6675, 8985) need no other shape: a
// SACKED flag, and the times that are here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"
#include "common/base/pool.h"

enum tcp_sent_flag {
	TCP_SENT_LOST = 1 << 0,  // believed lost and not sent again since
	TCP_SENT_AGAIN = 1 << 1, // was retransmitted: gives no RTT sample (Karn)
	TCP_SENT_FIN = 1 << 2,   // the last sequence number is a FIN
	TCP_SENT_USED = 1 << 3,  // of the record that is part of the list
};

struct tcp_sent {
	struct tcp_sent *next;
	struct mono at; // last transmission
	uint32_t seq;
	uint32_t end;
	uint8_t flags;
};

struct tcp_sent_list {
	struct tcp_sent *head;
	struct tcp_sent *tail;
	uint32_t pipe;
	uint32_t n;
	uint32_t lost; // records marked LOST
	struct tcp_sent first;
};

void tcp_sent_init(struct tcp_sent_list *list);
void tcp_sent_free(struct tcp_sent_list *list, struct pool *pool);

// Whether tcp_sent_add would find a record.
bool tcp_sent_room(const struct tcp_sent_list *list, const struct pool *pool);

// A segment [seq, end) went out.
void tcp_sent_add(struct tcp_sent_list *list, struct pool *pool, uint32_t seq, uint32_t end,
	bool fin, struct mono now);

// The record went out again.
void tcp_sent_again(struct tcp_sent_list *list, struct tcp_sent *rec, struct mono now);

// Cuts a record in two at `seq`, since segments have become shorter. False without a record.
bool tcp_sent_split(
	struct tcp_sent_list *list, struct pool *pool, struct tcp_sent *rec, uint32_t seq);

void tcp_sent_mark_lost(struct tcp_sent_list *list, struct tcp_sent *rec);
void tcp_sent_mark_all_lost(struct tcp_sent_list *list);

struct tcp_sent_acked {
	uint32_t segs;  // records acknowledged whole
	struct mono at; // when one of them was last sent
	bool again;     // one of them had been retransmitted
};

struct tcp_sent_acked tcp_sent_ack(struct tcp_sent_list *list, struct pool *pool, uint32_t ack);
