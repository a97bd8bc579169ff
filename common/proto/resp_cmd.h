// The commands of Redis, one row each (resp_cmd.def): how many arguments, where keys are, whether
// it writes, who answers it. Everything that anybody must know about a command is in its row.
//
// The table is constant; lookups take no lock and touch no heap. Names are matched whatever the
// case of ASCII letters. Errors are worded as by Redis 7.0, byte for byte.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"
#include "common/proto/resp.h"

enum resp_cmd_id {
#define CMD(id, name, arity, access, keys, route, merge, compare, group, summary) CMD_##id,
#include "common/proto/resp_cmd.def"
#undef CMD
	CMD_COUNT
};

enum resp_cmd_access {
	RESP_CMD_READ,    // changes no key; the server's flag is "readonly"
	RESP_CMD_WRITE,   // may change keys; "write"
	RESP_CMD_NEITHER, // is not about data
};

enum resp_cmd_key_kind {
	RESP_CMD_KEYS_NONE,
	RESP_CMD_KEYS_RANGE,   // from first to last by step; a negative last counts from the end
	RESP_CMD_KEYS_NUMKEYS, // their number is argument `first`, they follow it
	RESP_CMD_KEYS_DEST_NUMKEYS, // argument `first` is a key, then as NUMKEYS
	RESP_CMD_KEYS_RANGE_STORE,  // RANGE, and a key behind the word STORE or STOREDIST
};

enum resp_cmd_route {
	RESP_CMD_ROUTE_KEY,       // to the owner of its keys
	RESP_CMD_ROUTE_STORE,     // to this node's store, whatever its keys
	RESP_CMD_ROUTE_LOCAL,     // answered here, the store never sees it
	RESP_CMD_ROUTE_CONTAINER, // runs only by its subcommands
};

// How replies of the parts become one when the keys of a request live with several owners.
enum resp_cmd_merge {
	RESP_CMD_MERGE_NONE,  // cannot be split: all keys with one owner
	RESP_CMD_MERGE_SUM,   // integers are added
	RESP_CMD_MERGE_ORDER, // arrays are put together in the order of the keys
	RESP_CMD_MERGE_OK,    // +OK when all said so
};

// How answers of replicas to the same request are compared (resp_digest.h).
enum resp_cmd_compare {
	RESP_CMD_COMPARE_EXACT,
	RESP_CMD_COMPARE_SET,      // an array in no order
	RESP_CMD_COMPARE_PAIRS,    // an array of pairs in no order
	RESP_CMD_COMPARE_ABOUT_S,  // a time in seconds that passes
	RESP_CMD_COMPARE_ABOUT_MS, // and in milliseconds
	RESP_CMD_COMPARE_ANY,      // differs by chance, or by the inside of the store
	RESP_CMD_COMPARE_UNIQUE,   // Memcached: blocks of VALUE without their uniques
};

enum resp_cmd_group {
#define GROUP(id, name, title) RESP_CMD_GROUP_##id,
#include "common/proto/resp_group.def"
#undef GROUP
	RESP_CMD_GROUP_COUNT
};

struct resp_cmd_key_spec {
	enum resp_cmd_key_kind kind;
	int8_t first; // index of the argument, the command's name being 0
	int8_t last;
	int8_t step;
};

struct resp_cmd {
	enum resp_cmd_id id;
	struct slice name; // lower case; of a subcommand "container|subcommand"
	int arity;         // arguments with the name; negative: at least so many
	enum resp_cmd_access access;
	struct resp_cmd_key_spec keys;
	enum resp_cmd_route route;
	enum resp_cmd_merge merge;
	enum resp_cmd_compare compare;
	enum resp_cmd_group group;
	struct slice summary;
};

enum {
	RESP_CMD_NAME_MAX = 32,
};

// NULL when there is no such command. A subcommand is not found by its full name here.
const struct resp_cmd *resp_cmd_lookup(struct slice name);
// A subcommand of a container; NULL when it has none of that name.
const struct resp_cmd *resp_cmd_lookup_sub(const struct resp_cmd *container, struct slice sub);
// By full name, "get" or "object|encoding", as in COMMAND INFO.
const struct resp_cmd *resp_cmd_lookup_full(struct slice full_name);
const struct resp_cmd *resp_cmd_row(enum resp_cmd_id id);

// Has subcommands: the second argument chooses one of the rows that follow.
bool resp_cmd_is_container(const struct resp_cmd *row);
bool resp_cmd_is_sub(const struct resp_cmd *row);

// How many rows behind a container's are its subcommands; 0 for any other row.
uint32_t resp_cmd_sub_count(const struct resp_cmd *row);
// The name in capitals, of a subcommand its own part of it; NUL-terminated.
void resp_cmd_upper_name(const struct resp_cmd *row, char out[RESP_CMD_NAME_MAX + 1]);

static inline bool resp_cmd_check_arity(const struct resp_cmd *row, uint32_t argc)
{
	return row->arity >= 0 ? argc == (uint32_t)row->arity : argc >= (uint32_t)-row->arity;
}

enum resp_cmd_verdict {
	RESP_CMD_OK,
	RESP_CMD_UNKNOWN,
	RESP_CMD_UNKNOWN_SUB,
	RESP_CMD_BAD_ARITY,
};

// The row that a request of argc arguments runs, of which the first min(argc, 2) are given.
// *row is the command, or the container of an unknown subcommand, or NULL when unknown.
MUST_CHECK enum resp_cmd_verdict resp_cmd_resolve(
	const struct slice *args, uint32_t argc, const struct resp_cmd **row);

enum {
	// Redis quotes no more of what it does not know.
	RESP_CMD_QUOTE_MAX = 128,
	// An argument takes at least three of those bytes; the name comes before them.
	RESP_CMD_QUOTED_ARGS = 1 + (RESP_CMD_QUOTE_MAX + 2) / 3,
	// No refusal is longer, so a buffer of this size never fills up.
	RESP_CMD_REFUSAL_MAX = 512,
};

// Writes the error for a verdict other than RESP_CMD_OK. Of an unknown command the first args_n
// arguments are quoted until there are RESP_CMD_QUOTE_MAX bytes: no more is needed of any of them,
// and no more than RESP_CMD_QUOTED_ARGS of them.
void resp_cmd_put_refusal(struct resp_writer *w, enum resp_cmd_verdict verdict,
	const struct resp_cmd *row, const struct slice *args, uint32_t args_n);

// "POST" or "Host:" means that a web browser was made to talk to us: close without an answer.
bool resp_cmd_is_http(struct slice name);

// Index of the first key's argument, 0 when there is none. Always below RESP_ARGS_MAX.
static inline uint32_t resp_cmd_first_key(const struct resp_cmd *row)
{
	if (row->keys.kind == RESP_CMD_KEYS_NONE)
		return 0;
	return (uint32_t)row->keys.first + (row->keys.kind == RESP_CMD_KEYS_NUMKEYS);
}

// Where all keys of one request are, as indexes of arguments.
struct resp_cmd_keys {
	uint32_t first; // of the regular run; 0: no keys at all
	uint32_t last;  // inclusive
	uint32_t step;
	uint32_t extra; // one more key outside of the run (a destination), or 0
};

// Of argc arguments the first args_n are given. 0; -EINVAL when the count of keys is no number or
// does not fit the request (the store will refuse it too); -ENODATA when an argument that has to be
// looked at lies beyond args_n. With no keys, 0 and `first` is 0.
MUST_CHECK int resp_cmd_keys(const struct resp_cmd *row, uint32_t argc, const struct slice *args,
	uint32_t args_n, struct resp_cmd_keys *out);
