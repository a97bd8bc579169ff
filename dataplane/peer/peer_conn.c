#include "dataplane/peer/core.h"
#include "dataplane/session/client.h"

const struct peer_rows peer_rows[2] = {
	[false] = {STAT_remote_peer_in_queue, STAT_remote_peer_in_queue_bytes,
		STAT_remote_peer_out_queue, STAT_remote_peer_dropped_requests,
		STAT_remote_peer_timedout_requests, STAT_remote_peer_timedout,
		HIST_remote_peer_latency, HIST_remote_peer_queue_wait},
	[true] = {STAT_peer_in_queue, STAT_peer_in_queue_bytes, STAT_peer_out_queue,
		STAT_peer_dropped_requests, STAT_peer_timedout_requests, STAT_peer_timedout,
		HIST_peer_latency, HIST_peer_queue_wait},
};

void peer_conn_init(struct peer_conn *c, struct peer *peer)
{
	*c = (struct peer_conn){
		.user = {.kind = CONN_OF_PEER},
		.peer = peer,
		.next_id = dnode_id_first(),
	};
	list_init(&c->place);
	list_init(&c->ready);
}

void peer_judge(struct peer *peer)
{
	uint8_t before = peer->health;
	uint8_t health = PEER_UNKNOWN;
	bool silent = false;

	for (uint32_t i = 0; i < peer->conn_n; i++) {
		const struct peer_conn *c = peer->conn[i];

		if (c->state != PEER_CONN_UP)
			continue;
		if (!c->silent && health != PEER_UP)
			health = c->late ? PEER_LATE : PEER_UP;
		silent |= c->silent;
	}
	if (health == PEER_UNKNOWN && (silent || peer->found_down || ip_addr_is_any(&peer->addr)))
		health = PEER_DOWN;
	if (health == PEER_DOWN && (before == PEER_UP || before == PEER_LATE))
		stat_inc(peer->peers->stats, STAT_peer_ejects);
	peer->health = health;
	if (!list_linked(&peer->gone))
		peer->peers->view.fact[peer->node].health = health;
}

void peer_conn_check_late(struct peer_conn *c)
{
	bool late = c->state == PEER_CONN_UP && tcp_time_outs(c->tcp) > 0;

	if (late == c->late)
		return;
	c->late = late;
	peer_judge(c->peer);
	for (struct request *r = late ? c->flight.head : NULL; r; r = r->next)
		if (!request_is_discarded(r) && (r->flags & (REQUEST_KEEP | REQUEST_COPY))) {
			r->late = true;
			request_answer(&c->peer->peers->answered, r);
		}
}

void peer_conn_place(struct peer_conn *c)
{
	struct peer *peer = c->peer;
	struct peers *peers = peer->peers;

	list_remove(&c->place);
	if (c->state == PEER_CONN_OPENING || peer_conn_load(c) > 0) {
		list_push_back(&peers->busy, &c->place);
	} else if (c->state == PEER_CONN_DOWN && c->wanted && !list_linked(&peer->gone) &&
		!ip_addr_is_any(&peer->addr)) {
		list_push_back(&peers->down, &c->place);
		peers->retry_at = mono_min(peers->retry_at, peer->retry_at);
	}
}

void peer_conn_ready(struct peer_conn *c)
{
	if (!list_linked(&c->ready))
		list_push_back(&c->peer->peers->ready, &c->ready);
}

void peer_conn_open(struct peer_conn *c, struct mono now)
{
	struct peer *peer = c->peer;
	struct peers *peers = peer->peers;

	c->wanted = true;
	c->state = PEER_CONN_OPENING;
	c->open_by = mono_add(now, peers->config.connect_timeout);
	if (tcp_connect(peers->tcp, &peer->addr, peer->port, 0, now, &c->tcp) != 0) {
		c->tcp = NULL;
		peer_conn_end(c, PEER_END_TCP, now);
		return;
	}
	tcp_widen(c->tcp);
	tcp_set_user(c->tcp, c);
	peer_conn_place(c);
}

