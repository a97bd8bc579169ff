// The walk: each turn takes a burst of packets through every stage, top to bottom, and forward
// only. What the store answers is input of a later stage or turn; no stage calls back up.
#include "dataplane/worker.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_pause.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/base/log.h"
#include "dataplane/answer.h"
#include "dataplane/idle.h"
#include "dataplane/session/conn_user.h"

#define EXCHANGE_RING 256
#define TIMER_TICK_NS NS_PER_MS

enum worker_order {
	WORKER_SERVE,
	WORKER_DRAIN,
};

struct worker {
	// Used each turn.
	struct port *port;
	struct net *net;
	struct tcp *tcp;
	struct session *session;
	struct store *store;
	struct peers *peers;
	const struct clock *clock;
	struct mono now;
	struct mono timers_at;
	struct mono drain_until; // MONO_NEVER: serving
	unsigned id;
	unsigned worker_n;
	uint32_t requests_max;
	unsigned tx_n; // frames in `tx` that the port did not take
	unsigned port_fd_n;
	int port_fd[PORT_FDS_MAX];
	enum worker_order order; // atomic
	bool ended;              // atomic: it has no clients any more, or doesn't run
	struct idle idle;
	struct net_rx rx;
	struct rte_mbuf *tx[NET_BURST];
	struct rte_ring *learn; // ARP and ND frames that other workers saw
	struct rte_ring *icmp;  // struct net_icmp, the same
	struct worker *const *workers;
	struct link *link; // while it runs
	struct capture capture;
	struct stats stats;
};

// --- the stages of a turn

// Not at the turn's time: another core's turn may have begun before this one's and answered what
// came in this one.
static void take_packets(struct worker *w, struct rte_mbuf *const *frames, unsigned n)
{
	capture_take(&w->capture, frames, n, clock_now(w->clock));
}

// A burst from the port, through Ethernet, ARP and IP; TCP segments are left in w->rx.
static unsigned receive(struct worker *w)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n = port_rx(w->port, w->id, frames, NET_BURST, &w->stats);

	if (n == 0)
		return 0;
	if (capture_on(&w->capture))
		take_packets(w, frames, n);
	net_input(w->net, frames, n, w->now, &w->rx);
	w->rx.seg_n = port_keep_own(w->port, w->id, w->rx.seg, w->rx.seg_n, &w->stats);
	return n;
}

static void connections_input(struct worker *w)
{
	tcp_input(w->tcp, w->rx.seg, w->rx.seg_n, w->now);
	for (unsigned i = 0; i < w->rx.icmp_n; i++)
		tcp_icmp(w->tcp, &w->rx.icmp[i], w->now);
	w->rx.seg_n = 0;
}

// Segments that other cores received for connections of this one.
static unsigned receive_handed_over(struct worker *w)
{
	struct rte_mbuf *segs[NET_BURST];
	unsigned n = port_take_handed_over(w->port, w->id, segs, NET_BURST);

	if (n)
		tcp_input(w->tcp, segs, n, w->now);
	return n;
}

// Only one core gets the answer to an ARP or neighbour request: it tells the others.
static void learn_share(struct worker *w)
{
	for (unsigned i = 0; i < w->rx.learn_n; i++) {
		struct rte_mbuf *frame = w->rx.learn[i];

		for (unsigned to = 0; to < w->worker_n; to++) {
			if (to == w->id)
				continue;
			rte_mbuf_refcnt_update(frame, 1);
			if (rte_ring_enqueue(w->workers[to]->learn, frame) != 0)
				rte_pktmbuf_free(frame);
			port_call(w->port, to);
		}
		rte_pktmbuf_free(frame);
	}
	w->rx.learn_n = 0;
}

static unsigned learn_take(struct worker *w)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n = rte_ring_dequeue_burst(w->learn, (void **)frames, NET_BURST, NULL);

	if (n)
		net_learn(w->net, frames, n, w->now);
	return n;
}

// An ICMP error quotes a connection, which may be another core's: all are told, one knows it.
static void icmp_share(struct worker *w)
{
	for (unsigned to = 0; to < w->worker_n; to++) {
		if (to == w->id)
			continue;
		rte_ring_enqueue_burst_elem(w->workers[to]->icmp, w->rx.icmp, sizeof(w->rx.icmp[0]),
			w->rx.icmp_n, NULL);
		port_call(w->port, to);
	}
}

