#include "common/proto/resp_cmd.h"

#include <assert.h>
#include <string.h>

#define NO_KEYS                            \
	{                                  \
		.kind = RESP_CMD_KEYS_NONE \
	}
#define RANGE(f, l, s)                                                              \
	{                                                                           \
		.kind = RESP_CMD_KEYS_RANGE, .first = (f), .last = (l), .step = (s) \
	}
#define RANGE_STORE(f, l, s)                                                              \
	{                                                                                 \
		.kind = RESP_CMD_KEYS_RANGE_STORE, .first = (f), .last = (l), .step = (s) \
	}
#define NUMKEYS(at)                                          \
	{                                                    \
		.kind = RESP_CMD_KEYS_NUMKEYS, .first = (at) \
	}
#define DEST_NUMKEYS(at)                                          \
	{                                                         \
		.kind = RESP_CMD_KEYS_DEST_NUMKEYS, .first = (at) \
	}

#define CMD(id_, name_, arity_, access_, keys_, route_, merge_, compare_, group_, summary_) \
	[CMD_##id_] = {                                                                     \
		.id = CMD_##id_,                                                            \
		.name = {.ptr = name_, .len = sizeof(name_) - 1},                           \
		.arity = arity_,                                                            \
		.access = RESP_CMD_##access_,                                               \
		.keys = keys_,                                                              \
		.route = RESP_CMD_ROUTE_##route_,                                           \
		.merge = RESP_CMD_MERGE_##merge_,                                           \
		.compare = RESP_CMD_COMPARE_##compare_,                                     \
		.group = RESP_CMD_GROUP_##group_,                                           \
		.summary = {.ptr = summary_, .len = sizeof(summary_) - 1},                  \
	},

static const struct resp_cmd rows[CMD_COUNT] = {
#include "common/proto/resp_cmd.def"
};

#undef CMD

enum {
	NAME_WORDS = RESP_CMD_NAME_MAX / sizeof(uint64_t),
	INDEX_BITS = 9,
	INDEX_SLOTS = 1 << INDEX_BITS,
};

static_assert(NAME_WORDS == 4, "slot_of and folded_eq take that many");
static_assert(CMD_COUNT * 2 <= INDEX_SLOTS, "probing is short only in a table half empty");
#define CMD(id, name, ...) \
	static_assert(sizeof(name) - 1 <= RESP_CMD_NAME_MAX, "the index has no room for " name);
#include "common/proto/resp_cmd.def"
#undef CMD

// A name in lower case, padded with zeros, so that names compare as a few words. No name of the
// table has a zero in it, so its length needs no place of its own.
struct folded {
	uint64_t word[NAME_WORDS];
};

struct index_slot {
	struct folded name; // all zeros when the slot is free
	uint16_t row;
	bool is_sub;
};

static struct index_slot name_index[INDEX_SLOTS];
static uint8_t sub_count[CMD_COUNT];
static bool is_sub[CMD_COUNT];

// Lower case for the ASCII capitals among 8 bytes.
static uint64_t fold8(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t low7 = w & (ones * 0x7f);
	uint64_t from_a = low7 + ones * (0x80 - 'A');
	uint64_t past_z = low7 + ones * (0x80 - 'Z' - 1);
	uint64_t capital = (from_a ^ past_z) & ~w & (ones * 0x80);

	return w | (capital >> 2);
}

static uint64_t load8(const char *s)
{
	uint64_t w;

	memcpy(&w, s, sizeof(w));
	return w;
}

// Up to 7 bytes, zeros behind; parts that overlap agree, so that no byte needs a loop.
static uint64_t load_short(const char *s, size_t len)
{
	const uint8_t *b = (const uint8_t *)s;
	uint32_t head, tail;

	if (len < sizeof(head))
		return b[0] | (uint64_t)b[len / 2] << len / 2 * 8 |
			(uint64_t)b[len - 1] << (len - 1) * 8;
	memcpy(&head, s, sizeof(head));
	memcpy(&tail, s + len - sizeof(tail), sizeof(tail));
	return head | (uint64_t)tail << (len - sizeof(tail)) * 8;
}

// The len % 8 last bytes of a name that has at least 8.
static uint64_t load_tail(const char *s, size_t len)
{
	return len % 8 == 0 ? 0 : load8(s + len - 8) >> (8 - len % 8) * 8;
}

