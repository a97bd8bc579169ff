#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ipc/ipc_peer.h"
#include "controlplane/link/dp_link.h"
#include "common/base/loop.h"

#define WAIT_MS 10000

#define WHY ((struct cluster_why){.wall_ms = 1, .text = "test"})

static char dir[64];
static char path[128];
static struct cluster *cluster;
static struct dp_link *link_;
static struct ipc_peer *dp;

// What the data plane answers a new link with.
static bool silent;
static struct snapshot *has; // NULL: none yet
static size_t has_len;

static struct ipc_peer *make_dp(void)
{
	struct ipc_peer_config config = {
		.role = IPC_DATAPLANE,
		.path = path,
		.hello = ipc_hello_make(IPC_DATAPLANE, "test"),
	};

	return ipc_peer_new(&config);
}

static enum cluster_change load(const char *rack)
{
	struct conf_report report;
	struct conf *conf;
	const char *error;
	enum cluster_change change;
	char text[256];
	int len = snprintf(text, sizeof(text),
		"p:\n  listen: 127.0.0.1:1\n  servers: [127.0.0.1:6379:1]\n  rack: %s\n", rack);

	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", text, (size_t)len, CONF_ROLE_CONTROLPLANE, &report);
	conf_report_free(&report);
	assert_non_null(conf);
	change = cluster_apply(cluster, conf, NULL, WHY, &error);
	conf_free(conf);
	return change;
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_EMERG);
	strcpy(dir, "/tmp/dyn-dplink-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ipc.sock", dir);
	cluster = cluster_new(100);
	assert_int_equal(load("r1"), CLUSTER_CHANGED);
	link_ = dp_link_new(path, "test", cluster);
	assert_non_null(link_);
	dp = make_dp();
	assert_non_null(dp);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	ipc_peer_free(dp);
	dp_link_free(link_);
	cluster_free(cluster);
	free(has);
	has = NULL;
	silent = false;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void say_what_is_there(void)
{
	struct ipc_status status = {.pid = 7};

	if (has != NULL)
		assert_true(ipc_peer_send(dp, IPC_SNAPSHOT, has, has_len));
	if (!silent)
		assert_true(ipc_peer_send(dp, IPC_STATUS, &status, sizeof(status)));
}

// The epoch of the next snapshot that the data plane gets; 0: none within `wait_ms`.
static uint64_t next_snapshot(int wait_ms)
{
	struct ipc_peer_event event;
	struct snapshot head;

	for (int ms = 0; ms < wait_ms; ms += 5) {
		struct pollfd fds[] = {{.fd = dp != NULL ? ipc_peer_fd(dp) : -1, .events = POLLIN},
			{.fd = dp_link_fd(link_), .events = POLLIN}};

		dp_link_poll(link_, loop_now());
		while (dp != NULL && ipc_peer_next(dp, &event)) {
			if (event.what == IPC_PEER_LINKED)
				say_what_is_there();
			if (event.what != IPC_PEER_MSG || event.msg.id != IPC_SNAPSHOT)
				continue;
			assert_null(snapshot_check(event.msg.payload, event.msg.len));
			memcpy(&head, event.msg.payload, sizeof(head));
			return head.epoch;
		}
		poll(fds, 2, 5);
	}
	return 0;
}

static void acknowledge(uint64_t epoch, uint64_t newest, const char *error)
{
	struct ipc_snapshot_ack ack = {.epoch = epoch, .newest = newest};

	strcpy(ack.error, error);
	assert_true(ipc_peer_send(dp, IPC_SNAPSHOT_ACK, &ack, sizeof(ack)));
}

static void what_is_held_is_not_sent_before_its_release(void **state)
{
	(void)state;
	dp_link_hold(link_);
	for (int i = 0; i < 100 && !dp_link_view(link_)->linked; i++)
		assert_int_equal(next_snapshot(100), 0);
	assert_true(dp_link_view(link_)->linked);
	assert_int_equal(load("r2"), CLUSTER_CHANGED);
	dp_link_push(link_);
	assert_int_equal(next_snapshot(100), 0);
	dp_link_release(link_);
	assert_int_equal(next_snapshot(WAIT_MS), 101);
	dp_link_release(link_); // there is nothing to let go
	assert_int_equal(next_snapshot(100), 0);
}

static unsigned inherited;

static void inherit(void *ctx, const struct snapshot *theirs)
{
	assert_ptr_equal(ctx, &inherited);
	assert_memory_equal(theirs, has, has_len);
	inherited++;
	assert_int_equal(cluster_take_over(cluster, theirs, 1), CLUSTER_CHANGED);
	dp_link_push(link_); // too early, and no harm
}

