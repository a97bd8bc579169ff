#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/base/rng.h"
#include "dataplane/tcp/tcp_sent.h"

static struct pool pool;
static const struct mono t = {.ns = 5};

static void add(struct tcp_sent_list *list, unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++)
		tcp_sent_add(list, &pool, 1000 + i * len, 1000 + (i + 1) * len, false,
			(struct mono){.ns = 10 + i});
}

static struct tcp_delivery ack(struct tcp_sent_list *list, uint32_t seq)
{
	struct tcp_delivery d = {.mss = 100, .now = {.ns = 1000}};

	tcp_sent_ack(list, &pool, seq, &d);
	return d;
}

static struct tcp_delivery sack(struct tcp_sent_list *list, uint32_t seq, uint32_t end)
{
	struct tcp_delivery d = {.mss = 100, .now = {.ns = 1000}};

	tcp_sent_sack(list, &pool, &(struct tcp_sack_block){.seq = seq, .end = end}, &d);
	return d;
}

static void test_acknowledged_in_parts(void **state)
{
	struct tcp_sent_list list;
	struct tcp_delivery d;

	(void)state;
	tcp_sent_init(&list);
	add(&list, 4, 100);
	assert_int_equal(list.pipe, 400);
	d = ack(&list, 1250);
	assert_int_equal(d.bytes, 250);
	assert_int_equal(d.at.ns, 12);
	assert_int_equal(d.end, 1250);
	assert_false(d.again);
	assert_int_equal(list.pipe, 150);
	assert_int_equal(list.head->seq, 1250);
	assert_int_equal(ack(&list, 1400).bytes, 150);
	assert_int_equal(list.pipe, 0);
	assert_null(list.tail);
	assert_int_equal(pool.used, 0);
}

static void test_lost_and_sent_again(void **state)
{
	struct tcp_sent_list list;

	(void)state;
	tcp_sent_init(&list);
	add(&list, 3, 100);
	tcp_sent_mark_lost(&list, list.head);
	tcp_sent_mark_lost(&list, list.head);
	assert_int_equal(list.pipe, 200);
	assert_int_equal(list.lost, 1);
	tcp_sent_again(&list, list.head, (struct mono){.ns = 50});
	assert_int_equal(list.pipe, 300);
	assert_int_equal(list.lost, 0);
	assert_ptr_equal(list_entry(list.by_time.prev, struct tcp_sent, by_time), list.head);
	assert_true(ack(&list, 1100).again);
	tcp_sent_mark_all_lost(&list);
	assert_int_equal(list.pipe, 0);
	assert_int_equal(list.lost, 2);
	ack(&list, 1150);
	assert_int_equal(list.pipe, 0);
	tcp_sent_unmark_lost(&list);
	assert_int_equal(list.pipe, 150);
	tcp_sent_free(&list, &pool);
	assert_int_equal(pool.used, 0);
}

static void test_split(void **state)
{
	struct tcp_sent_list list;

	(void)state;
	tcp_sent_init(&list);
	tcp_sent_add(&list, &pool, 1000, 1101, true, t);
	tcp_sent_mark_all_lost(&list);
	assert_true(tcp_sent_split(&list, &pool, list.head, 1060));
	assert_int_equal(list.head->end, 1060);
	assert_false(list.head->flags & TCP_SENT_FIN);
	assert_int_equal(list.tail->seq, 1060);
	assert_true(list.tail->flags & TCP_SENT_FIN);
	assert_int_equal(list.lost, 2);
	assert_int_equal(list.n, 2);
	tcp_sent_free(&list, &pool);
}

// When the pool is empty a connection can still send, one record at a time.
static void test_always_one_record(void **state)
{
	struct pool none;
	struct tcp_sent_list list;
	struct tcp_delivery d = {.mss = 100};

	(void)state;
	assert_int_equal(pool_init(&none, sizeof(struct tcp_sent), 0), 0);
	tcp_sent_init(&list);
	for (uint32_t i = 0; i < 30; i += 10) {
		assert_true(tcp_sent_room(&list, &none));
		tcp_sent_add(&list, &none, i, i + 10, false, t);
		assert_false(tcp_sent_room(&list, &none));
		assert_false(tcp_sent_split(&list, &none, list.head, i + 5));
		// A part can't be noted, and is not.
		tcp_sent_sack(
			&list, &none, &(struct tcp_sack_block){.seq = i + 5, .end = i + 10}, &d);
		assert_int_equal(list.sacked, 0);
		tcp_sent_ack(&list, &none, i + 10, &d);
	}
}

// What leaves at one time is one record, and so are neighbours that arrived.
static void test_few_records(void **state)
{
	struct tcp_sent_list list;

	(void)state;
	tcp_sent_init(&list);
	for (uint32_t i = 0; i < 10; i++)
		tcp_sent_add(&list, &pool, 1000 + i * 100, 1100 + i * 100, false, t);
	assert_int_equal(list.n, 1);
	assert_int_equal(sack(&list, 1200, 1300).bytes, 100);
	assert_int_equal(list.n, 3);
	assert_int_equal(sack(&list, 1300, 1500).bytes, 200);
	assert_int_equal(sack(&list, 1200, 1500).bytes, 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.sacked, 300);
	assert_int_equal(list.sacked_segs, 3);
	assert_int_equal(list.pipe, 700);
	assert_int_equal(ack(&list, 1500).bytes, 200);
	assert_int_equal(list.sacked_segs, 0);
	tcp_sent_free(&list, &pool);
}

