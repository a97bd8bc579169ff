// TCP as a library: a program without a port that joins two stacks, and connects, accepts, sends,
// receives and closes without ever blocking. Start here to use dataplane/net and dataplane/tcp in
// a program of your own: feed frames to net_input, take them from net_collect, call tcp_event.
#include <stdio.h>
#include <string.h>

#include "dataplane/tcp/tcp.h"
#include "tests/support/eal.h"

struct host {
	struct rte_mempool *pool;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
};

static void start(struct host *host, const char *addr, uint8_t id, struct mono now)
{
	struct net_config net = {.mac = {{2, 0, 0, 0, 0, id}},
		.mtu = 1500,
		.addr_n = 1,
		.neigh_max = 16,
		.frag_max = 4};
	struct tcp_config tcp = tcp_config_default();

	if (!ip_prefix_parse(addr, &net.addr[0]))
		return;
	host->pool = test_pool_create(512);
	host->net = net_new(&net, host->pool, &host->stats, now);
	host->tcp = tcp_new(&tcp, host->net, host->pool, &host->stats, now);
}

static void stop(struct host *host)
{
	tcp_free(host->tcp);
	net_free(host->net);
	rte_mempool_free(host->pool);
}

static void feed(struct host *host, struct rte_mbuf **frames, unsigned n, struct mono now)
{
	struct net_rx rx;

	net_input(host->net, frames, n, now, &rx);
	tcp_input(host->tcp, rx.seg, rx.seg_n, now);
	rte_pktmbuf_free_bulk(rx.learn, rx.learn_n);
	tcp_advance(host->tcp, now);
}

// What happened to the host's connections: the server answers what it reads, the client counts it.
static size_t serve(struct host *host, bool server)
{
	struct tcp_conn *conn;
	unsigned events;
	size_t bytes = 0;

	while ((conn = tcp_event(host->tcp, &events)) != NULL) {
		if (events & TCP_CONNECTED)
			tcp_send_copy(conn, "hello", 5);
		for (struct rte_mbuf *m = tcp_recv(conn), *next; m != NULL; m = next) {
			next = m->next;
			bytes += m->data_len;
			tcp_recv_done(conn, m->data_len);
			if (server)
				tcp_send_copy(conn, rte_pktmbuf_mtod(m, char *), m->data_len);
			rte_pktmbuf_free_seg(m);
		}
		if (bytes > 0 || (events & (TCP_EOF | TCP_CLOSED)))
			tcp_close(conn);
	}
	return bytes;
}

int main(void)
{
	struct host hosts[2] = {0};
	struct rte_mbuf *frames[NET_BURST];
	struct tcp_listener *listener;
	struct ip_addr server;
	struct tcp_conn *conn;
	struct mono now = {.ns = NS_PER_SEC};
	size_t echoed = 0;

	test_eal_start();
	start(&hosts[0], "198.18.0.1/24", 1, now);
	start(&hosts[1], "198.18.0.2/24", 2, now);
	if (!ip_addr_parse("198.18.0.2", &server) ||
		tcp_listen(hosts[1].tcp, NULL, 7, 16, &listener) != 0 ||
		tcp_connect(hosts[0].tcp, &server, 7, 0, now, &conn) != 0)
		return 1;
	for (unsigned turn = 0; turn < 20; turn++, now = mono_add(now, NS_PER_MS))
		for (unsigned i = 0; i < 2; i++) {
			size_t bytes;

			while (tcp_accept(listener) != NULL)
				;
			bytes = serve(&hosts[i], i == 1);
			echoed += i == 0 ? bytes : 0;
			tcp_output(hosts[i].tcp, now);
			feed(&hosts[!i], frames, net_collect(hosts[i].net, frames, NET_BURST), now);
		}
	stop(&hosts[0]);
	stop(&hosts[1]);
	printf("%s 1 - %zu bytes came back\n1..1\n", echoed == 5 ? "ok" : "not ok", echoed);
	return echoed == 5 ? 0 : 1;
}
