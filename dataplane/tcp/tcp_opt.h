// TCP options: read and written as one record. Unknown ones are skipped.
//
// Sources: RFC 9293 §3.2 (MSS), 7323 (window scale, timestamps), 2018 (SACK), 2883 (D-SACK).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TCP_WSCALE_NONE 0xff
#define TCP_WSCALE_MAX 14
#define TCP_OPT_MAX 40
#define TCP_OPT_TS_LEN 12 // with its padding
#define TCP_SACK_MAX 4    // blocks that fit beside nothing else; 3 beside a timestamp

// Bytes [seq, end) that arrived, or of the first block perhaps arrived again (RFC 2883).
struct tcp_sack_block {
	uint32_t seq;
	uint32_t end;
};

struct tcp_opts {
	uint32_t tsval;
	uint32_t tsecr;
	uint16_t mss;   // 0: none
	uint8_t wscale; // TCP_WSCALE_NONE: none
	bool ts;
	bool sack_ok;
	uint8_t sack_n;
	struct tcp_sack_block sack[TCP_SACK_MAX]; // sack_n of them, the rest is undefined
};

// Bytes of an option of `n` blocks with its padding.
static inline unsigned tcp_opt_sack_len(unsigned n)
{
	return n > 0 ? 4 + 8 * n : 0;
}

#define TCP_OPTS_NONE ((struct tcp_opts){.wscale = TCP_WSCALE_NONE})

// False when a length is impossible; `opts` is then undefined.
bool tcp_opt_parse(const uint8_t *p, unsigned len, struct tcp_opts *opts);

// Writes the options in the order that is common, padded to 4 bytes. `p` has TCP_OPT_MAX bytes.
// Returns their length.
unsigned tcp_opt_write(uint8_t *p, const struct tcp_opts *opts);
