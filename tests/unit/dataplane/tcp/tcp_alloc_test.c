// A whole life of a connection, both ways and with losses, again and again: each time another
// allocation fails, of a packet buffer or of a record. The streams must arrive as they are, or the
// connection must end with an error; nothing crashes, hangs or leaks. What must hold inside of the
// stack is checked after each turn (tests/support/tcp_pair.c).
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/support/alloc_fail.h"
#include "tests/support/tcp_pair.h"
#include "tests/support/tcp_stream.h"

#define BYTES 60000u
#define LIMIT_NS (1000 * NS_PER_SEC)

struct life {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_conn *end[2];
	struct tcp_stream up[2]; // from end i to the other
	bool over[2];
	int error[2];
	uint32_t frames[2];
};

// A few data frames of each way are lost, the last one among them.
static bool drops(void *ctx, unsigned from, const struct rte_mbuf *frame)
{
	static const uint32_t lost[] = {6, 9, 10, 17};
	struct life *life = ctx;
	uint32_t n;

	if (frame->pkt_len < 200)
		return false;
	n = ++life->frames[from];
	for (unsigned i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		if (n == lost[i] + from)
			return true;
	return false;
}

static void begin_streams(struct life *life)
{
	for (unsigned i = 0; i < 2; i++) {
		tcp_stream_init(&life->up[i], life->end[i], life->end[!i], BYTES, 7 + i);
		life->up[i].closes = true;
	}
}

static void finish(struct life *life, unsigned i)
{
	life->over[i] = true;
	life->error[i] = tcp_error(life->end[i]);
	tcp_close(life->end[i]);
}

static void note_events(struct life *life, unsigned host)
{
	struct tcp_conn *conn;
	unsigned events;

	while ((conn = tcp_event(life->pair->host[host].tcp, &events)) != NULL) {
		if (conn != life->end[host] || life->over[host])
			continue;
		if (events & TCP_EOF)
			life->up[!host].eof = true;
		// What is still there can be read even then.
		if ((events & TCP_CLOSED) && life->end[!host] != NULL)
			tcp_stream_read(&life->up[!host]);
		if (events & TCP_CLOSED)
			finish(life, host);
	}
}

static void user(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct life *life = ctx;

	if (host == 1 && life->end[1] == NULL) {
		life->end[1] = tcp_accept(life->listener);
		if (life->end[1] != NULL)
			begin_streams(life);
	}
	note_events(life, host);
	if (life->end[1] == NULL || life->over[host])
		return;
	tcp_stream_write(&life->up[host], pair->host[host].pool);
	tcp_stream_read(&life->up[!host]);
}

static bool both_over(struct tcp_pair *pair, void *ctx)
{
	const struct life *life = ctx;

	(void)pair;
	// A client that failed before the server was accepted leaves nothing to wait for.
	return life->over[0] && (life->over[1] || life->end[1] == NULL);
}

static bool whole(const struct life *life, unsigned receiver)
{
	const struct tcp_stream *s = &life->up[!receiver];

	return s->read == BYTES && s->eof;
}

static void check_life(struct life *life, uint32_t n)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_usage usage;

		if (life->up[i].wrong)
			fail_msg("allocation %u: wrong bytes were delivered", n);
		if (life->over[i] && life->error[i] == 0 && !whole(life, i))
			fail_msg("allocation %u: host %u saw %lu bytes and no error", n, i,
				(unsigned long)life->up[!i].read);
		usage = tcp_usage(life->pair->host[i].tcp);
		if (usage.conns + usage.half_open + usage.time_wait != 0 || usage.mem != 0)
			fail_msg("allocation %u: host %u keeps something", n, i);
	}
}

// Returns whether the connection ended with an error.
static bool live(uint32_t n, bool again, uint32_t *seen)
{
	struct tcp_pair_options options = tcp_pair_options(1);
	struct life life = {.over = {false, false}};
	struct tcp_pair *pair;

	// One connection has few records of segments in flight: they run out, too.
	options.mbufs = 256;
	options.tcp[0].conns_max = options.tcp[1].conns_max = 1;
	pair = life.pair = tcp_pair_new(&options);
	pair->drop = drops;
	pair->drop_ctx = &life;
	if (tcp_listen(pair->host[1].tcp, NULL, 8102, 4, &life.listener) != 0)
		fail();
	alloc_fail_at(n, again);
	for (unsigned i = 0; i < 2; i++)
		alloc_fail_spare_sent(pair->host[i].tcp);
	if (tcp_connect(pair->host[0].tcp, &pair->host[1].addr, 8102, 0, pair->now, &life.end[0]) ==
		0) {
		for (unsigned i = 0; i < 2; i++) {
			pair->user[i] = user;
			pair->user_ctx[i] = &life;
		}
		// In steps, so that users who failed to make bytes are asked again.
		for (uint64_t t = 0; t < LIMIT_NS && !both_over(pair, &life); t += 10 * NS_PER_MS)
			tcp_pair_until(pair, 10 * NS_PER_MS, both_over, &life);
		if (!both_over(pair, &life))
			fail_msg("allocation %u: it never ends", n);
	}
	*seen = alloc_fail_seen();
	alloc_fail_at(0, false);
	tcp_pair_run(pair, 300 * NS_PER_SEC);
	check_life(&life, n);
	tcp_pair_free(pair);
	return life.error[0] != 0 || life.error[1] != 0 || life.end[0] == NULL;
}

static void test_each_once(void **state)
{
	uint32_t errors = 0;
	uint32_t all;
	uint32_t seen;

	(void)state;
	assert_false(live(0, false, &all));
	assert_true(all > 100);
	for (uint32_t n = 1; n <= all; n++)
		errors += live(n, false, &seen);
	// Most are repaired like a loss.
	print_message("           %u allocations, %u of them ended the connection\n", all, errors);
	assert_true(errors < all / 10);
}

static void test_again_and_again(void **state)
{
	uint32_t seen;

	(void)state;
	for (uint32_t n = 3; n < 40; n++)
		live(n, true, &seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
