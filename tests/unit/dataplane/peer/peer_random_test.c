// Everything at once, from a seed: peers that answer, stall, talk nonsense, die and come back, a
// link that loses, changes of the ring, clients that leave, buffers that run out. Each request
// comes back once for good, an answer is its own, and nothing is left over.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/alloc_fail.h"
#include "tests/support/peer_rig.h"

#define VALUE_MAX 90000u

// Its own number in the value, so that whose answer it is can be seen.
static size_t make_set(char *text, uint32_t number, size_t value)
{
	size_t n = (size_t)sprintf(text, "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$%zu\r\n", value);

	memset(text + n, 'v', value);
	snprintf(text + n, 12, "%010u", number);
	text[n + 10] = 'v';
	memcpy(text + n + value, "\r\n", 2);
	return n + value + 2;
}

struct sent {
	struct asked *a;
	uint32_t number;
	size_t value;
};

static size_t random_size(struct rng *rng)
{
	switch (rng_below(rng, 8)) {
	case 0:
		return 11 + rng_below(rng, VALUE_MAX);
	case 1:
		return 11 + rng_below(rng, 3000);
	default:
		return 11 + rng_below(rng, 200);
	}
}

static struct sent ask(struct peer_rig *rig, struct rng *rng, uint32_t number)
{
	static const uint16_t flags[] = {0, 0, 0, 0, REQUEST_COPY, REQUEST_COPY | REQUEST_SPREAD,
		REQUEST_HOLD, REQUEST_KEEP};
	static char text[VALUE_MAX + 100];
	size_t value = random_size(rng);
	size_t len = make_set(text, number, value);
	struct asked *a = peer_rig_ask(rig, rng_below(rng, 3), rng_below(rng, PEER_RIG_CLIENTS),
		flags[rng_below(rng, 8)], text, len,
		rng_below(rng, 4) == 0 ? 1 + value / 100 + rng_below(rng, 2000) : 0);

	return (struct sent){.a = a, .number = number, .value = value};
}

static void check(const struct sent *s)
{
	const struct asked *a = s->a;
	char head[32];
	int n = snprintf(head, sizeof(head), "$%zu\r\n%010u", s->value, s->number);

	assert_true(a->back);
	assert_in_range(a->told, 1, 1000);
	if (a->r.error != REQUEST_ERROR_NONE) {
		assert_true(a->r.error == REQUEST_ERROR_PEER_AWAY ||
			a->r.error == REQUEST_ERROR_PEER_LOST ||
			a->r.error == REQUEST_ERROR_REPLY_TOO_BIG);
		return;
	}
	if (!a->r.client && !(a->r.flags & REQUEST_COPY))
		return; // left half-way
	assert_int_equal(a->got_len, strlen("$\r\n\r\n") + s->value + (size_t)n - 13);
	assert_memory_equal(a->got, head, (size_t)n);
	assert_memory_equal(a->got + a->got_len - 2, "\r\n", 2);
}

static void trouble(struct peer_rig *rig, struct rng *rng)
{
	struct peer_fake *fake = rig->fake[rng_below(rng, 3)];
	unsigned conn = fake->conn_n > 0 ? rng_below(rng, fake->conn_n) : 0;

	switch (rng_below(rng, 12)) {
	case 0:
		peer_fake_reset(fake, conn);
		break;
	case 1:
		peer_fake_close(fake, conn);
		break;
	case 2:
		peer_fake_say(fake, conn, "nonsense\r\n", 10);
		break;
	case 3:
		fake->deaf = !fake->deaf;
		break;
	case 4:
		fake->echo = !fake->echo;
		fake->reply = NULL;
		break;
	case 5:
		fake->step = rng_below(rng, 2) * (1 + rng_below(rng, 3000));
		break;
	case 6:
		if (fake->listener)
			peer_fake_away(fake);
		else
			peer_fake_back(fake);
		break;
	case 7:
		rig->snapshot->node_n = 2 + rng_below(rng, 3);
		peer_rig_epoch(rig);
		break;
	case 8:
		peer_rig_node(rig, 1)->addr =
			rng_below(rng, 2) ? rig->pair->host[1].addr6 : rig->pair->host[1].addr;
		peer_rig_epoch(rig);
		break;
	case 9:
		peer_rig_orphan(rig, rng_below(rng, PEER_RIG_CLIENTS));
		break;
	case 10:
		rig->pair->link.loss = rng_below(rng, 2) * rng_below(rng, 100000);
		break;
	default:
		rig->paused[rng_below(rng, PEER_RIG_CLIENTS)] ^= true;
		break;
	}
}

