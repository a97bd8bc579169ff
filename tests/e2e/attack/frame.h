// Frames of an attacker: IPv4 TCP segments from addresses of its choice, and ARP answers that make
// these addresses his. Everything is computed from a connection's name, so that he needs no memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 1514
#define FRAME_SYN 0x02
#define FRAME_FIN 0x01
#define FRAME_RST 0x04
#define FRAME_PSH 0x08
#define FRAME_ACK 0x10

struct frame_end {
	uint8_t mac[6];
	uint8_t ip[4];
	uint16_t port;
};

struct frame_tcp {
	struct frame_end from;
	struct frame_end to;
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;
	uint8_t flags;
	uint16_t fragment; // the IP header's field
	const void *data;
	size_t len;
};

// Writes the frame, checksums and all; returns its length.
size_t frame_tcp(uint8_t out[FRAME_MAX], const struct frame_tcp *tcp);

// False when it is no TCP over IPv4. `data` points into the frame.
bool frame_parse(const uint8_t *frame, size_t len, struct frame_tcp *tcp);

// The answer to an ARP request for `ip`, in place of the request: `mac` has it. False when the
// frame is no request, or for another network than `ip`'s with its last byte in [first, last].
bool frame_arp_answer(uint8_t *frame, size_t len, const uint8_t mac[6], const uint8_t net[3],
	uint8_t first, uint8_t last);
