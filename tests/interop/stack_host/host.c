#include "tests/interop/stack_host/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/interop/raw_socket.h"
#include "tests/support/eal.h"

// --- the socket

static unsigned receive(struct host *host, struct rte_mbuf *frames[NET_BURST])
{
	struct mmsghdr msgs[NET_BURST];
	struct iovec iov[NET_BURST];
	unsigned n = NET_BURST - host->spare_n;
	int got;

	if (n > 0 && rte_pktmbuf_alloc_bulk(host->pool, host->spare + host->spare_n, n) == 0)
		host->spare_n = NET_BURST;
	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < host->spare_n; i++) {
		iov[i].iov_base = rte_pktmbuf_mtod(host->spare[i], void *);
		iov[i].iov_len = rte_pktmbuf_tailroom(host->spare[i]);
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	got = recvmmsg(host->fd, msgs, host->spare_n, MSG_TRUNC, NULL);
	if (got <= 0)
		return 0;
	for (unsigned i = 0; i < (unsigned)got; i++) {
		frames[i] = host->spare[i];
		frames[i]->data_len = (uint16_t)RTE_MIN(msgs[i].msg_len, iov[i].iov_len);
		frames[i]->pkt_len = frames[i]->data_len;
		stat_inc(&host->stats, STAT_rx_packets);
	}
	host->spare_n -= (unsigned)got;
	memmove(host->spare, host->spare + got, host->spare_n * sizeof(host->spare[0]));
	return (unsigned)got;
}

static unsigned scatter(const struct rte_mbuf *m, struct iovec *iov, unsigned room)
{
	unsigned n = 0;

	for (; m != NULL && n < room; m = m->next) {
		iov[n].iov_base = rte_pktmbuf_mtod(m, void *);
		iov[n].iov_len = m->data_len;
		n++;
	}
	return n;
}

static unsigned transmit(struct host *host)
{
	struct mmsghdr msgs[NET_BURST];
	struct iovec iov[NET_BURST * 8];
	unsigned used = 0;
	unsigned n = 0;
	int sent;

	memset(msgs, 0, sizeof(msgs));
	while (n < host->tx_n && used + host->tx[n]->nb_segs <= RTE_DIM(iov)) {
		msgs[n].msg_hdr.msg_iov = &iov[used];
		msgs[n].msg_hdr.msg_iovlen =
			scatter(host->tx[n], &iov[used], (unsigned)RTE_DIM(iov) - used);
		used += (unsigned)msgs[n].msg_hdr.msg_iovlen;
		n++;
	}
	sent = n > 0 ? sendmmsg(host->fd, msgs, n, 0) : 0;
	if (sent < 0) {
		if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
			return 0;
		sent = 1; // this one the interface will never take
		stat_drop(&host->stats, DROP_TX_REFUSED);
	}
	rte_pktmbuf_free_bulk(host->tx, (unsigned)sent);
	host->tx_n -= (unsigned)sent;
	memmove(host->tx, host->tx + sent, host->tx_n * sizeof(host->tx[0]));
	stat_add(&host->stats, STAT_tx_packets, (uint64_t)sent);
	return (unsigned)sent;
}

static void count_lost(struct host *host)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(host->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		host->lost += stats.tp_drops;
}

// --- a turn

void host_input(struct host *host, struct mono now)
{
	struct rte_mbuf *frames[NET_BURST];
	unsigned n = receive(host, frames);

	net_advance(host->net, now);
	tcp_advance(host->tcp, now);
	net_input(host->net, frames, n, now, &host->rx);
	rte_pktmbuf_free_bulk(host->rx.learn, host->rx.learn_n);
	tcp_input(host->tcp, host->rx.seg, host->rx.seg_n, now);
	for (unsigned i = 0; i < host->rx.icmp_n; i++)
		tcp_icmp(host->tcp, &host->rx.icmp[i], now);
}

void host_output(struct host *host, struct mono now)
{
	bool all;

	do {
		all = tcp_output(host->tcp, now);
		do
			host->tx_n += net_collect(
				host->net, host->tx + host->tx_n, NET_BURST - host->tx_n);
		while (transmit(host) > 0);
	} while (!all && host->tx_n == 0);
}

struct mono host_next(const struct host *host)
{
	return mono_min(tcp_next(host->tcp), net_next(host->net));
}

// --- beginning and end

static bool hardware_address(struct host *host, const char *interface)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(host->fd, SIOCGIFHWADDR, &request) != 0)
		return false;
	memcpy(&host->mac, request.ifr_hwaddr.sa_data, sizeof(host->mac));
	return true;
}

bool host_open(struct host *host, const char *interface, uint16_t mtu, unsigned mbufs)
{
	host->fd = raw_socket_open(interface);
	if (host->fd < 0 || !hardware_address(host, interface)) {
		fprintf(stderr, "stack_host: %s: %s\n", interface,
			strerror(host->fd < 0 ? -host->fd : errno));
		return false;
	}
	test_eal_start_sized(400);
	host->pool = test_pool_create_room(mbufs, (uint16_t)RTE_ALIGN_CEIL(mtu + 64u, 64u));
	host->clock = clock_make();
	return true;
}

static void stack_free(struct host *host)
{
	tcp_free(host->tcp);
	if (host->net)
		net_free(host->net);
	rte_pktmbuf_free_bulk(host->tx, host->tx_n);
	host->tx_n = 0;
	host->tcp = NULL;
	host->net = NULL;
}

void host_close(struct host *host)
{
	stack_free(host);
	rte_pktmbuf_free_bulk(host->spare, host->spare_n);
	close(host->fd);
}

bool host_stack(struct host *host, const struct host_config *config)
{
	struct mono now = clock_now(&host->clock);
	struct net_config net = config->net;

	stack_free(host);
	count_lost(host);
	memset(&host->stats, 0, sizeof(host->stats));
	net.mac = host->mac;
	host->net = net_new(&net, host->pool, &host->stats, now);
	if (host->net)
		host->tcp = tcp_new(&config->tcp, host->net, host->pool, &host->stats, now);
	return host->tcp != NULL;
}
