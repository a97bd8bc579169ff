#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ipc/ipc_peer.h"
#include "dataplane/link/link.h"

#define WAIT_MS 10000
#define WORKERS 3

static char dir[64];
static char path[128];
static struct stats stats[WORKERS];
static const struct stats *const stats_of[WORKERS] = {&stats[0], &stats[1], &stats[2]};
static struct link *dp;
static struct ipc_peer *cp;
static uint64_t skip_ns; // moves the link's clock ahead

static struct mono now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){
		.ns = (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec + skip_ns};
}

static void facts(void *ctx, struct ipc_status *status)
{
	assert_ptr_equal(ctx, stats);
	strcpy(status->driver, "net_test");
	status->mtu = 1500;
	status->link_up = 1;
}

static struct link *make_link(unsigned workers)
{
	struct link_config config = {
		.path = path,
		.version = "test",
		.stats = stats_of,
		.worker_n = workers,
		.facts = facts,
		.facts_ctx = stats,
	};

	return link_new(&config, now());
}

static struct ipc_peer *make_cp(void)
{
	struct ipc_peer_config config = {
		.role = IPC_CONTROLPLANE,
		.path = path,
		.hello = ipc_hello_make(IPC_CONTROLPLANE, "test"),
	};

	return ipc_peer_new(&config);
}

// What the control plane hears of this kind; NULL payload when nothing came within `wait_ms`.
// The message stays valid until the next call.
static struct ipc_peer_event hear(enum ipc_peer_what what, unsigned id, int wait_ms)
{
	struct ipc_peer_event event;

	for (int ms = 0; ms < wait_ms; ms += 5) {
		struct pollfd fds[] = {{.fd = ipc_peer_fd(cp), .events = POLLIN},
			{.fd = link_fd(dp), .events = POLLIN}};

		link_poll(dp, now());
		while (ipc_peer_next(cp, &event))
			if (event.what == what && (what != IPC_PEER_MSG || event.msg.id == id))
				return event;
		poll(fds, 2, 5);
	}
	return (struct ipc_peer_event){0};
}

static struct ipc_snapshot_ack hear_ack(int wait_ms)
{
	struct ipc_peer_event event = hear(IPC_PEER_MSG, IPC_SNAPSHOT_ACK, wait_ms);
	struct ipc_snapshot_ack ack = {0};

