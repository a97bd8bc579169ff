#include "dataplane/link/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ipc/ipc_peer.h"

#define REPORT_EVERY_NS NS_PER_SEC
#define GRACE_POLL_NS NS_PER_MS
#define EVENTS_PER_POLL 64
// A worker looks at its desk each millisecond, or when it wakes. One that does not for that long is
// not waited for any more; its answer is sent whenever it comes.
#define ANSWER_POLL_NS (2 * NS_PER_MS)
#define ANSWER_PATIENCE_NS NS_PER_SEC

struct link_main {
	struct ipc_peer *peer;
	struct link_config config;
	struct ipc_hello self;
	struct mono started;
	struct mono report_at;

	// A swap whose grace period runs: workers may still hold `retired`.
	bool in_grace;
	uint64_t grace_token;
	const struct ring *retired;
	uint64_t epoch; // that every worker has passed

	// Arrived during the grace period; only the newest is kept.
	struct ring *staged;

	struct link_desks desks;
	struct mono asked_at; // the last question came
	int timer_fd;

	size_t stats_size;
	void *stats; // payload of a STATS message
};

static bool add_qsbr(struct link *link, unsigned worker_n)
{
	size_t size = rte_rcu_qsbr_get_memsize(worker_n);

	size = (size + RTE_CACHE_LINE_SIZE - 1) & ~(size_t)(RTE_CACHE_LINE_SIZE - 1);
	link->qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	return link->qsbr != NULL && rte_rcu_qsbr_init(link->qsbr, worker_n) == 0;
}

static bool add_main(struct link *link, const struct link_config *config, struct mono now)
{
	struct link_main *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return false;
	link->main = m;
	m->config = *config;
	m->started = now;
	m->report_at = now;
	m->self = ipc_hello_make(IPC_DATAPLANE, config->version);
	m->stats_size = ipc_stats_size(config->worker_n);
	m->stats = malloc(m->stats_size);
	m->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (link_desks_init(&m->desks, config->worker_n) != 0)
		return false;
	link->desks = m->desks.desk;
	return m->stats != NULL && m->timer_fd >= 0;
}

struct link *link_new(const struct link_config *config, struct mono now)
{
	struct ipc_peer_config peer = {.role = IPC_DATAPLANE, .path = config->path};
	struct link *link = NULL;

	if (config->worker_n >= 1 && config->worker_n <= IPC_WORKERS_MAX)
		link = calloc(1, sizeof(*link));
	if (link == NULL || !add_qsbr(link, config->worker_n) || !add_main(link, config, now)) {
		log_err("link: out of memory, or not 1 to %u workers", IPC_WORKERS_MAX);
		link_free(link);
		return NULL;
	}
	peer.hello = link->main->self;
	link->main->peer = ipc_peer_new(&peer);
	if (link->main->peer == NULL) {
		link_free(link);
		return NULL;
	}
	return link;
}

// With its snapshot; both were ours from the start.
static void drop_ring(const struct ring *ring)
{
	if (ring == NULL)
		return;
	free((void *)(uintptr_t)ring->snapshot);
	ring_free((struct ring *)(uintptr_t)ring);
}

void link_free(struct link *link)
{
	if (link == NULL)
		return;
	if (link->main != NULL) {
		ipc_peer_free(link->main->peer);
		drop_ring(link->main->retired);
		drop_ring(link->main->staged);
		free(link->main->stats);
		link_desks_fini(&link->main->desks);
		if (link->main->timer_fd >= 0)
			close(link->main->timer_fd);
		free(link->main);
	}
	drop_ring(link->current);
	free(link->qsbr);
	free(link);
}

// The newest snapshot that is in use or on its way there.
static const struct snapshot *newest(const struct link *link)
{
	const struct ring *ring = link->main->staged != NULL ? link->main->staged : link->current;

	return ring != NULL ? ring->snapshot : NULL;
}

