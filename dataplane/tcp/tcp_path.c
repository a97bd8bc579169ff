#include "dataplane/tcp/tcp_path.h"

#include <errno.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_loss.h"

// RFC 1191 allows 68, which would make a thousand packets of one: less than these is a forgery
// or a path that can't be helped.
#define MTU_FLOOR_V4 552
#define MTU_FLOOR_V6 1280
// What is tried where larger packets vanish: Ethernet, the least of IPv6, and half of what is left.
static const uint16_t mtu_steps[] = {1500, MTU_FLOOR_V6, 1064, MTU_FLOOR_V4};
// Until the full size is tried again. An outage looks like a black hole at first, so after silence
// it is soon, and later each time that it was in vain.
#define RETRY_MAX_S 600
#define RETRY_FIRST_S 8

// Smaller segments from now on. False when they would be no smaller.
static bool lower(struct tcp_conn *conn, uint16_t mtu)
{
	uint16_t before = conn->mss;

	if (mtu >= conn->route.mtu)
		return false;
	conn->route.mtu = mtu;
	conn->mtu_at = tcp_ms(conn->tcp->now);
	conn->narrow = true;
	conn->mtu_wait = RETRY_MAX_S;
	tcp_conn_set_mss(conn);
	return conn->mss < before;
}

static void too_big(struct tcp_conn *conn, uint16_t mtu)
{
	uint16_t floor = ip_addr_is_v4(&conn->key.remote) ? MTU_FLOOR_V4 : MTU_FLOOR_V6;

	if (!lower(conn, mtu > floor ? mtu : floor))
		return;
	// What was too big never arrived: again at once, in smaller pieces.
	tcp_loss_all(conn);
	tcp_conn_touch(conn);
}

// The next packet size to try when one of `len` bytes vanishes; 0: there is none.
static uint16_t next_step(bool v4, uint32_t len)
{
	for (unsigned i = 0; i < RTE_DIM(mtu_steps); i++)
		if (mtu_steps[i] < len)
			return v4 || mtu_steps[i] >= MTU_FLOOR_V6 ? mtu_steps[i] : 0;
	return 0;
}

void tcp_path_shrink(struct tcp_conn *conn, uint32_t payload)
{
	bool v4 = ip_addr_is_v4(&conn->key.remote);
	uint32_t packet = conn->route.mtu - (uint32_t)conn->mss + payload;
	uint16_t wait = conn->mtu_wait;
	uint16_t mtu = next_step(v4, RTE_MIN(packet, conn->route.mtu));

	if (mtu == 0 || !lower(conn, mtu))
		return;
	conn->mtu_wait = wait == 0 ? RETRY_FIRST_S : (uint16_t)RTE_MIN(2 * wait, RETRY_MAX_S);
	stat_inc(conn->tcp->stats, STAT_tcp_black_holes);
}

void tcp_path_retry(struct tcp_conn *conn)
{
	struct net_path path;

	if (tcp_ms(conn->tcp->now) - conn->mtu_at < conn->mtu_wait * 1000u)
		return;
	conn->narrow = false;
	if (net_path_find(conn->tcp->net, &conn->key.remote, &conn->key.local, &path) != 0)
		return;
	conn->route.mtu = path.mtu;
	tcp_conn_set_mss(conn);
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