	if (event.msg.payload != NULL)
		ipc_payload_get(&event.msg, &ack);
	return ack;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/dyn-link-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ipc.sock", dir);
	log_set_level(LOG_EMERG);
	memset(stats, 0, sizeof(stats));
	skip_ns = 0;
	dp = make_link(WORKERS);
	assert_non_null(dp);
	cp = make_cp();
	assert_non_null(cp);
	for (int i = 0; i < 100 && !ipc_peer_linked(cp); i++)
		(void)hear(IPC_PEER_LINKED, 0, 100);
	assert_true(ipc_peer_linked(cp));
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	ipc_peer_free(cp);
	link_free(dp);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static _Alignas(8) unsigned char bytes[4096];

static size_t make_snapshot(uint64_t epoch)
{
	struct snapshot *s = (struct snapshot *)(void *)bytes;
	struct snapshot_node *node = (struct snapshot_node *)(void *)(s + 1);

	memset(bytes, 0, sizeof(bytes));
	*s = (struct snapshot){
		.epoch = epoch, .node_n = 1, .timeout_ms = (uint32_t)epoch, .state = NODE_NORMAL};
	strcpy(node->dc, "dc");
	strcpy(node->rack, "rack");
	node->state = NODE_NORMAL;
	node->is_local = 1;
	return snapshot_size(1, 0);
}

static void send_snapshot(uint64_t epoch)
{
	size_t len = make_snapshot(epoch);

	assert_true(ipc_peer_send(cp, IPC_SNAPSHOT, bytes, len));
}

static void a_snapshot_is_swapped_in_and_acknowledged(void **state)
{
	struct ipc_snapshot_ack ack;

	(void)state;
	assert_null(link_snapshot(dp));
	assert_int_equal(link_epoch(dp), 0);
	send_snapshot(10);
	ack = hear_ack(WAIT_MS);
	assert_int_equal(ack.epoch, 10);
	assert_string_equal(ack.error, "");
	assert_int_equal(link_snapshot(dp)->epoch, 10);
	assert_int_equal(link_epoch(dp), 10);
	send_snapshot(10); // again: harmless
	assert_int_equal(hear_ack(WAIT_MS).epoch, 10);
	send_snapshot(11);
	assert_int_equal(hear_ack(WAIT_MS).epoch, 11);
}

static void bad_and_old_snapshots_are_refused(void **state)
{
	struct ipc_snapshot_ack ack;
	size_t len;

	(void)state;
	send_snapshot(10);
	assert_int_equal(hear_ack(WAIT_MS).epoch, 10);
	send_snapshot(9);
	ack = hear_ack(WAIT_MS);
	assert_int_equal(ack.epoch, 9);
	assert_int_equal(ack.newest, 10);
	assert_non_null(strstr(ack.error, "older"));
	len = make_snapshot(10);
	((struct snapshot *)(void *)bytes)->timeout_ms++;
	assert_true(ipc_peer_send(cp, IPC_SNAPSHOT, bytes, len));
	assert_non_null(strstr(hear_ack(WAIT_MS).error, "other contents"));
	len = make_snapshot(12);
	((struct snapshot *)(void *)bytes)->state = 99;
	assert_true(ipc_peer_send(cp, IPC_SNAPSHOT, bytes, len));
	ack = hear_ack(WAIT_MS);
	assert_int_equal(ack.epoch, 12);
	assert_non_null(strstr(ack.error, "state"));
	assert_int_equal(link_snapshot(dp)->epoch, 10);
}

static void a_worker_that_has_not_passed_delays_the_acknowledgement(void **state)
{
	const struct snapshot *held;

	(void)state;
	send_snapshot(1);
	assert_int_equal(hear_ack(WAIT_MS).epoch, 1);
	link_worker_start(dp, 0);
	link_worker_start(dp, 2);
	held = link_snapshot(dp);
	send_snapshot(2);
	assert_int_equal(hear_ack(100).epoch, 0);
	assert_int_equal(link_snapshot(dp)->epoch, 2); // new readers see it at once
	assert_int_equal(held->epoch, 1);              // and the old one is still there (ASan)
	assert_int_equal(link_epoch(dp), 1);
	assert_true(link_next(dp, now()).ns <= now().ns + NS_PER_MS);
	link_quiescent(dp, 0);
	send_snapshot(3); // staged
	send_snapshot(4); // takes the place of 3
	assert_int_equal(hear_ack(100).epoch, 0);
	assert_int_equal(link_snapshot(dp)->epoch, 2);
	// Passes 2, but 4 begins then, and has to be passed again.
	link_quiescent(dp, 2);
	assert_int_equal(hear_ack(100).epoch, 0);
	assert_int_equal(link_snapshot(dp)->epoch, 4);
	link_quiescent(dp, 2);
	link_worker_offline(dp, 0); // one that sleeps does not hold it up
	assert_int_equal(hear_ack(WAIT_MS).epoch, 4);
	link_worker_online(dp, 0);
	link_worker_stop(dp, 0);
	link_worker_stop(dp, 2);
}

static void figures_come_each_second_and_when_asked(void **state)
{
	struct ipc_peer_event event;
	struct ipc_status status;
	static struct stats sum;
	const char *error;

	(void)state;
	stats[0].stat[STAT_turns] = 5;
	stats[2].stat[STAT_turns] = 7;
	while (hear(IPC_PEER_MSG, IPC_STATS, 200).msg.payload != NULL)
		; // whatever came with the link
	skip_ns += NS_PER_SEC;
	assert_non_null(hear(IPC_PEER_MSG, IPC_STATS, WAIT_MS).msg.payload);
	assert_null(hear(IPC_PEER_MSG, IPC_STATS, 100).msg.payload);
	assert_true(ipc_peer_send(cp, IPC_REFRESH, NULL, 0));
	event = hear(IPC_PEER_MSG, IPC_STATUS, WAIT_MS);
	assert_non_null(event.msg.payload);
	ipc_payload_get(&event.msg, &status);
	assert_string_equal(status.driver, "net_test");
	assert_string_equal(status.version, "test");
	assert_int_equal(status.worker_n, WORKERS);
	assert_int_equal(status.pid, getpid());
	assert_true(status.uptime_ms >= 1000);
	assert_true(status.rss_max_kb > 0);
	event = hear(IPC_PEER_MSG, IPC_STATS, WAIT_MS);
	assert_int_equal(ipc_stats_decode(event.msg.payload, event.msg.len, &sum, &error), WORKERS);
	assert_int_equal(sum.stat[STAT_turns], 12);
}

static void the_last_snapshot_outlives_the_control_plane(void **state)
{
	(void)state;
	send_snapshot(5);
	assert_int_equal(hear_ack(WAIT_MS).epoch, 5);
	ipc_peer_free(cp);
	for (int i = 0; i < 50; i++) {
		link_poll(dp, now());
		usleep(1000);
	}
	assert_int_equal(link_snapshot(dp)->epoch, 5);
	cp = make_cp();
	assert_int_equal(hear(IPC_PEER_LINKED, 0, WAIT_MS).what, IPC_PEER_LINKED);
	assert_true(ipc_peer_linked(cp));
	send_snapshot(5);
	assert_int_equal(hear_ack(WAIT_MS).epoch, 5);
}

// It may be a new one, that knows nothing of what was set.
static void the_snapshot_in_use_is_told_on_every_link(void **state)
{
	struct ipc_peer_event event;
	struct snapshot head;

	(void)state;
	send_snapshot(5);
	assert_int_equal(hear_ack(WAIT_MS).epoch, 5);
	ipc_peer_free(cp);
	cp = make_cp();
	// Before STATUS, which ends the wait for it.
	event = hear(IPC_PEER_MSG, IPC_SNAPSHOT, WAIT_MS);
	assert_non_null(event.msg.payload);
	assert_null(snapshot_check(event.msg.payload, event.msg.len));
	memcpy(&head, event.msg.payload, sizeof(head));
	assert_int_equal(head.epoch, 5);
	assert_non_null(hear(IPC_PEER_MSG, IPC_STATUS, WAIT_MS).msg.payload);
	assert_null(hear(IPC_PEER_MSG, IPC_SNAPSHOT, 100).msg.payload);
}

// --- questions to workers

static void ask(uint64_t number, uint32_t worker)
{
	struct ipc_conns_ask question = {.head = {.ask = number, .worker = worker}, .from = 7};

	assert_true(ipc_peer_send(cp, IPC_CONNS_ASK, &question, sizeof(question)));
}

// What the worker finds on its desk, within a while; NULL: nothing.
static struct link_desk *find_asked(unsigned worker, int wait_ms)
{
	struct link_desk *desk = NULL;

