#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "controlplane/cluster/cluster.h"

#define COMMON "dyn_o_mite:\n  listen: 127.0.0.1:8102\n  servers:\n  - 127.0.0.1:6379:1\n"

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
	enum cluster_change change = cluster_apply(cluster, conf, &error);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_local_node_is_as_the_file_says),
		cmocka_unit_test(without_peer_address_and_tokens_too),
		cmocka_unit_test(only_changes_have_a_new_epoch),
		cmocka_unit_test(an_epoch_from_the_future_is_overtaken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