// False for what is no name at all. The table's names have no zero, which is padding here.
static inline bool fold(struct slice name, struct folded *f)
{
	size_t whole = name.len / 8;

	*f = (struct folded){0};
	if (name.len == 0 || name.len > RESP_CMD_NAME_MAX)
		return false;
	if (likely(whole == 0)) {
		f->word[0] = fold8(load_short(name.ptr, name.len));
	} else {
		for (size_t i = 0; i < whole; i++)
			f->word[i] = fold8(load8(name.ptr + i * 8));
		if (whole < NAME_WORDS)
			f->word[whole] = fold8(load_tail(name.ptr, name.len));
	}
	return (uint8_t)name.ptr[name.len - 1] != 0;
}

static size_t slot_of(const struct folded *f)
{
	uint64_t h = f->word[0] ^ f->word[1] * 0xc2b2ae3d27d4eb4fu ^
		f->word[2] * 0x165667b19e3779f9u ^ f->word[3] * 0x85ebca77c2b2ae63u;

	return (size_t)((h ^ h >> 32) * 0x9e3779b97f4a7c15u >> (64 - INDEX_BITS));
}

static bool folded_eq(const struct folded *a, const struct folded *b)
{
	return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
		       (a->word[3] ^ b->word[3])) == 0;
}

static void index_add(uint16_t row)
{
	struct folded name;
	size_t slot;

	(void)fold(rows[row].name, &name);
	slot = slot_of(&name);
	while (name_index[slot].name.word[0] != 0)
		slot = (slot + 1) % INDEX_SLOTS;
	name_index[slot] = (struct index_slot){.name = name, .row = row, .is_sub = is_sub[row]};
}

// Runs before main(): from then on the index is as constant as the rows.
__attribute__((constructor)) static void index_build(void)
{
	uint16_t container = 0;

	for (uint16_t i = 0; i < CMD_COUNT; i++) {
		is_sub[i] = memchr(rows[i].name.ptr, '|', rows[i].name.len) != NULL;
		if (is_sub[i])
			sub_count[container]++;
		else
			container = i;
		index_add(i);
	}
}

static const struct index_slot *index_find(struct slice full_name)
{
	struct folded name;

	if (!fold(full_name, &name))
		return NULL;
	for (size_t i = slot_of(&name); name_index[i].name.word[0] != 0; i = (i + 1) % INDEX_SLOTS)
		if (likely(folded_eq(&name_index[i].name, &name)))
			return &name_index[i];
	return NULL;
}

const struct resp_cmd *resp_cmd_lookup_full(struct slice full_name)
{
	const struct index_slot *slot = index_find(full_name);

	return slot ? &rows[slot->row] : NULL;
}

const struct resp_cmd *resp_cmd_lookup(struct slice name)
{
	const struct index_slot *slot = index_find(name);

	return slot && !slot->is_sub ? &rows[slot->row] : NULL;
}

const struct resp_cmd *resp_cmd_lookup_sub(const struct resp_cmd *container, struct slice sub)
{
	char full_name[RESP_CMD_NAME_MAX];
	size_t at = container->name.len + 1;

	if (sub.len == 0 || at > RESP_CMD_NAME_MAX || sub.len > RESP_CMD_NAME_MAX - at)
		return NULL;
	memcpy(full_name, container->name.ptr, container->name.len);
	full_name[at - 1] = '|';
	memcpy(full_name + at, sub.ptr, sub.len);
	return resp_cmd_lookup_full(slice_make(full_name, at + sub.len));
}

const struct resp_cmd *resp_cmd_row(enum resp_cmd_id id)
{
	return &rows[id];
}

bool resp_cmd_is_sub(const struct resp_cmd *row)
{
	return is_sub[row->id];
}

bool resp_cmd_is_container(const struct resp_cmd *row)
{
	return sub_count[row->id] > 0;
}

uint32_t resp_cmd_sub_count(const struct resp_cmd *row)
{
	return sub_count[row->id];
}

void resp_cmd_upper_name(const struct resp_cmd *row, char out[RESP_CMD_NAME_MAX + 1])
{
	const char *bar = memchr(row->name.ptr, '|', row->name.len);
	size_t skip = bar ? (size_t)(bar + 1 - row->name.ptr) : 0;
	size_t n = row->name.len - skip;

	for (size_t i = 0; i < n; i++) {
		char c = row->name.ptr[skip + i];

		out[i] = (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
	}
	out[n] = '\0';
}
