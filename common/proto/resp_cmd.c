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

#define CMD(id_, name_, arity_, access_, keys_, route_, merge_, group_, summary_) \
	[CMD_##id_] = {                                                           \
		.id = CMD_##id_,                                                  \
		.name = {.ptr = name_, .len = sizeof(name_) - 1},                 \
		.arity = arity_,                                                  \
		.access = RESP_CMD_##access_,                                     \
		.keys = keys_,                                                    \
		.route = RESP_CMD_ROUTE_##route_,                                 \
		.merge = RESP_CMD_MERGE_##merge_,                                 \
		.group = RESP_CMD_GROUP_##group_,                                 \
		.summary = {.ptr = summary_, .len = sizeof(summary_) - 1},        \
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

static_assert(CMD_COUNT * 2 <= INDEX_SLOTS, "probing is short only in a table half empty");
#define CMD(id, name, ...) \
	static_assert(sizeof(name) - 1 <= RESP_CMD_NAME_MAX, "the index has no room for " name);
#include "common/proto/resp_cmd.def"
#undef CMD

// A name in lower case, padded with zeros, so that names compare as a few words.
struct folded {
	uint64_t word[NAME_WORDS];
	size_t len;
};

static struct {
	struct folded name[INDEX_SLOTS];
	uint16_t row[INDEX_SLOTS]; // CMD_COUNT when the slot is free
} name_index;

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

static void fold(struct folded *f)
{
	for (unsigned i = 0; i < NAME_WORDS; i++)
		f->word[i] = fold8(f->word[i]);
}

static size_t slot_of(const struct folded *f)
{
	uint64_t h = f->word[0] * 0x9e3779b97f4a7c15u;

	h = (h ^ f->word[1] ^ (h >> 32)) * 0xc2b2ae3d27d4eb4fu;
	h = (h ^ f->word[2] ^ (h >> 29)) * 0x165667b19e3779f9u;
	return (size_t)(h >> (64 - INDEX_BITS));
}

static bool folded_eq(const struct folded *a, const struct folded *b)
{
	uint64_t diff = a->len ^ b->len;

	for (unsigned i = 0; i < NAME_WORDS; i++)
		diff |= a->word[i] ^ b->word[i];
	return diff == 0;
}

// Runs before main(): from then on the index is as constant as the rows.
__attribute__((constructor)) static void index_build(void)
{
	for (size_t slot = 0; slot < INDEX_SLOTS; slot++)
		name_index.row[slot] = CMD_COUNT;
	for (uint16_t i = 0; i < CMD_COUNT; i++) {
		struct folded name = {.len = rows[i].name.len};
		size_t slot;

		memcpy(name.word, rows[i].name.ptr, rows[i].name.len);
		fold(&name);
		slot = slot_of(&name);
		while (name_index.row[slot] != CMD_COUNT)
			slot = (slot + 1) % INDEX_SLOTS;
		name_index.name[slot] = name;
		name_index.row[slot] = i;
	}
}

static const struct resp_cmd *index_find(struct folded *name)
{
	size_t slot;

	fold(name);
	for (slot = slot_of(name); name_index.row[slot] != CMD_COUNT;
		slot = (slot + 1) % INDEX_SLOTS)
		if (folded_eq(&name_index.name[slot], name))
			return &rows[name_index.row[slot]];
	return NULL;
}

const struct resp_cmd *resp_cmd_lookup_full(struct slice full_name)
{
	struct folded name = {.len = full_name.len};

	if (full_name.len == 0 || full_name.len > RESP_CMD_NAME_MAX)
		return NULL;
	memcpy(name.word, full_name.ptr, full_name.len);
	return index_find(&name);
}

const struct resp_cmd *resp_cmd_lookup(struct slice name)
{
	const struct resp_cmd *row = resp_cmd_lookup_full(name);

	return row && !resp_cmd_is_sub(row) ? row : NULL;
}

const struct resp_cmd *resp_cmd_lookup_sub(const struct resp_cmd *container, struct slice sub)
{
	size_t at = container->name.len + 1;
	struct folded name = {.len = at + sub.len};
	char *text = (char *)name.word;

	if (sub.len == 0 || at > RESP_CMD_NAME_MAX || sub.len > RESP_CMD_NAME_MAX - at)
		return NULL;
	memcpy(text, container->name.ptr, container->name.len);
	text[at - 1] = '|';
	memcpy(text + at, sub.ptr, sub.len);
	return index_find(&name);
}

const struct resp_cmd *resp_cmd_row(enum resp_cmd_id id)
{
	return &rows[id];
}

bool resp_cmd_is_sub(const struct resp_cmd *row)
{
	return memchr(row->name.ptr, '|', row->name.len) != NULL;
}

bool resp_cmd_is_container(const struct resp_cmd *row)
{
	return row->id + 1 < CMD_COUNT && !resp_cmd_is_sub(row) && resp_cmd_is_sub(row + 1);
}

uint32_t resp_cmd_sub_count(const struct resp_cmd *row)
{
	uint32_t n = 0;

	if (resp_cmd_is_sub(row))
		return 0;
	while (row->id + n + 1 < CMD_COUNT && resp_cmd_is_sub(row + n + 1))
		n++;
	return n;
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
