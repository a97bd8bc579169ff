#include "tests/sim/cluster/dict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cluster/hash.h"

#define ARGS_MAX 16

void dict_init(struct dict *d, struct history *h, uint8_t node)
{
	*d = (struct dict){.history = h, .node = node};
}

static void item_free(struct dict_item *item)
{
	free(item->key);
	free(item->text);
	free(item);
}

void dict_clear(struct dict *d)
{
	for (unsigned i = 0; i < 256; i++)
		while (d->item[i]) {
			struct dict_item *next = d->item[i]->next;

			item_free(d->item[i]);
			d->item[i] = next;
		}
	d->n = 0;
}

static struct dict_item **place(const struct dict *d, struct slice key)
{
	struct dict_item *const *at = &d->item[hash_key(HASH_FNV1A_32, key) & 255];

	while (*at && ((*at)->key_len != key.len || memcmp((*at)->key, key.ptr, key.len) != 0))
		at = &(*at)->next;
	return (struct dict_item **)(uintptr_t)at;
}

const struct dict_item *dict_find(const struct dict *d, struct slice key)
{
	return *place(d, key);
}

static struct dict_item *make(struct dict *d, struct slice key)
{
	struct dict_item **at = place(d, key);

	if (*at)
		return *at;
	*at = calloc(1, sizeof(**at));
	(*at)->key = malloc(key.len + 1);
	memcpy((*at)->key, key.ptr, key.len);
	(*at)->key_len = key.len;
	d->n++;
	return *at;
}

static bool drop(struct dict *d, struct slice key)
{
	struct dict_item **at = place(d, key);
	struct dict_item *item = *at;

	if (!item)
		return false;
	*at = item->next;
	item_free(item);
	d->n--;
	return true;
}

static void insert(struct dict_item *item, size_t at, struct slice text)
{
	item->text = realloc(item->text, item->len + text.len + 1);
	memmove(item->text + at + text.len, item->text + at, item->len - at);
	memcpy(item->text + at, text.ptr, text.len);
	item->len += text.len;
}

static void assign(struct dict_item *item, struct slice text)
{
	item->len = 0;
	item->is_set = false;
	insert(item, 0, text);
}

// --- replies

void dict_put(struct dict_reply *out, const void *text, size_t len)
{
	if (out->len + len > out->cap) {
		out->cap = 2 * (out->len + len) + 64;
		out->text = realloc(out->text, out->cap);
	}
	memcpy(out->text + out->len, text, len);
	out->len += len;
}

static void put_number(struct dict_reply *out, char type, size_t n)
{
	char text[32];

	dict_put(out, text, (size_t)snprintf(text, sizeof(text), "%c%zu\r\n", type, n));
}

static void put_bulk(struct dict_reply *out, struct slice text)
{
	put_number(out, '$', text.len);
	dict_put(out, text.ptr, text.len);
	dict_put(out, "\r\n", 2);
}

static void put_value(const struct dict *d, struct slice key, struct dict_reply *out)
{
	const struct dict_item *item = dict_find(d, key);

	if (item)
		put_bulk(out, slice_make(item->text, item->len));
	else
		dict_put(out, "$-1\r\n", 5);
}

// --- commands

struct ask {
	struct slice arg[ARGS_MAX];
	unsigned n;
	struct mono now;
};

static void set_all(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	for (unsigned i = 1; i + 1 < a->n; i += 2) {
		history_executed(d->history, d->node, a->arg[i], a->arg[i + 1], a->now);
		assign(make(d, a->arg[i]), a->arg[i + 1]);
	}
	dict_put(out, "+OK\r\n", 5);
}

static void get(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	put_value(d, a->arg[1], out);
}

static void get_all(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	put_number(out, '*', a->n - 1);
	for (unsigned i = 1; i < a->n; i++)
		put_value(d, a->arg[i], out);
}

// The second key only says which deletion it is.
static void del(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	history_executed(d->history, d->node, a->arg[1], a->arg[2], a->now);
	put_number(out, ':', drop(d, a->arg[1]));
}

static void exists(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	size_t n = 0;

	for (unsigned i = 1; i < a->n; i++)
		n += dict_find(d, a->arg[i]) != NULL;
	put_number(out, ':', n);
}

