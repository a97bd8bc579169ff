// The program itself: started, asked over REST, linked to by a data plane that this test plays,
// reloaded, killed, restarted.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ipc/ipc_peer.h"

#define WAIT_MS 15000
#define STEP_MS 20

static char program[4096];
static char dir[64];
static char conf_path[128];
static char log_path[128];
static char pid_path[128];
static char ipc_path[128];
static uint16_t port;
static pid_t pid;

// Of the last snapshot taken.
static uint32_t node_n;
static struct snapshot_node other_node;

// The program of the same build, on which this test depends (Makefile): it lies at the root of the
// build folder, this test in tests/unit/controlplane below it.
static int find_program(void **state)
{
	char self[2048];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *tail;

	(void)state;
	assert_true(len > 0);
	self[len] = '\0';
	tail = strstr(self, "/tests/unit/controlplane/");
	assert_non_null(tail);
	*tail = '\0';
	snprintf(program, sizeof(program), "%s/dynomite-controlplane", self);
	assert_int_equal(access(program, X_OK), 0);
	return 0;
}

static void write_conf(const char *rack)
{
	FILE *file = fopen(conf_path, "w");

	fprintf(file,
		"dyn_o_mite:\n  listen: 127.0.0.1:8102\n  dyn_listen: 127.0.0.1:8101\n"
		"  stats_listen: 127.0.0.1:%u\n  tokens: 1\n  rack: %s\n"
		"  servers:\n  - 127.0.0.1:6379:1\ncontrolplane:\n  ipc: %s\n",
		port, rack, ipc_path);
	fclose(file);
}

// Not by fork: nng's threads may be running here, and what they hold locked at that moment would
// stay locked in the child.
static void start(void)
{
	char c[] = "-c";
	char o[] = "-o";
	char p[] = "-p";
	char *const argv[] = {program, c, conf_path, o, log_path, p, pid_path, NULL};

	assert_int_equal(posix_spawn(&pid, program, NULL, NULL, argv, environ), 0);
}

// The exit status, as waitpid gives it; -1 when it did not end in time.
static int wait_exit(void)
{
	int status;

	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			pid = 0;
			return status;
		}
		usleep(STEP_MS * 1000);
	}
	return -1;
}

static uint16_t free_port(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	close(fd);
	return ntohs(addr.sin_port);
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_EMERG);
	strcpy(dir, "/tmp/dyn-cp-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(conf_path, sizeof(conf_path), "%s/conf.yml", dir);
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	snprintf(pid_path, sizeof(pid_path), "%s/pid", dir);
	snprintf(ipc_path, sizeof(ipc_path), "%s/ipc.sock", dir);
	port = free_port();
	write_conf("r1");
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

// The body of GET `path` as JSON; NULL when nobody answers.
static json_t *get(const char *path)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char text[65536];
	size_t len = 0;
	ssize_t n = 1;
	char *body;

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		close(fd);
		return NULL;
	}
	len = (size_t)snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n\r\n", path);
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
	for (len = 0; n > 0 && len < sizeof(text) - 1; len += (size_t)n) {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n < 0)
			n = 0;
	}
	close(fd);
	text[len] = '\0';
	body = strstr(text, "\r\n\r\n");
	return body != NULL ? json_loads(body, 0, NULL) : NULL;
}

// Waits until it answers, and until `path.part.name` of the answer is there; -1 when not in time.
static json_int_t status_number(const char *part, const char *name)
{
	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		json_t *json = get("/v1/status");
		json_t *value = json_object_get(json_object_get(json, part), name);
		json_int_t n =
			json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
		bool found = value != NULL;

		json_decref(json);
		if (found)
			return n;
		usleep(STEP_MS * 1000);
	}
	return -1;
}

static bool status_becomes(const char *part, const char *name, json_int_t want)
{
	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		if (status_number(part, name) == want)
			return true;
		usleep(STEP_MS * 1000);
	}
	return false;
}

