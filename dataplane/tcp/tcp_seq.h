// Sequence numbers: 32 bits that wrap (RFC 9293 §3.4). The only place where they are compared.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// The largest window without scaling.
#define TCP_WINDOW_MAX UINT32_C(0xffff)

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool seq_geq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_gt(a, b) ? a : b;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

// How far `later` is ahead of `earlier`; 0 when it is not.
static inline uint32_t seq_ahead(uint32_t later, uint32_t earlier)
{
	return seq_gt(later, earlier) ? later - earlier : 0;
}

// Whether `seq` is one that the window has room for.
static inline bool seq_in_window(uint32_t seq, uint32_t rcv_nxt, uint32_t wnd)
{
	return seq - rcv_nxt < wnd;
}

// RFC 9293 §3.10.7.4: whether a segment of `len` sequence numbers at `seq` touches the window. One
// without any may also stand at its right edge, where the RFC takes it only when the window is
// closed: a peer that has filled the window has no other number for its acknowledgements.
static inline bool seq_acceptable(uint32_t seq, uint32_t len, uint32_t rcv_nxt, uint32_t wnd)
{
	uint32_t last = seq + len - 1;

	if (len == 0)
		return seq - rcv_nxt <= wnd;
	return wnd > 0 &&
		(seq_in_window(seq, rcv_nxt, wnd) || seq_in_window(last, rcv_nxt, wnd) ||
			// Begins before the window and ends behind it.
			(seq_lt(seq, rcv_nxt) && seq_geq(last, rcv_nxt)));
}
