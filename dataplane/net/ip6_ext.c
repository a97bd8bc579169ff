#include "dataplane/net/ip6_ext.h"

#include <netinet/in.h>

#include <rte_ip.h>

#include "dataplane/net/ip6.h"
#include "dataplane/net/packet.h"

#define EXT_UNIT 8
#define OPT_PAD1 0
#define OPT_ACTION 0xc0 // other than 0: the packet is to be discarded when the option is unknown
#define OPT_TELL 0x80   // and the sender be told

#define CODE_BAD_FIELD 0
#define CODE_UNKNOWN_HEADER 1
#define CODE_UNKNOWN_OPTION 2
#define ICMP6_INFORMATIONAL 128 // types below are errors

static bool problem(struct ip6_walk *walk, uint8_t code, uint32_t field)
{
	walk->tell = true;
	walk->code = code;
	walk->field = (uint16_t)field;
	return false;
}

static bool options_ok(struct ip6_walk *walk, const uint8_t *opt, uint32_t len)
{
	uint32_t off = walk->off + 2u;

	while (len > 0) {
		uint32_t size;

		if (opt[0] == OPT_PAD1) {
			opt++;
			off++;
			len--;
			continue;
		}
		if (len < 2)
			return false;
		if (opt[0] & OPT_TELL)
			return problem(walk, CODE_UNKNOWN_OPTION, off);
		if (opt[0] & OPT_ACTION)
			return false;
		size = 2u + opt[1];
		if (size > len)
			return false;
		opt += size;
		off += size;
		len -= size;
	}
	return true;
}

static bool header_ok(struct ip6_walk *walk, const uint8_t *ext, uint32_t size)
{
	if (walk->proto != IPPROTO_ROUTING)
		return options_ok(walk, ext + 2, size - 2);
	// We are its last station or it is not ours (RFC 5095).
	return ext[3] == 0 || problem(walk, CODE_BAD_FIELD, walk->off + 2u);
}

// Steps over one header. False when it may not be skipped.
static bool step(struct rte_mbuf *m, struct ip6_walk *walk)
{
	const uint8_t *ext;
	uint32_t size;

	if (!packet_pull(m, walk->off + (uint32_t)EXT_UNIT))
		return false;
	ext = rte_pktmbuf_mtod_offset(m, const uint8_t *, walk->off);
	size = (ext[1] + 1u) * EXT_UNIT;
	if (walk->off + size > sizeof(struct rte_ipv6_hdr) + IP6_CHAIN_MAX ||
		!packet_pull(m, walk->off + size))
		return false;
	if (!header_ok(walk, ext, size)) {
		// No error about an error (RFC 4443 §2.4).
		if (ext[0] == IPPROTO_ICMPV6 && size < m->data_len - (uint32_t)walk->off &&
			ext[size] < ICMP6_INFORMATIONAL)
			walk->tell = false;
		return false;
	}
	walk->proto_from = walk->off;
	walk->proto = ext[0];
	walk->off = (uint16_t)(walk->off + size);
	return true;
}

bool ip6_ext_walk(struct rte_mbuf *m, struct ip6_walk *walk)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);

	*walk = (struct ip6_walk){
		.proto = ip->proto,
		.off = sizeof(*ip),
		.proto_from = offsetof(struct rte_ipv6_hdr, proto),
	};
	for (unsigned i = 0; i < IP6_HEADERS_MAX; i++) {
		switch (walk->proto) {
		case IPPROTO_HOPOPTS:
			if (i > 0)
				return problem(walk, CODE_UNKNOWN_HEADER, walk->proto_from);
			break;
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			break;
		case IPPROTO_FRAGMENT:
			return packet_pull(
				m, walk->off + (uint32_t)sizeof(struct rte_ipv6_fragment_ext));
		default:
			return true;
		}
		if (!step(m, walk))
			return false;
	}
	return false;
}