static void acknowledge(struct link *link, uint64_t epoch, const char *error)
{
	const struct snapshot *have = newest(link);
	struct ipc_snapshot_ack ack = {.epoch = epoch, .newest = have != NULL ? have->epoch : 0};

	if (error != NULL) {
		snprintf(ack.error, sizeof(ack.error), "%s", error);
		log_err("link: snapshot %" PRIu64 " refused, %" PRIu64 " stays: %s", epoch,
			ack.newest, error);
	}
	(void)ipc_peer_send(link->main->peer, IPC_SNAPSHOT_ACK, &ack, sizeof(ack));
}

static void swap(struct link *link, struct ring *next)
{
	struct link_main *m = link->main;

	m->retired = link->current;
	__atomic_store_n(&link->current, next, __ATOMIC_RELEASE);
	m->grace_token = rte_rcu_qsbr_start(link->qsbr);
	m->in_grace = true;
}

// Ends the grace period when every worker has passed it, and begins that of the staged one.
static bool advance(struct link *link)
{
	struct link_main *m = link->main;
	struct ring *staged = m->staged;

	if (!m->in_grace || rte_rcu_qsbr_check(link->qsbr, m->grace_token, false) == 0)
		return false;
	m->in_grace = false;
	drop_ring(m->retired);
	m->retired = NULL;
	m->epoch = link->current->snapshot->epoch;
	log_info("link: snapshot %" PRIu64 " in use", m->epoch);
	m->staged = NULL;
	if (staged != NULL)
		swap(link, staged);
	else
		acknowledge(link, m->epoch, NULL);
	return staged != NULL;
}

static void stage(struct link *link, struct ring *next)
{
	struct link_main *m = link->main;

	if (m->in_grace) {
		drop_ring(m->staged);
		m->staged = next;
		return;
	}
	swap(link, next);
}

static const char *check_order(
	const struct snapshot *have, const struct snapshot *next, size_t len, bool *same)
{
	*same = false;
	if (have == NULL || next->epoch > have->epoch)
		return NULL;
	if (next->epoch < have->epoch)
		return "its epoch is older than the one in use";
	*same = len == snapshot_size(have->node_n, have->token_n) && memcmp(have, next, len) == 0;
	return *same ? NULL : "it has the epoch of the one in use and other contents";
}

static void take_snapshot(struct link *link, const struct ipc_msg *msg)
{
	struct link_main *m = link->main;
	const char *error = snapshot_check(msg->payload, msg->len);
	struct snapshot *next;
	struct ring *ring;
	uint64_t epoch;
	bool same = false;

	memcpy(&epoch, msg->payload, sizeof(epoch)); // the row's smallest size has it
	if (error != NULL) {
		acknowledge(link, epoch, error);
		return;
	}
	next = malloc(msg->len);
	if (next == NULL) {
		acknowledge(link, epoch, "out of memory");
		return;
	}
	memcpy(next, msg->payload, msg->len);
	error = check_order(newest(link), next, msg->len, &same);
	if (error == NULL && !same && ring_new(next, &ring) == 0) {
		stage(link, ring);
		return;
	}
	free(next);
	if (error == NULL && !same)
		error = "out of memory, or more racks and datacentres than there may be";
	// When it is on its way, the end of its grace period acknowledges it.
	if (error != NULL || (!m->in_grace && m->staged == NULL))
		acknowledge(link, epoch, error);
}

static void report_stats(struct link_main *m)
{
	ipc_stats_encode(m->stats, m->config.stats, m->config.worker_n);
	(void)ipc_peer_send(m->peer, IPC_STATS, m->stats, m->stats_size);
}

static void report_status(struct link_main *m, struct mono now)
{
	struct ipc_status status = {0};
	struct rusage usage;

	if (m->config.facts != NULL)
		m->config.facts(m->config.facts_ctx, &status);
	status.epoch = m->epoch;
	status.uptime_ms = mono_since(now, m->started) / NS_PER_MS;
	status.start_ms = m->self.start_ms;
	status.pid = m->self.pid;
	status.worker_n = m->config.worker_n;
	memcpy(status.version, m->self.version, sizeof(status.version));
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		status.rss_max_kb = (uint64_t)usage.ru_maxrss;
	(void)ipc_peer_send(m->peer, IPC_STATUS, &status, sizeof(status));
}

static void report(struct link_main *m, struct mono now)
{
	report_status(m, now);
	report_stats(m);
}

// --- questions and answers

