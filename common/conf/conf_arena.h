// Memory of one configuration: everything is freed at once, so no error path has to. Running out of
// memory while a program starts has no remedy and ends it.
#pragma once

#include <stddef.h>

#include "common/base/slice.h"

struct conf_arena;

struct conf_arena *conf_arena_new(void);
void conf_arena_free(struct conf_arena *arena); // NULL is harmless

// Zeroed.
void *conf_arena_alloc(struct conf_arena *arena, size_t size);

// A NUL-terminated copy.
char *conf_arena_copy(struct conf_arena *arena, struct slice text);

// Room for one more item behind the `n` of `v`; returns where the items now are.
void *conf_arena_grow(struct conf_arena *arena, void *v, size_t n, size_t item_size);
