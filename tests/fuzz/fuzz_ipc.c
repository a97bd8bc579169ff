// Bytes from the other process: the header, every kind of payload, and what readers rely on once a
// check has passed. The first byte says who sent the rest.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cluster/ring.h"
#include "common/ipc/ipc_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

// Every rack has an owner for every hash, one of its own nodes, unless it has no token at all.
static void walk_ring(const struct snapshot *s)
{
	static const uint32_t hash[] = {0, 1, UINT32_MAX / 2, UINT32_MAX / 2 + 1, UINT32_MAX};
	struct ring *ring;

	if (ring_new(s, &ring) != 0)
		return;
	must(ring->dc_n > 0 && snapshot_nodes(s)[ring->local_node].is_local);
	(void)ring_hash(ring, slice_str(snapshot_nodes(s)->host));
	for (uint32_t d = 0; d < ring->dc_n; d++) {
		for (uint32_t i = 0; i < ring->dc[d].rack_n * ARRAY_LEN(hash); i++) {
			const struct ring_rack *rack = &ring->dc[d].rack[i / ARRAY_LEN(hash)];
			uint32_t owner = ring_owner(rack, hash[i % ARRAY_LEN(hash)]);

			must((owner == RING_NO_NODE) == (rack->token_n == 0 && rack->node_n > 1));
			must(owner == RING_NO_NODE ||
				strcmp(snapshot_nodes(s)[owner].rack, rack->name) == 0);
		}
		must(ring->dc[d].preferred < ring->dc[d].rack_n);
	}
	ring_free(ring);
}

// Reads everything that a worker could read.
static void walk_snapshot(const struct ipc_msg *msg)
{
	struct snapshot *s;
	uint64_t sum = 0;

	if (snapshot_check(msg->payload, msg->len) != NULL)
		return;
	s = malloc(msg->len);
	must(s != NULL);
	memcpy(s, msg->payload, msg->len);
	must(snapshot_size(s->node_n, s->token_n) == msg->len);
	for (uint32_t i = 0; i < s->node_n; i++) {
		const struct snapshot_node *node = &snapshot_nodes(s)[i];

		sum += strlen(node->host) + strlen(node->dc) + strlen(node->rack);
		must(strcmp(node_state_name(node->state), "Unknown") != 0);
		for (uint32_t t = 0; t < node->token_n; t++)
			sum += snapshot_tokens(s)[node->token_first + t];
	}
	must(sum > 0);
	walk_ring(s);
	free(s);
}

static void walk_stats(const struct ipc_msg *msg)
{
	struct stats *sum = aligned_alloc(CACHE_LINE, sizeof(*sum));
	const char *error;
	int workers;

	must(sum != NULL);
	workers = ipc_stats_decode(msg->payload, msg->len, sum, &error);
	must((workers < 0) == (error != NULL));
	if (workers >= 0) {
		must(msg->len == ipc_stats_size((unsigned)workers));
		for (unsigned i = 0; i < HIST_N; i++)
			(void)histogram_quantile(&sum->hist[i], 990);
		for (int i = 0; i < workers; i++)
			ipc_stats_worker(msg->payload, (unsigned)i, sum);
	}
	free(sum);
}

static void walk_status(const struct ipc_msg *msg)
{
	struct ipc_status status;

	ipc_payload_get(msg, &status);
	ipc_status_clean(&status);
	must(status.worker_n <= IPC_WORKERS_MAX && status.addr_n <= IPC_ADDRS_MAX);
	must(strlen(status.version) < IPC_TEXT_MAX && strlen(status.port) < IPC_TEXT_MAX &&
		strlen(status.driver) < IPC_TEXT_MAX);
}

// As many as there are, since their size changes with every row.
static void walk_peers(const char *payload, size_t len)
{
	for (size_t at = sizeof(struct ipc_peers); at + sizeof(struct peer_info) <= len;) {
		struct peer_info info;

		memcpy(&info, payload + at, sizeof(info));
		peer_info_clean(&info);
		must(peer_health_names[info.health] != NULL && info.same_dc <= 1);
		at += sizeof(info);
	}
}

// Reads everything that the control plane could read. The name hash changes with every new row, so
// that it is made right here, lest the corpus become stale.
static void walk_answer(const struct ipc_msg *msg)
{
	char *payload = malloc(msg->len);
	size_t len = msg->len;
	struct ipc_answer head;

	must(payload != NULL);
	memcpy(payload, msg->payload, msg->len);
	memcpy(&head, payload, sizeof(head));
	head.rows = ipc_ask_rows();
	memcpy(payload, &head, sizeof(head));
	if (ipc_answer_check(msg->id, payload, msg->len) == NULL)
		must(ipc_ask_error_text((enum ipc_ask_error)head.error) != NULL);
	else if (msg->id != IPC_CONNS && msg->id != IPC_PEERS)
		len = 0;
	if (msg->id == IPC_CONNS) {
		// As many as there are, since their size changes with every row, too.
		for (size_t at = sizeof(struct ipc_conns); at + sizeof(struct conn_info) <= len;) {
			struct conn_info info;

			memcpy(&info, payload + at, sizeof(info));
			conn_info_clean(&info);
			must(strlen(info.cc) < CONN_CC_MAX && conn_state_names[info.state] != NULL);
			must(conn_timer_names[info.timer] != NULL);
			at += sizeof(info);
		}
	} else if (msg->id == IPC_PEERS) {
		walk_peers(payload, len);
	} else if (msg->id == IPC_TRACE) {
		for (size_t at = sizeof(struct ipc_trace); at < len;) {
			char text[TRACE_TEXT_MAX];
			struct trace_rec rec;

			must(len - at >= sizeof(rec));
			memcpy(&rec, payload + at, sizeof(rec));
			must(trace_text(&rec, text) == strlen(text));
			at += sizeof(rec);
		}
	}
	free(payload);
}

static void walk_small(const struct ipc_msg *msg)
{
	struct ipc_hello hello;
	struct ipc_snapshot_ack ack;

	if (msg->id == IPC_HELLO) {
		ipc_payload_get(msg, &hello);
		ipc_hello_clean(&hello);
		must(strlen(hello.version) < IPC_TEXT_MAX);
	} else if (msg->id == IPC_SNAPSHOT_ACK) {
		ipc_payload_get(msg, &ack);
		ipc_ack_clean(&ack);
		must(strlen(ack.error) < IPC_ERROR_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_msg msg;
	enum ipc_role from;

	if (size == 0)
		return 0;
	from = (data[0] & 1) != 0 ? IPC_DATAPLANE : IPC_CONTROLPLANE;
	if (ipc_decode(data + 1, size - 1, from, &msg) != IPC_OK)
		return 0;
	must(ipc_row(msg.id) != NULL);
	if (msg.id == IPC_SNAPSHOT)
		walk_snapshot(&msg);
	else if (msg.id == IPC_STATS)
		walk_stats(&msg);
	else if (msg.id == IPC_STATUS)
		walk_status(&msg);
	else if (msg.id == IPC_CONNS || msg.id == IPC_PEERS || msg.id == IPC_TRACE ||
		msg.id == IPC_CAPTURE)
		walk_answer(&msg);
	else
		walk_small(&msg);
	return 0;
}