static void send_answer(struct link_main *m, enum ipc_id id, unsigned char *answer, size_t len)
{
	struct ipc_answer head;

	memcpy(&head, answer, sizeof(head));
	head.worker_n = m->config.worker_n;
	head.rows = ipc_ask_rows();
	memcpy(answer, &head, sizeof(head));
	(void)ipc_peer_send(m->peer, id, answer, len);
}

static void refuse(struct link_main *m, const struct ipc_msg *msg)
{
	enum ipc_id id = link_desk_answer_id(msg->id);
	size_t len = ipc_row(id)->min; // the fixed part, without anything behind it
	struct ipc_answer head = {.error = IPC_ASK_NO_WORKER};
	unsigned char answer[sizeof(struct ipc_capture)] = {0};
	struct ipc_ask ask;

	_Static_assert(sizeof(answer) >= sizeof(struct ipc_conns) &&
			sizeof(answer) >= sizeof(struct ipc_peers) &&
			sizeof(answer) >= sizeof(struct ipc_trace),
		"the largest of them");
	memcpy(&ask, msg->payload, sizeof(ask));
	head.ask = ask.ask;
	head.worker = ask.worker;
	memcpy(answer, &head, sizeof(head));
	send_answer(m, id, answer, len);
}

static void take_ask(struct link_main *m, const struct ipc_msg *msg, struct mono now)
{
	m->asked_at = now;
	if (!link_desk_put(&m->desks, msg))
		refuse(m, msg);
}

static void send_answers(struct link_main *m, struct mono now)
{
	struct itimerspec soon = {.it_value.tv_nsec = ANSWER_POLL_NS};
	struct link_desk *desk;
	uint64_t expired;

	while ((desk = link_desk_next(&m->desks)) != NULL) {
		send_answer(m, link_desk_answer_id(desk->id), desk->answer, desk->len);
		link_desk_done(&m->desks, desk);
	}
	(void)!read(m->timer_fd, &expired, sizeof(expired));
	if (m->desks.asked > 0 && mono_since(now, m->asked_at) < ANSWER_PATIENCE_NS)
		(void)timerfd_settime(m->timer_fd, 0, &soon, NULL);
}

// For a control plane that starts anew: what is in force here. Before STATUS, by whose coming it
// knows that there is no more to wait for.
static void hand_back(const struct link *link)
{
	const struct snapshot *have = newest(link);

	if (have != NULL)
		(void)ipc_peer_send(link->main->peer, IPC_SNAPSHOT, have,
			snapshot_size(have->node_n, have->token_n));
}

static void take_event(struct link *link, const struct ipc_peer_event *event, struct mono now)
{
	if (event->what == IPC_PEER_LINKED)
		hand_back(link);
	if (event->what == IPC_PEER_LINKED ||
		(event->what == IPC_PEER_MSG && event->msg.id == IPC_REFRESH))
		report(link->main, now);
	else if (event->what == IPC_PEER_MSG && event->msg.id == IPC_SNAPSHOT)
		take_snapshot(link, &event->msg);
	else if (event->what == IPC_PEER_MSG && link_desk_takes(event->msg.id))
		take_ask(link->main, &event->msg, now);
}

void link_poll(struct link *link, struct mono now)
{
	struct link_main *m = link->main;
	struct ipc_peer_event event;

	for (unsigned i = 0; i < EVENTS_PER_POLL && ipc_peer_next(m->peer, &event); i++)
		take_event(link, &event, now);
	while (advance(link))
		;
	send_answers(m, now);
	if (!mono_due(now, m->report_at))
		return;
	m->report_at = mono_add(now, REPORT_EVERY_NS);
	if (ipc_peer_linked(m->peer))
		report(m, now);
}

int link_fd(const struct link *link)
{
	return ipc_peer_fd(link->main->peer);
}

int link_timer_fd(const struct link *link)
{
	return link->main->timer_fd;
}

struct mono link_next(const struct link *link, struct mono now)
{
	const struct link_main *m = link->main;

	return m->in_grace ? mono_min(m->report_at, mono_add(now, GRACE_POLL_NS)) : m->report_at;
}

uint64_t link_epoch(const struct link *link)
{
	return link->main->epoch;
}
