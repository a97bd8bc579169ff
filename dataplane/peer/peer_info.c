// What a peer is like, for whoever asks.
#include "dataplane/peer/core.h"
#include "dataplane/tcp/tcp_info.h"

static void look_at_tcp(const struct peer_conn *c, struct peer_info *out)
{
	struct conn_info tcp;

	tcp_info(c->tcp, &tcp);
	if (tcp.num[CONN_NUM_srtt_us] < out->num[PEER_NUM_tcp_srtt_us])
		return;
	out->num[PEER_NUM_tcp_srtt_us] = tcp.num[CONN_NUM_srtt_us];
	out->num[PEER_NUM_tcp_rto_us] = tcp.num[CONN_NUM_rto_us];
	out->num[PEER_NUM_tcp_retries] = tcp.num[CONN_NUM_retries];
}

static void look_at(const struct peer *peer, struct mono now, struct peer_info *out)
{
	bool is_gone = list_linked(&peer->gone);

	*out = (struct peer_info){
		.addr = peer->addr,
		.node = is_gone ? PEER_INFO_GONE : peer->node,
		.port = peer->port,
		.health = peer->health,
		.same_dc = peer->same_dc,
	};
	for (unsigned i = 0; i < PEER_NUM_N; i++)
		out->num[i] = peer->num[i];
	out->num[PEER_NUM_rtt_us] = peer->rtt;
	out->num[PEER_NUM_failures] = peer->failures;
	for (uint32_t i = 0; i < peer->conn_n; i++) {
		const struct peer_conn *c = peer->conn[i];

		out->num[PEER_NUM_connections] += c->state == PEER_CONN_UP;
		out->num[PEER_NUM_silent] += c->silent;
		out->num[PEER_NUM_ours] += c->state == PEER_CONN_UP && c->is_ours;
		out->num[PEER_NUM_waiting] += c->wait.n;
		out->num[PEER_NUM_in_flight] += c->flight.n;
		if (c->state == PEER_CONN_DOWN && c->wanted && !is_gone)
			out->num[PEER_NUM_retry_us] = mono_since(peer->retry_at, now) / NS_PER_US;
		if (c->tcp)
			look_at_tcp(c, out);
	}
	out->num[PEER_NUM_waiting_bytes] =
		peer->bytes - out->num[PEER_NUM_waiting] * PEER_HEADER_ROOM;
}

uint32_t peers_info_page(const struct peers *peers, uint32_t from, uint32_t max, struct mono now,
	struct peer_info *out, uint32_t *next)
{
	uint32_t end = peers->config.peers_max;
	uint32_t n = 0;
	uint32_t i = from;

	for (; i < end && i - from < PEERS_INFO_SCAN && n < max; i++)
		if (peers->slots[i])
			look_at(peers->slots[i], now, &out[n++]);
	*next = i < end ? i : PEERS_INFO_END;
	return n;
}