static void test_reneged(void **state)
{
	struct tcp_sent_list list;

	(void)state;
	tcp_sent_init(&list);
	add(&list, 5, 100);
	sack(&list, 1100, 1300);
	ack(&list, 1100);
	tcp_sent_renege(&list);
	assert_int_equal(list.sacked, 0);
	assert_int_equal(list.pipe, 0);
	assert_int_equal(list.lost, list.n);
	tcp_sent_free(&list, &pool);
	assert_int_equal(pool.used, 0);
}

// A retransmission is answered, or only its original: the timestamp tells, or else the time.
static void test_which_transmission_was_answered(void **state)
{
	struct tcp_sent_list list;
	struct tcp_delivery d = {.mss = 100, .now = {.ns = 50 * NS_PER_MS}, .ts = true};

	(void)state;
	tcp_sent_init(&list);
	add(&list, 1, 100);
	tcp_sent_mark_all_lost(&list);
	tcp_sent_again(&list, list.head, (struct mono){.ns = 40 * NS_PER_MS});
	d.tsecr = 39;
	tcp_sent_ack(&list, &pool, 1050, &d);
	assert_int_equal(d.bytes, 50);
	assert_false(d.any);
	d.tsecr = 40;
	tcp_sent_ack(&list, &pool, 1060, &d);
	assert_true(d.any && d.again);
	d = (struct tcp_delivery){.now = d.now, .min_rtt = 11 * NS_PER_MS, .mss = 100};
	tcp_sent_ack(&list, &pool, 1070, &d);
	assert_false(d.any);
	d.min_rtt = 10 * NS_PER_MS;
	tcp_sent_ack(&list, &pool, 1100, &d);
	assert_true(d.any);
}

// Against a model of one entry a byte.

#define BYTES 2000
#define BASE (UINT32_MAX - 700) // it wraps

struct model {
	uint8_t byte[BYTES]; // flags
	uint32_t una;
	uint32_t nxt;
};

static void compare(const struct model *model, const struct tcp_sent_list *list)
{
	uint32_t pipe = 0;
	uint32_t sacked = 0;
	uint32_t at = model->una;
	uint64_t last = 0;

	for (uint32_t i = model->una; i < model->nxt; i++) {
		sacked += (model->byte[i] & TCP_SENT_SACKED) != 0;
		pipe += (model->byte[i] & (TCP_SENT_SACKED | TCP_SENT_LOST)) == 0;
	}
	assert_int_equal(list->pipe, pipe);
	assert_int_equal(list->sacked, sacked);
	assert_true((list->sacked_segs == 0) == (sacked == 0));
	for (const struct tcp_sent *rec = list->head; rec != NULL; rec = rec->next) {
		assert_int_equal(rec->seq, BASE + at);
		for (; BASE + at != rec->end; at++)
			assert_int_equal(rec->flags & (TCP_SENT_SACKED | TCP_SENT_LOST),
				model->byte[at] & (TCP_SENT_SACKED | TCP_SENT_LOST));
	}
	assert_int_equal(at, model->nxt);
	list_for_each (link, &list->by_time) {
		const struct tcp_sent *rec = list_entry(link, struct tcp_sent, by_time);

		assert_true(rec->at.ns >= last);
		last = rec->at.ns;
		pipe -= rec->end - rec->seq;
	}
	assert_int_equal(pipe, 0);
}

static uint32_t model_sack(struct model *model, uint32_t from, uint32_t to)
{
	uint32_t fresh = 0;

	for (uint32_t i = from; i < to; i++) {
		fresh += (model->byte[i] & TCP_SENT_SACKED) == 0;
		model->byte[i] = TCP_SENT_SACKED;
	}
	return fresh;
}

