#include "tests/sim/cluster/history.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void history_init(struct history *h, const struct plan *plan)
{
	memset(h, 0, sizeof(*h));
	h->plan = plan;
}

void history_fini(struct history *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		free(h->op[i]);
	free(h->op);
}

struct op *history_new(struct history *h)
{
	struct op *op = calloc(1, sizeof(*op));

	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 1024;
		h->op = realloc(h->op, h->cap * sizeof(struct op *));
	}
	if (!op || !h->op)
		abort();
	h->op[h->n++] = op;
	op->id = h->n;
	return op;
}

void history_wrong(struct history *h, const char *fmt, ...)
{
	va_list args;

	if (h->wrong[0])
		return;
	va_start(args, fmt);
	vsnprintf(h->wrong, sizeof(h->wrong), fmt, args);
	va_end(args);
}

// --- what stores do

// The "#number.key#" at the beginning of what is left of `text`; `text` is moved behind it.
static bool next_tag(struct slice *text, uint32_t *id, unsigned *key)
{
	const char *at = memchr(text->ptr, '#', text->len);
	char copy[24] = {0};
	size_t left;
	int used = 0;

	if (!at)
		return false;
	left = text->len - (size_t)(at - text->ptr);
	memcpy(copy, at, left < sizeof(copy) - 1 ? left : sizeof(copy) - 1);
	if (sscanf(copy, "#%u.%u#%n", id, key, &used) != 2 || used == 0)
		return false;
	*text = slice_make(at + used, left - (size_t)used);
	return true;
}

static struct op *op_of(const struct history *h, uint32_t id, unsigned key)
{
	return id == 0 || id > h->n || key >= h->op[id - 1]->key_n ? NULL : h->op[id - 1];
}

static bool is_key(const struct op *op, unsigned i, struct slice key)
{
	return strlen(op->key[i]) == key.len && memcmp(op->key[i], key.ptr, key.len) == 0;
}

void history_touched(struct history *h, uint8_t node, struct slice key)
{
	if (!plan_owns(h->plan, node, key))
		history_wrong(h,
			"the store of node %u is asked about \"%.*s\", which it does not own", node,
			(int)key.len, key.ptr);
}

void history_executed(
	struct history *h, uint8_t node, struct slice key, struct slice text, struct mono now)
{
	uint32_t id;
	unsigned i;
	struct op *op;

	if (!next_tag(&text, &id, &i) || !(op = op_of(h, id, i)) || !is_key(op, i, key)) {
		history_wrong(h, "the store of node %u gets what nobody sent, for \"%.*s\"", node,
			(int)key.len, key.ptr);
		return;
	}
	if (op->times[i][node]++ > 0)
		history_wrong(h,
			"write %u of \"%.*s\" is carried out twice by the store of node %u", id,
			(int)key.len, key.ptr, node);
	op->last[i][node] = now;
}

// --- what clients are told

static bool is_safe(uint8_t level)
{
	return level >= CONSISTENCY_DC_SAFE_QUORUM;
}

static unsigned executed_in(const struct history *h, const struct op *op, unsigned key, uint8_t dc)
{
	unsigned n = 0;

	for (uint8_t i = 0; i < h->plan->node_n; i++)
		n += h->plan->node[i].dc == dc && op->times[key][i] > 0;
	return n;
}

// An acknowledged write is where its level says that it is.
static void check_write(struct history *h, const struct op *op)
{
	const struct plan *plan = h->plan;
	uint8_t own = plan->node[op->node].dc;

	for (unsigned i = 0; i < op->key_n; i++)
		for (uint8_t dc = 0; dc < plan->dc_n; dc++) {
			unsigned least = 0;

			if (dc == own || plan->write_level == CONSISTENCY_DC_EACH_SAFE_QUORUM)
				least = plan->write_level == CONSISTENCY_DC_ONE
					? 1
					: plan->rack_n[dc] / 2u + 1;
			if (executed_in(h, op, i, dc) < least)
				history_wrong(h,
					"write %u of \"%s\" is acknowledged by node %u, and %u "
					"racks of "
					"dc %u have it instead of %u",
					op->id, op->key[i], op->node, executed_in(h, op, i, dc), dc,
					least);
		}
}

// The last time that the write changed a store of the datacentre.
static struct mono last_in(const struct history *h, const struct op *op, unsigned key, uint8_t dc)
{
	struct mono last = {0};

	for (uint8_t i = 0; i < h->plan->node_n; i++)
		if (h->plan->node[i].dc == dc && mono_before(last, op->last[key][i]))
			last = op->last[key][i];
	return last;
}

static int key_of(const struct op *op, const char *key)
{
	for (int i = 0; i < op->key_n; i++)
		if (strcmp(op->key[i], key) == 0)
			return i;
	return -1;
}

