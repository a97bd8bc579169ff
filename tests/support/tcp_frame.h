// Looks into Ethernet frames with TCP in them, for links and counters of tests. Frames may be
// anything; extension headers and IPv4 options are not followed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TCP_FRAME_ETH 14u

struct tcp_frame_info {
	bool ip; // IPv4 or IPv6
	bool v6;
	bool tcp;      // the fields below are set
	uint32_t flow; // the same for all segments of one direction of a connection
	uint32_t seq;
	uint32_t ack;
	uint32_t payload;
	uint8_t flags;
};

struct tcp_frame_info tcp_frame_look(const uint8_t *data, uint32_t len);

// Marks congestion (RFC 3168 §5) if the sender can be told so. False when it can't.
bool tcp_frame_mark(uint8_t *data, uint32_t len);

#define TCP_FRAME_TOO_BIG_MAX 1294u

// Writes the ICMP error that a router sends back for this frame: `mtu` is what fits. Returns its
// length; 0 when the frame is none of TCP.
uint32_t tcp_frame_too_big(
	const uint8_t *data, uint32_t len, uint32_t mtu, uint8_t out[TCP_FRAME_TOO_BIG_MAX]);