static bool log_gets(const char *text)
{
	static char log[1 << 20];

	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		FILE *file = fopen(log_path, "r");
		size_t n = file != NULL ? fread(log, 1, sizeof(log) - 1, file) : 0;

		if (file != NULL)
			fclose(file);
		log[n] = '\0';
		if (strstr(log, text) != NULL)
			return true;
		usleep(STEP_MS * 1000);
	}
	fprintf(stderr, "not in the log: %s\n%s", text, log);
	return false;
}

static struct ipc_peer *make_dp(void)
{
	struct ipc_peer_config config = {
		.role = IPC_DATAPLANE,
		.path = ipc_path,
		.hello = ipc_hello_make(IPC_DATAPLANE, "played"),
	};

	return ipc_peer_new(&config);
}

static void send_status(struct ipc_peer *dp, uint64_t epoch)
{
	struct ipc_status status = {.epoch = epoch, .pid = 4711, .uptime_ms = 9000};

	assert_true(ipc_peer_send(dp, IPC_STATUS, &status, sizeof(status)));
}

// The next snapshot's epoch, acknowledged; 0: none came in time. Its rack goes to `rack`.
static uint64_t take_snapshot(struct ipc_peer *dp, char *rack)
{
	struct ipc_peer_event event;
	struct snapshot head;
	struct snapshot_node node;

	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		struct pollfd fd = {.fd = ipc_peer_fd(dp), .events = POLLIN};
		struct ipc_snapshot_ack ack = {0};

		while (ipc_peer_next(dp, &event)) {
			if (event.what == IPC_PEER_LINKED)
				send_status(dp, 0);
			if (event.what != IPC_PEER_MSG || event.msg.id != IPC_SNAPSHOT)
				continue;
			assert_null(snapshot_check(event.msg.payload, event.msg.len));
			memcpy(&head, event.msg.payload, sizeof(head));
			memcpy(&node, (const char *)event.msg.payload + sizeof(head), sizeof(node));
			strcpy(rack, node.rack);
			node_n = head.node_n;
			if (node_n > 1)
				memcpy(&other_node,
					(const char *)event.msg.payload + sizeof(head) +
						sizeof(node),
					sizeof(other_node));
			ack.epoch = ack.newest = head.epoch;
			assert_true(ipc_peer_send(dp, IPC_SNAPSHOT_ACK, &ack, sizeof(ack)));
			return head.epoch;
		}
		poll(&fd, 1, STEP_MS);
	}
	return 0;
}

static void answers_alone_links_and_survives_being_killed(void **state)
{
	char rack[SNAPSHOT_NAME_MAX];
	struct ipc_peer *dp;
	uint64_t first;
	uint64_t second;
	json_t *json;

	(void)state;
	start();
	assert_true(status_becomes("data_plane", "linked", 0));
	json = get("/info");
	assert_string_equal(json_string_value(json_object_get(json, "rack")), "r1");
	json_decref(json);
	dp = make_dp();
	first = take_snapshot(dp, rack);
	assert_true(first > 0);
	assert_string_equal(rack, "r1");
	assert_true(status_becomes("data_plane", "linked", 1));
	assert_true(status_becomes("epoch", "applied", (json_int_t)first));
	send_status(dp, first);
	assert_true(status_becomes("data_plane", "pid", 4711));

	kill(pid, SIGKILL);
	assert_true(WIFSIGNALED(wait_exit()));
	start(); // the same port, whose old connections may be in TIME_WAIT; the same pid file
	second = take_snapshot(dp, rack);
	assert_true(second > first);
	assert_true(status_becomes("epoch", "applied", (json_int_t)second));

	ipc_peer_free(dp);
	assert_true(status_becomes("data_plane", "linked", 0));
	dp = make_dp();
	assert_int_equal(take_snapshot(dp, rack), second);
	ipc_peer_free(dp);
	kill(pid, SIGTERM);
	assert_int_equal(wait_exit(), 0);
	assert_int_equal(access(pid_path, F_OK), -1);
}

