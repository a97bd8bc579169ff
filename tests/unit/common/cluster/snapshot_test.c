#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/cluster/snapshot.h"

#define NODES 3
#define TOKENS 6
#define SIZE (sizeof(struct snapshot) + NODES * sizeof(struct snapshot_node) + TOKENS * 4)

// Views into one buffer, so that a test can spoil a single field.
struct sample {
	_Alignas(8) unsigned char bytes[SIZE];
	struct snapshot *head;
	struct snapshot_node *node;
};

static void make(struct sample *s)
{
	uint32_t *tokens;

	memset(s, 0, sizeof(*s));
	s->head = (struct snapshot *)(void *)s->bytes;
	s->node = (struct snapshot_node *)(void *)(s->head + 1);
	*s->head = (struct snapshot){
		.epoch = 7, .node_n = NODES, .token_n = TOKENS, .state = NODE_NORMAL};
	for (uint32_t i = 0; i < NODES; i++) {
		strcpy(s->node[i].host, "192.0.2.1");
		strcpy(s->node[i].dc, "dc1");
		strcpy(s->node[i].rack, "rack1");
		s->node[i].port = 8101;
		s->node[i].state = NODE_NORMAL;
		s->node[i].token_first = i * 2;
		s->node[i].token_n = 2;
	}
	s->node[1].is_local = 1;
	tokens = (uint32_t *)(void *)(s->node + NODES);
	for (uint32_t i = 0; i < TOKENS; i++)
		tokens[i] = i * 1000;
}

static const char *check(const struct sample *s)
{
	return snapshot_check(s->bytes, SIZE);
}

static void a_good_one_passes_at_any_alignment(void **state)
{
	char *copy = malloc(SIZE + 1);
	struct sample s;

	(void)state;
	make(&s);
	assert_null(check(&s));
	memcpy(copy + 1, s.bytes, SIZE);
	assert_null(snapshot_check(copy + 1, SIZE));
	assert_int_equal(snapshot_tokens(s.head)[5], 5000);
	assert_ptr_equal(snapshot_nodes(s.head), s.node);
	free(copy);
}

static void a_hash_tag_and_every_hash_pass(void **state)
{
	struct sample s;

	(void)state;
	make(&s);
	memcpy(s.head->hash_tag, "{}", 2);
	for (uint8_t hash = 0; hash < HASH_N; hash++) {
		s.head->hash = hash;
		assert_null(check(&s));
	}
}

static void every_other_length_is_refused(void **state)
{
	struct sample s;

	(void)state;
	make(&s);
	for (size_t len = 0; len < SIZE; len++) {
		char *exact = malloc(len + 1);

		memcpy(exact, s.bytes, len);
		assert_non_null(snapshot_check(exact, len));
		free(exact);
	}
}

