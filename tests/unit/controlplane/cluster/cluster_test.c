#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cluster/cluster.h"

#define COMMON "dyn_o_mite:\n  listen: 0.0.0.0:8102\n  servers:\n  - 127.0.0.1:6379:1\n"

#define WHY ((struct cluster_why){.wall_ms = 77, .text = "test"})

static struct conf *load(const char *more)
{
	struct conf_report report;
	struct conf *conf;
	char text[1024];
	int len = snprintf(text, sizeof(text), "%s%s", COMMON, more);

	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", text, (size_t)len, CONF_ROLE_CONTROLPLANE, &report);
	if (conf == NULL)
		conf_report_print(&report, stderr);
	conf_report_free(&report);
	assert_non_null(conf);
	return conf;
}

static enum cluster_change apply(struct cluster *cluster, const char *more)
{
	struct conf *conf = load(more);
	const char *error;
	enum cluster_change change = cluster_apply(cluster, conf, NULL, WHY, &error);

	conf_free(conf);
	return change;
}

static void the_local_node_is_as_the_file_says(void **state)
{
	struct cluster *cluster = cluster_new(1000);
	const struct snapshot_node *node;
	const struct snapshot *s;
	struct ip_addr addr;

	(void)state;
	assert_null(cluster_snapshot(cluster));
	assert_null(cluster_local(cluster));
	assert_int_equal(cluster_snapshot_size(cluster), 0);
	assert_int_equal(apply(cluster,
				 "  dyn_listen: 192.0.2.11:8101\n  datacenter: east\n  rack: r7\n"
				 "  tokens: 17,4294967295\n  timeout: 250\n"
				 "  read_consistency: DC_QUORUM\n  hash: md5\n  hash_tag: '{}'\n"),
		CLUSTER_CHANGED);
	s = cluster_snapshot(cluster);
	assert_null(snapshot_check(s, cluster_snapshot_size(cluster)));
	assert_int_equal(s->epoch, 1000);
	assert_int_equal(s->state, NODE_NORMAL);
	assert_int_equal(s->timeout_ms, 250);
	assert_int_equal(s->read_consistency, CONSISTENCY_DC_QUORUM);
	assert_int_equal(s->write_consistency, CONSISTENCY_DC_ONE);
	assert_int_equal(s->hash, HASH_MD5);
	assert_memory_equal(s->hash_tag, "{}", 2);
	node = cluster_local(cluster);
	assert_string_equal(node->host, "192.0.2.11");
	assert_true(ip_addr_parse("192.0.2.11", &addr));
	assert_true(ip_addr_eq(&node->addr, &addr));
	assert_int_equal(node->port, 8101);
	assert_string_equal(node->dc, "east");
	assert_string_equal(node->rack, "r7");
	assert_int_equal(node->token_n, 2);
	assert_int_equal(snapshot_tokens(s)[0], 17);
	assert_int_equal(snapshot_tokens(s)[1], UINT32_MAX);
	cluster_free(cluster);
}

static void without_peer_address_and_tokens_too(void **state)
{
	struct cluster *cluster = cluster_new(0);

	(void)state;
	assert_int_equal(apply(cluster, ""), CLUSTER_CHANGED);
	assert_null(snapshot_check(cluster_snapshot(cluster), cluster_snapshot_size(cluster)));
	assert_int_equal(cluster_snapshot(cluster)->epoch, 1); // 0 means none
	assert_string_equal(cluster_local(cluster)->host, "");
	assert_string_equal(cluster_local(cluster)->dc, "localdc");
	cluster_free(cluster);
}

static void only_changes_have_a_new_epoch(void **state)
{
	struct cluster *cluster = cluster_new(500);

	(void)state;
	assert_int_equal(apply(cluster, "  rack: a\n"), CLUSTER_CHANGED);
	assert_int_equal(apply(cluster, "  rack: a\n"), CLUSTER_SAME);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 500);
	assert_int_equal(apply(cluster, "  rack: b\n"), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 501);
	assert_int_equal(apply(cluster, "  rack: b\n  tokens: 1\n"), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 502);
	cluster_free(cluster);
}

