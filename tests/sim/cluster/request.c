#include "tests/sim/cluster/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAD_MAX 9100

static void put_arg(struct dict_reply *out, const char *text, size_t len)
{
	char head[32];

	dict_put(out, head, (size_t)snprintf(head, sizeof(head), "$%zu\r\n", len));
	dict_put(out, text, len);
	dict_put(out, "\r\n", 2);
}

static void put_args(struct dict_reply *out, unsigned n)
{
	char head[32];

	dict_put(out, head, (size_t)snprintf(head, sizeof(head), "*%u\r\n", n));
}

// Which write it is, and something behind it.
static void put_value(struct clients *cs, struct sim_client *c, const struct op *op, unsigned key,
	struct dict_reply *out)
{
	char text[PAD_MAX + 64];
	int n = snprintf(text, sizeof(text), "#%u.%u#", op->id, key);
	uint32_t pad = rng_below(&c->rng, cs->plan->value_max);

	memset(text + n, 'a' + (int)(op->id % 26), pad);
	put_arg(out, text, (size_t)n + pad);
}

static void put_tag(const struct op *op, struct dict_reply *out)
{
	char text[32];

	put_arg(out, text, (size_t)snprintf(text, sizeof(text), "#%u.0#", op->id));
}

static void put_keys(const struct op *op, struct dict_reply *out)
{
	for (unsigned i = 0; i < op->key_n; i++)
		put_arg(out, op->key[i], strlen(op->key[i]));
}

static enum op_kind draw_kind(struct sim_client *c, bool probe)
{
	static const uint8_t kinds[] = {OP_SET, OP_SET, OP_SET, OP_SET, OP_GET, OP_GET, OP_GET,
		OP_GET, OP_DEL, OP_MSET, OP_MSET, OP_MGET, OP_MGET, OP_EXISTS, OP_INCR, OP_INCR,
		OP_APPEND, OP_APPEND, OP_GET_APPENDED, OP_SADD, OP_SADD, OP_SMEMBERS, OP_EXPIRE,
		OP_ECHO};

	if (probe)
		return c->probes % 2 == 1 ? OP_GET : OP_SET;
	return (enum op_kind)kinds[rng_below(&c->rng, sizeof(kinds))];
}

// In a quiet run a key is written by one client only.
static unsigned draw_key(struct clients *cs, struct sim_client *c, bool write)
{
	unsigned n = cs->plan->client_n;
	unsigned key = rng_below(&c->rng, cs->plan->key_n);

	if (!cs->plan->quiet || (!write && rng_below(&c->rng, 2) == 0))
		return key * n + (cs->plan->quiet ? rng_below(&c->rng, n) : 0);
	return key * n + c->index;
}

static void name_key(struct op *op, unsigned at, unsigned key)
{
	static const char prefix[OP_KINDS] = {
		[OP_APPEND] = 'a', [OP_GET_APPENDED] = 'a', [OP_SADD] = 's', [OP_SMEMBERS] = 's'};
	char p = prefix[op->kind] ? prefix[op->kind] : 'k';

	if (op->kind == OP_INCR)
		snprintf(op->key[at], HISTORY_KEY_MAX, "n#%u.0#", op->id);
	else if (op->kind == OP_DEL)
		snprintf(op->key[at], HISTORY_KEY_MAX, "{%c%u}", p, key);
	else if (op->probe)
		snprintf(op->key[at], HISTORY_KEY_MAX, "p%u.%u", op->client, key);
	else
		snprintf(op->key[at], HISTORY_KEY_MAX, "{%c%u}", p, key);
}

static bool has_key(const struct op *op, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(op->key[i], op->key[n]) == 0)
			return true;
	return false;
}

static void draw_keys(struct clients *cs, struct sim_client *c, struct op *op)
{
	bool many = op->kind == OP_MSET || op->kind == OP_MGET || op->kind == OP_EXISTS;
	unsigned n = many ? 1 + rng_below(&c->rng, HISTORY_KEYS_MAX) : 1;
	bool own = cs->plan->quiet && op->kind <= OP_MGET;

	if (op->kind == OP_ECHO)
		return;
	for (unsigned i = 0; i < n; i++) {
		unsigned key = op->probe ? c->probes / 2 : draw_key(cs, c, history_is_write(op));

		name_key(op, i, key);
		// It is not said which of two values of a key in one request counts.
		if (has_key(op, i))
			break;
		op->key_n++;
		if (!own || op->probe)
			continue;
		own = key % cs->plan->client_n == c->index;
		key /= cs->plan->client_n;
		op->sees[i] = own ? c->last[key] : 0;
		if (history_is_write(op))
			c->last[key] = op->kind == OP_DEL ? 0 : op->id;
	}
	op->own = own && !op->probe;
}

static void put(
	struct clients *cs, struct sim_client *c, const struct op *op, struct dict_reply *out)
{
	static const char *const names[] = {"SET", "GET", "DEL", "MSET", "mget", "EXISTS", "INCR",
		"APPEND", "get", "SADD", "SMEMBERS", "EXPIRE", "ECHO"};
	static const uint8_t more[OP_KINDS] = {[OP_SET] = 1,
		[OP_DEL] = 1,
		[OP_APPEND] = 1,
		[OP_SADD] = 1,
		[OP_EXPIRE] = 1,
		[OP_ECHO] = 1};
	char text[80];

	put_args(out, 1 + op->key_n * (op->kind == OP_MSET ? 2u : 1u) + more[op->kind]);
	put_arg(out, names[op->kind], strlen(names[op->kind]));
	if (op->kind != OP_MSET)
		put_keys(op, out);
	switch (op->kind) {
	case OP_SET:
		put_value(cs, c, op, 0, out);
		break;
	case OP_MSET:
		for (unsigned i = 0; i < op->key_n; i++) {
			put_arg(out, op->key[i], strlen(op->key[i]));
			put_value(cs, c, op, i, out);
		}
		break;
	case OP_DEL:
		put_arg(out, text,
			(size_t)snprintf(text, sizeof(text), "%s#%u.0#", op->key[0], op->id));
		break;
	case OP_APPEND:
	case OP_SADD:
	case OP_ECHO:
		put_tag(op, out);
		break;
	case OP_EXPIRE:
		put_arg(out, "100000", 6);
		break;
	default:
		break;
	}
}

struct op *request_next(struct clients *cs, struct sim_client *c, struct dict_reply *out)
{
	struct op *op = history_new(cs->history);

	op->probe = cs->phase == CLIENT_PROBE;
	op->kind = (uint8_t)draw_kind(c, op->probe);
	op->client = c->index;
	op->node = c->plan->node;
	draw_keys(cs, c, op);
	if (op->probe && op->kind == OP_GET) {
		op->own = true;
		op->sees[0] = c->last[63];
	} else if (op->probe) {
		c->last[63] = op->id;
	}
	put(cs, c, op, out);
	return op;
}
