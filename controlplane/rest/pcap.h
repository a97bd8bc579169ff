// A pcap file (nanoseconds, little-endian) from the packets that several workers captured, by time.
// Source: draft-ietf-opsawg-pcap.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PCAP_HEADER_LEN 24
#define PCAP_RECORD_LEN 16

struct pcap_part {
	const unsigned char *bytes; // records of one worker, in the order of their time
	size_t len;
};

// Writes the file into `out`, which has room for PCAP_HEADER_LEN and all parts. What is no whole
// record ends its part; parts are used up. Returns the file's length.
size_t pcap_write(struct pcap_part *parts, unsigned n, unsigned char *out);
