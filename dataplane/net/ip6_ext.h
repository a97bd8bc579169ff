// The walk over IPv6 extension headers (RFC 8200 §4).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"

struct ip6_walk {
	uint8_t proto;       // what follows: a transport, or IPPROTO_FRAGMENT
	uint16_t off;        // where it begins
	uint16_t proto_from; // offset of the field that named it

	// When the walk fails: whether the sender is to be told (RFC 4443 §3.4), and what.
	bool tell;
	uint8_t code;
	uint16_t field; // offset of what is wrong
};

// False when the chain is malformed, too long, or has an option that forbids to go on. The
// headers are contiguous in the first segment afterwards.
bool ip6_ext_walk(struct rte_mbuf *m, struct ip6_walk *walk) MUST_CHECK;