// The write is one that this read has to know of.
static bool binds(const struct history *h, const struct op *write, const struct op *read)
{
	uint8_t dc = h->plan->node[read->node].dc;

	return history_is_write(write) && write->end == OP_GOOD &&
		mono_before(write->done, read->start) &&
		(h->plan->write_level == CONSISTENCY_DC_EACH_SAFE_QUORUM ||
			h->plan->node[write->node].dc == dc);
}

// Whether some write that is acknowledged began after all traces of what ended at `over`.
static const struct op *newer_than(
	const struct history *h, struct mono over, const struct op *read, const char *key)
{
	for (uint32_t i = 0; i < h->n; i++) {
		const struct op *write = h->op[i];

		if (binds(h, write, read) && mono_before(over, write->start) &&
			key_of(write, key) >= 0)
			return write;
	}
	return NULL;
}

static bool watches(const struct history *h)
{
	return is_safe(h->plan->read_level) && is_safe(h->plan->write_level) && !h->plan->loses;
}

// Nothing was found: then it was never written, or a deletion may have been the last.
static void check_nothing(struct history *h, const struct op *read, const char *key)
{
	uint8_t dc = h->plan->node[read->node].dc;
	const struct op *newer = newer_than(h, (struct mono){0}, read, key);

	h->checked++;
	for (uint32_t i = 0; newer && i < h->n; i++) {
		const struct op *del = h->op[i];
		int at = del->kind == OP_DEL ? key_of(del, key) : -1;

		if (at >= 0 && last_in(h, del, (unsigned)at, dc).ns > 0 &&
			!newer_than(h, last_in(h, del, (unsigned)at, dc), read, key))
			return;
	}
	if (newer)
		history_wrong(h, "read %u by node %u finds no \"%s\", which write %u wrote before",
			read->id, read->node, key, newer->id);
}

static void check_value(
	struct history *h, const struct op *read, const char *key, const struct op *found, int at)
{
	uint8_t dc = h->plan->node[read->node].dc;
	const struct op *newer = newer_than(h, last_in(h, found, (unsigned)at, dc), read, key);

	h->checked++;
	if (newer)
		history_wrong(h, "read %u by node %u finds write %u of \"%s\", not the later %u",
			read->id, read->node, found->id, key, newer->id);
}

static void check_own(struct history *h, const struct op *read, unsigned key, uint32_t found)
{
	if (!read->own || read->sees[key] == found)
		return;
	history_wrong(h, "read %u by client %u finds write %u of its own key \"%s\" instead of %u",
		read->id, read->client, found, read->key[key], read->sees[key]);
}

// One value of a key; ptr NULL is none.
static void check_read(struct history *h, const struct op *read, unsigned key, struct slice value)
{
	const struct op *found = NULL;
	uint32_t id = 0;
	unsigned i = 0;
	int at;

	if (!value.ptr) {
		check_own(h, read, key, 0);
		if (watches(h))
			check_nothing(h, read, read->key[key]);
		return;
	}
	if (!next_tag(&value, &id, &i) || !(found = op_of(h, id, i)) ||
		(at = key_of(found, read->key[key])) < 0 || (unsigned)at != i) {
		history_wrong(h, "read %u of \"%s\" is answered by what was never written to it",
			read->id, read->key[key]);
		return;
	}
	check_own(h, read, key, id);
	if (watches(h))
		check_value(h, read, read->key[key], found, at);
}

// All that was added and acknowledged is in it, and nothing twice.
static void check_collection(struct history *h, const struct op *read, struct slice text)
{
	char *seen = calloc(1, h->n + 1);
	uint32_t id;
	unsigned i;

	while (next_tag(&text, &id, &i)) {
		const struct op *op = op_of(h, id, i);

		if (!op || strcmp(op->key[i], read->key[0]) != 0)
			history_wrong(h, "read %u of \"%s\" has in it what was never added to it",
				read->id, read->key[0]);
		else if (seen[id]++)
			history_wrong(h, "read %u of \"%s\" has write %u in it twice", read->id,
				read->key[0], id);
	}
	h->checked += watches(h);
	for (uint32_t k = 0; watches(h) && k < h->n; k++)
		if (binds(h, h->op[k], read) && key_of(h->op[k], read->key[0]) >= 0 &&
			!seen[h->op[k]->id])
			history_wrong(h,
				"read %u by node %u of \"%s\" does not have write %u in it",
				read->id, read->node, read->key[0], h->op[k]->id);
	free(seen);
}

// --- forms of replies

// Cuts a bulk string off; false when there is none. A null one has no pointer.
static bool take_bulk(struct slice *reply, struct slice *out)
{
	long len;
	char *end;

	if (reply->len < 4 || reply->ptr[0] != '$')
		return false;
	len = strtol(reply->ptr + 1, &end, 10);
	end += 2;
	*out = (struct slice){0};
	if (len >= 0) {
		*out = slice_make(end, (size_t)len);
		end += len + 2;
	}
	*reply = slice_make(end, reply->len - (size_t)(end - reply->ptr));
	return true;
}