// Keeps the cluster's snapshot as the data plane's, with a state that the cluster does not have.
static void leave_behind(void)
{
	struct snapshot_node *node;

	has_len = cluster_snapshot_size(cluster);
	has = malloc(has_len);
	assert_non_null(has);
	memcpy(has, cluster_snapshot(cluster), has_len);
	node = (struct snapshot_node *)(void *)(has + 1);
	has->epoch = 50;
	has->state = node->state = NODE_STANDBY;
}

static void nothing_is_sent_before_the_data_plane_said_what_it_has(void **state)
{
	struct ipc_status status = {.pid = 7};

	(void)state;
	silent = true;
	inherited = 0;
	leave_behind();
	dp_link_inherit(link_, inherit, &inherited);
	for (int i = 0; i < 100 && inherited == 0; i++)
		assert_int_equal(next_snapshot(50), 0);
	assert_int_equal(inherited, 1);
	assert_int_equal(next_snapshot(100), 0);
	assert_true(ipc_peer_send(dp, IPC_STATUS, &status, sizeof(status)));
	assert_int_equal(next_snapshot(WAIT_MS), 101);
	assert_int_equal(cluster_snapshot(cluster)->state, NODE_STANDBY);
	// What comes later, or of another data plane, is nobody's heritage.
	ipc_peer_free(dp);
	dp = make_dp();
	assert_int_equal(next_snapshot(WAIT_MS), 101);
	assert_int_equal(next_snapshot(100), 0);
	assert_int_equal(inherited, 1);
}

static void a_heritage_that_is_none_is_left(void **state)
{
	(void)state;
	inherited = 0;
	leave_behind();
	has->state = 99;
	dp_link_inherit(link_, inherit, &inherited);
	assert_int_equal(next_snapshot(WAIT_MS), 100);
	assert_int_equal(inherited, 0);
	assert_int_equal(cluster_snapshot(cluster)->state, NODE_NORMAL);
}

static void the_snapshot_is_sent_on_every_link_and_change(void **state)
{
	const struct dp_view *view = dp_link_view(link_);

	(void)state;
	assert_int_equal(next_snapshot(WAIT_MS), 100);
	assert_true(view->linked);
	acknowledge(100, 100, "");
	assert_int_equal(next_snapshot(100), 0);
	assert_int_equal(view->acked_epoch, 100);
	assert_int_equal(load("r2"), CLUSTER_CHANGED);
	dp_link_push(link_);
	assert_int_equal(next_snapshot(WAIT_MS), 101);
	// A restarted data plane gets it again, without any word of ours.
	ipc_peer_free(dp);
	dp = NULL;
	(void)next_snapshot(100);
	assert_false(view->linked);
	assert_int_equal(load("r3"), CLUSTER_CHANGED);
	dp_link_push(link_);
	dp = make_dp();
	assert_int_equal(next_snapshot(WAIT_MS), 102);
	assert_true(view->linked);
	assert_int_equal(view->acked_epoch, 0);
}

static void a_data_plane_ahead_of_us_is_overtaken(void **state)
{
	(void)state;
	assert_int_equal(next_snapshot(WAIT_MS), 100);
	acknowledge(100, 5000, "older");
	assert_int_equal(next_snapshot(WAIT_MS), 5001);
	acknowledge(5001, 5001, "");
	assert_int_equal(next_snapshot(100), 0);
	assert_int_equal(dp_link_view(link_)->acked_epoch, 5001);
	assert_string_equal(dp_link_view(link_)->error, "");
}

static void a_refusal_is_kept_and_not_repeated(void **state)
{
	const struct dp_view *view = dp_link_view(link_);

	(void)state;
	assert_int_equal(next_snapshot(WAIT_MS), 100);
	acknowledge(100, 0, "no room");
	assert_int_equal(next_snapshot(200), 0);
	assert_string_equal(view->error, "no room");
	assert_int_equal(view->refused_epoch, 100);
	assert_int_equal(view->acked_epoch, 0);
	acknowledge(77, 900, "about something else");
	assert_int_equal(next_snapshot(100), 0);
	assert_string_equal(view->error, "no room");
}

static void figures_are_kept_with_their_time(void **state)
{
	static struct stats stats[2];
	const struct stats *const workers[] = {&stats[0], &stats[1]};
	const struct dp_view *view = dp_link_view(link_);
	struct ipc_status status = {.pid = 7, .epoch = 100};
	size_t len = ipc_stats_size(2);
	char *payload = malloc(len);
	struct mono before = loop_now();

	(void)state;
	assert_int_equal(next_snapshot(WAIT_MS), 100);
	assert_false(view->stats_known);
	stats[0].stat[STAT_turns] = 1;
	stats[1].stat[STAT_turns] = 2;
	ipc_stats_encode(payload, workers, 2);
	assert_true(ipc_peer_send(dp, IPC_STATS, payload, len));
	assert_true(ipc_peer_send(dp, IPC_STATUS, &status, sizeof(status)));
	(void)next_snapshot(200);
	assert_true(view->stats_known && view->status_known);
	assert_true(view->stats_at.ns >= before.ns && view->status_at.ns >= before.ns);
	assert_int_equal(view->stats.stat[STAT_turns], 3);
	assert_int_equal(view->status.pid, 7);
	// Of another build: refused, and the old ones stay.
	payload[4]++;
	assert_true(ipc_peer_send(dp, IPC_STATS, payload, len));
	(void)next_snapshot(200);
	assert_int_equal(view->stats.stat[STAT_turns], 3);
	assert_non_null(strstr(view->error, "another build"));
	free(payload);
}

