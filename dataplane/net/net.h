// One core's network layer: Ethernet, VLAN, ARP, IPv4, IPv6 with neighbour discovery, ICMP,
// reassembly. Pure: frames and `now` in, TCP segments and frames out. No clock, no port inside.
//
//   net_input    frames → TCP segments for tcp_input; ARP, ND and ICMP are answered here
//   net_output   a transport packet → a frame, now or when its neighbour is known
//   net_collect  the frames to send
//
// Ownership: net_input takes every mbuf that it is given and hands on those in `struct net_rx`;
// net_output takes its mbuf in any case. One instance belongs to one core; cores pass each other
// the ARP and ND frames that they saw (net_rx.learn → net_learn), since only one of them gets
// the answer to what another one asked.
//
// Sources: RFC 826, 5227 (ARP), 791, 1122 (IPv4), 8200 (IPv6), 4861, 4862 (ND), 3810
// (MLD), 792, 4443 (ICMP),
// 5722 (overlapping fragments).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/base/mono.h"
#include "common/stats/stats.h"
#include "dataplane/net/tso.h"

#define NET_BURST 64     // frames in one net_input
#define NET_ADDRS_MAX 8  // own addresses
#define NET_TX_MAX 1024  // frames that wait for net_collect
#define NET_LINK_LOCAL 1 // the IPv6 link-local address is made from the MAC (RFC 4291 App. A)

struct net_config {
	struct rte_ether_addr mac;
	uint16_t mtu;  // of IP packets, 576..9216
	uint16_t vlan; // 0: untagged
	struct ip_prefix addr[NET_ADDRS_MAX];
	unsigned addr_n;
	struct ip_addr gateway4; // any: none
	struct ip_addr gateway6;
	uint64_t tx_offloads; // RTE_ETH_TX_OFFLOAD_* that the port does; the rest is done here
	struct tso_limits tso;
	uint32_t neigh_max; // entries of the neighbour table
	uint32_t frag_max;  // packets in reassembly at once
	uint64_t seed;
};

// How to reach a destination: filled by net_path_find, kept by the connection. It stays valid; a
// neighbour that was forgotten meanwhile is asked for again.
struct net_path {
	struct ip_addr src; // our address to use
	struct ip_addr next_hop;
	uint32_t neigh; // hint: entry of the neighbour table
	uint16_t mtu;
	uint8_t tclass; // of what is sent: TOS (RFC 2474, 3168), in IPv6 traffic class. Found as 0
};

// The same in short, for records that know both addresses anyhow.
struct net_route {
	uint32_t neigh;
	uint16_t mtu;
	bool gateway; // the next hop is no neighbour but the gateway of its family
};

enum net_icmp_kind {
	NET_ICMP_TOO_BIG,     // RFC 1191, 8201: `mtu` is what fits
	NET_ICMP_UNREACHABLE, // soft: RFC 1122 §4.2.3.9
};

// An ICMP error about a TCP segment of ours. Anybody can send one: TCP checks `seq` (RFC 5927).
struct net_icmp {
	enum net_icmp_kind kind;
	uint16_t mtu;
	uint16_t local_port;
	uint16_t remote_port;
	uint32_t seq;
	struct ip_addr local;
	struct ip_addr remote;
};

struct net_rx {
	// TCP segments. mtod is the IP header (whole and checked, padding trimmed, extension
	// headers included); the TCP header begins at l3_len. packet_type has RTE_PTYPE_L3_IPV4 or
	// _IPV6. The TCP checksum is not checked yet; the ol_flags of the port are as it set them
	// (a reassembled packet has them cleared).
	struct rte_mbuf *seg[NET_BURST];
	unsigned seg_n;
	struct net_icmp icmp[NET_BURST];
	unsigned icmp_n;
	// ARP and ND frames that other cores must see too; whoever takes none frees them.
	struct rte_mbuf *learn[NET_BURST];
	unsigned learn_n;
};

struct net;

// `pool` serves for frames made here. NULL when out of memory. Announces its addresses
// (gratuitous ARP, unsolicited neighbour advertisement, multicast listener report) with the first
// frames.
struct net *net_new(const struct net_config *config, struct rte_mempool *pool, struct stats *stats,
	struct mono now) MUST_CHECK;
void net_free(struct net *net);

// n <= NET_BURST. `rx` is overwritten.
void net_input(
	struct net *net, struct rte_mbuf **frames, unsigned n, struct mono now, struct net_rx *rx);

// ARP and ND frames that another core received: learns from them, answers nothing. Takes them; it
// does not write to them, so that several cores may hold references to one mbuf.
void net_learn(struct net *net, struct rte_mbuf **frames, unsigned n, struct mono now);

// 0, or -EHOSTUNREACH when no prefix or gateway covers it, -EADDRNOTAVAIL when `src` is given
// (not NULL) and not ours.
int net_path_find(struct net *net, const struct ip_addr *dst, const struct ip_addr *src,
	struct net_path *path) MUST_CHECK;

// From one form to the other and back. `src` and `dst` are those of the path.
struct net_route net_route_of(const struct net_path *path, const struct ip_addr *dst);
void net_route_path(const struct net *net, const struct net_route *route, const struct ip_addr *src,
	const struct ip_addr *dst, struct net_path *path);

// Sends a transport packet: mtod is the transport header (l4_len its length), headroom of at least
// RTE_PKTMBUF_HEADROOM before it in the first segment. Fills in the transport checksum (TCP,
// ICMPv6) by the port or in software, and IP and Ethernet headers. Never segments IP: the packet
// must fit path->mtu. Room: see net_tx_room.
//
// A TCP packet may be larger when RTE_MBUF_F_TX_TCP_SEG, tso_segsz (payload of a frame) and l4_len
// are set, its TCP header lies in one piece, and net_tso_max is not 0: it leaves as frames.
void net_output(struct net *net, struct rte_mbuf *m, const struct ip_addr *dst, uint8_t proto,
	struct net_path *path, struct mono now);

// The largest payload that one packet may have for the port to cut it (up to here it costs one call
// and one frame of net_tx_room), and of how many mbufs that packet may be, its header's included.
// 0: the port does not cut; a packet must fit the MTU. What is beyond the limits is cut in software
// at the price of a copy.
uint32_t net_tso_max(const struct net *net);
uint16_t net_tso_segs(const struct net *net);

// The transport made progress with this neighbour: it need not be probed (RFC 4861 §7.3.1).
void net_path_confirm(struct net *net, struct net_path *path, struct mono now);

// Whether the address is one of ours.
bool net_is_local(const struct net *net, const struct ip_addr *addr);

// Own addresses by a small number, fixed as long as the net lives, for records that have no room
// for an address. -1 when it is not ours.
int net_own_index(const struct net *net, const struct ip_addr *addr);
const struct ip_addr *net_own_addr(const struct net *net, unsigned index);

// Frames that net_output still takes before net_collect is called.
unsigned net_tx_room(const struct net *net);

// Takes up to `n` frames, oldest first.
unsigned net_collect(struct net *net, struct rte_mbuf **frames, unsigned n);

// Timers: retries, aging, reassembly. net_next is the next time at which there is one.
void net_advance(struct net *net, struct mono now);
struct mono net_next(const struct net *net);