#define REFUSED(change)                          \
	do {                                     \
		struct sample s;                 \
                                                 \
		make(&s);                        \
		change;                          \
		if (check(&s) == NULL)           \
			fail_msg("%s", #change); \
	} while (0)

static void every_spoilt_field_is_refused(void **state)
{
	(void)state;
	REFUSED(s.head->epoch = 0);
	REFUSED(s.head->node_n = 0);
	REFUSED(s.head->node_n = NODES - 1);
	REFUSED(s.head->node_n = NODES + 1);
	REFUSED(s.head->node_n = UINT32_MAX);
	REFUSED(s.head->node_n = SNAPSHOT_NODES_MAX + 1);
	REFUSED(s.head->token_n = TOKENS - 1);
	REFUSED(s.head->token_n = UINT32_MAX);
	REFUSED(s.head->token_n = SNAPSHOT_TOKENS_MAX + 1);
	REFUSED(s.head->state = 5);
	REFUSED(s.head->state = 255);
	REFUSED(s.head->state = NODE_STANDBY); // the local node says NORMAL
	REFUSED(s.head->read_consistency = 4);
	REFUSED(s.head->write_consistency = 255);
	REFUSED(s.head->hash = HASH_N);
	REFUSED(s.head->hash = 255);
	REFUSED(s.head->hash_tag[0] = '{');
	REFUSED(s.head->hash_tag[1] = '}');
	REFUSED(s.head->reserved[0] = 1);
	REFUSED(s.head->reserved[1] = 1);
	REFUSED(memset(s.node[0].host, 'x', sizeof(s.node[0].host)));
	REFUSED(memset(s.node[2].dc, 'x', sizeof(s.node[2].dc)));
	REFUSED(memset(s.node[2].rack, 'x', sizeof(s.node[2].rack)));
	REFUSED(s.node[2].dc[0] = '\0');
	REFUSED(s.node[0].rack[0] = '\0');
	REFUSED(s.node[1].token_first = 1);
	REFUSED(s.node[1].token_first = UINT32_MAX);
	REFUSED(s.node[2].token_n = 3);
	REFUSED(s.node[2].token_n = 1);
	REFUSED(s.node[2].token_n = UINT32_MAX);
	REFUSED(s.node[0].state = 6);
	REFUSED(s.node[0].is_local = 1);
	REFUSED(s.node[0].is_local = 2);
	REFUSED(s.node[1].is_local = 0);
	REFUSED(s.node[0].reserved[0] = 1);
	REFUSED(s.node[2].reserved[3] = 1);
}

// What passes holds what readers rely on, whatever bytes came in.
static void random_bytes_never_pass_wrongly(void **state)
{
	struct rng rng;
	unsigned passed = 0;

	(void)state;
	rng_seed(&rng, 1);
	for (int i = 0; i < 20000; i++) {
		struct sample s;

		make(&s);
		for (uint32_t n = rng_below(&rng, 4); n > 0; n--)
			s.bytes[rng_below(&rng, SIZE)] = (unsigned char)rng_u64(&rng);
		if (check(&s) != NULL)
			continue;
		passed++;
		assert_int_equal(s.head->node_n, NODES);
		for (uint32_t n = 0; n < NODES; n++) {
			assert_non_null(memchr(s.node[n].host, 0, SNAPSHOT_HOST_MAX));
			assert_true(s.node[n].token_first + s.node[n].token_n <= s.head->token_n);
		}
	}
	assert_true(passed > 1000);
}

static void names_are_those_of_the_original(void **state)
{
	(void)state;
	assert_string_equal(node_state_name(NODE_NORMAL), "NORMAL");
	assert_string_equal(node_state_name(NODE_WRITES_ONLY), "WRITES_ONLY");
	assert_string_equal(node_state_name((enum node_state)6), "Unknown");
	assert_string_equal(consistency_name(CONSISTENCY_DC_SAFE_QUORUM), "DC_SAFE_QUORUM");
	assert_string_equal(consistency_name((enum consistency)9), "Unknown");
}

static void names_are_read_in_any_case(void **state)
{
	enum node_state node;
	enum consistency level;

	(void)state;
	assert_true(node_state_parse(SLICE_LIT("writes_Only"), &node));
	assert_int_equal(node, NODE_WRITES_ONLY);
	assert_false(node_state_parse(SLICE_LIT(""), &node));
	assert_false(node_state_parse(SLICE_LIT("Unknown"), &node));
	assert_true(consistency_parse(SLICE_LIT("dc_each_safe_quorum"), &level));
	assert_int_equal(level, CONSISTENCY_DC_EACH_SAFE_QUORUM);
	assert_false(consistency_parse(SLICE_LIT("DC_QUORU"), &level));
	assert_false(consistency_parse(SLICE_LIT("DC_QUORUMS"), &level));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one_passes_at_any_alignment),
		cmocka_unit_test(a_hash_tag_and_every_hash_pass),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(every_spoilt_field_is_refused),
		cmocka_unit_test(random_bytes_never_pass_wrongly),
		cmocka_unit_test(names_are_those_of_the_original),
		cmocka_unit_test(names_are_read_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