static bool is_integer(struct slice reply)
{
	return reply.len > 0 && reply.ptr[0] == ':';
}

static bool is_text(struct slice reply, const char *text)
{
	return reply.len == strlen(text) && memcmp(reply.ptr, text, reply.len) == 0;
}

static bool good_array(struct history *h, const struct op *op, struct slice reply)
{
	char *end;
	long n = reply.ptr[0] == '*' ? strtol(reply.ptr + 1, &end, 10) : -1;

	if (n != op->key_n)
		return false;
	reply = slice_make(end + 2, reply.len - (size_t)(end + 2 - reply.ptr));
	for (unsigned i = 0; i < op->key_n; i++) {
		struct slice value;

		if (!take_bulk(&reply, &value))
			return false;
		check_read(h, op, i, value);
	}
	return true;
}

static bool good_echo(const struct op *op, struct slice reply)
{
	struct slice value;
	char text[32];
	int n = snprintf(text, sizeof(text), "#%u.0#", op->id);

	return take_bulk(&reply, &value) && value.len == (size_t)n &&
		memcmp(value.ptr, text, value.len) == 0;
}

// Whether the reply is one to this request.
static bool good_reply(struct history *h, const struct op *op, struct slice reply)
{
	struct slice rest = reply;
	struct slice value = {0};

	switch ((enum op_kind)op->kind) {
	case OP_SET:
	case OP_MSET:
		return is_text(reply, "+OK\r\n");
	case OP_GET:
		if (!take_bulk(&rest, &value))
			return false;
		check_read(h, op, 0, value);
		return true;
	case OP_GET_APPENDED:
		if (!take_bulk(&rest, &value))
			return false;
		check_collection(h, op, value.ptr ? value : slice_make("", 0));
		return true;
	case OP_SMEMBERS:
		check_collection(h, op, reply);
		return reply.ptr[0] == '*';
	case OP_MGET:
		return good_array(h, op, reply);
	case OP_ECHO:
		return good_echo(op, reply);
	case OP_SADD:
	case OP_INCR:
		return is_text(reply, ":1\r\n");
	case OP_DEL:
	case OP_EXISTS:
	case OP_APPEND:
	case OP_EXPIRE:
		return is_integer(reply);
	case OP_KINDS:
		break;
	}
	return false;
}

static bool may_fail(const struct history *h, const struct op *op, struct slice reply)
{
	static const char quorum[] = "-ERR Dynomite: Failed to achieve Quorum";

	// Other datacentres get to know of a write later, and are asked now.
	bool lags = h->plan->read_level == CONSISTENCY_DC_EACH_SAFE_QUORUM &&
		h->plan->write_level != CONSISTENCY_DC_EACH_SAFE_QUORUM && h->plan->dc_n > 1;

	if (!h->plan->quiet && !op->probe)
		return true;
	// Replicas are read while somebody writes.
	return !history_is_write(op) && op->kind != OP_ECHO && (lags || (!op->probe && !op->own)) &&
		reply.len > sizeof(quorum) && memcmp(reply.ptr, quorum, sizeof(quorum) - 1) == 0;
}

void history_answered(struct history *h, struct op *op, struct slice reply, struct mono now)
{
	uint64_t took = mono_since(now, op->start);

	op->done = now;
	if (took > plan_patience(h->plan))
		history_wrong(h, "request %u is answered after %.3f s", op->id, (double)took / 1e9);
	if (reply.ptr[0] == '-') {
		op->end = OP_ERROR;
		h->errors++;
		if (!may_fail(h, op, reply))
			history_wrong(h,
				"%s %u of \"%s\" by node %u fails though nothing is broken: "
				"%.*s",
				history_is_write(op) ? "write" : "read", op->id, op->key[0],
				op->node, (int)reply.len - 2, reply.ptr);
		return;
	}
	op->end = OP_GOOD;
	h->good++;
	if (!good_reply(h, op, reply))
		history_wrong(h, "request %u of kind %u is answered by \"%.*s\"", op->id, op->kind,
			(int)(reply.len < 100 ? reply.len : 100), reply.ptr);
	else if (history_is_write(op) && !h->plan->loses)
		check_write(h, op);
}

// --- the end

static void judge_complete(struct history *h, const struct op *op)
{
	for (unsigned k = 0; k < op->key_n; k++)
		for (uint8_t i = 0; i < h->plan->node_n; i++)
			if (plan_owns(h->plan, i, slice_str(op->key[k])) && op->times[k][i] != 1)
				history_wrong(h,
					"write %u of \"%s\" by node %u is carried out %u times "
					"by node %u",
					op->id, op->key[k], op->node, op->times[k][i], i);
}

void history_judge(struct history *h)
{
	for (uint32_t i = 0; i < h->n; i++) {
		const struct op *op = h->op[i];

		if (history_is_write(op) && (h->plan->quiet || op->probe) && op->end != OP_OPEN)
			judge_complete(h, op);
	}
}
