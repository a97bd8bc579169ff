// What the control plane decided, as the data plane uses it: one immutable value, built whole,
// numbered by its epoch, swapped by RCU and never changed in place (DESIGN: "state is pushed
// whole, numbered, and acknowledged").
//
// A snapshot is one allocation: nodes and tokens lie behind the struct. It belongs to whoever
// built it; readers hold it for one turn of their loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/base/slice.h"
#include "common/cluster/hash.h"

// Numbers are those of the original's gossip (dynomite.md §5.2).
enum node_state {
	NODE_INIT = 0,
	NODE_STANDBY = 1,
	NODE_WRITES_ONLY = 2,
	NODE_RESUMING = 3,
	NODE_NORMAL = 4,
	NODE_JOINING = 7,
	NODE_DOWN = 8,
};

enum consistency {
	CONSISTENCY_DC_ONE,
	CONSISTENCY_DC_QUORUM,
	CONSISTENCY_DC_SAFE_QUORUM,
	CONSISTENCY_DC_EACH_SAFE_QUORUM,
};

#define SNAPSHOT_NODES_MAX 4096
#define SNAPSHOT_TOKENS_MAX (SNAPSHOT_NODES_MAX * 256)
#define SNAPSHOT_NAME_MAX 64  // rack and datacentre names, with NUL
#define SNAPSHOT_HOST_MAX 256 // host names, with NUL

struct snapshot_node {
	char host[SNAPSHOT_HOST_MAX];
	char dc[SNAPSHOT_NAME_MAX];
	char rack[SNAPSHOT_NAME_MAX];
	struct ip_addr addr;  // of `host`; IP_ADDR_ANY: not known yet
	uint32_t token_first; // index into snapshot_tokens()
	uint32_t token_n;
	uint16_t port; // dyn_listen
	uint8_t state; // enum node_state
	uint8_t is_local;
	uint8_t reserved[4];
};

// Whence the settings come, for a control plane that starts while the data plane has them: what the
// file said then, and what `timeout_ms` was made of. Nothing else looks at it.
struct snapshot_said {
	uint32_t file_timeout_ms;
	uint32_t file_read_hedge_ms;
	uint32_t timeout_ms; // before the factor
	uint8_t factor;      // of the timeout; 0: all of this is not told
	uint8_t file_read;   // enum consistency
	uint8_t file_write;
	uint8_t reserved;
};

struct snapshot {
	uint64_t epoch; // from 1; 0 is "none yet"
	uint32_t node_n;
	uint32_t token_n;
	uint32_t timeout_ms; // of a request at the store; 0: for ever
	uint8_t state;       // of this node, enum node_state
	uint8_t read_consistency;
	uint8_t write_consistency;
	uint8_t hash;     // enum hash_kind
	char hash_tag[2]; // as in `hash_tag`; both 0: none
	uint8_t reserved[2];
	uint32_t read_hedge_ms; // after which a read is asked of another rack too; 0: never
	struct snapshot_said said;
};

static inline size_t snapshot_size(uint32_t node_n, uint32_t token_n)
{
	return sizeof(struct snapshot) + node_n * sizeof(struct snapshot_node) +
		token_n * sizeof(uint32_t);
}

static inline const struct snapshot_node *snapshot_nodes(const struct snapshot *s)
{
	return (const struct snapshot_node *)(const void *)(s + 1);
}

static inline const uint32_t *snapshot_tokens(const struct snapshot *s)
{
	return (const uint32_t *)(const void *)(snapshot_nodes(s) + s->node_n);
}

// Checks everything that a reader relies on in `len` bytes from the other process: counts and
// sizes, enums, terminated strings, token ranges, exactly one local node. NULL when it holds, or
// what is wrong.
const char *snapshot_check(const void *bytes, size_t len) MUST_CHECK;

const char *node_state_name(enum node_state state);
const char *consistency_name(enum consistency level);

// By name, in any case. False when it is none.
bool node_state_parse(struct slice text, enum node_state *state);
bool consistency_parse(struct slice text, enum consistency *level);
