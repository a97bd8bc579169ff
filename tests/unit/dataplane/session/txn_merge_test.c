// Requests of many keys over three nodes, whose replies lie in segments cut at any byte and come in
// any order; what the client gets is told by the keys alone.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/route_rig.h"

enum { KEYS = 12, TEXT = 2048, PARTS = 3 };

struct text {
	char at[TEXT];
	size_t len;
};

static const struct kind {
	const char *name;
	char reply; // '$': a value for each key, ':': how many there are, '+': OK
} kinds[] = {{"MGET", '$'}, {"MSET", '+'}, {"DEL", ':'}, {"EXISTS", ':'}, {"TOUCH", ':'},
	{"UNLINK", ':'}};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const uint8_t orders[6][PARTS] = {
	{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

static void PRINTF_LIKE(2, 3) add(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += (size_t)vsnprintf(t->at + t->len, sizeof(t->at) - t->len, fmt, args);
	va_end(args);
	assert_true(t->len < sizeof(t->at));
}

// Keys are k00, k01, ...; every fifth does not exist, others have values of different sizes.
static void add_value(struct text *t, unsigned key)
{
	if (key % 5 == 4)
		add(t, "$-1\r\n");
	else
		add(t, "$%u\r\n%.*s\r\n", key, (int)key, "abcdefghijklmnop");
}

static struct text request_of(const struct kind *kind)
{
	struct text t = {.len = 0};
	bool pairs = kind->reply == '+';

	add(&t, "*%u\r\n$%zu\r\n%s\r\n", pairs ? 2 * KEYS + 1 : KEYS + 1, strlen(kind->name),
		kind->name);
	for (unsigned i = 0; i < KEYS; i++)
		add(&t, "$3\r\nk%02u\r\n%s", i, pairs ? "$1\r\nv\r\n" : "");
	return t;
}

// What a store that has these keys says to a request with some of them.
static struct text reply_to(const struct kind *kind, const char *bytes, size_t len)
{
	struct text values = {.len = 0};
	struct text t = {.len = 0};
	unsigned n = 0;
	unsigned there = 0;

	for (size_t i = 0; i + 3 < len; i++) {
		unsigned key;

		if (bytes[i] != '\n' || sscanf(bytes + i + 1, "k%2u\r", &key) != 1)
			continue;
		n++;
		there += key % 5 != 4;
		add_value(&values, key);
	}
	assert_true(n > 0);
	if (kind->reply == '$')
		add(&t, "*%u\r\n%s", n, values.at);
	else if (kind->reply == ':')
		add(&t, ":%u\r\n", there);
	else
		add(&t, "+OK\r\n");
	return t;
}

static struct text reply_to_part(const struct kind *kind, const struct request *r)
{
	char bytes[TEXT] = {0};
	size_t len = route_rig_bytes(r, bytes, sizeof(bytes) - 1);

	return reply_to(kind, bytes, len);
}

static struct route_rig *cluster(void)
{
	struct route_rig_options options = {
		.node = {{"dc1", "rack1", 0}, {"dc1", "rack1", 1431655765},
			{"dc1", "rack1", 2863311530}},
		.node_n = PARTS,
	};

	return route_rig_new(&options);
}

static void ask(struct route_rig *rig, struct route_rig_conn *c, const struct text *request)
{
	route_rig_send(rig, c, request->at, request->len);
	assert_int_equal(rig->out_n, PARTS);
}

// The parts' requests, by `order` of the nodes: which one of `out` it is now.
static unsigned find(const struct route_rig *rig, struct request *const *all, unsigned part)
{
	for (unsigned i = 0; i < rig->out_n; i++)
		if (rig->out[i] == all[part])
			return i;
	fail();
	return 0;
}

static void merge_cut(struct route_rig *rig, struct route_rig_conn *c, const struct kind *kind,
	const uint8_t order[PARTS], size_t first, size_t step)
{
	struct text request = request_of(kind);
	struct text want = reply_to(kind, request.at, request.len);
	struct request *all[PARTS];

	ask(rig, c, &request);
	memcpy(all, rig->out, sizeof(all));
	for (unsigned i = 0; i < PARTS; i++) {
		struct text reply = reply_to_part(kind, all[order[i]]);

		route_rig_answer(rig, find(rig, all, order[i]), reply.at, reply.len, first, step);
	}
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 0);
	assert_true(route_rig_got(c, want.at, want.len));
}

static void replies_cut_at_every_byte(void **state)
{
	struct route_rig *rig = cluster();
	struct route_rig_conn *c = route_rig_connect(rig, ROUTE_RIG_PORT);

	(void)state;
	for (unsigned k = 0; k < KINDS; k++)
		for (unsigned o = 0; o < 6; o++) {
			size_t most = kinds[k].reply == '$' ? 100 : 6;

			for (size_t cut = 1; cut < most; cut++) {
				merge_cut(rig, c, &kinds[k], orders[o], cut, 0);
				merge_cut(rig, c, &kinds[k], orders[o], cut, cut);
			}
		}
	route_rig_free(rig);
}

// The others' answers are thrown away, whichever part fails and whenever.
static void one_part_fails(void **state)
{
	static const char error[] = "-ERR Storage: Datastore refused connection\r\n";
	struct route_rig *rig = cluster();
	struct route_rig_conn *c = route_rig_connect(rig, ROUTE_RIG_PORT);

	(void)state;
	for (unsigned n = 0; n < KINDS * 6 * PARTS * 3; n++) {
		const struct kind *kind = &kinds[n / 54];
		const uint8_t *order = orders[n / 9 % 6];
		struct text request = request_of(kind);
		struct request *all[PARTS];

		ask(rig, c, &request);
		memcpy(all, rig->out, sizeof(all));
		for (unsigned i = 0; i < PARTS; i++) {
			unsigned at = find(rig, all, order[i]);
			struct text reply = reply_to_part(kind, all[order[i]]);

			if (i != n % PARTS)
				route_rig_answer(rig, at, reply.at, reply.len, 3, 3);
			else if (n / 3 % 3 == 0)
				route_rig_fail(rig, at, REQUEST_ERROR_STORE);
			else if (n / 3 % 3 == 1)
				route_rig_answer(rig, at, error, sizeof(error) - 1, 7, 7);
			else
				route_rig_late(rig, at, REQUEST_ERROR_STORE);
		}
		route_rig_run(rig);
		assert_true(route_rig_got(c, error, sizeof(error) - 1));
		// One that was late comes back after the verdict.
		if (rig->out_n > 0)
			route_rig_answer(rig, 0, "*1\r\n$-1\r\n", 10, 1, 1);
		route_rig_run(rig);
		assert_int_equal(session_usage(rig->session).txns, 0);
		assert_int_equal(c->in_len, 0);
	}
	route_rig_free(rig);
}

static void the_client_goes_away(void **state)
{
	struct route_rig *rig = cluster();

	(void)state;
	for (unsigned n = 0; n <= PARTS; n++)
		for (unsigned k = 0; k < KINDS; k++) {
			struct text request = request_of(&kinds[k]);
			struct route_rig_conn *c = route_rig_connect(rig, ROUTE_RIG_PORT);

			ask(rig, c, &request);
			for (unsigned i = 0; i < PARTS; i++) {
				struct text reply = reply_to_part(&kinds[k], rig->out[0]);

				if (i == n)
					route_rig_reset(rig, c);
				route_rig_answer(rig, 0, reply.at, reply.len, 2, 5);
			}
			route_rig_reset(rig, c);
			route_rig_run(rig);
			assert_int_equal(session_usage(rig->session).txns, 0);
			assert_int_equal(session_usage(rig->session).requests, 0);
			free(c->in);
			*c = (struct route_rig_conn){0};
		}
	route_rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_cut_at_every_byte),
		cmocka_unit_test(one_part_fails),
		cmocka_unit_test(the_client_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