	for (int ms = 0; ms < wait_ms && desk == NULL; ms += 5) {
		link_poll(dp, now());
		desk = link_asked(dp, worker);
		usleep(desk == NULL ? 5000 : 0);
	}
	return desk;
}

// Answers `n` empty records.
static void answer(struct link_desk *desk, uint32_t n)
{
	struct ipc_conns conns = {.head = {.ask = desk->ask.head.ask}, .n = n};

	memset(desk->answer, 0, IPC_CONNS_SIZE(n));
	memcpy(desk->answer, &conns, sizeof(conns));
	link_desk_answered(desk, IPC_CONNS_SIZE(n));
}

// The next answer to a question about connections; all zero: none.
static struct ipc_conns hear_conns(int wait_ms)
{
	struct ipc_peer_event event = hear(IPC_PEER_MSG, IPC_CONNS, wait_ms);
	struct ipc_conns conns = {0};

	if (event.msg.payload != NULL) {
		assert_null(ipc_answer_check(IPC_CONNS, event.msg.payload, event.msg.len));
		memcpy(&conns, event.msg.payload, sizeof(conns));
	}
	return conns;
}

static void a_question_goes_to_its_worker_and_the_answer_back(void **state)
{
	struct link_desk *desk;
	struct ipc_conns conns;

	(void)state;
	assert_null(link_asked(dp, 1));
	ask(5, 1);
	desk = find_asked(1, WAIT_MS);
	assert_non_null(desk);
	assert_int_equal(desk->id, IPC_CONNS_ASK);
	assert_int_equal(desk->ask.conns.from, 7);
	assert_null(link_asked(dp, 0));
	assert_null(link_asked(dp, 2));
	assert_int_equal(hear_conns(100).head.ask, 0); // not before the worker is done
	answer(desk, IPC_CONNS_MAX);
	assert_null(link_asked(dp, 1));
	conns = hear_conns(WAIT_MS);
	assert_int_equal(conns.head.ask, 5);
	assert_int_equal(conns.n, IPC_CONNS_MAX);
	assert_int_equal(conns.head.worker_n, WORKERS);
	// And once more, in the same place.
	ask(6, 1);
	desk = find_asked(1, WAIT_MS);
	assert_non_null(desk);
	answer(desk, 0);
	assert_int_equal(hear_conns(WAIT_MS).head.ask, 6);
}

static void a_worker_that_does_not_answer_holds_up_no_other(void **state)
{
	struct link_desk *stuck;
	struct link_desk *desk;

	(void)state;
	ask(1, 0);
	stuck = find_asked(0, WAIT_MS);
	assert_non_null(stuck);
	ask(2, 2);
	desk = find_asked(2, WAIT_MS);
	assert_non_null(desk);
	answer(desk, 1);
	assert_int_equal(hear_conns(WAIT_MS).head.ask, 2);
	// Of what comes meanwhile, the newest waits.
	ask(3, 0);
	assert_int_equal(hear_conns(100).head.ask, 0);
	ask(4, 0);
	assert_int_equal(hear_conns(100).head.ask, 0);
	assert_int_equal(stuck->ask.head.ask, 1); // what the worker reads does not change
	answer(stuck, 0);
	assert_int_equal(hear_conns(WAIT_MS).head.ask, 1);
	desk = find_asked(0, WAIT_MS);
	assert_non_null(desk);
	assert_int_equal(desk->ask.head.ask, 4);
	answer(desk, 0);
	assert_int_equal(hear_conns(WAIT_MS).head.ask, 4);
	assert_null(find_asked(0, 50));
}

static void a_worker_that_is_not_there_is_refused(void **state)
{
	static const uint32_t workers[] = {WORKERS, UINT32_MAX};
	static const struct {
		enum ipc_id ask;
		enum ipc_id answer;
	} kinds[] = {{IPC_PEERS_ASK, IPC_PEERS}, {IPC_TRACE_ASK, IPC_TRACE},
		{IPC_CAPTURE_ASK, IPC_CAPTURE}};
	union ipc_any_ask any = {.head = {.ask = 9, .worker = WORKERS}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		struct ipc_conns conns;

		ask(8, workers[i]);
		conns = hear_conns(WAIT_MS);
		assert_int_equal(conns.head.ask, 8);
		assert_int_equal(conns.head.error, IPC_ASK_NO_WORKER);
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct ipc_peer_event event;
		struct ipc_answer head;

		assert_true(ipc_peer_send(cp, kinds[i].ask, &any, ipc_row(kinds[i].ask)->min));
		event = hear(IPC_PEER_MSG, kinds[i].answer, WAIT_MS);
		assert_non_null(event.msg.payload);
		assert_null(ipc_answer_check(kinds[i].answer, event.msg.payload, event.msg.len));
		memcpy(&head, event.msg.payload, sizeof(head));
		assert_int_equal(head.error, IPC_ASK_NO_WORKER);
	}
}

// The control plane goes while its question is being answered: the answer is for nobody, and the
// desk serves the next one.
static void an_answer_for_a_control_plane_that_went(void **state)
{
	struct link_desk *desk;

	(void)state;
	ask(1, 0);
	desk = find_asked(0, WAIT_MS);
	assert_non_null(desk);
	ipc_peer_free(cp);
	for (int i = 0; i < 20; i++) {
		link_poll(dp, now());
		usleep(1000);
	}
	answer(desk, 0);
	cp = make_cp();
	for (int i = 0; i < 100 && !ipc_peer_linked(cp); i++)
		(void)hear(IPC_PEER_LINKED, 0, 100);
	assert_true(ipc_peer_linked(cp));
	ask(2, 0);
	desk = find_asked(0, WAIT_MS);
	assert_non_null(desk);
	assert_int_equal(desk->ask.head.ask, 2);
	answer(desk, 0);
	assert_int_equal(hear_conns(WAIT_MS).head.ask, 2);
}

// The timer wakes the loop while an answer is awaited, and rests otherwise.
static void the_timer_runs_only_while_something_is_asked(void **state)
{
	struct pollfd fd = {.fd = link_timer_fd(dp), .events = POLLIN};
	struct link_desk *desk;

	(void)state;
	link_poll(dp, now());
	assert_int_equal(poll(&fd, 1, 50), 0);
	ask(1, 0);
	desk = find_asked(0, WAIT_MS);
	assert_non_null(desk);
	assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
	answer(desk, 0);
	link_poll(dp, now());
	assert_int_equal(poll(&fd, 1, 50), 0);
	// One that never answers is not waited for for ever.
	ask(2, 0);
	assert_non_null(find_asked(0, WAIT_MS));
	skip_ns += 2 * NS_PER_SEC;
	(void)poll(&fd, 1, 50);
	link_poll(dp, now());
	assert_int_equal(poll(&fd, 1, 50), 0);
}

static void the_number_of_workers_is_checked(void **state)
{
	(void)state;
	assert_null(make_link(0));
	assert_null(make_link(IPC_WORKERS_MAX + 1));
	assert_null(make_link(1)); // another data plane has the path
}

static _Atomic bool stop;
static _Atomic uint64_t turns;

// Reads a snapshot over and over and checks that it is whole: a freed or half-written one is not.
static void *work(void *arg)
{
	unsigned worker = (unsigned)(uintptr_t)arg;
	uint64_t last = 0;

	link_worker_start(dp, worker);
	for (unsigned turn = 1; !stop; turn++) {
		const struct snapshot *s = link_snapshot(dp);

		if (s != NULL) {
			if (s->epoch < last || s->timeout_ms != (uint32_t)s->epoch ||
				strcmp(snapshot_nodes(s)->rack, "rack") != 0)
				abort();
			last = s->epoch;
		}
		link_quiescent(dp, worker);
		if (turn % 64 == 0) {
			link_worker_offline(dp, worker);
			usleep(50);
			link_worker_online(dp, worker);
		}
		turns++;
	}
	link_worker_stop(dp, worker);
	return NULL;
}

static void snapshots_are_whole_under_running_workers(void **state)
{
	pthread_t thread[WORKERS];
	uint64_t epoch = 1;

	(void)state;
	stop = false;
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)i);
	for (; epoch <= 300; epoch++) {
		send_snapshot(epoch);
		if (epoch % 3 == 0)
			assert_true(hear_ack(WAIT_MS).epoch > 0);
	}
	send_snapshot(epoch);
	while (hear_ack(WAIT_MS).epoch != epoch)
		assert_true(link_epoch(dp) <= epoch);
	stop = true;
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(link_epoch(dp), epoch);
	assert_true(turns > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_snapshot_is_swapped_in_and_acknowledged, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_and_old_snapshots_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_worker_that_has_not_passed_delays_the_acknowledgement, setup, teardown),
		cmocka_unit_test_setup_teardown(
			figures_come_each_second_and_when_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_snapshot_in_use_is_told_on_every_link, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_last_snapshot_outlives_the_control_plane, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_question_goes_to_its_worker_and_the_answer_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_worker_that_does_not_answer_holds_up_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_worker_that_is_not_there_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_answer_for_a_control_plane_that_went, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_timer_runs_only_while_something_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(the_number_of_workers_is_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(
			snapshots_are_whole_under_running_workers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
