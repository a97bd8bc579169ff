// Locks what goes over the wire. A line here that has to change means a new IPC_VERSION.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/ipc/ipc_codec.h"

#define AT(type, member, at) assert_int_equal(offsetof(struct type, member), at)
#define SIZE(type, size) assert_int_equal(sizeof(struct type), size)

static void version_and_ids(void **state)
{
	(void)state;
	assert_int_equal(IPC_VERSION, 4);
	assert_int_equal(IPC_HELLO, 1);
	assert_int_equal(IPC_SNAPSHOT, 2);
	assert_int_equal(IPC_SNAPSHOT_ACK, 3);
	assert_int_equal(IPC_STATS, 4);
	assert_int_equal(IPC_STATUS, 5);
	assert_int_equal(IPC_REFRESH, 6);
	assert_int_equal(IPC_CONNS_ASK, 7);
	assert_int_equal(IPC_CONNS, 8);
	assert_int_equal(IPC_TRACE_ASK, 9);
	assert_int_equal(IPC_TRACE, 10);
	assert_int_equal(IPC_CAPTURE_ASK, 11);
	assert_int_equal(IPC_CAPTURE, 12);
	assert_int_equal(IPC_PEERS_ASK, 13);
	assert_int_equal(IPC_PEERS, 14);
	assert_int_equal(IPC_DATAPLANE, 1);
	assert_int_equal(IPC_CONTROLPLANE, 2);
}

static void header_hello_ack(void **state)
{
	(void)state;
	SIZE(ipc_header, 16);
	AT(ipc_header, magic, 0);
	AT(ipc_header, version, 4);
	AT(ipc_header, id, 6);
	AT(ipc_header, len, 8);
	AT(ipc_header, reserved, 12);
	SIZE(ipc_hello, 80);
	AT(ipc_hello, role, 0);
	AT(ipc_hello, pid, 4);
	AT(ipc_hello, start_ms, 8);
	AT(ipc_hello, version, 16);
	SIZE(ipc_snapshot_ack, 272);
	AT(ipc_snapshot_ack, epoch, 0);
	AT(ipc_snapshot_ack, newest, 8);
	AT(ipc_snapshot_ack, error, 16);
}

static void snapshot(void **state)
{
	(void)state;
	SIZE(snapshot, 48);
	AT(snapshot, epoch, 0);
	AT(snapshot, node_n, 8);
	AT(snapshot, token_n, 12);
	AT(snapshot, timeout_ms, 16);
	AT(snapshot, state, 20);
	AT(snapshot, read_consistency, 21);
	AT(snapshot, write_consistency, 22);
	AT(snapshot, hash, 23);
	AT(snapshot, hash_tag, 24);
	AT(snapshot, reserved, 26);
	AT(snapshot, read_hedge_ms, 28);
	AT(snapshot, said, 32);
	SIZE(snapshot_said, 16);
	AT(snapshot_said, file_timeout_ms, 0);
	AT(snapshot_said, file_read_hedge_ms, 4);
	AT(snapshot_said, timeout_ms, 8);
	AT(snapshot_said, factor, 12);
	AT(snapshot_said, file_read, 13);
	AT(snapshot_said, file_write, 14);
	AT(snapshot_said, reserved, 15);
	SIZE(snapshot_node, 416);
	AT(snapshot_node, host, 0);
	AT(snapshot_node, dc, 256);
	AT(snapshot_node, rack, 320);
	AT(snapshot_node, addr, 384);
	AT(snapshot_node, token_first, 400);
	AT(snapshot_node, token_n, 404);
	AT(snapshot_node, port, 408);
	AT(snapshot_node, state, 410);
	AT(snapshot_node, is_local, 411);
	AT(snapshot_node, reserved, 412);
}

static void figures(void **state)
{
	(void)state;
	SIZE(ipc_stats, 24);
	AT(ipc_stats, worker_n, 0);
	AT(ipc_stats, stat_n, 4);
	AT(ipc_stats, drop_n, 8);
	AT(ipc_stats, hist_n, 12);
	AT(ipc_stats, bucket_n, 16);
	AT(ipc_stats, rows, 20);
	SIZE(histogram, 24 + 8 * 1152);
	AT(histogram, count, 0);
	AT(histogram, sum, 8);
	AT(histogram, max, 16);
	AT(histogram, bucket, 24);
}

static void status(void **state)
{
	(void)state;
	SIZE(ipc_addr, 24);
	SIZE(ipc_worker, 8);
	SIZE(ipc_status, 1552);
	AT(ipc_status, epoch, 0);
	AT(ipc_status, uptime_ms, 8);
	AT(ipc_status, start_ms, 16);
	AT(ipc_status, rss_max_kb, 24);
	AT(ipc_status, mbuf_used, 32);
	AT(ipc_status, mbuf_free, 40);
	AT(ipc_status, request_used, 48);
	AT(ipc_status, request_free, 56);
	AT(ipc_status, pid, 64);
	AT(ipc_status, speed_mbps, 68);
	AT(ipc_status, worker_n, 72);
	AT(ipc_status, mtu, 76);
	AT(ipc_status, vlan, 78);
	AT(ipc_status, queue_n, 80);
	AT(ipc_status, mac, 82);
	AT(ipc_status, link_up, 88);
	AT(ipc_status, addr_n, 89);
	AT(ipc_status, adaptive, 90);
	AT(ipc_status, version, 96);
	AT(ipc_status, port, 160);
	AT(ipc_status, driver, 224);
	AT(ipc_status, gateway4, 288);
	AT(ipc_status, gateway6, 312);
	AT(ipc_status, addr, 336);
	AT(ipc_status, worker, 528);
}