static unsigned icmp_take(struct worker *w)
{
	struct net_icmp icmp[NET_BURST];
	unsigned n = rte_ring_dequeue_burst_elem(w->icmp, icmp, sizeof(icmp[0]), NET_BURST, NULL);

	for (unsigned i = 0; i < n; i++)
		tcp_icmp(w->tcp, &icmp[i], w->now);
	return n;
}

static unsigned exchange(struct worker *w)
{
	unsigned work = 0;

	if (unlikely(w->rx.learn_n))
		learn_share(w);
	if (unlikely(w->worker_n > 1)) {
		if (unlikely(w->rx.icmp_n))
			icmp_share(w);
		work = learn_take(w) + icmp_take(w) + receive_handed_over(w);
	}
	w->rx.icmp_n = 0;
	return work;
}

static unsigned collect(struct worker *w)
{
	unsigned n = net_collect(w->net, w->tx, NET_BURST);

	if (capture_on(&w->capture))
		take_packets(w, w->tx, n);
	return n;
}

// Gives the port what it takes; the rest waits for the next turn. True when all is gone.
static bool transmit(struct worker *w)
{
	for (;;) {
		unsigned sent;

		if (w->tx_n == 0)
			w->tx_n = collect(w);
		if (w->tx_n == 0)
			return true;
		sent = port_tx(w->port, w->id, w->tx, w->tx_n, &w->stats);
		w->tx_n -= sent;
		if (w->tx_n) {
			memmove(w->tx, w->tx + sent, w->tx_n * sizeof(w->tx[0]));
			return false;
		}
	}
}

static void send_all(struct worker *w)
{
	bool all;

	do {
		uint64_t before = w->stats.stat[STAT_tx_packets];

		all = tcp_output(w->tcp, w->now);
		// Without a buffer nothing can be made: the next turn may find one.
		if (!transmit(w) || w->stats.stat[STAT_tx_packets] == before)
			return;
	} while (!all);
}

// To whom a connection belongs is told what happened to it.
static unsigned events(struct worker *w)
{
	struct tcp_conn *conn;
	unsigned what;
	unsigned n = 0;

	for (; (conn = tcp_event(w->tcp, &what)); n++) {
		const struct conn_user *user = tcp_user(conn);

		if (user && user->kind == CONN_OF_PEER)
			peers_event(w->peers, conn, what, w->now);
		else if (user)
			session_event(w->session, conn, what, w->now);
	}
	return n;
}

// What the control plane wants to know of this worker.
static void answer_run(struct worker *w)
{
	struct link_desk *desk = link_asked(w->link, w->id);
	struct answer_ctx ctx = {
		.tcp = w->tcp, .peers = w->peers, .capture = &w->capture, .now = w->now};
	struct timespec wall;

	if (capture_on(&w->capture))
		capture_advance(&w->capture, w->now);
	if (likely(desk == NULL))
		return;
	clock_gettime(CLOCK_REALTIME, &wall);
	ctx.wall_ns = (uint64_t)wall.tv_sec * NS_PER_SEC + (uint64_t)wall.tv_nsec;
	answer(&ctx, desk);
}

static void timers_run(struct worker *w)
{
	if (likely(!mono_due(w->now, w->timers_at)))
		return;
	net_advance(w->net, w->now);
	tcp_advance(w->tcp, w->now);
	session_advance(w->session, w->now);
	store_advance(w->store, w->now);
	peers_advance(w->peers, w->now);
	answer_run(w);
	w->timers_at = mono_add(w->now, TIMER_TICK_NS);
}

static void issue(struct worker *w, const struct ring *ring)
{
	store_issue(w->store, session_issued(w->session), ring ? ring->snapshot : NULL, w->now);
	if (!ring)
		return;
	peers_update(w->peers, ring, w->now);
	peers_issue(w->peers, session_forwarded(w->session), ring, w->now);
}