// Each counter is counted once: so its value is how often that was carried out.
static void incr(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	struct dict_item *item = make(d, a->arg[1]);
	char text[16];

	history_executed(d->history, d->node, a->arg[1], a->arg[1], a->now);
	insert(item, item->len, SLICE_LIT("+"));
	dict_put(out, text, (size_t)snprintf(text, sizeof(text), ":%zu\r\n", item->len));
}

static void append(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	struct dict_item *item = make(d, a->arg[1]);

	history_executed(d->history, d->node, a->arg[1], a->arg[2], a->now);
	insert(item, item->len, a->arg[2]);
	put_number(out, ':', item->len);
}

static struct slice member_at(const struct dict_item *item, size_t at)
{
	const char *end = memchr(item->text + at, '\n', item->len - at);

	return slice_make(item->text + at, (size_t)(end - (item->text + at)));
}

static int compare(struct slice a, struct slice b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static void sadd(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	struct dict_item *item = make(d, a->arg[1]);
	size_t at = 0;

	history_executed(d->history, d->node, a->arg[1], a->arg[2], a->now);
	item->is_set = true;
	while (at < item->len && compare(member_at(item, at), a->arg[2]) < 0)
		at += member_at(item, at).len + 1;
	if (at < item->len && compare(member_at(item, at), a->arg[2]) == 0) {
		put_number(out, ':', 0);
		return;
	}
	insert(item, at, SLICE_LIT("\n"));
	insert(item, at, a->arg[2]);
	put_number(out, ':', 1);
}

// In any order, which depends on the node here.
static void smembers(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	const struct dict_item *item = dict_find(d, a->arg[1]);
	struct dict_reply back = {0};
	size_t n = 0;

	for (size_t at = 0; item && at < item->len; n++) {
		struct slice member = member_at(item, at);
		struct dict_reply one = {0};

		at += member.len + 1;
		put_bulk(&one, member);
		if (d->node & 1)
			dict_put(&one, back.text ? back.text : "", back.len);
		else
			dict_put(&back, one.text, one.len);
		if (d->node & 1) {
			free(back.text);
			back = one;
		} else {
			free(one.text);
		}
	}
	put_number(out, '*', n);
	dict_put(out, back.text ? back.text : "", back.len);
	free(back.text);
}

static void expire(struct dict *d, const struct ask *a, struct dict_reply *out)
{
	put_number(out, ':', dict_find(d, a->arg[1]) != NULL);
}

static const struct {
	const char *name;
	unsigned key_step; // 0: only the first argument is a key
	void (*run)(struct dict *d, const struct ask *a, struct dict_reply *out);
} commands[] = {
	{"set", 0, set_all},
	{"mset", 2, set_all},
	{"get", 0, get},
	{"mget", 1, get_all},
	{"del", 1, del},
	{"exists", 1, exists},
	{"incr", 0, incr},
	{"append", 0, append},
	{"sadd", 0, sadd},
	{"smembers", 0, smembers},
	{"expire", 0, expire},
};

static void cut(struct slice bytes, struct ask *a)
{
	const char *at = bytes.ptr;
	char *end;
	long n = strtol(at + 1, &end, 10);

	for (long i = 0; i < n && a->n < ARGS_MAX; i++) {
		long len = strtol(end + 3, &end, 10);

		a->arg[a->n++] = slice_make(end + 2, (size_t)len);
		end += 2 + len;
	}
}

void dict_execute(struct dict *d, struct slice bytes, struct mono now, struct dict_reply *out)
{
	struct ask a = {.now = now};

	cut(bytes, &a);
	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++) {
		unsigned step = commands[c].key_step;

		if (a.arg[0].len != strlen(commands[c].name) ||
			strncasecmp(a.arg[0].ptr, commands[c].name, a.arg[0].len) != 0)
			continue;
		for (unsigned i = 1; i < a.n && (i == 1 || step > 0); i += step > 0 ? step : 1)
			history_touched(d->history, d->node, a.arg[i]);
		commands[c].run(d, &a, out);
		return;
	}
	history_wrong(d->history, "the store of node %u gets \"%.*s\"", d->node, (int)a.arg[0].len,
		a.arg[0].ptr);
	dict_put(out, "-ERR unknown command\r\n", 22);
}
