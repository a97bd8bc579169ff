#include "dataplane/net/capture.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "dataplane/net/packet.h"

// Before each packet in a pcap file; little-endian, as this program is.
struct record {
	uint32_t s;
	uint32_t ns;
	uint32_t kept;
	uint32_t len;
};

// What a packet is compared by.
struct names {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t src_port; // 0: not known
	uint16_t dst_port;
};

int capture_init(struct capture *capture)
{
	*capture = (struct capture){0};
	return pool_init(&capture->buffers, CAPTURE_BYTES_MAX, IPC_CAPTURES_MAX);
}

void capture_fini(struct capture *capture)
{
	pool_fini(&capture->buffers);
	*capture = (struct capture){0};
}

// --- packets

static uint16_t be16(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void read_ports(const unsigned char *p, size_t len, uint8_t proto, struct names *names)
{
	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) || len < 4)
		return;
	names->src_port = be16(p);
	names->dst_port = be16(p + 2);
}

static bool read_ip4(const unsigned char *p, size_t len, struct names *names)
{
	size_t header = (size_t)(p[0] & 0x0f) * 4;
	uint32_t addr;

	if (len < sizeof(struct rte_ipv4_hdr) || p[0] >> 4 != 4)
		return false;
	memcpy(&addr, p + 12, sizeof(addr));
	names->src = ip_addr_from_v4(addr);
	memcpy(&addr, p + 16, sizeof(addr));
	names->dst = ip_addr_from_v4(addr);
	// Only the first fragment has ports.
	if (header >= sizeof(struct rte_ipv4_hdr) && header < len && (be16(p + 6) & 0x1fff) == 0)
		read_ports(p + header, len - header, p[9], names);
	return true;
}

static bool read_ip6(const unsigned char *p, size_t len, struct names *names)
{
	if (len < sizeof(struct rte_ipv6_hdr) || p[0] >> 4 != 6)
		return false;
	memcpy(names->src.b, p + 8, sizeof(names->src.b));
	memcpy(names->dst.b, p + 24, sizeof(names->dst.b));
	read_ports(p + sizeof(struct rte_ipv6_hdr), len - sizeof(struct rte_ipv6_hdr), p[6], names);
	return true;
}

// From the front of a frame. False when it is no IP.
static bool read_names(const unsigned char *p, size_t len, struct names *names)
{
	size_t at = 2 * RTE_ETHER_ADDR_LEN;
	uint16_t type;

	*names = (struct names){0};
	if (len < at + 2)
		return false;
	type = be16(p + at);
	if (type == RTE_ETHER_TYPE_VLAN && len >= at + 6) {
		at += 4;
		type = be16(p + at);
	}
	at += 2;
	if (at >= len)
		return false;
	if (type == RTE_ETHER_TYPE_IPV4)
		return read_ip4(p + at, len - at, names);
	return type == RTE_ETHER_TYPE_IPV6 && read_ip6(p + at, len - at, names);
}

static bool wanted(const struct ipc_capture_limits *limits, const struct names *names)
{
	if (!ip_addr_is_any(&limits->remote) && !ip_addr_eq(&limits->remote, &names->src) &&
		!ip_addr_eq(&limits->remote, &names->dst))
		return false;
	return limits->port == 0 || limits->port == names->src_port ||
		limits->port == names->dst_port;
}

static void end(struct capture *capture, struct capture_slot *slot)
{
	if (slot->running)
		capture->running--;
	slot->running = false;
}

static void add(struct capture *capture, struct capture_slot *slot, const struct rte_mbuf *m,
	struct mono now)
{
	uint64_t wall = slot->epoch_ns + now.ns;
	struct record record = {
		.s = (uint32_t)(wall / NS_PER_SEC),
		.ns = (uint32_t)(wall % NS_PER_SEC),
		.kept = RTE_MIN(m->pkt_len, (uint32_t)slot->limits.snap),
		.len = m->pkt_len,
	};

	if (slot->limits.bytes - slot->bytes < sizeof(record) + record.kept) {
		end(capture, slot);
		return;
	}
	memcpy(slot->buffer + slot->bytes, &record, sizeof(record));
	slot->bytes += (uint32_t)sizeof(record);
	slot->bytes += packet_copy(m, slot->buffer + slot->bytes, record.kept);
	slot->packets++;
	if (slot->packets >= slot->limits.packets)
		end(capture, slot);
}

