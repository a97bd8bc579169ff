// A turn of a stack whose only neighbour is the peer of a test's wire (tcp_script_wire.h).
#pragma once

#include "common/base/mono.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"
#include "tests/support/tcp_script_wire.h"

// A TCP segment that the stack sent. The pointers are good during the call.
struct wire_seen {
	const struct wire_seg *seg;
	const uint8_t *payload; // seg->len bytes
	uint32_t frame_len;
};

typedef void wire_see(void *ctx, const struct wire_seen *seen);

struct wire_stack {
	const struct wire *wire; // the peer who answers ARP
	struct net *net;
	struct tcp *tcp;
	wire_see *see;
	void *ctx; // of `see`
};

// Hands the stack a frame, which it owns from then on.
void wire_input(const struct wire_stack *stack, struct rte_mbuf *frame, struct mono now);

// Lets the stack do and send what is due. Each segment is shown to `see`, each question for the
// peer's address answered.
void wire_turn(const struct wire_stack *stack, struct mono now);
