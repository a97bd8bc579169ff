// Clients at random: pipelines of any requests with values of any size, cut into any segments, read
// at any pace, connections that die; each reply is compared with what a model of the store says.
// A failure prints its seed; SEED in the environment is the first of those that are played.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/session_rig.h"
#include "tests/support/store_redis.h"

enum {
	SEEDS = 25,
	CLIENTS = 5,
	ROUNDS = 8,
	KEYS = 3,
	ABSENT = -1,
};

struct text {
	char *at;
	size_t len;
	size_t cap;
};

// One client, and what it knows of its keys.
struct player {
	struct rig_client *c;
	unsigned id;
	long value[KEYS]; // its length, or ABSENT
	uint32_t pattern[KEYS];
	struct text out;
	struct text in;
};

static const char *redis_path;

static int start(void **state)
{
	(void)state;
	redis_path = store_redis_start();
	return redis_path ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	store_redis_stop();
	return 0;
}

static char *text_room(struct text *t, size_t len)
{
	char *at;

	if (t->len + len > t->cap) {
		t->cap = 2 * (t->len + len) + 4096;
		t->at = realloc(t->at, t->cap);
	}
	at = t->at + t->len;
	t->len += len;
	return at;
}

static void PRINTF_LIKE(2, 3) text_add(struct text *t, const char *fmt, ...)
{
	char line[256];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	memcpy(text_room(t, (size_t)n), line, (size_t)n);
}

static void text_value(struct text *t, long len, uint32_t pattern)
{
	char *at;

	text_add(t, "$%ld\r\n", len);
	at = text_room(t, (size_t)len + 2);
	for (long i = 0; i < len; i++)
		at[i] = (char)((uint32_t)i * pattern >> 7);
	memcpy(at + len, "\r\n", 2);
}

static long random_len(struct rng *rng)
{
	static const uint32_t bounds[] = {8, 8, 600, 600, 3000, 20000, 140000, 700000};

	return (long)rng_below(rng, bounds[rng_below(rng, 8)]);
}

static void add_get(struct player *p, unsigned key)
{
	if (p->value[key] == ABSENT)
		text_add(&p->in, "$-1\r\n");
	else
		text_value(&p->in, p->value[key], p->pattern[key]);
}

static void add_set(struct player *p, struct rng *rng, unsigned key)
{
	p->value[key] = random_len(rng);
	p->pattern[key] = (uint32_t)rng_u64(rng);
	text_add(&p->out, "*3\r\n$3\r\nset\r\n$5\r\nr%02u:%u\r\n", p->id, key);
	text_value(&p->out, p->value[key], p->pattern[key]);
	text_add(&p->in, "+OK\r\n");
}

static void add_echo(struct player *p, struct rng *rng)
{
	long len = random_len(rng);
	uint32_t pattern = (uint32_t)rng_u64(rng);

	text_add(&p->out, "*2\r\n$4\r\nECHO\r\n");
	text_value(&p->out, len, pattern);
	text_value(&p->in, len, pattern);
}

static void add_step(struct player *p, struct rng *rng)
{
	unsigned key = rng_below(rng, KEYS);

	switch (rng_below(rng, 9)) {
	case 0:
	case 1:
		add_set(p, rng, key);
		break;
	case 2:
		text_add(&p->out, "*2\r\n$3\r\nGET\r\n$5\r\nr%02u:%u\r\n", p->id, key);
		add_get(p, key);
		break;
	case 3:
		text_add(&p->out, "get r%02u:%u\r\n", p->id, key);
		add_get(p, key);
		break;
	case 4:
		text_add(&p->out, "*2\r\n$6\r\nSTRLEN\r\n$5\r\nr%02u:%u\r\n", p->id, key);
		text_add(&p->in, ":%ld\r\n", p->value[key] == ABSENT ? 0 : p->value[key]);
		break;
	case 5:
		text_add(&p->out, "*2\r\n$3\r\nDEL\r\n$5\r\nr%02u:%u\r\n", p->id, key);
		text_add(&p->in, ":%d\r\n", p->value[key] != ABSENT);
		p->value[key] = ABSENT;
		break;
	case 6:
		add_echo(p, rng);
		break;
	case 7:
		text_add(&p->out, "\r\n*1\r\n$4\r\nPING\r\n*0\r\n");
		text_add(&p->in, "+PONG\r\n");
		break;
	default:
		text_add(&p->out, "*2\r\n$4\r\nNOPE\r\n$1\r\nx\r\n");
		text_add(&p->in, "-ERR unknown command 'NOPE', with args beginning with: 'x' \r\n");
		break;
	}
}