static void an_epoch_from_the_future_is_overtaken(void **state)
{
	struct cluster *cluster = cluster_new(500);

	(void)state;
	cluster_overtake(cluster, 900); // nothing to give it to yet
	assert_int_equal(apply(cluster, "  rack: a\n"), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 500);
	cluster_overtake(cluster, 499);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 500);
	cluster_overtake(cluster, 900);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 901);
	assert_int_equal(apply(cluster, "  rack: b\n"), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 902);
	cluster_overtake(cluster, UINT64_MAX); // there is nothing beyond it
	assert_int_equal(cluster_snapshot(cluster)->epoch, 902);
	cluster_free(cluster);
}

#define RING                                                                  \
	"  dyn_listen: 0.0.0.0:8101\n  tokens: 0\n  rack: r1\n  dyn_seeds:\n" \
	"  - 192.0.2.12:8101:r1:localdc:2147483648\n"                         \
	"  - b.example:8103:r2:localdc:1,2\n  - a.example:8101:r1:east:9\n"   \
	"  - b.example:8104:r3:localdc:5\n"                                   \
	"dataplane:\n  address: [fd00::1/64, 192.0.2.11/24]\n"

static const struct snapshot_node *node(const struct cluster *cluster, uint32_t i)
{
	return &snapshot_nodes(cluster_snapshot(cluster))[i];
}

static bool is_at(const struct cluster *cluster, uint32_t i, const char *addr)
{
	struct ip_addr want = IP_ADDR_ANY;

	assert_true(addr == NULL || ip_addr_parse(addr, &want));
	return ip_addr_eq(&node(cluster, i)->addr, &want);
}

