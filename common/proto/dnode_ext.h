// What our nodes tell each other in the data field of the peer protocol's header, where real nodes
// have one placeholder byte; and how two of ours find out that they are, while a real node never
// sees anything but that placeholder.
//
// Recognition, per connection and on each anew, since the address may be another program's by now:
//   1. The requester numbers its requests from dnode_id_first() on: any id is a fair one, and real
//      nodes, who count from 1, don't get there in a process's life. Its data field is the
//      placeholder.
//   2. A responder that reads such an id (dnode_id_is_ours) knows the requester, and puts an
//      extension into the data field of its answers. To all others it answers with the placeholder.
//      A real node answers our ids with the placeholder, too.
//   3. A requester that reads an extension in an answer knows the responder, and may put
//      extensions into its requests from then on.
// So an extension is sent only as an answer to somebody's sign, and nothing is lost where one side
// is a real node. A sign is no proof: what comes with it is as untrusted as all else from a peer.
//
// The text: "D1", then fields in any order, each ";" key "=" value.
//   c  capabilities, hex: a set of enum dnode_cap bits
//   t  stamp of the request, hex: 64 bits whose meaning is the caller's
// Hex is lower case without leading zeros. Keys are lower-case letters; values are letters, digits,
// "." and "-". Unknown keys are stepped over, so a field may be added without a new version; of
// another version ("D2") nothing but that is read. No byte of it is a space, "*", "$", CR or LF.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"

enum {
	DNODE_EXT_VERSION = 1,
	DNODE_EXT_MAX = 32, // the longest that dnode_ext_put() writes
};

enum dnode_cap {
#define CAP(bit, id, name, help) DNODE_CAP_##id = 1u << (bit),
#include "common/proto/dnode_cap.def"
#undef CAP
};

struct dnode_ext {
	uint64_t stamp; // where has_stamp
	uint32_t caps;
	bool has_stamp;
};

enum dnode_ext_status {
	DNODE_EXT_NONE,  // the placeholder, or what others put there: a real node
	DNODE_EXT_FOUND, // one of ours
	DNODE_EXT_OTHER, // one of ours, of a version that is not known: use none of its fields
	DNODE_EXT_BAD,   // begins like ours and is broken: close the connection
};

// The id of a connection's first request. Every later one is the last one's plus 1 or more.
static inline uint64_t dnode_id_first(void)
{
	return 1ull << 56;
}

// Ids of gossip don't count: they are numbered apart.
static inline bool dnode_id_is_ours(uint64_t id)
{
	return id >> 56 == 1;
}

// Writes the text; returns its size, 0 when it does not fit in cap.
MUST_CHECK size_t dnode_ext_put(char *out, size_t cap, const struct dnode_ext *ext);

// Reads a data field. *ext is all zero unless the result is DNODE_EXT_FOUND.
MUST_CHECK enum dnode_ext_status dnode_ext_get(struct slice data, struct dnode_ext *ext);
