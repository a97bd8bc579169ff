#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ipc/ipc_nng.h"
#include "common/ipc/ipc_peer.h"

#define WAIT_MS 10000

static char dir[64];
static char path[128];
static char log_path[128];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/dyn-peer-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ipc.sock", dir);
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	return log_open(log_path);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return log_open(NULL) + system(command);
}

static unsigned count_in_log(const char *text)
{
	FILE *file = fopen(log_path, "r");
	char line[2048];
	unsigned n = 0;

	while (fgets(line, sizeof(line), file) != NULL)
		n += strstr(line, text) != NULL;
	fclose(file);
	return n;
}

static struct ipc_peer *make(enum ipc_role role)
{
	struct ipc_peer_config config = {
		.role = role, .path = path, .hello = ipc_hello_make(role, "test")};

	return ipc_peer_new(&config);
}

static bool next_within(struct ipc_peer *peer, struct ipc_peer_event *event, int wait_ms)
{
	for (int ms = 0; ms < wait_ms; ms += 50) {
		struct pollfd fd = {.fd = ipc_peer_fd(peer), .events = POLLIN};

		if (ipc_peer_next(peer, event))
			return true;
		poll(&fd, 1, 50);
	}
	return false;
}

static void expect(struct ipc_peer *peer, enum ipc_peer_what what, struct ipc_peer_event *event)
{
	assert_true(next_within(peer, event, WAIT_MS));
	assert_int_equal(event->what, what);
}

static void both_link_and_talk(void **state)
{
	struct ipc_peer *dp = make(IPC_DATAPLANE);
	struct ipc_peer *cp = make(IPC_CONTROLPLANE);
	struct ipc_snapshot_ack ack = {.epoch = 9};
	struct ipc_peer_event event;
	struct ipc_peer_event other;

	(void)state;
	assert_false(ipc_peer_send(dp, IPC_SNAPSHOT_ACK, &ack, sizeof(ack)));
	// Each says HELLO when it sees the connection: both have to look.
	assert_false(next_within(cp, &event, 300));
	expect(dp, IPC_PEER_LINKED, &event);
	expect(cp, IPC_PEER_LINKED, &other);
	assert_int_equal(ipc_peer_hello(cp)->pid, getpid());
	assert_int_equal(ipc_peer_hello(cp)->role, IPC_DATAPLANE);
	assert_string_equal(ipc_peer_hello(dp)->version, "test");
	assert_true(ipc_peer_send(dp, IPC_SNAPSHOT_ACK, &ack, sizeof(ack)));
	expect(cp, IPC_PEER_MSG, &event);
	assert_int_equal(event.msg.id, IPC_SNAPSHOT_ACK);
	ipc_peer_free(dp);
	expect(cp, IPC_PEER_LOST, &event);
	assert_false(ipc_peer_linked(cp));
	ipc_peer_free(cp);
}

static void wrong_direction_and_size_never_reach_the_owner(void **state)
{
	struct ipc_peer *dp = make(IPC_DATAPLANE);
	struct ipc_peer *cp = make(IPC_CONTROLPLANE);
	struct ipc_snapshot_ack ack = {.epoch = 9};
	struct ipc_peer_event event;

	(void)state;
	assert_false(next_within(cp, &event, 300));
	expect(dp, IPC_PEER_LINKED, &event);
	expect(cp, IPC_PEER_LINKED, &event);
	assert_true(ipc_peer_send(cp, IPC_SNAPSHOT_ACK, &ack, sizeof(ack))); // only a dp may
	assert_true(ipc_peer_send(cp, IPC_SNAPSHOT, &ack, 3));
	assert_true(ipc_peer_send(cp, IPC_REFRESH, NULL, 0));
	expect(dp, IPC_PEER_MSG, &event);
	assert_int_equal(event.msg.id, IPC_REFRESH);
	assert_int_equal(ipc_peer_refused(dp), 2);
	assert_int_equal(count_in_log("refused"), 1);
	ipc_peer_free(dp);
	ipc_peer_free(cp);
}

