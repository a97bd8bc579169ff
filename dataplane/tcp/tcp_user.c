// What the user of a connection does with it (tcp.h).
#include <errno.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_output.h"
#include "dataplane/tcp/tcp_timer.h"
#include "dataplane/tcp/tcp_trace.h"

// What a connection may queue while memory is scarce.
#define ROOM_SCARCE 16384u

struct tcp_conn *tcp_event(struct tcp *tcp, unsigned *events)
{
	struct list *link = list_pop_front(&tcp->events);
	struct tcp_conn *conn;

	if (link == NULL)
		return NULL;
	conn = list_entry(link, struct tcp_conn, wait_link);
	*events = conn->events;
	conn->events = 0;
	return conn;
}

// --- bytes

struct rte_mbuf *tcp_recv(struct tcp_conn *conn)
{
	conn->rcv_taken += conn->rq.bytes;
	return tcp_recv_queue_take(&conn->rq, &conn->tcp->mem);
}

// A peer that may soon run out of window is told of more; others learn it with the next ACK.
static void tell_window(struct tcp_conn *conn)
{
	uint32_t offered = seq_ahead(conn->rcv_adv, conn->rcv_nxt);
	uint32_t low = RTE_MAX(tcp_conn_rcv_buf(conn) / 8, 2u * conn->mss);

	if (offered < low && tcp_output_window(conn) >= RTE_MIN(2 * offered, low) &&
		tcp_output_window(conn) > offered && tcp_conn_synchronized(conn) &&
		!conn->fin_known) {
		conn->ack_now = true;
		tcp_conn_touch(conn);
	}
}

void tcp_recv_done(struct tcp_conn *conn, uint32_t bytes)
{
	if (bytes == 0)
		return;
	conn->rcv_taken -= RTE_MIN(bytes, conn->rcv_taken);
	tell_window(conn);
}

void tcp_widen(struct tcp_conn *conn)
{
	conn->wide = true;
	// Decided anew.
	conn->keep_at = (struct mono){0};
	tcp_conn_touch(conn);
	tell_window(conn);
}

static bool can_send(const struct tcp_conn *conn)
{
	return conn->state != TCPS_CLOSED && !conn->fin_queued;
}

// A stream with a gap is worse than none.
static void broken(struct tcp_conn *conn)
{
	stat_drop(conn->tcp->stats, DROP_NO_MBUF);
	tcp_output_rst(conn);
	tcp_conn_end(conn, ECONNRESET);
}

bool tcp_send(struct tcp_conn *conn, struct rte_mbuf *chain)
{
	if (!can_send(conn)) {
		while (chain != NULL) {
			struct rte_mbuf *next = chain->next;

			rte_pktmbuf_free_seg(chain);
			chain = next;
		}
		return false;
	}
	if (!tcp_send_queue_put(&conn->sq, chain, &conn->tcp->mem)) {
		broken(conn);
		return false;
	}
	tcp_conn_touch(conn);
	return true;
}

bool tcp_send_copy(struct tcp_conn *conn, const void *bytes, size_t len)
{
	struct tcp *tcp = conn->tcp;

	if (!can_send(conn))
		return false;
	if (!tcp_send_queue_copy(&conn->sq, tcp->pool, bytes, len, &tcp->mem)) {
		broken(conn);
		return false;
	}
	tcp_conn_touch(conn);
	return true;
}

uint32_t tcp_send_room(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	uint32_t unacked = tcp_conn_unacked(conn);
	uint32_t room = seq_ahead(tcp_conn_snd_buf(conn), unacked);

	if (conn->state == TCPS_CLOSED)
		return 0;
	if (tcp->mem > tcp->cfg.mem_max / 4 * 3) {
		// The rest is for those who owe nothing: peers that do not read must not silence
		// all others.
		if (unacked == 0 && tcp->mem < tcp->cfg.mem_max)
			return RTE_MIN(room, ROOM_SCARCE);
		if (!conn->want_room)
			tcp_trace(tcp, conn, TRACE_NO_MEM, room, unacked);
		conn->want_room = true;
		tcp_conn_starve(conn);
		return 0;
	}
	if (room < tcp_conn_snd_buf(conn) / 2)
		conn->want_room = true;
	return room;
}

void tcp_want_acked(struct tcp_conn *conn)
{
	if (conn->state == TCPS_CLOSED)
		return;
	conn->want_acked = tcp_conn_unacked(conn) != 0;
	if (!conn->want_acked)
		tcp_conn_raise(conn, TCP_ACKED);
}

uint32_t tcp_unacked(const struct tcp_conn *conn)
{
	return tcp_conn_unacked(conn);
}

// --- ending

void tcp_shutdown(struct tcp_conn *conn)
{
	if (!can_send(conn))
		return;
	conn->fin_queued = true;
	if (conn->state == TCPS_ESTABLISHED)
		tcp_conn_set_state(conn, TCPS_FIN_WAIT_1);
	else if (conn->state == TCPS_CLOSE_WAIT)
		tcp_conn_set_state(conn, TCPS_LAST_ACK);
	tcp_conn_touch(conn);
}

void tcp_abort(struct tcp_conn *conn)
{
	tcp_conn_disown(conn);
	tcp_output_rst(conn);
	tcp_conn_end(conn, ECONNRESET);
}

void tcp_close(struct tcp_conn *conn)
{
	if (conn->state == TCPS_CLOSED || conn->state == TCPS_SYN_SENT) {
		tcp_conn_disown(conn);
		tcp_conn_end(conn, 0);
		return;
	}
	if (conn->rq.bytes > 0) {
		tcp_abort(conn);
		return;
	}
	tcp_shutdown(conn);
	tcp_conn_disown(conn);
	conn->orphan = true;
	conn->events = 0;
	conn->keep_probes = 0;
	// Nobody reads what was taken and not given back.
	conn->rcv_taken = 0;
	if (conn->state == TCPS_FIN_WAIT_2)
		tcp_timer_fin_wait_2(conn);
}

// --- facts

void tcp_set_user(struct tcp_conn *conn, void *user)
{
	conn->user = user;
}

void *tcp_user(const struct tcp_conn *conn)
{
	return conn->user;
}

unsigned tcp_time_outs(const struct tcp_conn *conn)
{
	return conn->state == TCPS_CLOSED ? 0 : conn->retries;
}

int tcp_error(const struct tcp_conn *conn)
{
	return conn->error;
}

struct tcp_endpoints tcp_conn_endpoints(const struct tcp_conn *conn)
{
	return (struct tcp_endpoints){
		.local = conn->key.local,
		.remote = conn->key.remote,
		.local_port = conn->key.local_port,
		.remote_port = conn->key.remote_port,
	};
}