static void questions(void **state)
{
	(void)state;
	SIZE(ipc_ask, 16);
	AT(ipc_ask, worker, 8);
	SIZE(ipc_conns_ask, 48);
	AT(ipc_conns_ask, remote, 16);
	AT(ipc_conns_ask, from, 32);
	AT(ipc_conns_ask, max, 36);
	AT(ipc_conns_ask, port, 40);
	AT(ipc_conns_ask, state, 42);
	SIZE(ipc_peers_ask, 24);
	AT(ipc_peers_ask, from, 16);
	AT(ipc_peers_ask, max, 20);
	SIZE(ipc_trace_ask, 32);
	AT(ipc_trace_ask, from, 16);
	AT(ipc_trace_ask, back, 24);
	AT(ipc_trace_ask, max, 28);
	SIZE(ipc_capture_limits, 32);
	AT(ipc_capture_limits, packets, 16);
	AT(ipc_capture_limits, bytes, 20);
	AT(ipc_capture_limits, ms, 24);
	AT(ipc_capture_limits, port, 28);
	AT(ipc_capture_limits, snap, 30);
	SIZE(ipc_capture_ask, 72);
	AT(ipc_capture_ask, id, 16);
	AT(ipc_capture_ask, op, 24);
	AT(ipc_capture_ask, offset, 28);
	AT(ipc_capture_ask, limits, 32);
	AT(ipc_capture_ask, epoch_ns, 64);
}

static void answers(void **state)
{
	(void)state;
	SIZE(ipc_answer, 40);
	AT(ipc_answer, at_ns, 8);
	AT(ipc_answer, wall_ns, 16);
	AT(ipc_answer, worker, 24);
	AT(ipc_answer, worker_n, 28);
	AT(ipc_answer, error, 32);
	AT(ipc_answer, rows, 36);
	SIZE(ipc_conns, 48);
	AT(ipc_conns, next, 40);
	AT(ipc_conns, n, 44);
	SIZE(conn_info, 64 + 8 * CONN_NUM_N);
	AT(conn_info, remote, 16);
	AT(conn_info, local_port, 32);
	AT(conn_info, slot, 36);
	AT(conn_info, options, 40);
	AT(conn_info, state, 44);
	AT(conn_info, cc, 48);
	AT(conn_info, num, 64);
	SIZE(ipc_peers, 56);
	AT(ipc_peers, epoch, 40);
	AT(ipc_peers, next, 48);
	AT(ipc_peers, n, 52);
	SIZE(peer_info, 24 + 8 * PEER_NUM_N);
	AT(peer_info, node, 16);
	AT(peer_info, port, 20);
	AT(peer_info, health, 22);
	AT(peer_info, same_dc, 23);
	AT(peer_info, num, 24);
	SIZE(ipc_trace, 64);
	AT(ipc_trace, first, 40);
	AT(ipc_trace, end, 48);
	AT(ipc_trace, n, 56);
	SIZE(trace_rec, 32);
	AT(trace_rec, slot, 8);
	AT(trace_rec, remote_port, 16);
	AT(trace_rec, event, 20);
	AT(trace_rec, a, 24);
	SIZE(ipc_capture_state, 56);
	AT(ipc_capture_state, limits, 8);
	AT(ipc_capture_state, packets, 40);
	AT(ipc_capture_state, running, 48);
	SIZE(ipc_capture, 40 + 4 * 56 + 8);
	AT(ipc_capture, offset, 264);
	AT(ipc_capture, n, 268);
}

static void golden_bytes(void **state)
{
	static const unsigned char want[] = {
		0x44,
		0x49,
		0x50,
		0x43, // "DIPC"
		0x04,
		0x00, // version
		0x01,
		0x00, // HELLO
		0x50,
		0x00,
		0x00,
		0x00, // 80 bytes
		0x00,
		0x00,
		0x00,
		0x00, // reserved
		0x02,
		0x00,
		0x00,
		0x00, // from the control plane
		0xd2,
		0x04,
		0x00,
		0x00, // pid 1234
		0x88,
		0x77,
		0x66,
		0x55,
		0x44,
		0x33,
		0x22,
		0x11, // start
		'1',
		'.',
		'2',
		0x00,
	};
	struct ipc_header head = ipc_header_make(IPC_HELLO, sizeof(struct ipc_hello));
	struct ipc_hello hello = {
		.role = IPC_CONTROLPLANE,
		.pid = 1234,
		.start_ms = UINT64_C(0x1122334455667788),
		.version = "1.2",
	};
	unsigned char got[sizeof(head) + sizeof(hello)];

	(void)state;
	memcpy(got, &head, sizeof(head));
	memcpy(got + sizeof(head), &hello, sizeof(hello));
	assert_memory_equal(got, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_and_ids),
		cmocka_unit_test(header_hello_ack),
		cmocka_unit_test(snapshot),
		cmocka_unit_test(figures),
		cmocka_unit_test(status),
		cmocka_unit_test(questions),
		cmocka_unit_test(answers),
		cmocka_unit_test(golden_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
