// Opening a connection: its local port (RFC 6056) and its SYN.
#include <errno.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_listen.h"
#include "dataplane/tcp/tcp_time_wait.h"
#include "dataplane/tcp/tcp_trace.h"

// RFC 6335 §6.
#define PORT_FIRST 49152u
#define PORT_COUNT 16384u
#define PORT_UNUSED_TRIES 32u

// `old`: what is left of the port's last connection, when that may be followed by another; or NULL.
static bool port_free(
	struct tcp *tcp, struct tcp_key *key, uint16_t port, struct tcp_time_wait **old)
{
	struct tcp_found found;

	key->local_port = port;
	tcp_key_hash(key, &tcp->cfg.secret);
	found = tcp_table_find(&tcp->table, key);
	*old = found.kind == TCP_KIND_TIME_WAIT ? found.object : NULL;
	return found.kind == TCP_KIND_NONE || (*old != NULL && tcp_time_wait_reusable(tcp, *old));
}

// RFC 6056 §3.3.3, hash-based: to one destination ports follow each other, from a start that a
// stranger does not know.
static bool choose_port(struct tcp *tcp, struct tcp_key *key, struct tcp_time_wait **old)
{
	uint32_t offset = tcp_port_offset(&tcp->cfg.secret, key);

	for (uint32_t i = 0; i < PORT_COUNT + PORT_UNUSED_TRIES; i++) {
		uint32_t port = PORT_FIRST + ((offset + tcp->port_next++) & (PORT_COUNT - 1));

		// One that nobody had of late is better, when there is one nearby.
		if (port_free(tcp, key, (uint16_t)port, old) &&
			(*old == NULL || i >= PORT_UNUSED_TRIES))
			return true;
	}
	return false;
}

// `isn_floor` NULL, or what the ISN must exceed.
static void start(struct tcp_conn *conn, const uint32_t *isn_floor)
{
	struct tcp *tcp = conn->tcp;

	conn->owned = true;
	conn->iss = tcp_isn(&tcp->cfg.secret, &conn->key, tcp->now);
	if (isn_floor != NULL)
		conn->iss = tcp_isn_above(conn->iss, *isn_floor);
	conn->ts_offset = tcp_ts_offset(&tcp->cfg.secret, &conn->key);
	conn->ts_on = tcp->cfg.timestamps;
	conn->snd_una = conn->iss;
	conn->snd_nxt = conn->iss + 1;
	tcp_send_queue_init(&conn->sq, conn->iss + 1);
	tcp_conn_set_state(conn, TCPS_SYN_SENT);
	conn->syn_due = true;
	tcp_conn_touch(conn);
	stat_inc(tcp->stats, STAT_tcp_active_opens);
	tcp_trace(tcp, conn, TRACE_CONNECT, tcp_header_mss(&conn->key, conn->path.mtu), 0);
}

int tcp_connect(struct tcp *tcp, const struct ip_addr *remote, uint16_t remote_port,
	uint16_t local_port, struct mono now, struct tcp_conn **out)
{
	struct tcp_key key = {.remote = *remote, .remote_port = remote_port};
	struct tcp_time_wait *old = NULL;
	uint32_t isn_floor = 0;
	struct net_path path;
	struct tcp_conn *conn;
	int rc = net_path_find(tcp->net, remote, NULL, &path);

	tcp->now = now;
	if (rc != 0)
		return rc;
	key.local = path.src;
	if (local_port != 0 && !port_free(tcp, &key, local_port, &old))
		return -EADDRINUSE;
	if (local_port == 0 && !choose_port(tcp, &key, &old))
		return -EADDRNOTAVAIL;
	conn = tcp_conn_new(tcp, &key, &path);
	if (conn == NULL)
		return -ENOMEM;
	if (old != NULL) {
		isn_floor = old->snd_nxt;
		tcp_time_wait_forget(tcp, old);
	}
	start(conn, old != NULL ? &isn_floor : NULL);
	*out = conn;
	return 0;
}
