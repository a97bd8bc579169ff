// Reassembly of what arrived out of order: runs of contiguous bytes, sorted, with holes between
// them. The number of runs is fixed, small segments that touch are copied together, and the caller
// bounds the bytes pinned. Where segments overlap, bytes once taken are kept, unless a later
// segment covers a whole run.
//
// The runs are what SACK blocks are made from (RFC 2018).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_opt.h"
#include "dataplane/tcp/tcp_recv_queue.h"

#define TCP_REASM_RUNS 128

struct tcp_run {
	uint32_t seq;
	uint32_t end;
	struct rte_mbuf *head;
	struct rte_mbuf *tail;
	uint32_t stamp; // of the last arrival in it
};

struct tcp_reasm {
	uint32_t n;
	uint32_t clock;  // counts arrivals
	uint64_t pinned; // this connection's part of *mem
	struct tcp_run runs[TCP_REASM_RUNS];
};

enum tcp_reasm_result {
	TCP_REASM_TAKEN,
	TCP_REASM_DUP,  // nothing new in it
	TCP_REASM_FULL, // one hole too many, or over `limit`
};

void tcp_reasm_init(struct tcp_reasm *reasm);
void tcp_reasm_free(struct tcp_reasm *reasm, uint64_t *mem);

// Takes one mbuf whose data begins at `seq`. `limit` bounds `pinned`.
enum tcp_reasm_result tcp_reasm_put(
	struct tcp_reasm *reasm, uint32_t seq, struct rte_mbuf *m, uint64_t limit, uint64_t *mem);

// Gives up what lies at `end` and beyond.
void tcp_reasm_cut(struct tcp_reasm *reasm, uint32_t end, uint64_t *mem);

// Up to `n` runs, the one in which something arrived last first (RFC 2018 §4). Returns how many.
unsigned tcp_reasm_blocks(const struct tcp_reasm *reasm, struct tcp_sack_block *out, unsigned n);

// Moves what has become in order to `q`. Returns the new rcv_nxt.
uint32_t tcp_reasm_take(
	struct tcp_reasm *reasm, uint32_t rcv_nxt, struct tcp_recv_queue *q, uint64_t *mem);