static void all_nodes_of_the_file_are_in_the_ring(void **state)
{
	struct cluster *cluster = cluster_new(10);
	const struct snapshot *s;

	(void)state;
	assert_int_equal(apply(cluster, "  hash: md5\n  hash_tag: '{}'\n" RING), CLUSTER_CHANGED);
	s = cluster_snapshot(cluster);
	assert_null(snapshot_check(s, cluster_snapshot_size(cluster)));
	assert_int_equal(s->node_n, 5);
	assert_int_equal(s->token_n, 6);
	assert_int_equal(s->hash, HASH_MD5);
	assert_memory_equal(s->hash_tag, "{}", 2);
	assert_ptr_equal(cluster_local(cluster), node(cluster, 0));
	assert_true(is_at(cluster, 0, "192.0.2.11")); // of the family that dyn_listen has
	assert_true(is_at(cluster, 1, "192.0.2.12"));
	assert_true(is_at(cluster, 2, NULL)); // a name: nobody was asked
	assert_string_equal(node(cluster, 2)->host, "b.example");
	assert_int_equal(node(cluster, 2)->port, 8103);
	assert_string_equal(node(cluster, 2)->rack, "r2");
	assert_int_equal(node(cluster, 2)->token_first, 2);
	assert_int_equal(node(cluster, 2)->token_n, 2);
	assert_int_equal(snapshot_tokens(s)[1], 2147483648u);
	assert_int_equal(snapshot_tokens(s)[3], 2);
	assert_string_equal(node(cluster, 3)->dc, "east");
	assert_int_equal(snapshot_tokens(s)[node(cluster, 4)->token_first], 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(node(cluster, i)->state, NODE_NORMAL);
	assert_string_equal(cluster_event(cluster, 0)->cause, "test");
	assert_int_equal(cluster_event(cluster, 0)->wall_ms, 77);
	assert_null(cluster_event(cluster, 1));
	cluster_free(cluster);
}

static void addresses_come_later_and_change(void **state)
{
	struct cluster *cluster = cluster_new(10);
	struct names *names = names_new();
	struct conf *conf = load(RING);
	const char *error;
	struct ip_addr addr;

	(void)state;
	assert_true(names_want(names, conf, (struct mono){.ns = 1}));
	assert_int_equal(cluster_apply(cluster, conf, names, WHY, &error), CLUSTER_CHANGED);
	assert_int_equal(cluster_readdress(cluster, names, 5), CLUSTER_SAME);
	assert_true(ip_addr_parse("192.0.2.20", &addr));
	names_take(names, "b.example", &addr, 1, (struct mono){.ns = 2});
	assert_int_equal(cluster_readdress(cluster, names, 5), CLUSTER_CHANGED);
	assert_true(is_at(cluster, 2, "192.0.2.20") && is_at(cluster, 4, "192.0.2.20"));
	assert_true(is_at(cluster, 3, NULL));
	assert_int_equal(cluster_snapshot(cluster)->epoch, 11);
	assert_string_equal(cluster_event(cluster, 0)->cause,
		"b.example has the address 192.0.2.20, and 1 more changed");
	assert_int_equal(cluster_readdress(cluster, names, 6), CLUSTER_SAME);
	// What is known survives another reading of the file.
	assert_int_equal(cluster_apply(cluster, conf, names, WHY, &error), CLUSTER_SAME);
	names_take(names, "b.example", NULL, 0, (struct mono){.ns = 3});
	assert_int_equal(cluster_readdress(cluster, names, 6), CLUSTER_SAME);
	assert_null(snapshot_check(cluster_snapshot(cluster), cluster_snapshot_size(cluster)));
	conf_free(conf);
	names_free(names);
	cluster_free(cluster);
}

static void what_rest_asks_for_has_an_epoch(void **state)
{
	const struct cluster_timeouts timeouts = {
		.timeout_ms = UINT32_MAX / 4, .factor = 10, .read_hedge_ms = 20};
	struct cluster *cluster = cluster_new(10);

	(void)state;
	assert_int_equal(apply(cluster, RING), CLUSTER_CHANGED);
	assert_int_equal(cluster_set_state(cluster, NODE_NORMAL, WHY), CLUSTER_SAME);
	assert_int_equal(cluster_set_state(cluster, NODE_STANDBY, WHY), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 11);
	assert_int_equal(cluster_snapshot(cluster)->state, NODE_STANDBY);
	assert_int_equal(cluster_local(cluster)->state, NODE_STANDBY);
	assert_int_equal(node(cluster, 1)->state, NODE_NORMAL);
	assert_int_equal(cluster_set_consistency(cluster, CONSISTENCY_DC_QUORUM,
				 CONSISTENCY_DC_EACH_SAFE_QUORUM, WHY),
		CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->read_consistency, CONSISTENCY_DC_QUORUM);
	assert_int_equal(
		cluster_snapshot(cluster)->write_consistency, CONSISTENCY_DC_EACH_SAFE_QUORUM);
	assert_int_equal(cluster_set_timeouts(cluster, &timeouts, WHY), CLUSTER_CHANGED);
	assert_int_equal(cluster_set_timeouts(cluster, &timeouts, WHY), CLUSTER_SAME);
	assert_int_equal(cluster_snapshot(cluster)->timeout_ms, UINT32_MAX); // as far as it goes
	assert_int_equal(cluster_snapshot(cluster)->read_hedge_ms, 20);
	assert_int_equal(cluster_timeouts(cluster).timeout_ms, UINT32_MAX / 4);
	assert_int_equal(cluster_snapshot(cluster)->epoch, 13);
	assert_null(snapshot_check(cluster_snapshot(cluster), cluster_snapshot_size(cluster)));
	cluster_free(cluster);
}

static void the_last_wish_counts(void **state)
{
	struct cluster *cluster = cluster_new(10);
	struct cluster_timeouts timeouts;

	(void)state;
	assert_int_equal(apply(cluster, "  timeout: 100\n"), CLUSTER_CHANGED);
	cluster_set_consistency(cluster, CONSISTENCY_DC_QUORUM, CONSISTENCY_DC_QUORUM, WHY);
	cluster_set_state(cluster, NODE_WRITES_ONLY, WHY);
	timeouts = cluster_timeouts(cluster);
	timeouts.factor = 3;
	cluster_set_timeouts(cluster, &timeouts, WHY);
	assert_int_equal(cluster_snapshot(cluster)->timeout_ms, 300);
	// The file says what it always said.
	assert_int_equal(apply(cluster, "  timeout: 100\n"), CLUSTER_SAME);
	assert_int_equal(apply(cluster, "  timeout: 200\n  read_consistency: DC_SAFE_QUORUM\n"),
		CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->timeout_ms, 600);
	assert_int_equal(cluster_snapshot(cluster)->read_consistency, CONSISTENCY_DC_SAFE_QUORUM);
	assert_int_equal(cluster_snapshot(cluster)->write_consistency, CONSISTENCY_DC_QUORUM);
	assert_int_equal(cluster_snapshot(cluster)->state, NODE_WRITES_ONLY);
	cluster_free(cluster);
}

static struct snapshot *copy_of(const struct cluster *cluster)
{
	struct snapshot *copy = malloc(cluster_snapshot_size(cluster));

	assert_non_null(copy);
	memcpy(copy, cluster_snapshot(cluster), cluster_snapshot_size(cluster));
	return copy;
}

// The snapshot of a control plane that read "timeout: 100" and was told more by REST.
static struct snapshot *set_by_rest(void)
{
	struct cluster *cluster = cluster_new(10);
	const struct cluster_timeouts timeouts = {
		.timeout_ms = 150, .factor = 3, .read_hedge_ms = 9};
	struct snapshot *copy;

	assert_int_equal(apply(cluster, "  timeout: 100\n"), CLUSTER_CHANGED);
	cluster_set_state(cluster, NODE_STANDBY, WHY);
	cluster_set_consistency(cluster, CONSISTENCY_DC_QUORUM, CONSISTENCY_DC_SAFE_QUORUM, WHY);
	cluster_set_timeouts(cluster, &timeouts, WHY);
	copy = copy_of(cluster);
	assert_null(snapshot_check(copy, cluster_snapshot_size(cluster)));
	cluster_free(cluster);
	return copy;
}

static void what_rest_set_is_taken_over(void **state)
{
	struct snapshot *theirs = set_by_rest();
	struct cluster *cluster = cluster_new(100);
	const struct snapshot *s;

	(void)state;
	assert_int_equal(apply(cluster, "  timeout: 100\n"), CLUSTER_CHANGED);
	assert_int_equal(cluster_take_over(cluster, theirs, 5), CLUSTER_CHANGED);
	s = cluster_snapshot(cluster);
	assert_null(snapshot_check(s, cluster_snapshot_size(cluster)));
	assert_int_equal(s->epoch, 101);
	assert_int_equal(s->state, NODE_STANDBY);
	assert_int_equal(cluster_local(cluster)->state, NODE_STANDBY);
	assert_int_equal(s->read_consistency, CONSISTENCY_DC_QUORUM);
	assert_int_equal(s->write_consistency, CONSISTENCY_DC_SAFE_QUORUM);
	assert_int_equal(s->timeout_ms, 450);
	assert_int_equal(s->read_hedge_ms, 9);
	assert_int_equal(cluster_timeouts(cluster).timeout_ms, 150);
	assert_int_equal(cluster_timeouts(cluster).factor, 3);
	assert_int_equal(cluster_file(cluster).timeout_ms, 100);
	assert_int_equal(cluster_file(cluster).read, CONSISTENCY_DC_ONE);
	assert_non_null(strstr(cluster_event(cluster, 0)->cause, "STANDBY"));
	assert_int_equal(cluster_take_over(cluster, theirs, 6), CLUSTER_SAME);
	// And it goes on to be what REST set, not what the file said.
	assert_int_equal(apply(cluster, "  timeout: 100\n"), CLUSTER_SAME);
	assert_int_equal(apply(cluster, "  timeout: 200\n"), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->timeout_ms, 600);
	free(theirs);
	cluster_free(cluster);
}

static void a_file_that_was_edited_before_the_restart_counts(void **state)
{
	struct snapshot *theirs = set_by_rest();
	struct cluster *cluster = cluster_new(100);
	const struct snapshot *s;

	(void)state;
	assert_int_equal(apply(cluster, "  timeout: 200\n  write_consistency: DC_QUORUM\n"),
		CLUSTER_CHANGED);
	assert_int_equal(cluster_take_over(cluster, theirs, 5), CLUSTER_CHANGED);
	s = cluster_snapshot(cluster);
	assert_int_equal(s->timeout_ms, 600); // 200, by the factor that no file sets
	assert_int_equal(s->write_consistency, CONSISTENCY_DC_QUORUM);
	assert_int_equal(s->read_consistency, CONSISTENCY_DC_QUORUM); // by REST
	assert_int_equal(s->read_hedge_ms, 9);
	assert_int_equal(s->state, NODE_STANDBY);
	free(theirs);
	cluster_free(cluster);
}

static void what_was_set_since_the_start_is_not_taken_over(void **state)
{
	struct snapshot *theirs = set_by_rest();
	struct cluster *cluster = cluster_new(100);
	struct cluster_timeouts timeouts;

	(void)state;
	assert_int_equal(apply(cluster, "  timeout: 100\n"), CLUSTER_CHANGED);
	// Even if that changes nothing here: the data plane has something else.
	assert_int_equal(cluster_set_state(cluster, NODE_NORMAL, WHY), CLUSTER_SAME);
	timeouts = cluster_timeouts(cluster);
	assert_int_equal(cluster_set_timeouts(cluster, &timeouts, WHY), CLUSTER_SAME);
	assert_int_equal(cluster_take_over(cluster, theirs, 5), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->state, NODE_NORMAL);
	assert_int_equal(cluster_snapshot(cluster)->timeout_ms, 100);
	assert_int_equal(cluster_snapshot(cluster)->read_consistency, CONSISTENCY_DC_QUORUM);
	assert_int_equal(
		cluster_set_consistency(cluster, CONSISTENCY_DC_ONE, CONSISTENCY_DC_ONE, WHY),
		CLUSTER_CHANGED);
	assert_int_equal(cluster_take_over(cluster, theirs, 6), CLUSTER_SAME);
	assert_int_equal(cluster_snapshot(cluster)->read_consistency, CONSISTENCY_DC_ONE);
	free(theirs);
	cluster_free(cluster);
}

static void what_no_control_plane_says_is_not_taken_over(void **state)
{
	struct snapshot *theirs = set_by_rest();
	struct cluster *cluster = cluster_new(100);

	(void)state;
	assert_int_equal(apply(cluster, "  timeout: 100\n"), CLUSTER_CHANGED);
	theirs->state = NODE_DOWN;
	theirs->said.factor = UINT8_MAX;
	assert_int_equal(cluster_take_over(cluster, theirs, 5), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->state, NODE_NORMAL);
	assert_int_equal(cluster_timeouts(cluster).factor, CLUSTER_FACTOR_MAX);
	theirs->said.factor = 0;
	theirs->state = NODE_STANDBY;
	assert_int_equal(cluster_take_over(cluster, theirs, 6), CLUSTER_SAME);
	free(theirs);
	cluster_free(cluster);
}

static void a_timeout_of_nothing_stays_for_ever(void **state)
{
	struct cluster *cluster = cluster_new(10);
	const struct cluster_timeouts timeouts = {.factor = 7};

	(void)state;
	assert_int_equal(apply(cluster, ""), CLUSTER_CHANGED);
	assert_int_equal(cluster_set_timeouts(cluster, &timeouts, WHY), CLUSTER_CHANGED);
	assert_int_equal(cluster_snapshot(cluster)->timeout_ms, 0);
	cluster_free(cluster);
}

static void old_changes_are_forgotten(void **state)
{
	struct cluster *cluster = cluster_new(1000);
	const unsigned n = CLUSTER_EVENTS + 5;

	(void)state;
	assert_null(cluster_event(cluster, 0));
	assert_int_equal(apply(cluster, ""), CLUSTER_CHANGED);
	for (unsigned i = 1; i < n; i++)
		assert_int_equal(
			cluster_set_state(cluster, i % 2 != 0 ? NODE_STANDBY : NODE_NORMAL, WHY),
			CLUSTER_CHANGED);
	for (unsigned i = 0; i < CLUSTER_EVENTS; i++)
		assert_int_equal(cluster_event(cluster, i)->epoch, 1000 + n - 1 - i);
	assert_null(cluster_event(cluster, CLUSTER_EVENTS));
	cluster_overtake(cluster, 5000);
	assert_int_equal(cluster_event(cluster, 0)->epoch, 5001);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_local_node_is_as_the_file_says),
		cmocka_unit_test(without_peer_address_and_tokens_too),
		cmocka_unit_test(only_changes_have_a_new_epoch),
		cmocka_unit_test(an_epoch_from_the_future_is_overtaken),
		cmocka_unit_test(all_nodes_of_the_file_are_in_the_ring),
		cmocka_unit_test(addresses_come_later_and_change),
		cmocka_unit_test(what_rest_asks_for_has_an_epoch),
		cmocka_unit_test(the_last_wish_counts),
		cmocka_unit_test(what_rest_set_is_taken_over),
		cmocka_unit_test(a_file_that_was_edited_before_the_restart_counts),
		cmocka_unit_test(what_was_set_since_the_start_is_not_taken_over),
		cmocka_unit_test(what_no_control_plane_says_is_not_taken_over),
		cmocka_unit_test(a_timeout_of_nothing_stays_for_ever),
		cmocka_unit_test(old_changes_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
