// What the two processes say to each other. A message is a header and a payload; each kind is one
// row of ipc.def, and its size is checked before a handler sees it.
//
// All integers are little-endian, all structs have a fixed layout without holes: ipc_layout_test
// locks it, and IPC_VERSION grows with every change of it. The header and the first fields of HELLO
// stay as they are for ever, so that two versions can tell each other apart.
//
// Every kind is a state, not a step: sending it twice is harmless, and the newest one is all that
// counts. docs/protocol.md tells the story. Questions and answers are in ipc_ask.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/cluster/snapshot.h"
#include "common/ipc/ipc_ask.h"
#include "common/stats/stats.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layout is little-endian");

#define IPC_MAGIC UINT32_C(0x43504944) // "DIPC"
#define IPC_VERSION 4

#define IPC_WORKERS_MAX 128
#define IPC_ADDRS_MAX 8
#define IPC_TEXT_MAX 64 // names and versions, with NUL
#define IPC_ERROR_MAX 256

enum ipc_role {
	IPC_DATAPLANE = 1,
	IPC_CONTROLPLANE = 2,
};

struct ipc_header {
	uint32_t magic;
	uint16_t version;
	uint16_t id;
	uint32_t len; // of the payload
	uint32_t reserved;
};

// The first message each way, on every connection.
struct ipc_hello {
	uint32_t role; // enum ipc_role
	uint32_t pid;
	uint64_t start_ms; // Unix time at which the process started
	char version[IPC_TEXT_MAX];
};

struct ipc_snapshot_ack {
	uint64_t epoch;            // of the snapshot that this answers
	uint64_t newest;           // epoch that the data plane has, in use or on its way; 0: none
	char error[IPC_ERROR_MAX]; // empty: it is in use. Otherwise why it was refused
};

// Figures of all workers. Behind it come `worker_n` records of stat_n + drop_n 64-bit values and
// hist_n histograms (count, sum, max, buckets).
struct ipc_stats {
	uint32_t worker_n;
	uint32_t stat_n;
	uint32_t drop_n;
	uint32_t hist_n;
	uint32_t bucket_n;
	uint32_t rows; // hash of all names: another build's figures would be read as something else
};

struct ipc_addr {
	uint8_t addr[16]; // as struct ip_addr; all zero: none
	uint8_t prefix_len;
	uint8_t reserved[7];
};

struct ipc_worker {
	uint16_t core;
	uint16_t queue; // of the port; UINT16_MAX: none
	uint32_t reserved;
};

enum ipc_steering {
	IPC_STEER_NONE, // there is one worker
	IPC_STEER_SOFTWARE,
	IPC_STEER_DEVICE,
};

// What the data plane is and has. The port's facts come from who owns the port.
struct ipc_status {
	uint64_t epoch; // that every worker uses; 0: none yet
	uint64_t uptime_ms;
	uint64_t start_ms; // Unix time
	uint64_t rss_max_kb;
	uint64_t mbuf_used; // packet buffers
	uint64_t mbuf_free;
	uint64_t request_used; // request slots
	uint64_t request_free;
	uint32_t pid;
	uint32_t speed_mbps; // 0: unknown
	uint32_t worker_n;
	uint16_t mtu;
	uint16_t vlan;
	uint16_t queue_n;
	uint8_t mac[6];
	uint8_t link_up;
	uint8_t addr_n;
	uint8_t adaptive; // `poll: adaptive`
	uint8_t steering; // who decides which worker gets a packet: enum ipc_steering
	uint8_t reserved[4];
	char version[IPC_TEXT_MAX];
	char port[IPC_TEXT_MAX];   // name of the device
	char driver[IPC_TEXT_MAX]; // net_af_packet, net_ena, ...
	struct ipc_addr gateway4;
	struct ipc_addr gateway6;
	struct ipc_addr addr[IPC_ADDRS_MAX];
	struct ipc_worker worker[IPC_WORKERS_MAX];
};

// A worker's figures, as they lie in a STATS message.
#define IPC_STATS_WORKER_SIZE \
	(sizeof(uint64_t) * ((size_t)STAT_N + DROP_N) + sizeof(struct histogram) * HIST_N)

#define IPC_SNAPSHOT_MIN (sizeof(struct snapshot) + sizeof(struct snapshot_node))
#define IPC_SNAPSHOT_MAX                                                               \
	(sizeof(struct snapshot) + SNAPSHOT_NODES_MAX * sizeof(struct snapshot_node) + \
		SNAPSHOT_TOKENS_MAX * sizeof(uint32_t))
#define IPC_STATS_MAX (sizeof(struct ipc_stats) + IPC_WORKERS_MAX * IPC_STATS_WORKER_SIZE)

enum ipc_id {
#define MSG(name, id, from, min, max, help) IPC_##name = (id),
#include "common/ipc/ipc.def"
#undef MSG
};

// From whom a message may come.
enum ipc_from {
	IPC_FROM_DP = 1 << IPC_DATAPLANE,
	IPC_FROM_CP = 1 << IPC_CONTROLPLANE,
	IPC_FROM_BOTH = IPC_FROM_DP | IPC_FROM_CP,
};