// The other side is bytes by hand: a HELLO of the next version, then a snapshot-like message.
static void another_version_is_said_and_nothing_taken(void **state)
{
	struct ipc_peer *dp = make(IPC_DATAPLANE);
	struct ipc_header head = ipc_header_make(IPC_HELLO, sizeof(struct ipc_hello));
	struct ipc_hello hello = ipc_hello_make(IPC_CONTROLPLANE, "2.0");
	struct ipc_nng *raw;
	struct ipc_peer_event event;
	char said[128];

	(void)state;
	assert_int_equal(ipc_nng_dial(&raw, path), 0);
	head.version = IPC_VERSION + 1;
	while (!ipc_nng_send(raw, 1, &head, sizeof(head), &hello, sizeof(hello), NULL))
		usleep(1000);
	head = ipc_header_make(IPC_REFRESH, 0);
	assert_true(ipc_nng_send(raw, 2, &head, sizeof(head), NULL, 0, NULL));
	assert_false(next_within(dp, &event, 500));
	assert_false(ipc_peer_linked(dp));
	snprintf(said, sizeof(said),
		"the control plane speaks version %d of the protocol, this data plane version %d",
		IPC_VERSION + 1, IPC_VERSION);
	assert_int_equal(count_in_log(said), 1);
	ipc_nng_free(raw);
	ipc_peer_free(dp);
}

static void messages_before_hello_are_dropped(void **state)
{
	struct ipc_peer *dp = make(IPC_DATAPLANE);
	struct ipc_header head = ipc_header_make(IPC_REFRESH, 0);
	struct ipc_nng *raw;
	struct ipc_peer_event event;

	(void)state;
	assert_int_equal(ipc_nng_dial(&raw, path), 0);
	while (!ipc_nng_send(raw, 2, &head, sizeof(head), NULL, 0, NULL))
		usleep(1000);
	assert_false(next_within(dp, &event, 300));
	ipc_nng_free(raw);
	ipc_peer_free(dp);
}

static void a_second_data_plane_is_told_so(void **state)
{
	struct ipc_peer *dp = make(IPC_DATAPLANE);

	(void)state;
	assert_null(make(IPC_DATAPLANE));
	assert_int_equal(count_in_log("another data plane is running on"), 1);
	ipc_peer_free(dp);
}

static void *die_later(void *dp)
{
	usleep(300 * 1000);
	ipc_peer_free(dp);
	return NULL;
}

// As when a data plane is killed and started again at once, before the old one is gone.
static void a_dying_data_plane_is_waited_for(void **state)
{
	struct ipc_peer *dying = make(IPC_DATAPLANE);
	struct ipc_peer *cp = make(IPC_CONTROLPLANE);
	struct ipc_peer *dp;
	struct ipc_peer_event event;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, die_later, dying), 0);
	dp = make(IPC_DATAPLANE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_non_null(dp);
	for (int ms = 0; ms < WAIT_MS && !(ipc_peer_linked(cp) && ipc_peer_linked(dp)); ms += 10) {
		(void)ipc_peer_next(cp, &event);
		(void)ipc_peer_next(dp, &event);
		usleep(10 * 1000);
	}
	assert_true(ipc_peer_linked(cp) && ipc_peer_linked(dp));
	ipc_peer_free(cp);
	ipc_peer_free(dp);
}

static void rubbish_is_counted_and_logged_once(void **state)
{
	struct ipc_peer *dp = make(IPC_DATAPLANE);
	struct ipc_nng *raw;
	struct ipc_peer_event event;
	char rubbish[100];

	(void)state;
	memset(rubbish, 0x5a, sizeof(rubbish));
	assert_int_equal(ipc_nng_dial(&raw, path), 0);
	while (!ipc_nng_send(raw, 1, rubbish, sizeof(rubbish), NULL, 0, NULL))
		usleep(1000);
	for (unsigned i = 2; i < 20; i++)
		assert_true(ipc_nng_send(raw, i, rubbish, i, NULL, 0, NULL));
	assert_false(next_within(dp, &event, 500));
	assert_int_equal(ipc_peer_refused(dp), 19);
	assert_int_equal(count_in_log("refused"), 1);
	ipc_nng_free(raw);
	ipc_peer_free(dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_link_and_talk, setup, teardown),
		cmocka_unit_test_setup_teardown(
			wrong_direction_and_size_never_reach_the_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(
			another_version_is_said_and_nothing_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(messages_before_hello_are_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_data_plane_is_told_so, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dying_data_plane_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
			rubbish_is_counted_and_logged_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
