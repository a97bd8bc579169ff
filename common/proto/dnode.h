// The peer protocol's header: what goes before each request, reply and gossip message between two
// nodes. A parser that is fed chunk by chunk, a writer, and the rules that both ends keep.
// docs/peers.md has the protocol byte by byte; the facts are those of real nodes, version 0.6.
//
//   "   $2014$ " id " " type " " flags " " version " " same_dc " *" dlen " " data " *" plen CR LF
//
// Numbers are decimal, in their shortest spelling. Nothing is allocated; all bytes belong to the
// caller, but for the data field, which the parser keeps (256 bytes at most).
//
// What is refused. Real nodes skip whatever comes before "$2014$"; a stream that has lost its place
// can't be told from one that was made to, so here it is an error. What real nodes send is taken,
// and beyond that what they are known to take from each other: several spaces before the second
// star, flags of several digits. A header is DNODE_HEADER_MAX bytes at most.
//
// Where a payload ends (dnode_framing). A request or reply ends where RESP says, always: real nodes
// do not look at plen, and one that hands on another's reply sends a plen that is too large. So
// plen is checked (dnode_plen_agrees), counted, and never used to find the next message. Requests
// with a wrong plen are refused: no real node sends such. Only gossip and what is ignored ends
// after plen bytes, and the caller decides how many are too many.
//
// Ids, and the order of answers. They are a connection's matter, kept by whoever owns it:
//   - Requests flow from the side that opened the connection; answers flow back.
//   - Ids of requests grow strictly along a connection; gaps are usual. Gossip takes none of them.
//   - Every request is answered exactly once, by a message of type 5 with its id, in the order of
//     the requests, whatever happens; an answer that can't be had is an error reply.
//   - A requester compares an answer's id with the head of its queue. Lower: the answer is dropped.
//     Higher: the requests before it fail, as they will never be answered. Higher than all that
//     were sent: the connection is over.
//   - same_dc of a request is the sender's view; the answer echoes it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"

enum {
	DNODE_VERSION = 1,
	DNODE_DATA_MAX = 256,   // bytes of the data field
	DNODE_HEADER_MAX = 384, // one without needless spaces takes 321 at most
};

// Flags real nodes know. Only the value of 1 alone makes them decrypt.
enum {
	DNODE_ENCRYPTED = 1,
};

#define DNODE_PLEN_MAX (1ull << 40)

enum dnode_type {
#define TYPE(number, id, framing, help) DNODE_##id = (number),
#include "common/proto/dnode_type.def"
#undef TYPE
};

enum dnode_framing {
	DNODE_FRAMING_REQUEST,
	DNODE_FRAMING_REPLY,
	DNODE_FRAMING_LENGTH,
	DNODE_FRAMING_UNKNOWN, // of a type that is to be refused
};

struct dnode_header {
	uint64_t id;
	uint64_t plen;     // bytes of payload, as the sender says
	struct slice data; // to be written: {0} is the placeholder of one byte
	uint8_t type;
	uint8_t flags;
	uint8_t version; // read: always DNODE_VERSION, which is also written whatever this is
	bool same_dc;
};

enum dnode_status {
	DNODE_MORE,  // all of the chunk was taken, more is needed
	DNODE_DONE,  // the header ended at *consumed; `header` is valid until the next call
	DNODE_ERROR, // the stream is beyond repair: `error` says why; close
};

enum dnode_state {
	DNODE_STATE_NUMBER, // and what must stand before it: dnode_field says which
	DNODE_STATE_DATA,
	DNODE_STATE_LINE_FEED,
	DNODE_STATE_END,
	DNODE_STATE_BROKEN,
};

// Fields up to `error` may be read by anybody. The data slice of `header` points into the parser:
// it must not be moved while that is in use.
struct dnode_parser {
	struct dnode_header header;
	uint32_t at;       // bytes of this header taken so far; after DNODE_DONE, its size
	const char *error; // after DNODE_ERROR

	enum dnode_state state;
	uint8_t field;   // the number that is being read
	uint8_t literal; // bytes before it that were seen
	uint8_t digits;  // of it
	uint64_t value;
	uint16_t dlen;
	uint16_t data_len; // of which so many are here
	char data[DNODE_DATA_MAX];
};

void dnode_parser_init(struct dnode_parser *p);

// Takes bytes until one header ends or the chunk does. The call after DNODE_DONE begins the next
// header, so the caller takes the payload in between. DNODE_ERROR stays.
MUST_CHECK enum dnode_status dnode_parse(
	struct dnode_parser *p, const uint8_t *data, size_t len, size_t *consumed);

// Writes a header as real nodes do. Returns its size; 0, and nothing is written, when it does not
// fit in cap, when the data field is too long or has CR or LF in it, or plen is beyond its limit.
// DNODE_HEADER_MAX bytes are always enough.
MUST_CHECK size_t dnode_put_header(char *out, size_t cap, const struct dnode_header *header);

enum dnode_framing dnode_framing(uint8_t type);

// "REQ", "RES", ... or "?".
const char *dnode_type_name(uint8_t type);

// Whether a payload that by itself took `size` bytes is as long as the header said.
static inline bool dnode_plen_agrees(const struct dnode_header *header, uint64_t size)
{
	return header->plen == size;
}

// A payload that can't be read without the key that the cluster shares. A caller without it says so
// in its log and closes. Holds after DNODE_ERROR too: a key of more than 2048 bits makes a data
// field that is refused.
static inline bool dnode_is_encrypted(const struct dnode_header *header)
{
	return header->flags == DNODE_ENCRYPTED;
}
