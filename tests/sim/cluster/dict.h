// A store: the few commands that the simulation uses, on strings and sets.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/cluster/history.h"

struct dict_item {
	struct dict_item *next;
	bool is_set;
	char *key;
	size_t key_len;
	char *text; // a set: its members, sorted, each behind a line end
	size_t len;
};

struct dict {
	struct history *history;
	uint8_t node;
	uint32_t n;
	struct dict_item *item[256];
};

struct dict_reply {
	char *text;
	size_t len;
	size_t cap;
};

void dict_init(struct dict *d, struct history *h, uint8_t node);
void dict_clear(struct dict *d);

// Carries out one request of `bytes`, which is well formed; the reply is appended.
void dict_execute(struct dict *d, struct slice bytes, struct mono now, struct dict_reply *out);

const struct dict_item *dict_find(const struct dict *d, struct slice key);

void dict_put(struct dict_reply *out, const void *text, size_t len);
