// Requests of another node: what of a header comes back in the answer's, wherever bytes are cut.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/proto/dnode.h"
#include "tests/support/route_rig.h"

#define GET "*2\r\n$3\r\nget\r\n$3\r\nfoo\r\n"

static size_t put(char *out, uint64_t id, bool same_dc)
{
	struct dnode_header h = {
		.id = id, .type = DNODE_REQ, .same_dc = same_dc, .plen = sizeof(GET) - 1};
	size_t len = dnode_put_header(out, DNODE_HEADER_MAX, &h);

	assert_true(len > 0);
	memcpy(out + len, GET, sizeof(GET) - 1);
	return len + sizeof(GET) - 1;
}

static uint64_t unanswered(const struct route_rig *rig)
{
	return rig->pair->host[0].stats.stat[STAT_dnode_client_out_queue];
}

static void answer(
	struct route_rig *rig, struct route_rig_conn *c, unsigned n, uint64_t id, bool same_dc)
{
	struct dnode_parser p;
	size_t used;

	assert_int_equal(rig->out_n, n);
	assert_int_equal(unanswered(rig), n);
	route_rig_answer(rig, 0, "$-1\r\n", 5, 0, 0);
	route_rig_run(rig);
	dnode_parser_init(&p);
	assert_int_equal(dnode_parse(&p, (const uint8_t *)c->in, c->in_len, &used), DNODE_DONE);
	assert_int_equal(p.header.type, DNODE_RES);
	assert_int_equal(p.header.id, id);
	assert_int_equal(p.header.same_dc, same_dc);
	assert_int_equal(p.header.plen, 5);
	assert_int_equal(c->in_len - used, 5);
	assert_memory_equal(c->in + used, "$-1\r\n", 5);
	c->in_len = 0;
}

// The answer to the first leaves while so much of the second's message is there.
static void same_dc_is_that_of_the_request(void **state)
{
	struct route_rig_options options = route_rig_options();
	struct route_rig *rig = route_rig_new(&options);
	struct route_rig_conn *c = route_rig_connect(rig, ROUTE_RIG_PEER_PORT);
	char bytes[2 * (DNODE_HEADER_MAX + sizeof(GET))];
	uint64_t id = 1;
	size_t len = sizeof(GET);

	(void)state;
	for (size_t cut = 0; cut <= len; cut++, id += 2) {
		size_t first = put(bytes, id, true);

		len = put(bytes + first, id + 1, false);
		route_rig_send(rig, c, bytes, first + cut);
		answer(rig, c, cut == len ? 2 : 1, id, true);
		route_rig_send(rig, c, bytes + first + cut, len - cut);
		answer(rig, c, 1, id + 1, false);
	}
	route_rig_free(rig);
}

static void requests_of_a_lost_peer_wait_no_more(void **state)
{
	struct route_rig_options options = route_rig_options();
	struct route_rig *rig = route_rig_new(&options);
	struct route_rig_conn *c = route_rig_connect(rig, ROUTE_RIG_PEER_PORT);
	char bytes[2 * (DNODE_HEADER_MAX + sizeof(GET))];
	size_t len = put(bytes, 1, true);

	(void)state;
	len += put(bytes + len, 2, true);
	route_rig_send(rig, c, bytes, len);
	assert_int_equal(unanswered(rig), 2);
	route_rig_reset(rig, c);
	assert_int_equal(unanswered(rig), 0);
	route_rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_dc_is_that_of_the_request),
		cmocka_unit_test(requests_of_a_lost_peer_wait_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