static void take_one(struct capture *capture, const struct rte_mbuf *m, struct mono now)
{
	unsigned char front[128]; // Ethernet, VLAN, IP with all options, ports
	struct names names;
	uint32_t len = packet_copy(m, front, sizeof(front));

	if (!read_names(front, len, &names))
		return;
	for (unsigned i = 0; i < IPC_CAPTURES_MAX; i++) {
		struct capture_slot *slot = &capture->slot[i];

		if (slot->running && wanted(&slot->limits, &names))
			add(capture, slot, m, now);
	}
}

void capture_take(
	struct capture *capture, struct rte_mbuf *const *frames, unsigned n, struct mono now)
{
	for (unsigned i = 0; i < n && capture->running > 0; i++)
		take_one(capture, frames[i], now);
}

void capture_advance(struct capture *capture, struct mono now)
{
	for (unsigned i = 0; i < IPC_CAPTURES_MAX; i++)
		if (capture->slot[i].running && mono_due(now, capture->slot[i].until))
			end(capture, &capture->slot[i]);
}

// --- orders

static struct capture_slot *find(const struct capture *capture, uint64_t id)
{
	for (unsigned i = 0; i < IPC_CAPTURES_MAX; i++)
		if (id != 0 && capture->slot[i].id == id)
			return (struct capture_slot *)(uintptr_t)&capture->slot[i];
	return NULL;
}

static void forget(struct capture *capture, struct capture_slot *slot)
{
	end(capture, slot);
	pool_put(&capture->buffers, slot->buffer);
	*slot = (struct capture_slot){0};
}

// A free place, that of the oldest that has ended, or NULL.
static struct capture_slot *make_room(struct capture *capture)
{
	struct capture_slot *oldest = NULL;

	for (unsigned i = 0; i < IPC_CAPTURES_MAX; i++) {
		struct capture_slot *slot = &capture->slot[i];

		if (slot->id == 0)
			return slot;
		if (!slot->running && (oldest == NULL || slot->order < oldest->order))
			oldest = slot;
	}
	if (oldest != NULL)
		forget(capture, oldest);
	return oldest;
}

enum ipc_ask_error capture_start(struct capture *capture, uint64_t id,
	const struct ipc_capture_limits *limits, struct mono now, uint64_t epoch_ns)
{
	struct capture_slot *slot;

	if (id == 0)
		return IPC_ASK_NO_CAPTURE;
	if (find(capture, id) != NULL)
		return IPC_ASK_OK;
	capture_advance(capture, now);
	slot = make_room(capture);
	if (slot == NULL)
		return IPC_ASK_NO_ROOM;
	*slot = (struct capture_slot){
		.id = id,
		.limits = *limits,
		.order = ++capture->starts,
		.epoch_ns = epoch_ns,
		.buffer = pool_get(&capture->buffers),
		.running = true,
	};
	slot->limits.bytes = RTE_MIN(limits->bytes, CAPTURE_BYTES_MAX);
	slot->limits.ms = RTE_MIN(limits->ms, CAPTURE_MS_MAX);
	slot->limits.snap = (uint16_t)RTE_MAX(limits->snap, CAPTURE_SNAP_MIN);
	slot->until = mono_add(now, slot->limits.ms * NS_PER_MS);
	capture->running++;
	return IPC_ASK_OK;
}

enum ipc_ask_error capture_stop(struct capture *capture, uint64_t id)
{
	struct capture_slot *slot = find(capture, id);

	if (slot == NULL)
		return IPC_ASK_NO_CAPTURE;
	forget(capture, slot);
	return IPC_ASK_OK;
}

void capture_states(const struct capture *capture, struct mono now,
	struct ipc_capture_state states[IPC_CAPTURES_MAX])
{
	for (unsigned i = 0; i < IPC_CAPTURES_MAX; i++) {
		const struct capture_slot *slot = &capture->slot[i];
		bool running = slot->running && !mono_due(now, slot->until);

		states[i] = (struct ipc_capture_state){
			.id = slot->id,
			.limits = slot->limits,
			.packets = slot->packets,
			.bytes = slot->bytes,
			.running = running,
			.left_ms =
				running ? (uint32_t)(mono_since(slot->until, now) / NS_PER_MS) : 0,
		};
	}
}

enum ipc_ask_error capture_read(const struct capture *capture, uint64_t id, uint32_t offset,
	uint32_t max, void *out, uint32_t *n)
{
	const struct capture_slot *slot = find(capture, id);

	*n = 0;
	if (slot == NULL)
		return IPC_ASK_NO_CAPTURE;
	if (offset < slot->bytes) {
		*n = RTE_MIN(slot->bytes - offset, max);
		memcpy(out, slot->buffer + offset, *n);
	}
	return IPC_ASK_OK;
}