// In the end the peers do as they should, so that all comes back.
static void calm(struct peer_rig *rig)
{
	rig->pair->link.loss = 0;
	rig->snapshot->node_n = 4;
	peer_rig_epoch(rig);
	memset(rig->paused, 0, sizeof(rig->paused));
	for (unsigned i = 0; i < 3; i++) {
		rig->fake[i]->deaf = false;
		rig->fake[i]->echo = true;
		rig->fake[i]->step = 0;
		peer_fake_back(rig->fake[i]);
	}
}

static void run_seed(uint64_t seed, uint32_t fail_one_in)
{
	enum { ROUNDS = 150 };
	struct peer_rig_options options = peer_rig_options(seed);
	static struct sent sent[ROUNDS * 4];
	struct peer_rig *rig;
	struct rng rng;
	uint32_t n = 0;

	rng_seed(&rng, seed);
	options.fakes = 3;
	options.remote = 1;
	options.pair.mbufs = fail_one_in ? 4096 : 1024 + rng_below(&rng, 3000);
	options.peers.local_connections = 1 + rng_below(&rng, 3);
	options.peers.msg_rate = 20 + rng_below(&rng, 10000);
	options.peers.preconnect = rng_below(&rng, 2) > 0;
	options.peers.bytes_max = 200000;
	options.peers.remote_extra = NS_PER_SEC;
	rig = peer_rig_new(&options);
	rig->snapshot->timeout_ms = 50 + rng_below(&rng, 500);
	for (unsigned i = 0; i < 3; i++)
		rig->fake[i]->echo = true;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned k = rng_below(&rng, 5);

		alloc_fail_at(0, false);
		while (k-- > 0 && rte_mempool_avail_count(rig->pair->host[0].pool) > 300) {
			sent[n] = ask(rig, &rng, n);
			n++;
		}
		if (rng_below(&rng, 6) == 0)
			trouble(rig, &rng);
		alloc_fail_at(fail_one_in, true);
		if (fail_one_in) {
			alloc_fail_spare_sent(rig->pair->host[0].tcp);
			alloc_fail_spare_sent(rig->pair->host[1].tcp);
		}
		peer_rig_run(rig, rng_below(&rng, 30) * NS_PER_MS);
	}
	alloc_fail_at(0, false);
	calm(rig);
	for (uint32_t i = 0; i < n; i++) {
		if (!peer_rig_back(rig, sent[i].a))
			fail_msg("seed %u: request %u never came back", (unsigned)seed, i);
	}
	// Clients that took nothing do now.
	peer_rig_run(rig, NS_PER_MS);
	for (uint32_t i = 0; i < n; i++)
		check(&sent[i]);
	// All work again.
	peer_rig_run(rig, 10 * NS_PER_SEC);
	for (unsigned i = 0; i < 3; i++) {
		struct asked *a = peer_rig_text(rig, i, 0, 0, "*2\r\n$3\r\nget\r\n$2\r\nhi\r\n");

		assert_true(peer_rig_back(rig, a));
		assert_true(peer_rig_got(a, "$2\r\nhi\r\n"));
	}
	peer_rig_free(rig);
}

static void all_comes_back_whatever_happens(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		run_seed(seed, 0);
}

static void all_comes_back_without_buffers(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		run_seed(100 + seed, 2 + (uint32_t)seed);
}

// One exchange of everything, in which the n-th allocation fails.
static uint32_t exchange(uint32_t fail_at)
{
	struct peer_rig_options options = peer_rig_options(9);
	static char text[VALUE_MAX + 100];
	struct peer_rig *rig;
	struct asked *a[6];
	uint32_t seen;

	options.peers.local_connections = 2;
	options.peers.preconnect = false;
	rig = peer_rig_new(&options);
	rig->fake[0]->echo = true;
	for (unsigned i = 0; i < 6; i++)
		a[i] = peer_rig_ask(rig, 0, i, i == 5 ? REQUEST_COPY : 0, text,
			make_set(text, i, i < 2 ? VALUE_MAX : 20 + 400 * i), 0);
	alloc_fail_at(fail_at, false);
	alloc_fail_spare_sent(rig->pair->host[0].tcp);
	alloc_fail_spare_sent(rig->pair->host[1].tcp);
	peer_rig_run(rig, 3 * NS_PER_SEC);
	seen = alloc_fail_seen();
	alloc_fail_at(0, false);
	for (unsigned i = 0; i < 6; i++) {
		struct sent s = {a[i], i, i < 2 ? VALUE_MAX : 20 + 400 * i};

		assert_true(peer_rig_back(rig, a[i]));
		check(&s);
	}
	peer_rig_free(rig);
	return seen;
}

static void each_allocation_may_fail(void **state)
{
	uint32_t n = exchange(0);

	(void)state;
	assert_in_range(n, 100, 100000);
	for (uint32_t i = 1; i <= n; i += i < 300 ? 1 : 7)
		exchange(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_comes_back_whatever_happens),
		cmocka_unit_test(all_comes_back_without_buffers),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