static void join(struct rig *rig, struct player *p)
{
	p->c = rig_connect(rig);
	p->out.len = 0;
	p->in.len = 0;
}

static void begin_round(struct rig *rig, struct player *p, struct rng *rng)
{
	static const size_t steps[] = {0, 0, 0, 1400, 100, 7};
	unsigned n = 1 + rng_below(rng, 30);

	p->out.len = 0;
	p->in.len = 0;
	while (n-- > 0)
		add_step(p, rng);
	// Tiny segments of large values take for ever.
	p->c->out_step = p->out.len < 20000 ? steps[rng_below(rng, 6)] : 0;
	p->c->paused = rng_below(rng, 3) == 0;
	rig_send(rig, p->c, p->out.at, p->out.len);
}

// Whether and when its unanswered writes are done nobody can tell.
static void die(struct rig *rig, struct player *p)
{
	tcp_abort(p->c->conn);
	p->c->conn = NULL;
	p->c->out_len = 0;
	rig_sleep(rig, 2 * NS_PER_MS);
}

// With keys that nobody has touched for this seed.
static void come_back(struct rig *rig, struct player *p, unsigned id)
{
	p->id = id;
	join(rig, p);
	text_add(&p->out, "*4\r\n$3\r\nDEL\r\n$5\r\nr%02u:0\r\n$5\r\nr%02u:1\r\n$5\r\nr%02u:2\r\n",
		p->id, p->id, p->id);
	rig_send(rig, p->c, p->out.at, p->out.len);
	assert_true(rig_receive(rig, p->c, 4));
	p->c->in_len = 0;
	for (unsigned k = 0; k < KEYS; k++)
		p->value[k] = ABSENT;
}

static void end_round(struct rig *rig, struct player *p, uint64_t seed)
{
	if (!rig_receive(rig, p->c, p->in.len) || p->c->in_len != p->in.len ||
		memcmp(p->c->in, p->in.at, p->in.len) != 0)
		fail_msg("seed %u, client %u: %zu bytes came, %zu expected", (unsigned)seed, p->id,
			p->c->in_len, p->in.len);
	p->c->in_len = 0;
}

static void play(struct rig *rig, uint64_t seed)
{
	struct player players[CLIENTS] = {0};
	struct rng rng;
	unsigned ids = 0;

	rng_seed(&rng, seed);
	for (unsigned i = 0; i < CLIENTS; i++) {
		come_back(rig, &players[i], ids++);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct player *dead = NULL;

		for (unsigned i = 0; i < CLIENTS; i++)
			begin_round(rig, &players[i], &rng);
		for (unsigned n = rng_below(&rng, 200); n > 0; n--)
			rig_turn(rig);
		if (rng_below(&rng, 4) == 0) {
			dead = &players[rng_below(&rng, CLIENTS)];
			die(rig, dead);
		}
		// From here on somebody waits: who held a connection up now would be cut off.
		for (unsigned i = 0; i < CLIENTS; i++)
			players[i].c->paused = false;
		if (dead)
			come_back(rig, dead, ids++);
		for (unsigned i = 0; i < CLIENTS; i++)
			if (players[i].c->sent > 0 && players[i].in.len > 0)
				end_round(rig, &players[i], seed);
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		free(players[i].out.at);
		free(players[i].in.at);
	}
}

static void test_random(void **state)
{
	const char *first = getenv("SEED");
	uint64_t from = first ? strtoull(first, NULL, 10) : 1;

	(void)state;
	for (uint64_t seed = from; seed < from + SEEDS; seed++) {
		struct rig_config config = rig_config_default(redis_path);
		struct rig *rig;

		// Some with limits that are always in the way.
		if (seed % 3 == 0) {
			config.session.requests_max = 40;
			config.session.client_requests_max = 7;
			config.session.bulk_min = 5000;
			config.store.bulk = 1;
		}
		rig = rig_new(&config);
		play(rig, seed);
		assert_true(rig_free(rig));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
