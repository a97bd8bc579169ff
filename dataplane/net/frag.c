#include "dataplane/net/frag.h"

#include <errno.h>

#include "dataplane/net/packet.h"

#define SWEEP_NS NS_PER_SEC
// Entries of a bucket: how many packets whose hashes collide can be in reassembly.
#define BUCKET_ENTRIES 16

int frag_init(struct frag *frag, uint32_t max, struct stats *stats)
{
	uint32_t buckets;

	if (max < BUCKET_ENTRIES)
		max = BUCKET_ENTRIES;
	buckets = (max + BUCKET_ENTRIES - 1) / BUCKET_ENTRIES;
	frag->stats = stats;
	frag->sweep = MONO_NEVER;
	frag->dead.cnt = 0;
	frag->table = rte_ip_frag_table_create(
		buckets, BUCKET_ENTRIES, max, FRAG_TIMEOUT_NS, SOCKET_ID_ANY);
	return frag->table != NULL ? 0 : -ENOMEM;
}

void frag_fini(struct frag *frag)
{
	if (frag->table == NULL)
		return;
	rte_ip_frag_free_death_row(&frag->dead, 0);
	rte_ip_frag_table_destroy(frag->table);
}

// Says why the library gave mbufs back, as far as it shows, and frees them.
static void bury(struct frag *frag, const struct rte_mbuf *m)
{
	struct rte_ip_frag_death_row *dead = &frag->dead;
	bool given_back = false;

	if (dead->cnt == 0)
		return;
	for (uint32_t i = 0; i < dead->cnt; i++)
		given_back |= dead->row[i] == m;
	if (!given_back)
		stat_drop(frag->stats, DROP_FRAG_TIMEOUT);
	else if (dead->cnt == 1)
		stat_drop(frag->stats, DROP_FRAG_FULL);
	else
		stat_drop(frag->stats, DROP_FRAG_BAD);
	rte_ip_frag_free_death_row(dead, 0);
}

static bool is_tiny(uint32_t payload, bool more)
{
	return payload == 0 || (more && payload % RTE_IPV4_HDR_OFFSET_UNITS != 0);
}

static struct rte_mbuf *drop_bad(struct frag *frag, struct rte_mbuf *m)
{
	stat_drop(frag->stats, DROP_FRAG_BAD);
	rte_pktmbuf_free(m);
	return NULL;
}

static struct rte_mbuf *finish(
	struct frag *frag, struct rte_mbuf *m, struct rte_mbuf *whole, struct mono now)
{
	bury(frag, m);
	frag->last = now;
	if (frag->sweep.ns == UINT64_MAX)
		frag->sweep = mono_add(now, SWEEP_NS);
	if (whole == NULL)
		return NULL;
	stat_inc(frag->stats, STAT_frag_reassembled);
	packet_clear_offloads(whole);
	return whole;
}

struct rte_mbuf *frag_input4(struct frag *frag, struct rte_mbuf *m, struct mono now)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	uint16_t field = rte_be_to_cpu_16(ip->fragment_offset);
	uint32_t offset = (field & RTE_IPV4_HDR_OFFSET_MASK) * RTE_IPV4_HDR_OFFSET_UNITS;
	uint32_t payload = m->pkt_len - m->l3_len;

	stat_inc(frag->stats, STAT_frag_in);
	if (is_tiny(payload, (field & RTE_IPV4_HDR_MF_FLAG) != 0) ||
		m->l3_len + offset + payload > UINT16_MAX)
		return drop_bad(frag, m);
	m->l2_len = 0;
	return finish(frag, m,
		rte_ipv4_frag_reassemble_packet(frag->table, &frag->dead, m, now.ns, ip), now);
}

// A packet in one fragment has nothing to do with others of its ID (RFC 6946).
static struct rte_mbuf *unwrap_atomic(struct rte_mbuf *m, const struct rte_ipv6_fragment_ext *ext)
{
	uint8_t next = ext->next_header;
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);

	memmove((uint8_t *)ip + sizeof(*ext), ip, sizeof(*ip));
	ip = (struct rte_ipv6_hdr *)(void *)rte_pktmbuf_adj(m, sizeof(*ext));
	ip->proto = next;
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - sizeof(*ip)));
	packet_clear_offloads(m);
	return m;
}

struct rte_mbuf *frag_input6(struct frag *frag, struct rte_mbuf *m, struct mono now)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);
	struct rte_ipv6_fragment_ext *ext = (struct rte_ipv6_fragment_ext *)(ip + 1);
	uint16_t field = rte_be_to_cpu_16(ext->frag_data);
	uint32_t offset = field & 0xfff8u;
	uint32_t payload = m->pkt_len - m->l3_len;

	stat_inc(frag->stats, STAT_frag_in);
	if (is_tiny(payload, (field & RTE_IPV6_EHDR_MF_MASK) != 0) || offset + payload > UINT16_MAX)
		return drop_bad(frag, m);
	if (offset == 0 && (field & RTE_IPV6_EHDR_MF_MASK) == 0)
		return unwrap_atomic(m, ext);
	m->l2_len = 0;
	return finish(frag, m,
		rte_ipv6_frag_reassemble_packet(frag->table, &frag->dead, m, now.ns, ip, ext), now);
}

void frag_advance(struct frag *frag, struct mono now)
{
	uint32_t freed;

	if (!mono_due(now, frag->sweep))
		return;
	// One call frees no more than the death row holds.
	do {
		rte_ip_frag_table_del_expired_entries(frag->table, &frag->dead, now.ns);
		freed = frag->dead.cnt;
		bury(frag, NULL);
	} while (freed > 0);
	// Whatever was stored last is gone once its time is over.
	if (mono_since(now, frag->last) > FRAG_TIMEOUT_NS + SWEEP_NS)
		frag->sweep = MONO_NEVER;
	else
		frag->sweep = mono_add(now, SWEEP_NS);
}
