#include "common/conf/conf_arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Every allocation stands alone, so that AddressSanitizer sees its bounds.
struct conf_block {
	struct conf_block *next;
	_Alignas(16) unsigned char bytes[];
};

struct conf_arena {
	struct conf_block *blocks;
};

static void *zalloc(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL) {
		fputs("out of memory while reading the configuration\n", stderr);
		abort();
	}
	return p;
}

struct conf_arena *conf_arena_new(void)
{
	return zalloc(sizeof(struct conf_arena));
}

void conf_arena_free(struct conf_arena *arena)
{
	if (arena == NULL)
		return;
	for (struct conf_block *b = arena->blocks, *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(arena);
}

void *conf_arena_alloc(struct conf_arena *arena, size_t size)
{
	struct conf_block *b = zalloc(sizeof(*b) + size);

	b->next = arena->blocks;
	arena->blocks = b;
	return b->bytes;
}

char *conf_arena_copy(struct conf_arena *arena, struct slice text)
{
	char *s = conf_arena_alloc(arena, text.len + 1);

	if (text.len > 0)
		memcpy(s, text.ptr, text.len);
	return s;
}

void *conf_arena_grow(struct conf_arena *arena, void *v, size_t n, size_t item_size)
{
	void *bigger;

	// Capacity is the next power of two, so a full one shows in `n`.
	if (n != 0 && (n & (n - 1)) != 0)
		return v;
	bigger = conf_arena_alloc(arena, (n == 0 ? 1 : 2 * n) * item_size);
	if (n > 0)
		memcpy(bigger, v, n * item_size);
	return bigger;
}