static void send_ejections(uint64_t n, uint64_t of_peers)
{
	static struct stats stats;
	const struct stats *const workers[] = {&stats};
	size_t len = ipc_stats_size(1);
	char *payload = malloc(len);

	stats.stat[STAT_server_ejects] = n;
	stats.stat[STAT_peer_ejects] = of_peers;
	ipc_stats_encode(payload, workers, 1);
	assert_true(ipc_peer_send(dp, IPC_STATS, payload, len));
	(void)next_snapshot(100);
	assert_int_equal(dp_link_view(link_)->stats.stat[STAT_server_ejects], n);
	free(payload);
}

static void send_ejects(uint64_t n)
{
	send_ejections(n, 0);
}

static void restart_dp(uint64_t start_ms)
{
	struct ipc_peer_config config = {
		.role = IPC_DATAPLANE,
		.path = path,
		.hello = ipc_hello_make(IPC_DATAPLANE, "test"),
	};

	config.hello.start_ms = start_ms;
	ipc_peer_free(dp);
	dp = ipc_peer_new(&config);
	assert_non_null(dp);
	while (next_snapshot(WAIT_MS) == 0)
		;
}

static void the_time_of_an_ejection_is_noted(void **state)
{
	const struct dp_view *view = dp_link_view(link_);
	uint64_t now = ipc_hello_make(IPC_CONTROLPLANE, "").start_ms;
	uint64_t first;

	(void)state;
	restart_dp(now + 1); // started after us: all that it counts happened under our eyes
	send_ejects(0);
	assert_int_equal(view->ejected_ms, 0);
	send_ejects(1);
	first = view->ejected_ms;
	assert_in_range(first, now, now + WAIT_MS);
	send_ejects(1);
	assert_int_equal(view->ejected_ms, first);
	send_ejects(3);
	assert_true(view->ejected_ms > first);
	// One that ran long before us: nobody here knows when.
	first = view->ejected_ms;
	restart_dp(now - 1000000);
	send_ejects(50);
	assert_int_equal(view->ejected_ms, first);
	send_ejects(51);
	assert_true(view->ejected_ms > first);
	// A new one begins at 0.
	first = view->ejected_ms;
	restart_dp(now + 2);
	send_ejects(0);
	assert_int_equal(view->ejected_ms, first);
	send_ejects(2);
	assert_true(view->ejected_ms > first);
	// Those of peers are another matter.
	first = view->ejected_ms;
	assert_int_equal(view->peer_ejected_ms, 0);
	send_ejections(2, 1);
	assert_true(view->peer_ejected_ms > first);
	assert_int_equal(view->ejected_ms, first);
}

static void figures_of_each_worker_are_kept(void **state)
{
	static struct stats stats[3];
	static struct stats got;
	const struct stats *const workers[] = {&stats[0], &stats[1], &stats[2]};
	const struct dp_view *view = dp_link_view(link_);
	size_t len = ipc_stats_size(3);
	char *payload = malloc(len);

	(void)state;
	assert_int_equal(next_snapshot(WAIT_MS), 100);
	for (unsigned i = 0; i < 3; i++)
		stats[i].stat[STAT_turns] = 10 + i;
	ipc_stats_encode(payload, workers, 3);
	assert_true(ipc_peer_send(dp, IPC_STATS, payload, len));
	(void)next_snapshot(100);
	assert_int_equal(view->figures_worker_n, 3);
	for (unsigned i = 0; i < 3; i++) {
		ipc_stats_worker(view->figures, i, &got);
		assert_int_equal(got.stat[STAT_turns], 10 + i);
	}
	send_ejects(0);
	assert_int_equal(view->figures_worker_n, 1);
	free(payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_held_is_not_sent_before_its_release, setup, teardown),
		cmocka_unit_test_setup_teardown(
			nothing_is_sent_before_the_data_plane_said_what_it_has, setup, teardown),
		cmocka_unit_test_setup_teardown(a_heritage_that_is_none_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_snapshot_is_sent_on_every_link_and_change, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_data_plane_ahead_of_us_is_overtaken, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_refusal_is_kept_and_not_repeated, setup, teardown),
		cmocka_unit_test_setup_teardown(figures_are_kept_with_their_time, setup, teardown),
		cmocka_unit_test_setup_teardown(figures_of_each_worker_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(the_time_of_an_ejection_is_noted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
