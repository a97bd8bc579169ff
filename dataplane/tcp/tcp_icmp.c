// ICMP errors about our segments. Anybody can forge one, so the quoted sequence number must be one
// that is in flight (RFC 5927 §4), and none ends a connection (RFC 1122 §4.2.3.9).
#include <errno.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_header.h"

// RFC 1191 allows 68, which would make a thousand packets of one: less than these is a forgery
// or a path that can't be helped.
#define MTU_FLOOR_V4 552
#define MTU_FLOOR_V6 1280

static void too_big(struct tcp_conn *conn, uint16_t mtu)
{
	bool v4 = ip_addr_is_v4(&conn->key.remote);
	uint16_t floor = v4 ? MTU_FLOOR_V4 : MTU_FLOOR_V6;
	uint16_t options = conn->ts_on ? TCP_OPT_TS_LEN : 0;
	uint16_t mss;

	if (mtu < floor)
		mtu = floor;
	if (mtu >= conn->path.mtu)
		return;
	conn->path.mtu = mtu;
	mss = tcp_header_mss(&conn->key, mtu);
	if (mss - options >= conn->mss)
		return;
	tcp_conn_set_mss(conn, mss);
	// What was too big never arrived: again at once, in smaller pieces.
	tcp_sent_mark_all_lost(&conn->sent);
	conn->rexmt_head = true;
	tcp_conn_touch(conn);
}

void tcp_icmp(struct tcp *tcp, const struct net_icmp *icmp, struct mono now)
{
	struct tcp_key key = {
		.remote = icmp->remote,
		.local = icmp->local,
		.remote_port = icmp->remote_port,
		.local_port = icmp->local_port,
	};
	struct tcp_found found;
	struct tcp_conn *conn;

	tcp->now = now;
	tcp_key_hash(&key, &tcp->cfg.secret);
	found = tcp_table_find(&tcp->table, &key);
	if (found.kind != TCP_KIND_CONN)
		return;
	conn = found.object;
	if (icmp->seq - conn->snd_una >= conn->snd_nxt - conn->snd_una)
		return;
	if (icmp->kind == NET_ICMP_TOO_BIG && tcp_conn_synchronized(conn))
		too_big(conn, icmp->mtu);
	else if (icmp->kind == NET_ICMP_UNREACHABLE && !tcp_conn_synchronized(conn))
		conn->soft_error = EHOSTUNREACH;
}