// One turn. Returns how much there was to do.
static unsigned turn(struct worker *w, const struct ring *ring)
{
	unsigned work = 0;

	w->now = clock_now(w->clock);
	timers_run(w);

	// Frames of the port become segments; ARP, neighbour discovery and echo are answered here.
	work += receive(w);
	// Segments become bytes and events of connections.
	connections_input(w);
	// What other cores have for this one, and this one for them.
	work += exchange(w);
	// What happened to connections.
	work += events(w);
	// Bytes of clients become requests.
	work += session_run(w->session, w->now);
	// Each request gets its targets, or an answer of our own.
	work += route_run(w->session, ring, peers_view(w->peers), w->now);
	// Requests join the pipelines of the store, and those of other nodes.
	issue(w, ring);
	// One write and one read for each connection to the store.
	work += store_poll(w->store, w->now);
	// What peers sent is matched with what they were asked; what is queued for them leaves.
	work += peers_poll(w->peers, w->now);
	// Answers become votes, and replies in each client's order.
	work += settle_run(w->session, store_answered(w->store), w->now);
	work += settle_run(w->session, peers_answered(w->peers), w->now);
	// Replies become segments, acknowledgements with them, and leave by the port.
	send_all(w);
	return work;
}

// --- between turns

// The next time at which a timer of any stage may be due.
static struct mono timers_next(const struct worker *w)
{
	struct mono next = mono_min(net_next(w->net), tcp_next(w->tcp));

	next = mono_min(next, session_next(w->session));
	next = mono_min(next, peers_next(w->peers));
	return mono_min(next, store_next(w->store));
}

static void sleep_until_ready(struct worker *w, struct link *link)
{
	struct idle_fd fds[IDLE_FDS_MAX];
	unsigned n = 0;

	if (!port_sleep(w->port, w->id))
		return;
	if (!rte_ring_empty(w->learn) || !rte_ring_empty(w->icmp)) {
		port_wake(w->port, w->id);
		return;
	}
	for (; n < w->port_fd_n; n++)
		fds[n] = (struct idle_fd){.fd = w->port_fd[n], .events = POLLIN};
	n += store_fds(w->store, fds + n, IDLE_FDS_MAX - n);
	link_worker_offline(link, w->id);
	// Nothing says when a port that is full, or whose link is down, takes frames again.
	idle_sleep(fds, n, w->port_fd_n > 0 && w->tx_n == 0, mono_since(timers_next(w), w->now));
	link_worker_online(link, w->id);
	port_wake(w->port, w->id);
	stat_inc(&w->stats, STAT_sleeps);
	// Whatever woke us, timers are looked at.
	w->timers_at = w->now;
}

static void rest(struct worker *w, struct link *link)
{
	switch (idle_next(&w->idle)) {
	case IDLE_SPIN:
		rte_pause();
		break;
	case IDLE_YIELD:
		sched_yield();
		break;
	case IDLE_SLEEP:
		sleep_until_ready(w, link);
		break;
	}
}

