// Drivers' oddities, by name. A row of quirk.def adds one.
#pragma once

#include <stdint.h>

enum quirk_flag {
	QUIRK_NO_PROMISC = 1 << 0, // don't ask for promiscuous mode
	QUIRK_LINEAR = 1 << 1,     // packets must be in one segment
	QUIRK_SOCKET_FD = 1 << 2,  // receives from a kernel socket that can be polled
	QUIRK_TSO4 = 1 << 3,       // cuts IPv4 packets into frames, IPv6 ones perhaps not
	QUIRK_TIMERS = 1 << 4,     // has rte_timers that somebody must run
	QUIRK_NO_TSO = 1 << 5,     // what it makes of packets to cut is of no use
};

struct quirk {
	const char *driver;
	unsigned flags;
	uint16_t mtu_max;
	uint16_t tx_max;
	const char *why;
};

// Never NULL: the row of an ordinary driver is all zero.
const struct quirk *quirk_of(const char *driver);