static void reloads_as_a_whole_or_not_at_all(void **state)
{
	char rack[SNAPSHOT_NAME_MAX];
	struct ipc_peer *dp;
	uint64_t first;

	(void)state;
	start();
	dp = make_dp();
	first = take_snapshot(dp, rack);
	assert_true(first > 0);
	write_conf("r2");
	kill(pid, SIGHUP);
	assert_int_equal(take_snapshot(dp, rack), first + 1);
	assert_string_equal(rack, "r2");
	write_conf("r2\n  backlog: 77");
	kill(pid, SIGHUP);
	assert_true(
		log_gets("dyn_o_mite: backlog: takes effect after a restart of the data plane"));
	assert_int_equal(take_snapshot(dp, rack), first + 1); // the same once more, harmlessly
	write_conf("r3\n  no_such_key: 1");
	kill(pid, SIGHUP);
	assert_true(log_gets("the settings stay as they were"));
	assert_true(log_gets("no_such_key"));
	assert_int_equal(status_number("epoch", "asked"), first + 1);
	// The log is opened again at the same time.
	assert_int_equal(unlink(log_path), 0);
	write_conf("r4");
	kill(pid, SIGHUP);
	assert_true(log_gets("read again"));
	assert_int_equal(take_snapshot(dp, rack), first + 2);
	assert_string_equal(rack, "r4");
	ipc_peer_free(dp);
	kill(pid, SIGINT);
	assert_int_equal(wait_exit(), 0);
}

// The first snapshot waits for names; "a..b" is none, so that its answer is there at once too.
static void the_first_snapshot_has_the_addresses(void **state)
{
	char rack[SNAPSHOT_NAME_MAX];
	struct ipc_peer *dp;
	json_t *json;
	char *text;

	(void)state;
	write_conf("r1\n  dyn_seeds:\n  - localhost:8101:r2:localdc:1\n"
		   "  - a..b:8101:r3:localdc:1");
	start();
	dp = make_dp();
	assert_true(take_snapshot(dp, rack) > 0);
	assert_int_equal(node_n, 3);
	assert_false(ip_addr_is_any(&other_node.addr));
	assert_string_equal(other_node.host, "localhost");
	json = get("/v1/changes");
	text = json_dumps(json, 0);
	assert_non_null(strstr(text, "localhost has the address"));
	free(text);
	json_decref(json);
	assert_true(log_gets("no address for a..b"));
	ipc_peer_free(dp);
	kill(pid, SIGTERM);
	assert_int_equal(wait_exit(), 0);
}

static void signals_mean_what_they_meant(void **state)
{
	(void)state;
	start();
	assert_true(log_gets("ready"));
	kill(pid, SIGTTIN);
	assert_true(log_gets("log level is 6"));
	kill(pid, SIGTTOU);
	assert_true(log_gets("log level is 5"));
	kill(pid, SIGUSR1);
	assert_true(log_gets("User defined signal 1"));
	kill(pid, SIGUSR2);
	assert_true(log_gets("User defined signal 2"));
	kill(pid, SIGPIPE);
	assert_true(status_number("data_plane", "linked") == 0);
	kill(pid, SIGTERM);
	assert_int_equal(wait_exit(), 0);
}

static void a_port_in_use_ends_it_with_advice(void **state)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int status;

	(void)state;
	addr.sin_port = htons(port);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	start();
	status = wait_exit();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(log_gets("in use by another program; stop it, or change stats_listen"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			answers_alone_links_and_survives_being_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(reloads_as_a_whole_or_not_at_all, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_first_snapshot_has_the_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_mean_what_they_meant, setup, teardown),
		cmocka_unit_test_setup_teardown(a_port_in_use_ends_it_with_advice, setup, teardown),
	};

	return cmocka_run_group_tests(tests, find_program, NULL);
}
