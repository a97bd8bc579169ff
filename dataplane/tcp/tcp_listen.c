#include "dataplane/tcp/tcp_listen.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/tcp/tcp_output.h"
#include "dataplane/tcp/tcp_trace.h"

static bool claims(const struct tcp_listener *listener, const struct ip_addr *addr, uint16_t port)
{
	return listener->port == port &&
		(ip_addr_is_any(&listener->addr) || ip_addr_is_any(addr) ||
			ip_addr_eq(&listener->addr, addr));
}

int tcp_listen(struct tcp *tcp, const struct ip_addr *addr, uint16_t port, uint32_t backlog,
	struct tcp_listener **out)
{
	struct ip_addr own = addr != NULL ? *addr : IP_ADDR_ANY;
	struct tcp_listener *listener;

	list_for_each (link, &tcp->listeners)
		if (claims(list_entry(link, struct tcp_listener, link), &own, port))
			return -EADDRINUSE;
	listener = calloc(1, sizeof(*listener));
	if (listener == NULL)
		return -ENOMEM;
	listener->tcp = tcp;
	listener->addr = own;
	listener->port = port;
	listener->backlog = backlog > 0 ? backlog : 1;
	list_init(&listener->accept);
	list_push_back(&tcp->listeners, &listener->link);
	*out = listener;
	return 0;
}

void tcp_unlisten(struct tcp_listener *listener)
{
	while (!list_empty(&listener->accept)) {
		struct tcp_conn *conn =
			list_entry(listener->accept.next, struct tcp_conn, wait_link);

		tcp_output_rst(conn);
		tcp_conn_end(conn, ECONNRESET);
	}
	list_remove(&listener->link);
	free(listener);
}

struct tcp_listener *tcp_listener_find(struct tcp *tcp, const struct tcp_key *key)
{
	list_for_each (link, &tcp->listeners) {
		struct tcp_listener *listener = list_entry(link, struct tcp_listener, link);

		if (claims(listener, &key->local, key->local_port))
			return listener;
	}
	return NULL;
}

struct tcp_conn *tcp_accept(struct tcp_listener *listener)
{
	struct list *link = list_pop_front(&listener->accept);
	struct tcp_conn *conn;

	if (link == NULL)
		return NULL;
	conn = list_entry(link, struct tcp_conn, wait_link);
	listener->waiting--;
	conn->listener = NULL;
	conn->owned = true;
	// What happened while it waited is reported from now on.
	if (conn->events != 0)
		tcp_conn_raise(conn, 0);
	return conn;
}

struct tcp_conn *tcp_listener_establish(struct tcp_listener *listener, const struct tcp_seg *seg,
	const struct tcp_peer *peer, uint64_t syn_rtt, bool syn_lost)
{
	struct tcp *tcp = listener->tcp;
	struct net_path path;
	struct tcp_conn *conn;

	if (tcp_listener_full(listener)) {
		stat_drop(tcp->stats, DROP_TCP_BACKLOG);
		return NULL;
	}
	if (net_path_find(tcp->net, &seg->key.remote, &seg->key.local, &path) != 0) {
		stat_drop(tcp->stats, DROP_NO_ROUTE);
		return NULL;
	}
	conn = tcp_conn_new(tcp, &seg->key, &path);
	if (conn == NULL)
		return NULL;
	tcp_conn_negotiate(conn, peer);
	conn->snd_una = peer->iss + 1;
	conn->snd_nxt = peer->iss + 1;
	conn->ts_lenient = conn->ts_on && !seg->opts.ts;
	tcp_send_queue_init(&conn->sq, peer->iss + 1);
	conn->snd_wnd = (uint32_t)seg->wnd << conn->snd_wscale;
	conn->max_snd_wnd = conn->snd_wnd;
	conn->snd_wl1 = seg->seq;
	conn->snd_wl2 = seg->ack;
	tcp_conn_establish(conn, syn_rtt, syn_lost);
	conn->listener = listener;
	list_push_back(&listener->accept, &conn->wait_link);
	listener->waiting++;
	stat_inc(tcp->stats, STAT_tcp_passive_opens);
	tcp_trace(tcp, conn, TRACE_ACCEPT, conn->mss, conn->snd_wnd);
	return conn;
}