static bool all_ended(const struct worker *w)
{
	for (unsigned i = 0; i < w->worker_n; i++)
		if (!__atomic_load_n(&w->workers[i]->ended, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

// Replicas get what was acknowledged before.
static bool is_drained(const struct worker *w)
{
	return session_clients(w->session) == 0 && session_usage(w->session).copies == 0;
}

// Whether the worker goes on. Once told to stop, it ends when the clients are gone or time is up;
// those of the others too, for they may need its queue.
static bool serving(struct worker *w)
{
	bool ended;

	if (likely(__atomic_load_n(&w->order, __ATOMIC_RELAXED) == WORKER_SERVE))
		return true;
	if (w->drain_until.ns == MONO_NEVER.ns) {
		w->drain_until = mono_add(w->now, WORKER_DRAIN_NS);
		session_drain(w->session, w->now);
	}
	ended = is_drained(w) || mono_due(w->now, w->drain_until);
	__atomic_store_n(&w->ended, ended, __ATOMIC_RELEASE);
	return !ended || (!all_ended(w) && !mono_due(w->now, w->drain_until));
}

void worker_run(struct worker *w, struct link *link)
{
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", w->id);
	pthread_setname_np(pthread_self(), name);
	__atomic_store_n(&w->ended, false, __ATOMIC_RELEASE);
	w->link = link;
	link_worker_start(link, w->id);
	while (serving(w)) {
		const struct ring *ring = link_ring(link);

		stat_inc(&w->stats, STAT_turns);
		w->stats.stat[STAT_epoch] = ring ? ring->snapshot->epoch : 0;
		if (turn(w, ring)) {
			idle_busy(&w->idle);
			link_quiescent(link, w->id);
			continue;
		}
		stat_inc(&w->stats, STAT_turns_idle);
		link_quiescent(link, w->id);
		rest(w, link);
	}
	transmit(w);
	port_flush(w->port, w->id, &w->stats);
	link_worker_stop(link, w->id);
}

// --- making and ending

static bool stages_new(struct worker *w, const struct worker_config *config)
{
	struct rte_mempool *pool = port_pool(w->port, w->id);
	struct session_config session = config->session;
	struct store_config store = config->store;
	struct peers_config peers = config->peers;
	int rc;

	w->net = net_new(&config->net, pool, &w->stats, w->now);
	if (w->net)
		w->tcp = tcp_new(&config->tcp, w->net, pool, &w->stats, w->now);
	if (!w->net || !w->tcp) {
		log_err("worker %u: not enough memory for %u connections; lower `dataplane: "
			"connections`",
			w->id, config->tcp.conns_max);
		return false;
	}
	session.pool = pool;
	session.big = port_big_pool(w->port, w->id);
	store.pool = pool;
	store.big = port_big_pool(w->port, w->id);
	peers.pool = pool;
	rc = session_new(&session, w->tcp, &w->stats, w->now, &w->session);
	if (rc == 0)
		rc = store_new(&store, &w->stats, w->now, &w->store);
	if (rc == 0)
		rc = peers_new(&peers, w->tcp, &w->stats, w->now, &w->peers);
	if (rc != 0)
		log_err("worker %u: sessions, store and peers: %s", w->id, strerror(-rc));
	return rc == 0;
}

struct worker *worker_new(const struct worker_config *config, const struct clock *clock)
{
	struct worker *w = aligned_alloc(CACHE_LINE, sizeof(*w));
	char name[RTE_RING_NAMESIZE];

	if (!w)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->id = config->id;
	w->worker_n = config->worker_n;
	w->requests_max = config->session.requests_max;
	w->port = config->port;
	w->port_fd_n = port_wait_fds(config->port, config->id, w->port_fd);
	w->clock = clock;
	w->now = clock_now(clock);
	w->timers_at = w->now;
	w->drain_until = MONO_NEVER;
	w->ended = true;
	idle_init(&w->idle, config->adaptive);
	if (capture_init(&w->capture) != 0) {
		log_err("worker %u: not enough memory", w->id);
		free(w);
		return NULL;
	}
	snprintf(name, sizeof(name), "learn-%u", w->id);
	w->learn = rte_ring_create(name, EXCHANGE_RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "icmp-%u", w->id);
	w->icmp = rte_ring_create_elem(
		name, sizeof(struct net_icmp), EXCHANGE_RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (!w->learn || !w->icmp || !stages_new(w, config)) {
		worker_free(w);
		return NULL;
	}
	return w;
}

void worker_join(struct worker *const *workers, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		workers[i]->workers = workers;
}

void worker_stop(struct worker *w)
{
	__atomic_store_n(&w->order, WORKER_DRAIN, __ATOMIC_RELAXED);
}

const struct stats *worker_stats(const struct worker *w)
{
	return &w->stats;
}

void worker_count_device(struct worker *w)
{
	port_count(w->port, &w->stats);
}

struct worker_usage worker_usage(const struct worker *w)
{
	return (struct worker_usage){
		.requests = session_usage(w->session).requests,
		.requests_max = w->requests_max,
	};
}

static void frames_free(struct worker *w)
{
	void *frame;

	rte_pktmbuf_free_bulk(w->tx, w->tx_n);
	while (w->learn && rte_ring_dequeue(w->learn, &frame) == 0)
		rte_pktmbuf_free(frame);
	rte_ring_free(w->learn);
	rte_ring_free(w->icmp);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->peers)
		peers_free(w->peers);
	if (w->store)
		store_free(w->store);
	if (w->session)
		session_free(w->session);
	if (w->tcp)
		tcp_free(w->tcp);
	if (w->net)
		net_free(w->net);
	frames_free(w);
	capture_fini(&w->capture);
	free(w);
}