void peer_conn_is_up(struct peer_conn *c, struct mono now)
{
	struct peer *peer = c->peer;

	c->state = PEER_CONN_UP;
	c->silent = false;
	c->late = false;
	c->heard_at = now;
	c->rate_at = now;
	c->next_id = dnode_id_first();
	c->caps = 0;
	c->is_ours = false;
	dnode_parser_init(&c->header);
	if (peer->peers->config.memcache)
		memcache_reply_init(&c->memcache, peer->peers->config.value_max);
	else
		resp_reply_init(&c->reply, peer->peers->config.value_max);
	peer->found_down = false;
	stat_inc(peer->peers->stats, STAT_peer_connections);
	peer_count(peer, PEER_NUM_connects);
	peer_conn_place(c);
	peer_conn_ready(c);
	peer_judge(peer);
}

// Doubles, and is between half and all of that, so that many who lost the same peer do not come
// back at the same moment.
static uint64_t pause_after(struct peers *peers, uint32_t failures)
{
	uint64_t pause = peers->config.retry_first;

	while (failures-- > 1 && pause < peers->config.retry_max)
		pause *= 2;
	if (pause > peers->config.retry_max)
		pause = peers->config.retry_max;
	return pause - rng_u64(&peers->rng) % (pause / 2 + 1);
}

// Several connections that fail together are one failure of the peer.
static void failed(struct peer *peer, struct mono now)
{
	peer->found_down = true;
	if (!mono_due(now, peer->retry_at))
		return;
	if (peer->failures < UINT32_MAX)
		peer->failures++;
	peer->retry_at = mono_add(now, pause_after(peer->peers, peer->failures));
}

static void count_end(struct peer_conn *c, enum peer_end why)
{
	struct peer *peer = c->peer;
	struct stats *stats = peer->peers->stats;

	if (c->state == PEER_CONN_UP)
		stat_dec(stats, STAT_peer_connections);
	switch (why) {
	case PEER_END_EOF:
		stat_inc(stats, STAT_peer_eof);
		peer_count(peer, PEER_NUM_closed);
		break;
	case PEER_END_TCP:
		stat_inc(stats, STAT_peer_err);
		peer_count(peer, c->state == PEER_CONN_UP ? PEER_NUM_reset : PEER_NUM_refused);
		break;
	case PEER_END_STUCK:
		stat_inc(stats, peer_rows_of(peer)->conn_timedout);
		peer_count(peer, PEER_NUM_stuck);
		break;
	case PEER_END_NONSENSE:
		stat_inc(stats, STAT_peer_err);
		peer_count(peer, PEER_NUM_nonsense);
		break;
	case PEER_END_OURS:
		break;
	}
}

static void forget_tcp(struct peer_conn *c)
{
	while (c->in) {
		struct rte_mbuf *next = c->in->next;

		rte_pktmbuf_free_seg(c->in);
		c->in = next;
	}
	if (!c->tcp)
		return;
	tcp_set_user(c->tcp, NULL);
	tcp_abort(c->tcp);
	c->tcp = NULL;
}

void peer_conn_end(struct peer_conn *c, enum peer_end why, struct mono now)
{
	struct peer *peer = c->peer;
	struct request *r;

	count_end(c, why);
	if (why != PEER_END_OURS)
		failed(peer, now);
	forget_tcp(c);
	c->state = PEER_CONN_DOWN;
	c->silent = false;
	c->late = false;
	c->eof = false;
	c->in_reply = false;
	c->slow = NULL;
	while ((r = peer_from_flight(c)))
		peer_refuse(peer, r, REQUEST_ERROR_PEER_LOST);
	while ((r = peer_dequeue_over(c)))
		peer_refuse(peer, r, REQUEST_ERROR_PEER_AWAY);
	list_remove(&c->ready);
	peer_conn_place(c);
	peer_judge(peer);
}

bool peer_has_others(const struct request_queue *q, const struct client *client)
{
	const struct request *r = q->head;

	for (unsigned i = 0; r && i < PEER_OTHERS_SCAN; i++, r = r->next)
		if (!request_is_discarded(r) && r->client != client)
			return true;
	return false;
}

bool peer_conn_is_paused(const struct peer_conn *c)
{
	const struct peers *peers = c->peer->peers;
	const struct request *r = c->flight.head;

	if (!r || !r->client || (r->flags & (REQUEST_DONE | REQUEST_COPY)) ||
		request_before(r) < peers->config.client_buffer)
		return false;
	// With memory to spare, those behind it do not wait for it.
	return !peers->roomy || !peer_has_others(&c->flight, r->client);
}
