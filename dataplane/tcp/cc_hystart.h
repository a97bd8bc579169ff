// HyStart++: sees in the round-trip times of the first slow start that a queue builds up, before it
// overflows. Then it grows more slowly for some rounds (conservative slow start); when times fall
// again it was jitter, otherwise slow start is over. All zero is a fresh one. Times in
// microseconds.
//
// It differs from the RFC in what an ACK may add: all that it acknowledges, see cc_slow_start.
//
// Source: RFC 9406.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/cc_window.h"
#include "dataplane/tcp/tcp_seq.h"

#define HYSTART_THRESH_MIN 4000u
#define HYSTART_THRESH_MAX 16000u
#define HYSTART_THRESH_DIVISOR 8
#define HYSTART_SAMPLES 8
#define HYSTART_GROWTH_DIVISOR 4
#define HYSTART_ROUNDS 5

// Shortest round-trip times are 0 when there was none.
struct hystart {
	uint32_t running;
	uint32_t round_end; // the round is over when this is acknowledged
	uint32_t last;      // shortest of the last round
	uint32_t shortest;  // of this round
	uint32_t samples;   // of this round
	uint32_t baseline;  // to fall below, in conservative slow start; 0: not in it
	uint32_t rounds;    // of conservative slow start
};

static inline void hystart_judge(struct hystart *h)
{
	uint32_t thresh;

	if (h->samples < HYSTART_SAMPLES)
		return;
	if (h->baseline != 0) {
		if (h->shortest < h->baseline)
			h->baseline = 0;
		return;
	}
	thresh = cc_min(h->last / HYSTART_THRESH_DIVISOR, HYSTART_THRESH_MAX);
	thresh = cc_max(thresh, HYSTART_THRESH_MIN);
	if (h->last != 0 && h->shortest >= cc_add(h->last, thresh)) {
		h->baseline = h->shortest;
		h->rounds = 0;
	}
}

// An ACK of a sender that cwnd limits: others say nothing about our own queue. Returns how much of
// it cwnd may grow by; sets `over` when slow start has ended.
static inline uint32_t hystart_ack(struct hystart *h, const struct cc_ack *ack, bool *over)
{
	if (ack->rtt != 0) {
		h->shortest = h->shortest == 0 ? ack->rtt : cc_min(h->shortest, ack->rtt);
		h->samples = cc_add(h->samples, 1);
		hystart_judge(h);
	}
	if (h->running == 0 || seq_geq(ack->snd_una, h->round_end)) {
		h->running = 1;
		h->round_end = ack->snd_nxt;
		h->last = h->shortest;
		h->shortest = 0;
		h->samples = 0;
		if (h->baseline != 0)
			h->rounds++;
	}
	*over = h->baseline != 0 && h->rounds >= HYSTART_ROUNDS;
	return h->baseline == 0 ? ack->acked : ack->acked / HYSTART_GROWTH_DIVISOR;
}
