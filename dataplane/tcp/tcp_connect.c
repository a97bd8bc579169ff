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
// Finds one of 128 cores' ports but for once in 3,000 times, and then the long way does.
#define PORT_TRIES 1024u
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

// Whether what the peer answers to that port comes to this core. `base` is the part of the hash
// that does not depend on the port.
static bool port_mine(
	const struct tcp *tcp, const struct tcp_key *key, uint32_t base, uint16_t port)
{
	const struct steer *steer = tcp->cfg.steer;

	return steer == NULL ||
		steer_owner(
			steer, base ^ steer_hash_port(steer, ip_addr_is_v4(&key->remote), port)) ==
		tcp->cfg.worker;
}

// RFC 6056 §3.3.2: each candidate is chance, so that of all ports that will do each is as likely,
// also when only those of this core do. That one may come again soon does no harm: sequence numbers
// of a pair of endpoints only grow (tcp_isn.h). When chance has not found one, all are looked at.
static bool choose_port(struct tcp *tcp, struct tcp_key *key, struct tcp_time_wait **old)
{
	uint32_t base = 0;
	uint32_t at = 0;
	uint32_t reusable = 0;

	if (tcp->cfg.steer != NULL)
		base = steer_hash_to(tcp->cfg.steer, &key->remote, key->remote_port, &key->local);
	for (uint32_t i = 0; i < PORT_TRIES + PORT_COUNT; i++) {
		uint16_t port;

		at = i < PORT_TRIES ? tcp_port_random(&tcp->cfg.secret, key, tcp->port_next++)
				    : at + 1;
		port = (uint16_t)(PORT_FIRST + (at & (PORT_COUNT - 1)));
		if (!port_mine(tcp, key, base, port) || !port_free(tcp, key, port, old))
			continue;
		// One that nobody had of late is better, when there is one to be found soon.
		if (*old == NULL || i >= PORT_TRIES || ++reusable > PORT_UNUSED_TRIES)
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
	tcp_trace(tcp, conn, TRACE_CONNECT, tcp_header_mss(&conn->key, conn->route.mtu), 0);
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