static void step(struct model *model, struct tcp_sent_list *list, struct rng *rng, struct mono now)
{
	uint32_t flight = model->nxt - model->una;
	uint32_t from = model->una + (flight > 0 ? rng_below(rng, flight) : 0);
	uint32_t to = from + (flight > 0 ? 1 + rng_below(rng, model->nxt - from) : 0);
	struct tcp_sent *rec = list->head;

	switch (rng_below(rng, 6)) {
	case 0:
	case 1:
		to = model->nxt + 1 + rng_below(rng, 40);
		if (to > BYTES)
			return;
		tcp_sent_add(list, &pool, BASE + model->nxt, BASE + to, false, now);
		model->nxt = to;
		break;
	case 2:
		if (flight > 0)
			assert_int_equal(sack(list, BASE + from, BASE + to).bytes,
				model_sack(model, from, to));
		break;
	case 3:
		from = 0;
		for (uint32_t i = model->una; i < to; i++)
			from += (model->byte[i] & TCP_SENT_SACKED) == 0;
		assert_int_equal(ack(list, BASE + to).bytes, from);
		model->una = to;
		break;
	case 4:
		for (uint32_t skip = rng_below(rng, 5); rec != NULL && skip > 0; skip--)
			rec = rec->next;
		if (rec == NULL || (rec->flags & TCP_SENT_SACKED))
			return;
		tcp_sent_mark_lost(list, rec);
		for (uint32_t i = rec->seq - BASE; i != rec->end - BASE; i++)
			model->byte[i] = TCP_SENT_LOST;
		break;
	default:
		while (rec != NULL && !(rec->flags & TCP_SENT_LOST))
			rec = rec->next;
		if (rec == NULL)
			return;
		tcp_sent_again(list, rec, now);
		for (uint32_t i = rec->seq - BASE; i != rec->end - BASE; i++)
			model->byte[i] = 0;
		break;
	}
}

static void test_against_a_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct tcp_sent_list list;
		struct model model = {0};
		struct rng rng;

		rng_seed(&rng, seed);
		tcp_sent_init(&list);
		for (unsigned i = 0; i < 400; i++) {
			step(&model, &list, &rng, (struct mono){.ns = 100 + i / 3});
			compare(&model, &list);
		}
		if (seed % 2 == 0) {
			for (uint32_t i = model.una; i < model.nxt; i++)
				model.byte[i] &= TCP_SENT_SACKED;
			tcp_sent_unmark_lost(&list);
			compare(&model, &list);
		}
		tcp_sent_free(&list, &pool);
		assert_int_equal(pool.used, 0);
	}
}

// A peer chooses the blocks, but not how long each ACK takes: what is far away takes several, each
// of which goes on where the last one ended, and blocks beside the last ones take no search.
static void test_search_is_bounded(void **state)
{
	static const uint32_t n = 10000;
	struct tcp_sent_list list;
	struct tcp_delivery d;
	struct pool many;
	unsigned acks = 0;

	(void)state;
	assert_int_equal(pool_init(&many, sizeof(struct tcp_sent), n), 0);
	tcp_sent_init(&list);
	for (uint32_t i = 0; i < n; i++)
		tcp_sent_add(
			&list, &many, i * 100, (i + 1) * 100, false, (struct mono){.ns = 1 + i});
	do {
		d = (struct tcp_delivery){.mss = 100, .now = {.ns = 20000}};
		tcp_sent_sack(&list, &many,
			&(struct tcp_sack_block){.seq = 100 * (n - 100), .end = 100 * (n - 99)},
			&d);
		assert_true(d.steps <= 2048);
		acks++;
	} while (d.bytes == 0 && acks < 10);
	assert_int_equal(d.bytes, 100);
	assert_in_range(acks, 4, 6);
	for (uint32_t i = n - 98; i < n; i += 2) {
		d = (struct tcp_delivery){.mss = 100, .now = {.ns = 20000}};
		tcp_sent_sack(&list, &many,
			&(struct tcp_sack_block){.seq = 100 * i, .end = 100 * (i + 1)}, &d);
		assert_int_equal(d.bytes, 100);
		assert_true(d.steps <= 4);
	}
	// One below is found all the same.
	d = (struct tcp_delivery){.mss = 100, .now = {.ns = 20000}};
	tcp_sent_sack(&list, &many, &(struct tcp_sack_block){.seq = 200, .end = 300}, &d);
	assert_int_equal(d.bytes, 100);
	tcp_sent_free(&list, &many);
	pool_fini(&many);
}

static void test_first_lost(void **state)
{
	struct tcp_sent_list list;

	(void)state;
	tcp_sent_init(&list);
	add(&list, 4, 100);
	assert_null(tcp_sent_first_lost(&list));
	tcp_sent_mark_lost(&list, list.head->next->next);
	assert_ptr_equal(tcp_sent_first_lost(&list), list.head->next->next);
	tcp_sent_mark_lost(&list, list.head->next);
	assert_ptr_equal(tcp_sent_first_lost(&list), list.head->next);
	tcp_sent_again(&list, list.head->next, t);
	assert_ptr_equal(tcp_sent_first_lost(&list), list.head->next->next);
	// The first two go, and the one that is lost with them.
	(void)ack(&list, 1300);
	assert_null(tcp_sent_first_lost(&list));
	tcp_sent_mark_lost(&list, list.head);
	assert_ptr_equal(tcp_sent_first_lost(&list), list.head);
	tcp_sent_free(&list, &pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acknowledged_in_parts),
		cmocka_unit_test(test_lost_and_sent_again),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_always_one_record),
		cmocka_unit_test(test_few_records),
		cmocka_unit_test(test_reneged),
		cmocka_unit_test(test_which_transmission_was_answered),
		cmocka_unit_test(test_search_is_bounded),
		cmocka_unit_test(test_first_lost),
		cmocka_unit_test(test_against_a_model),
	};

	if (pool_init(&pool, sizeof(struct tcp_sent), 4096) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
